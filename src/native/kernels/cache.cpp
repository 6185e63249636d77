// Keys and values of new positions, put where a cache has room for them.
#include <cstring>

#include "operators.h"

namespace tt {

using at::Tensor;

// A step's few rows are copied as they are: libtorch's views and its copy would take longer than the bytes.
static bool copied_here(const Tensor& from, const Tensor& room) {
    constexpr size_t Few = 64 << 10;   // bytes
    return from.is_cpu() && room.is_cpu() && from.scalar_type() == room.scalar_type() && from.stride(-1) == 1 && room.stride(-1) == 1 &&
           from.nbytes() <= Few;
}
// The K heads of one position, each of D numbers.
static void copy_heads(const Tensor& from, int64_t offset, const Tensor& room, int64_t place) {
    const int64_t size = from.element_size(), row = from.size(-1) * size;
    auto source = (const char*)from.data_ptr() + offset * size;
    auto target = (char*)room.data_ptr() + place * size;
    for (int64_t k = 0; k < from.size(-2); k++) std::memcpy(target + k * room.stride(-2) * size, source + k * from.stride(-2) * size, row);
}

// (B, T, K, D) into room (B, capacity, K, D) from position `end` on.
static void put(const Tensor& from, const Tensor& room, int64_t end) {
    if (!copied_here(from, room)) {
        room.narrow(1, end, from.size(1)).copy_(from);
        return;
    }
    for (int64_t b = 0; b < from.size(0); b++)
        for (int64_t t = 0; t < from.size(1); t++)
            copy_heads(from, b * from.stride(0) + t * from.stride(1), room, b * room.stride(0) + (end + t) * room.stride(1));
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

void place_heads(const Tensor& keys, const Tensor& values, const Tensor& key_room, const Tensor& value_room, const Tensor& slots) {
    const bool readable = slots.is_cpu() && slots.scalar_type() == at::kLong;
    for (auto [from, room] : {std::pair(keys, key_room), std::pair(values, value_room)}) {
        TORCH_CHECK(from.dim() == 4 && from.size(0) == 1 && room.dim() == 3 && slots.dim() == 1 && from.size(1) == slots.size(0) &&
                    from.size(2) == room.size(1) && from.size(3) == room.size(2), "place_heads: ", from.sizes(), " does not go into ",
                    room.sizes(), " at ", slots.sizes());
        at::NoGradGuard constant;
        if (!readable || !copied_here(from, room)) {
            room.index_copy_(0, slots, from.squeeze(0));
            continue;
        }
        Tensor places = slots.contiguous();
        for (int64_t i = 0; i < from.size(1); i++) {
            const int64_t slot = places.data_ptr<int64_t>()[i];
            TORCH_CHECK(slot >= 0 && slot < room.size(0), "place_heads: slot ", slot, " of ", room.size(0));
            copy_heads(from, i * from.stride(1), room, slot * room.stride(0));
        }
    }
}

}  // namespace tt
