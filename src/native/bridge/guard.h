// What every entry of the C ABI is wrapped in: no C++ exception crosses it, each becomes this thread's tt_error.
#pragma once
#include <ATen/core/Tensor.h>

#include "../include/tt.h"

namespace tt {

// Records the exception in flight; returns TT_OUT_OF_MEMORY or TT_FAILED. Only inside a catch block.
int32_t record_failure() noexcept;
// Called by functions whose NULL may also mean "there is none", so that tt_error tells the two apart.
void clear_failure() noexcept;

template <class F>
int32_t status(F&& body) noexcept {
    try {
        body();
        return TT_OK;
    } catch (...) {
        return record_failure();
    }
}

// As status, for functions whose answer is a number that is never negative.
template <class F>
int32_t number(F&& body) noexcept {
    try {
        return static_cast<int32_t>(body());
    } catch (...) {
        return record_failure();
    }
}

// As status, for functions that return a handle, a pointer or a wide number; `failure` says that it failed.
template <class R, class F>
R value(R failure, F&& body) noexcept {
    try {
        return body();
    } catch (...) {
        record_failure();
        return failure;
    }
}

inline at::Tensor& tensor(tt_tensor handle) {
    TORCH_CHECK(handle != nullptr, "a tensor handle is null: the tensor was disposed, or never made");
    return *static_cast<at::Tensor*>(handle);
}

inline tt_tensor own(at::Tensor&& result) { return new at::Tensor(std::move(result)); }
inline tt_tensor own_or_null(at::Tensor&& result) { return result.defined() ? own(std::move(result)) : nullptr; }

inline std::vector<at::Tensor> tensors(const tt_tensor* handles, int32_t count) {
    std::vector<at::Tensor> list;
    if (handles == nullptr) return list;
    list.reserve(count);
    for (int32_t i = 0; i < count; i++) list.push_back(tensor(handles[i]));
    return list;
}

// A device as the ABI packs it: type | (index & 0xff) << 8, index 255: none.
inline int32_t pack(c10::Device device) { return static_cast<int32_t>(device.type()) | (device.index() & 0xff) << 8; }
inline c10::Device device(int32_t type, int32_t index) {
    TORCH_CHECK(type >= 0 && type < static_cast<int32_t>(c10::DeviceType::COMPILE_TIME_MAX_DEVICE_TYPES), "no such device type: ", type);
    return c10::Device(static_cast<c10::DeviceType>(type), static_cast<c10::DeviceIndex>(index));
}
inline c10::Device unpack(int64_t packed) { return device(packed & 0xff, static_cast<int8_t>(packed >> 8 & 0xff)); }

inline c10::ScalarType dtype(int64_t code) {
    TORCH_CHECK(code >= 0 && code < static_cast<int64_t>(c10::ScalarType::NumOptions), "no such dtype: ", code);
    return static_cast<c10::ScalarType>(code);
}

}  // namespace tt
