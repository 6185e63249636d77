#include <ATen/autocast_mode.h>

#include "guard.h"

namespace {

c10::DeviceType device_type(int32_t device) { return tt::device(device, -1).type(); }

}  // namespace

extern "C" {

int32_t tt_autocast(int32_t device) {
    return tt::number([&] { return at::autocast::is_autocast_enabled(device_type(device)); });
}

int32_t tt_autocast_dtype(int32_t device) {
    return tt::number([&] { return at::autocast::get_autocast_dtype(device_type(device)); });
}

int32_t tt_autocast_enter(int32_t device, int32_t enabled, int32_t dtype, int32_t cache, int32_t* previous) {
    return tt::number([&] {
        const auto type = device_type(device);
        const auto wanted = tt::dtype(dtype);
        previous[0] = at::autocast::is_autocast_enabled(type);
        previous[1] = static_cast<int32_t>(at::autocast::get_autocast_dtype(type));
        previous[2] = at::autocast::is_autocast_cache_enabled();
        at::autocast::set_autocast_enabled(type, enabled != 0);
        at::autocast::set_autocast_dtype(type, wanted);
        at::autocast::set_autocast_cache_enabled(cache != 0);
        return at::autocast::increment_nesting();
    });
}

int32_t tt_autocast_leave(int32_t device, const int32_t* previous) {
    return tt::number([&] {
        const auto type = device_type(device);
        const auto depth = at::autocast::decrement_nesting();
        if (depth == 0) at::autocast::clear_cache();
        at::autocast::set_autocast_enabled(type, previous[0] != 0);
        at::autocast::set_autocast_dtype(type, tt::dtype(previous[1]));
        at::autocast::set_autocast_cache_enabled(previous[2] != 0);
        return depth;
    });
}

}  // extern "C"
