// Any operator by its name: what a schema says is read once, so that a call is a loop over small cases.
#include <ATen/ScalarOps.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/ivalue.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "guard.h"

namespace {

using c10::IValue;
using c10::TypeKind;
using Stack = std::vector<IValue>;

enum class Kind : uint8_t {
    tensor, integer, real, boolean, number, string, device, generator,
    integers, reals, booleans, numbers, tensors, optional_tensors, other
};

struct Parameter {
    Kind kind;
    bool optional;
    bool has_default;
    int32_t repeats;   // a single number given where the schema has int[n] stands for n of them
    IValue default_value;
};

struct Operator {
    c10::OperatorHandle handle;
    std::vector<Parameter> parameters;
};

Kind kind_of_list(const c10::Type& element) {
    switch (element.kind()) {
        case TypeKind::TensorType: return Kind::tensors;
        case TypeKind::OptionalType: return Kind::optional_tensors;
        case TypeKind::IntType: case TypeKind::SymIntType: return Kind::integers;
        case TypeKind::FloatType: return Kind::reals;
        case TypeKind::BoolType: return Kind::booleans;
        case TypeKind::NumberType: return Kind::numbers;
        default: return Kind::other;
    }
}

// Of argument.type(), in which dtype, layout and memory format are plain ints, as they are in an IValue.
Kind kind_of(const c10::Type& type) {
    switch (type.kind()) {
        case TypeKind::TensorType: return Kind::tensor;
        case TypeKind::IntType: case TypeKind::SymIntType: return Kind::integer;
        case TypeKind::FloatType: return Kind::real;
        case TypeKind::BoolType: return Kind::boolean;
        case TypeKind::NumberType: return Kind::number;
        case TypeKind::StringType: return Kind::string;
        case TypeKind::DeviceObjType: return Kind::device;
        case TypeKind::GeneratorType: return Kind::generator;
        case TypeKind::ListType: return kind_of_list(*type.containedType(0));
        default: return Kind::other;
    }
}

Parameter describe(const c10::Argument& argument) {
    Parameter parameter{};
    const c10::Type* type = argument.type().get();
    c10::TypePtr inner;
    parameter.optional = type->kind() == TypeKind::OptionalType;
    if (parameter.optional) {
        inner = type->containedType(0);
        type = inner.get();
    }
    parameter.kind = kind_of(*type);
    parameter.repeats = argument.N().value_or(1);
    parameter.has_default = argument.default_value().has_value();
    if (parameter.has_default) parameter.default_value = *argument.default_value();
    return parameter;
}

const char* name_of(const tt_value& value) {
    switch (value.tag) {
        case TT_NONE: return "nothing";
        case TT_TENSOR: return "a tensor";
        case TT_INT: return "an int";
        case TT_DOUBLE: return "a float";
        case TT_BOOL: return "a bool";
        case TT_INTS: return "ints";
        case TT_TENSORS: return "tensors";
        case TT_STRING: return "a string";
        case TT_DEVICE: return "a device";
        case TT_DOUBLES: return "floats";
        case TT_OPTIONAL_TENSORS: return "optional tensors";
        case TT_GENERATOR: return "a generator";
        case TT_BOOLS: return "bools";
        case TT_DEFAULT: return "the default, of which it has none";
        default: return "a value of an unknown tag";
    }
}

[[noreturn]] C10_NOINLINE void mismatch(const Operator& op, size_t index, const char* given) {
    const auto& schema = op.handle.schema();
    const auto& argument = schema.arguments()[index];
    TORCH_CHECK_TYPE(false, "argument '", argument.name(), "' (", argument.real_type()->str(), ") was given ", given, ": ", schema);
}

IValue scalar(const tt_value& value) {
    switch (value.tag) {
        case TT_INT: return IValue(value.i);
        case TT_DOUBLE: return IValue(value.d);
        default: return IValue(value.i != 0);
    }
}

bool is_scalar(const tt_value& value) { return value.tag == TT_INT || value.tag == TT_DOUBLE || value.tag == TT_BOOL; }

template <class T>
const T* elements(const tt_value& value) {
    TORCH_CHECK_TYPE(value.n >= 0 && (value.p != nullptr || value.n == 0), "a list of length ", value.n, " at a null pointer");
    return static_cast<const T*>(value.p);
}

template <class To, class From>
IValue list(const tt_value& value) {
    const auto* from = elements<From>(value);
    c10::List<To> items;
    items.reserve(value.n);
    for (int32_t i = 0; i < value.n; i++) items.push_back(static_cast<To>(from[i]));
    return IValue(std::move(items));
}

// [] of Scalar: a list whose elements keep their own kind.
IValue numbers(const tt_value& value) {
    c10::impl::GenericList items(c10::NumberType::get());
    for (int32_t i = 0; i < value.n; i++) {
        if (value.tag == TT_INTS) items.push_back(IValue(elements<int64_t>(value)[i]));
        else items.push_back(IValue(elements<double>(value)[i]));
    }
    return IValue(std::move(items));
}

IValue tensor_list(const tt_value& value) {
    const auto* handles = elements<tt_tensor>(value);
    c10::List<at::Tensor> items;
    items.reserve(value.n);
    for (int32_t i = 0; i < value.n; i++) items.push_back(tt::tensor(handles[i]));
    return IValue(std::move(items));
}

IValue optional_tensor_list(const tt_value& value) {
    const auto* handles = elements<tt_tensor>(value);
    c10::List<std::optional<at::Tensor>> items;
    items.reserve(value.n);
    for (int32_t i = 0; i < value.n; i++) {
        items.push_back(handles[i] ? std::optional<at::Tensor>(tt::tensor(handles[i])) : std::nullopt);
    }
    return IValue(std::move(items));
}

// The value as the parameter's kind; false where it does not fit.
bool push(Stack& stack, const Parameter& parameter, const tt_value& value) {
    const int32_t tag = value.tag;
    if (tag == TT_DEFAULT) {
        if (parameter.has_default) stack.push_back(parameter.default_value);
        return parameter.has_default;
    }
    if (tag == TT_NONE) {
        if (parameter.optional) stack.emplace_back();
        return parameter.optional;
    }
    switch (parameter.kind) {
        case Kind::tensor:
            if (tag == TT_TENSOR) stack.emplace_back(tt::tensor(value.p));
            else if (is_scalar(value)) stack.emplace_back(at::native::wrapped_scalar_tensor(scalar(value).toScalar()));
            else return false;
            return true;
        case Kind::integer:
            if (tag != TT_INT && tag != TT_BOOL) return false;
            stack.emplace_back(value.i);
            return true;
        case Kind::real:
            if (tag != TT_DOUBLE && tag != TT_INT) return false;
            stack.emplace_back(tag == TT_DOUBLE ? value.d : static_cast<double>(value.i));
            return true;
        case Kind::boolean:
            if (tag != TT_BOOL && tag != TT_INT) return false;
            stack.emplace_back(value.i != 0);
            return true;
        case Kind::number:
            if (!is_scalar(value)) return false;
            stack.push_back(scalar(value));
            return true;
        case Kind::string:
            if (tag != TT_STRING) return false;
            stack.emplace_back(std::string(elements<char>(value), value.n));
            return true;
        case Kind::device:
            if (tag != TT_DEVICE) return false;
            stack.emplace_back(tt::unpack(value.i));
            return true;
        case Kind::generator:
            if (tag != TT_GENERATOR || value.p == nullptr) return false;
            stack.emplace_back(*static_cast<at::Generator*>(value.p));
            return true;
        case Kind::integers:
            if (tag == TT_INTS) stack.emplace_back(list<int64_t, int64_t>(value));
            else if (tag == TT_INT) stack.emplace_back(std::vector<int64_t>(parameter.repeats, value.i));
            else return false;
            return true;
        case Kind::reals:
            if (tag == TT_DOUBLES) stack.emplace_back(list<double, double>(value));
            else if (tag == TT_INTS) stack.emplace_back(list<double, int64_t>(value));
            else if (tag == TT_DOUBLE) stack.emplace_back(std::vector<double>(parameter.repeats, value.d));
            else return false;
            return true;
        case Kind::booleans:
            if (tag == TT_BOOLS) stack.emplace_back(list<bool, int32_t>(value));
            else return false;
            return true;
        case Kind::numbers:
            if (tag != TT_INTS && tag != TT_DOUBLES) return false;
            stack.push_back(numbers(value));
            return true;
        case Kind::tensors:
            if (tag != TT_TENSORS) return false;
            stack.push_back(tensor_list(value));
            return true;
        case Kind::optional_tensors:
            if (tag != TT_TENSORS && tag != TT_OPTIONAL_TENSORS) return false;
            stack.push_back(optional_tensor_list(value));
            return true;
        case Kind::other: return false;
    }
    return false;
}

void push_arguments(Stack& stack, const Operator& op, const tt_value* arguments, size_t count) {
    const auto& parameters = op.parameters;
    TORCH_CHECK_TYPE(count <= parameters.size(), "given ", count, " arguments: ", op.handle.schema());
    stack.reserve(parameters.size() + 1);
    for (size_t i = 0; i < count; i++) {
        if (C10_UNLIKELY(!push(stack, parameters[i], arguments[i]))) mismatch(op, i, name_of(arguments[i]));
    }
    for (size_t i = count; i < parameters.size(); i++) {
        if (C10_UNLIKELY(!parameters[i].has_default)) mismatch(op, i, "nothing");
        stack.push_back(parameters[i].default_value);
    }
}

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

// This thread's stack, lent to one call: a call made within it (a release callback, say) finds none and makes its own.
class LentStack {
public:
    LentStack() : stack_(std::move(spare())) { stack_.clear(); }
    ~LentStack() {
        stack_.clear();
        spare() = std::move(stack_);
    }
    LentStack(const LentStack&) = delete;
    LentStack& operator=(const LentStack&) = delete;
    Stack& operator*() { return stack_; }

private:
    static Stack& spare() {
        thread_local Stack stack;
        return stack;
    }
    Stack stack_;
};

// One description an operator, for as long as the process lives.
const Operator* intern(const c10::OperatorHandle& handle) {
    static auto& known = *new std::unordered_map<c10::OperatorName, std::unique_ptr<Operator>>();
    static auto& mutex = *new std::mutex();
    std::lock_guard<std::mutex> lock(mutex);
    auto& op = known[handle.operator_name()];
    if (!op) {
        std::vector<Parameter> parameters;
        for (const auto& argument : handle.schema().arguments()) parameters.push_back(describe(argument));
        op = std::make_unique<Operator>(Operator{handle, std::move(parameters)});
    }
    return op.get();
}

}  // namespace

