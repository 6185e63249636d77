// From an operator's results to the ABI's values.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>

#include "operators.h"

namespace {

using c10::IValue;

template <class T>
T* allocate(size_t count) {
    auto memory = static_cast<T*>(std::malloc(std::max<size_t>(1, count) * sizeof(T)));
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
}

template <class T, class Items>
tt_value list_result(int32_t tag, const Items& items) {
    tt_value result{tag, static_cast<int32_t>(items.size()), {}};
    auto memory = allocate<T>(items.size());
    for (size_t i = 0; i < items.size(); i++) memory[i] = items[i];
    result.p = memory;
    return result;
}

tt_value tensors_result(const std::vector<at::Tensor>& items) {
    tt_value result{TT_TENSORS, static_cast<int32_t>(items.size()), {}};
    auto memory = allocate<tt_tensor>(items.size());
    for (size_t i = 0; i < items.size(); i++) memory[i] = tt::own(at::Tensor(items[i]));
    result.p = memory;
    return result;
}

tt_value string_result(const std::string& text) {
    tt_value result{TT_STRING, static_cast<int32_t>(text.size()), {}};
    result.p = std::memcpy(allocate<char>(text.size()), text.data(), text.size());
    return result;
}

tt_value result_of(IValue&& value) {
    tt_value result{TT_NONE, 0, {}};
    if (value.isTensor()) {
        auto tensor = std::move(value).toTensor();
        if (tensor.defined()) {
            result.tag = TT_TENSOR;
            result.p = tt::own(std::move(tensor));
        }
    } else if (value.isInt() || value.isSymInt()) {
        result.tag = TT_INT;
        result.i = value.toInt();
    } else if (value.isDouble()) {
        result.tag = TT_DOUBLE;
        result.d = value.toDouble();
    } else if (value.isBool()) {
        result.tag = TT_BOOL;
        result.i = value.toBool();
    } else if (value.isDevice()) {
        result.tag = TT_DEVICE;
        result.i = tt::pack(value.toDevice());
    } else if (value.isTensorList()) {
        return tensors_result(value.toTensorVector());
    } else if (value.isIntList()) {
        return list_result<int64_t>(TT_INTS, value.toIntVector());
    } else if (value.isDoubleList()) {
        return list_result<double>(TT_DOUBLES, value.toDoubleVector());
    } else if (value.isString()) {
        return string_result(value.toStringRef());
    } else {
        TORCH_CHECK_TYPE(value.isNone(), "a result of type ", value.tagKind(), " has no form in the bridge");
    }
    return result;
}

void release(tt_value& value) {
    if (value.tag == TT_TENSOR) delete static_cast<at::Tensor*>(value.p);
    if (value.tag == TT_TENSORS) for (int32_t i = 0; i < value.n; i++) delete static_cast<at::Tensor**>(value.p)[i];
    if (value.tag == TT_TENSORS || value.tag == TT_INTS || value.tag == TT_DOUBLES || value.tag == TT_STRING) std::free(value.p);
}

}  // namespace

namespace tt {

void write_results(Stack& stack, const Operator& op, tt_value* results, size_t count) {
    size_t written = 0;
    try {
        for (; written < count; written++) results[written] = result_of(std::move(stack[written]));
    } catch (const c10::Error& e) {
        while (written > 0) release(results[--written]);
        TORCH_CHECK_TYPE(false, e.what_without_backtrace(), ": ", op.handle.schema());
    } catch (...) {
        while (written > 0) release(results[--written]);
        throw;
    }
}

}  // namespace tt

extern "C" void tt_free(void* memory) { std::free(memory); }
