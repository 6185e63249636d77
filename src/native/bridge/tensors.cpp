#include <ATen/Utils.h>
#include <ATen/ops/from_blob.h>
#include <c10/util/accumulate.h>

#include <memory>

#include "guard.h"

namespace {

// Calls release once, when the last storage over the memory goes; not before the tensor is made: until then the caller keeps it.
struct Memory {
    void (*release)(void*);
    void* context;
    bool owned = false;
    ~Memory() {
        if (owned && release != nullptr) release(context);
    }
};

void check_gradient(const at::Tensor& tensor, const at::Tensor& gradient) {
    TORCH_CHECK(tensor.sizes() == gradient.sizes(), "the gradient's shape ", gradient.sizes(), " is not the tensor's ", tensor.sizes());
    TORCH_CHECK(tensor.dtype() == gradient.dtype(), "the gradient is ", gradient.dtype(), ", the tensor ", tensor.dtype());
    TORCH_CHECK(tensor.device() == gradient.device(), "the gradient is on ", gradient.device(), ", the tensor on ", tensor.device());
}

}  // namespace

extern "C" {

void tt_tensor_free(tt_tensor handle) { delete static_cast<at::Tensor*>(handle); }

tt_tensor tt_tensor_alias(tt_tensor handle) {
    return tt::value<tt_tensor>(nullptr, [&] { return tt::own(at::Tensor(tt::tensor(handle))); });
}

tt_tensor tt_tensor_from_memory(void* data, const int64_t* sizes, int32_t rank, int32_t dtype, void (*release)(void*), void* context) {
    return tt::value<tt_tensor>(nullptr, [&] {
        TORCH_CHECK(rank >= 0 && (rank == 0 || sizes != nullptr), "a shape of rank ", rank, " without sizes");
        const c10::IntArrayRef shape(sizes, static_cast<size_t>(rank));
        for (auto size : shape) TORCH_CHECK(size >= 0, "a negative size in the shape ", shape);
        TORCH_CHECK(data != nullptr || c10::multiply_integers(shape) == 0, "no memory for a tensor of shape ", shape);
        auto memory = std::make_shared<Memory>(Memory{release, context});
        auto tensor = at::from_blob(data, shape, [memory](void*) {}, at::TensorOptions().dtype(tt::dtype(dtype)));
        auto handle = tt::own(std::move(tensor));
        memory->owned = true;
        return handle;
    });
}

void* tt_tensor_data(tt_tensor handle) {
    return tt::value<void*>(nullptr, [&]() -> void* {
        tt::clear_failure();
        auto& tensor = tt::tensor(handle);
        return tensor.has_storage() ? tensor.data_ptr() : nullptr;
    });
}

int32_t tt_tensor_rank(tt_tensor handle) {
    return tt::number([&] { return tt::tensor(handle).dim(); });
}

int32_t tt_tensor_sizes(tt_tensor handle, int64_t* sizes, int64_t* strides) {
    return tt::status([&] {
        auto& tensor = tt::tensor(handle);
        if (sizes != nullptr) std::copy_n(tensor.sizes().data(), tensor.dim(), sizes);
        if (strides != nullptr) std::copy_n(tensor.strides().data(), tensor.dim(), strides);
    });
}

int64_t tt_tensor_numel(tt_tensor handle) {
    return tt::value<int64_t>(TT_FAILED, [&] { return tt::tensor(handle).numel(); });
}

int32_t tt_tensor_dtype(tt_tensor handle) {
    return tt::number([&] { return tt::tensor(handle).scalar_type(); });
}

int32_t tt_tensor_device(tt_tensor handle) {
    return tt::number([&] { return tt::pack(tt::tensor(handle).device()); });
}

int32_t tt_tensor_is_contiguous(tt_tensor handle) {
    return tt::number([&] { return tt::tensor(handle).is_contiguous(); });
}

void* tt_tensor_storage(tt_tensor handle) {
    return tt::value<void*>(nullptr, [&]() -> void* {
        tt::clear_failure();
        auto& tensor = tt::tensor(handle);
        return tensor.has_storage() ? tensor.storage().unsafeGetStorageImpl() : nullptr;
    });
}

int32_t tt_tensor_is_same(tt_tensor a, tt_tensor b) {
    return tt::number([&] { return tt::tensor(a).is_same(tt::tensor(b)); });
}

int32_t tt_tensor_requires_grad(tt_tensor handle) {
    return tt::number([&] { return tt::tensor(handle).requires_grad(); });
}

int32_t tt_tensor_set_requires_grad(tt_tensor handle, int32_t value) {
    return tt::status([&] { tt::tensor(handle).set_requires_grad(value != 0); });
}

int32_t tt_tensor_is_leaf(tt_tensor handle) {
    return tt::number([&] { return tt::tensor(handle).is_leaf(); });
}

tt_tensor tt_tensor_grad(tt_tensor handle) {
    return tt::value<tt_tensor>(nullptr, [&]() -> tt_tensor {
        tt::clear_failure();
        auto& tensor = tt::tensor(handle);
        if (!tensor.is_leaf() && !tensor.retains_grad()) return nullptr;   // libtorch would warn
        return tt::own_or_null(at::Tensor(tensor.grad()));
    });
}

int32_t tt_tensor_set_grad(tt_tensor handle, tt_tensor gradient) {
    return tt::status([&] {
        auto& tensor = tt::tensor(handle);
        if (gradient != nullptr) check_gradient(tensor, tt::tensor(gradient));
        tensor.mutable_grad() = gradient != nullptr ? tt::tensor(gradient) : at::Tensor();
    });
}

int32_t tt_tensor_set_data(tt_tensor handle, tt_tensor data) {
    return tt::status([&] { tt::tensor(handle).set_data(tt::tensor(data)); });
}

}  // extern "C"
