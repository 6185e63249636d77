// The launches that attention_device.h declares. Head sizes share the kernels of the next of four widths.
#pragma once
#include "attention_backward.cuh"

namespace tt {
namespace device {

template <class F> void with_width(int size, const F& f) {
    if (size <= 32) f(std::integral_constant<int, 32>());
    else if (size <= 64) f(std::integral_constant<int, 64>());
    else if (size <= 128) f(std::integral_constant<int, 128>());
    else f(std::integral_constant<int, 256>());
}
inline unsigned groups_of(int64_t n, int64_t size) { return (unsigned)((n + size - 1) / size); }

}  // namespace device

template <class T> int DeviceKernels<T>::key_block(int head_size) {
    int keys = 0;
    device::with_width(head_size, [&](auto width) { keys = device::ForwardTile<T, decltype(width)::value>::Keys; });
    return keys;
}

template <class T> int64_t DeviceKernels<T>::diagonal_floats(const DeviceAttention& a) {
    int64_t floats = 0;
    device::with_width(a.D, [&](auto width) {
        constexpr int Width = decltype(width)::value;
        floats = (int64_t)a.H * device::diagonals_of<T, Width>(a) * device::BackwardTile<T, Width>::Diagonals;
    });
    return floats;
}

template <class T> void DeviceKernels<T>::forward(const DeviceAttention& a) {
    device::with_width(a.D, [&](auto width) {
        constexpr int Width = decltype(width)::value;
        using Tile = device::ForwardTile<T, Width>;
        const unsigned blocks = a.B * a.K * device::groups_of((int64_t)a.Tq * a.group, Tile::Rows);
        device::launch(device::attention_forward<T, Width>, dim3(blocks, a.splits), dim3(Tile::Threads), Tile::Shared, a);
    });
    if (a.splits > 1)
        device::launch(device::attention_join<T>, dim3(device::groups_of((int64_t)a.B * a.H * a.Tq, 4)), dim3(128), 0, a);
}

template <class T> void DeviceKernels<T>::backward(const DeviceAttention& a) {
    device::launch(device::attention_delta<T>, dim3(device::groups_of((int64_t)a.B * a.H * a.Tq, 4)), dim3(128), 0, a);
    device::with_width(a.D, [&](auto width) {
        constexpr int Width = decltype(width)::value;
        using Tile = device::BackwardTile<T, Width>;
        const dim3 threads(Tile::Threads);
        if (a.dk) {
            const unsigned blocks = a.B * a.K * device::groups_of(a.Tk, Tile::Rows);
            device::launch(device::attention_key_gradients<T, Width>, dim3(blocks, 3 - Tile::Sums), threads, Tile::Shared, a);
        }
        if (a.dq) {
            const unsigned blocks = a.B * a.K * device::groups_of((int64_t)a.Tq * a.group, Tile::Rows);
            device::launch(device::attention_query_gradients<T, Width>, dim3(blocks), threads, Tile::Shared, a);
        }
        if (a.dbias) {
            const unsigned tiles = device::groups_of(a.Tk, Tile::Columns) * (a.bias_query ? device::groups_of(a.Tq, Tile::Rows) : 1);
            const unsigned blocks = tiles * (a.bias_head ? a.H : 1) * (a.bias_batch ? a.B : 1);
            device::launch(device::attention_bias_gradient<T, Width>, dim3(blocks), threads, Tile::Shared, a);
        }
        if (a.ddistance) {
            const unsigned blocks = a.H * device::diagonals_of<T, Width>(a);
            device::launch(device::attention_diagonal_gradients<T, Width>, dim3(blocks), threads, Tile::Shared, a);
            const unsigned all = device::groups_of((int64_t)a.H * (a.Tq + a.Tk - 1), 128);
            device::launch(device::attention_distance_gradient<T, Width>, dim3(all), dim3(128), 0, a);
        }
    });
}

}  // namespace tt
