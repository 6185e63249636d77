// Keys and values of new positions, put where a cache has room for them.
#include "operators.h"

namespace tt {

using at::Tensor;

// (B, T, K, D) into room (B, capacity, K, D) from position `end` on. A step's few rows are copied as they are: libtorch's views and its
// copy would take longer than its bytes.
static void put(const Tensor& from, const Tensor& room, int64_t end) {
    constexpr int64_t Few = 64 << 10;   // bytes
    const int64_t B = from.size(0), T = from.size(1), K = from.size(2), row = from.size(3) * from.element_size();
    const bool plain = from.is_cpu() && room.is_cpu() && from.scalar_type() == room.scalar_type() && from.stride(3) == 1 &&
                       room.stride(3) == 1;
    if (!plain || B * T * K * row > Few) {
        room.narrow(1, end, T).copy_(from);
        return;
    }
    auto place = [](const Tensor& x, int64_t b, int64_t t, int64_t k) {
        return (char*)x.data_ptr() + (b * x.stride(0) + t * x.stride(1) + k * x.stride(2)) * x.element_size();
    };
    for (int64_t b = 0; b < B; b++)
        for (int64_t t = 0; t < T; t++)
            for (int64_t k = 0; k < K; k++) std::memcpy(place(room, b, end + t, k), place(from, b, t, k), row);
}

std::tuple<Tensor, Tensor> append_heads(const Tensor& keys, const Tensor& values, const Tensor& key_room, const Tensor& value_room,
                                        int64_t start, int64_t end) {
    auto fits = [](const Tensor& x, const Tensor& room) {
        return x.dim() == 4 && room.dim() == 4 && x.size(0) == room.size(0) && x.size(2) == room.size(2) && x.size(3) == room.size(3);
    };
    TORCH_CHECK(fits(keys, key_room) && fits(values, value_room) && keys.sizes() == values.sizes() &&
                key_room.sizes() == value_room.sizes(), "append_heads: keys ", keys.sizes(), " and values ", values.sizes(),
                " do not go into ", key_room.sizes(), " and ", value_room.sizes());
    const int64_t last = end + keys.size(1);
    TORCH_CHECK(0 <= start && start <= end && last <= key_room.size(1), "append_heads: positions ", start, " to ", last, " of ",
                key_room.size(1));
    at::NoGradGuard constant;
    put(keys, key_room, end);
    put(values, value_room, end);
    auto held = [&](const Tensor& room) {
        return same_memory(room, {room.size(0), last - start, room.size(2), room.size(3)}, room.strides(),
                           room.storage_offset() + start * room.stride(1));
    };
    return {held(key_room), held(value_room)};
}

}  // namespace tt
