// What the parts of an operator's call share: what its schema says, read once, so that a call is a loop over small cases.
#pragma once
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/ivalue.h>

#include <vector>

#include "guard.h"

namespace tt {

using Stack = std::vector<c10::IValue>;

enum class Kind : uint8_t {
    tensor, integer, real, boolean, number, string, device, generator,
    integers, reals, booleans, numbers, tensors, optional_tensors, other
};

struct Parameter {
    Kind kind;
    bool optional;
    int32_t repeats;   // a single number given where the schema has int[n] stands for n of them
    const c10::IValue* default_value;   // the schema's own, or null
};

struct Operator {
    c10::OperatorHandle handle;
    std::vector<Parameter> parameters;
};

// Puts the arguments on the stack, each as its parameter's kind, and the schema's defaults for those that are missing.
void push_arguments(Stack& stack, const Operator& op, const tt_value* arguments, size_t count);

// Moves the first `count` results off the stack; the caller of the ABI then owns them.
void write_results(Stack& stack, const Operator& op, tt_value* results, size_t count);

}  // namespace tt
