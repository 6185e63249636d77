// Any operator by its name.
#include <algorithm>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "operators.h"

namespace {

using c10::TypeKind;
using tt::Kind;
using tt::Operator;
using tt::Parameter;
using tt::Stack;

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
    parameter.default_value = argument.default_value() ? &*argument.default_value() : nullptr;
    return parameter;
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
        tt::push_arguments(stack, op, arguments, static_cast<size_t>(std::max(0, count)));
        op.handle.callBoxed(stack);
        const auto returned = stack.size();
        tt::write_results(stack, op, results, std::min(returned, static_cast<size_t>(std::max(0, max_results))));
        return returned;
    });
}

}  // extern "C"
