#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/autograd/autograd.h>

#include "guard.h"

namespace {

// Like tt::tensors, where an absent gradient stands for ones.
torch::autograd::variable_list gradients(const tt_tensor* handles, int32_t count) {
    torch::autograd::variable_list list;
    if (handles == nullptr) return list;
    for (int32_t i = 0; i < count; i++) list.push_back(handles[i] != nullptr ? tt::tensor(handles[i]) : at::Tensor());
    return list;
}

}  // namespace

extern "C" {

int32_t tt_backward(const tt_tensor* tensors, const tt_tensor* gradient_handles, int32_t count, int32_t retain_graph, int32_t create_graph,
                    const tt_tensor* inputs, int32_t input_count) {
    return tt::status([&] {
        torch::autograd::backward(tt::tensors(tensors, count), gradients(gradient_handles, count), retain_graph != 0, create_graph != 0,
                                  tt::tensors(inputs, input_count));
    });
}

int32_t tt_grad(const tt_tensor* outputs, const tt_tensor* gradient_handles, int32_t output_count, const tt_tensor* inputs,
                int32_t input_count, int32_t retain_graph, int32_t create_graph, int32_t allow_unused, tt_tensor* results) {
    return tt::status([&] {
        auto found = torch::autograd::grad(tt::tensors(outputs, output_count), tt::tensors(inputs, input_count),
                                           gradients(gradient_handles, output_count), retain_graph != 0, create_graph != 0,
                                           allow_unused != 0);
        for (int32_t i = 0; i < input_count; i++) results[i] = tt::own_or_null(std::move(found[i]));
    });
}

int32_t tt_grad_mode(void) { return c10::GradMode::is_enabled(); }
void tt_set_grad_mode(int32_t enabled) { c10::GradMode::set_enabled(enabled != 0); }

void* tt_inference_mode_enter(int32_t enabled) {
    return tt::value<void*>(nullptr, [&] { return new c10::InferenceMode(enabled != 0); });
}
void tt_inference_mode_leave(void* guard) { delete static_cast<c10::InferenceMode*>(guard); }
int32_t tt_inference_mode(void) { return c10::InferenceMode::is_enabled(); }

}  // extern "C"
