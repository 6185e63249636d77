// From the ABI's values to an operator's arguments.
#include <ATen/ScalarOps.h>

#include <string>

#include "operators.h"

namespace {

using c10::IValue;
using tt::Kind;
using tt::Operator;
using tt::Parameter;
using tt::Stack;

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
        if (parameter.default_value) stack.push_back(*parameter.default_value);
        return parameter.default_value != nullptr;
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

}  // namespace

namespace tt {

void push_arguments(Stack& stack, const Operator& op, const tt_value* arguments, size_t count) {
    const auto& parameters = op.parameters;
    TORCH_CHECK_TYPE(count <= parameters.size(), "given ", count, " arguments: ", op.handle.schema());
    stack.reserve(parameters.size() + 1);
    for (size_t i = 0; i < count; i++) {
        if (C10_UNLIKELY(!push(stack, parameters[i], arguments[i]))) mismatch(op, i, name_of(arguments[i]));
    }
    for (size_t i = count; i < parameters.size(); i++) {
        if (C10_UNLIKELY(!parameters[i].default_value)) mismatch(op, i, "nothing");
        stack.push_back(*parameters[i].default_value);
    }
}

}  // namespace tt
