// Gradient hooks. A hook lives as long as what libtorch keeps it in (a tensor, or the graph that grew from it); a tt_hook is the
// caller's handle on it, which keeps nothing alive.
#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "guard.h"

namespace {

thread_local bool hook_has_failed = false;
thread_local std::string hook_message;

struct Hook {
    tt_hook_function function;
    void* context;
    void (*release)(void*) = nullptr;   // set once the hook is in place: a hook that could not be added leaves its context to the caller
    std::atomic<bool> removed{false};

    Hook(tt_hook_function f, void* c) : function(f), context(c) {}
    Hook(const Hook&) = delete;
    Hook& operator=(const Hook&) = delete;
    ~Hook() {
        if (release != nullptr) release(context);
    }

    // The replacement, or an undefined tensor.
    at::Tensor call(const at::Tensor& gradient) {
        if (removed) return {};   // a graph that grew from the tensor may outlive it, and keep the hook
        at::Tensor borrowed = gradient;
        hook_has_failed = false;
        std::unique_ptr<at::Tensor> replacement(static_cast<at::Tensor*>(function(context, &borrowed)));
        if (hook_has_failed) {
            hook_has_failed = false;
            throw std::runtime_error(hook_message);
        }
        return replacement ? std::move(*replacement) : at::Tensor();
    }
};

// libtorch keeps one such object a tensor; ours holds all that were added.
struct AfterAccumulate final : torch::autograd::PostAccumulateGradHook {
    std::vector<std::shared_ptr<Hook>> hooks;

    void operator()(const torch::autograd::Variable& leaf) override {
        const auto current = hooks;   // a hook may add or remove hooks
        for (const auto& hook : current) hook->call(leaf);
    }
};

AfterAccumulate& after_accumulate(const at::Tensor& leaf) {
    auto& slot = torch::autograd::impl::post_acc_grad_hooks(leaf);
    if (!slot) torch::autograd::impl::set_post_acc_grad_hooks(leaf, std::make_unique<AfterAccumulate>());
    auto* ours = dynamic_cast<AfterAccumulate*>(torch::autograd::impl::post_acc_grad_hooks(leaf).get());
    TORCH_CHECK(ours != nullptr, "the tensor already has a post-accumulate hook of someone else");
    return *ours;
}

// What a tt_hook points to.
struct Handle {
    std::weak_ptr<Hook> hook;
    c10::weak_intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl> tensor;
    int64_t position;   // in the tensor's list; -1: after accumulation

    Handle(const std::shared_ptr<Hook>& h, const at::Tensor& t, int64_t p) : hook(h), tensor(t.getIntrusivePtr()), position(p) {}

    void remove() {
        auto kept = hook.lock();
        if (!kept) return;
        kept->removed = true;
        auto locked = tensor.lock();
        if (!locked) return;
        const at::Tensor owner(std::move(locked));
        if (position >= 0) {
            owner.remove_hook(static_cast<unsigned>(position));
        } else {
            auto& hooks = after_accumulate(owner).hooks;
            hooks.erase(std::remove(hooks.begin(), hooks.end(), kept), hooks.end());
        }
    }
};

}  // namespace

extern "C" {

tt_hook tt_hook_add(tt_tensor handle, tt_hook_function function, void* context, void (*release)(void*)) {
    return tt::value<tt_hook>(nullptr, [&] {
        auto& tensor = tt::tensor(handle);
        TORCH_CHECK(tensor.requires_grad(), "a hook on a tensor that requires no gradient");
        auto hook = std::make_shared<Hook>(function, context);
        auto position = tensor.register_hook([hook](const at::Tensor& gradient) {
            const auto kept = hook;   // it may remove itself
            return kept->call(gradient);
        });
        auto result = new Handle(hook, tensor, position);
        hook->release = release;
        return result;
    });
}

tt_hook tt_hook_add_after_accumulate(tt_tensor handle, tt_hook_function function, void* context, void (*release)(void*)) {
    return tt::value<tt_hook>(nullptr, [&] {
        auto& leaf = tt::tensor(handle);
        TORCH_CHECK(leaf.requires_grad() && leaf.is_leaf(), "a post-accumulate hook on a tensor that is not a leaf requiring a gradient");
        auto hook = std::make_shared<Hook>(function, context);
        after_accumulate(leaf).hooks.push_back(hook);
        auto result = new Handle(hook, leaf, -1);
        hook->release = release;
        return result;
    });
}

int32_t tt_hook_remove(tt_hook handle) {
    std::unique_ptr<Handle> owned(static_cast<Handle*>(handle));
    return tt::status([&] {
        if (owned) owned->remove();
    });
}

void tt_hook_free(tt_hook handle) { delete static_cast<Handle*>(handle); }

void tt_hook_failed(const char* message) {
    hook_has_failed = true;
    hook_message = message != nullptr ? message : "a hook failed";
}

}  // extern "C"