extern "C" {

tt_operator tt_operator_find(const char* name, const char* overload) {
    return tt::value<tt_operator>(nullptr, [&]() -> tt_operator {
        TORCH_CHECK(name != nullptr, "an operator's name is missing");
        auto handle = c10::Dispatcher::singleton().findSchema({name, overload ? overload : ""});
        TORCH_CHECK(handle.has_value(), "libtorch has no operator ", name, overload && *overload ? "." : "", overload ? overload : "");
        return const_cast<Operator*>(intern(*handle));
    });
}

int32_t tt_operator_call(tt_operator handle, const tt_value* arguments, int32_t count, tt_value* results, int32_t max_results) {
    return tt::number([&] {
        TORCH_CHECK(handle != nullptr, "the operator's handle is null: it was not found, see tt_operator_find");
        const auto& op = *static_cast<const Operator*>(handle);
        LentStack lent;
        auto& stack = *lent;
        push_arguments(stack, op, arguments, static_cast<size_t>(std::max(0, count)));
        op.handle.callBoxed(stack);
        const auto returned = stack.size();
        write_results(stack, op, results, std::min(returned, static_cast<size_t>(std::max(0, max_results))));
        return returned;
    });
}

void tt_free(void* memory) { std::free(memory); }

}  // extern "C"
