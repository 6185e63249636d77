#include <ATen/Context.h>
#include <ATen/core/Generator.h>

#include <mutex>

#include "guard.h"

namespace {

at::Generator& generator(tt_generator handle) {
    TORCH_CHECK(handle != nullptr, "a generator's handle is null");
    return *static_cast<at::Generator*>(handle);
}

at::Generator default_generator(int32_t device_type, int32_t device_index) {
    return at::globalContext().defaultGenerator(tt::device(device_type, device_index));
}

std::lock_guard<std::mutex> lock(at::Generator& generator) { return std::lock_guard<std::mutex>(generator.mutex()); }

}  // namespace

extern "C" {

tt_generator tt_generator_default(int32_t device_type, int32_t device_index) {
    return tt::value<tt_generator>(nullptr, [&] { return new at::Generator(default_generator(device_type, device_index)); });
}

tt_generator tt_generator_new(int32_t device_type, int32_t device_index) {
    return tt::value<tt_generator>(nullptr, [&] {
        auto origin = default_generator(device_type, device_index);
        const auto locked = lock(origin);
        auto made = origin.clone();   // works for every device; making one directly needs the device's own headers
        made.set_current_seed(c10::default_rng_seed_val);
        return new at::Generator(std::move(made));
    });
}

void tt_generator_free(tt_generator handle) { delete static_cast<at::Generator*>(handle); }

int32_t tt_generator_seed(tt_generator handle, uint64_t seed) {
    return tt::status([&] {
        const auto locked = lock(generator(handle));
        generator(handle).set_current_seed(seed);
    });
}

uint64_t tt_generator_initial_seed(tt_generator handle) {
    return tt::value<uint64_t>(0, [&] {
        const auto locked = lock(generator(handle));
        return generator(handle).current_seed();
    });
}

tt_tensor tt_generator_state(tt_generator handle) {
    return tt::value<tt_tensor>(nullptr, [&] {
        const auto locked = lock(generator(handle));
        return tt::own(generator(handle).get_state());
    });
}

int32_t tt_generator_set_state(tt_generator handle, tt_tensor state) {
    return tt::status([&] {
        const auto locked = lock(generator(handle));
        generator(handle).set_state(tt::tensor(state));
    });
}

int32_t tt_manual_seed(uint64_t seed) {
    return tt::status([&] { at::manual_seed(seed); });
}

}  // extern "C"
