// The emulation that other tests run GPU kernels on, held to plain mathematics: barriers, shared memory, collectives of a warp, products
// of matrices, copies that come when waited for; and that it ends a program that is wrong.
#define TT_CUDA_EMULATION
#include "kernels/device.cuh"

#include "check.h"

namespace {

using namespace tt::device;

// A sum for each row of x (rows, width): a block each.
__global__ void sum_rows(const float* x, int64_t width, float* sums) {
    __shared__ float room[WarpSize + 1];
    const float* row = x + (int64_t)blockIdx.x * width;
    float sum = 0;
    for (int64_t i = threadIdx.x; i < width; i += blockDim.x) sum += row[i];
    sum = block_sum(sum, room);
    if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

// y = x with each tile of 32 x 32 reversed, through shared memory.
__global__ void reverse(const int* x, int* y) {
    int* tile = dynamic_shared<int>();
    const int first = blockIdx.x * blockDim.x;
    tile[threadIdx.x] = x[first + threadIdx.x];
    __syncthreads();
    y[first + threadIdx.x] = tile[blockDim.x - 1 - threadIdx.x];
}

// c (16, 16) = a (16, 16) b, where b is read as it lies or transposed.
template <class T> __global__ void product(const T* a, const T* b, float* c, bool transposed) {
    T* tile = dynamic_shared<T>();
    const int lane = threadIdx.x, g = lane / 4, t = lane % 4;
    for (int i = 0; i < 2; i++) {
        copy_16(tile + lane * 16 + i * 8, (lane < 16 ? a : b - 256) + lane * 16 + i * 8, true);
        close_copies();
    }
    wait_copies<0>();
    __syncwarp();
    uint32_t x[4], y[4];
    load_matrices(x, tile + (lane % 16) * 16 + lane / 16 * 8);
    const T* row = tile + 256;
    if (transposed) load_matrices(y, row + (lane % 8 + lane / 16 * 8) * 16 + lane / 8 % 2 * 8);   // y[2 n + k]: columns n, depth k
    else load_matrices_transposed(y, row + (lane % 8 + lane / 8 % 2 * 8) * 16 + lane / 16 * 8);
    for (int n = 0; n < 2; n++) {
        float sums[4] = {};
        multiply<T>(sums, x, {y[2 * n], y[2 * n + 1]});
        for (int i = 0; i < 4; i++) c[(g + i / 2 * 8) * 16 + n * 8 + 2 * t + i % 2] = sums[i];
    }
}

__global__ void product_tf32(const float* a, const float* b, float* c) {   // c (16, 8) = a (16, 8) b (8, 8)
    const int g = threadIdx.x / 4, t = threadIdx.x % 4;
    auto bits = [](float x) { return __float_as_uint(x); };
    float sums[4] = {};
    multiply_tf32(sums, {bits(a[g * 8 + t]), bits(a[(g + 8) * 8 + t]), bits(a[g * 8 + t + 4]), bits(a[(g + 8) * 8 + t + 4])},
                  {bits(b[t * 8 + g]), bits(b[(t + 4) * 8 + g])});
    for (int i = 0; i < 4; i++) c[(g + i / 2 * 8) * 8 + 2 * t + i % 2] = sums[i];
}

__global__ void diverges(int* x) {
    if (threadIdx.x < 7) __syncthreads();
    x[threadIdx.x] = 0;
}
__global__ void mixes_calls(int* x) {
    x[threadIdx.x] = threadIdx.x < 7 ? __shfl_xor_sync(AllLanes, 1, 1) : __shfl_down_sync(AllLanes, 1, 1);
}
__global__ void writes_past(int*) { dynamic_shared<int>()[threadIdx.x] = 0; }
__global__ void reads_early(int* x) {   // a copy that nobody waited for
    copy_16(dynamic_shared<int>(), x, true);
    close_copies();
    if (dynamic_shared<int>()[0] != x[0]) std::abort();
}

bool dies(void (*kernel)(int*), size_t shared) {
    pid_t child = fork();
    if (child == 0) {
        std::freopen("/dev/null", "w", stdout);
        int x[64] = {};
        launch(kernel, 1, 64, shared, x);
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFSIGNALED(status);
}

template <class T> void products(at::ScalarType type) {
    Tensor a = at::randn({16, 16}).to(type), b = at::randn({16, 16}).to(type), c = at::empty({16, 16});
    Tensor aligned = at::empty({32, 16}, a.options());   // libtorch's memory is aligned
    aligned.narrow(0, 0, 16).copy_(a);
    aligned.narrow(0, 16, 16).copy_(b);
    const T *pa = aligned.data_ptr<T>(), *pb = pa + 256;
    launch(product<T>, 1, 32, 1024, pa, pb, c.data_ptr<float>(), false);
    expect_close("product", c, at::matmul(twin(a), twin(b)).detach(), 1e-6);
    launch(product<T>, 1, 32, 1024, pa, pb, c.data_ptr<float>(), true);
    expect_close("product, transposed", c, at::matmul(twin(a), twin(b).t()).detach(), 1e-6);
}

}  // namespace

int main() {
    torch::manual_seed(7);
    if (!tt_build_info()) return 1;
    for (int threads : {32, 96, 256, 1024}) {
        Tensor x = at::randn({3, 777}), sums = at::empty({3});
        for (int order = 0; order < 2; order++) {
            launch(sum_rows, 3, threads, 0, (const float*)x.data_ptr<float>(), (int64_t)777, sums.data_ptr<float>());
            expect_close("sums of rows", sums, twin(x).sum(1).detach(), 1e-6);
        }
        Tensor numbers = at::arange(2 * threads, at::kInt), turned = at::empty_like(numbers);
        launch(reverse, 2, threads, threads * sizeof(int), (const int*)numbers.data_ptr<int>(), turned.data_ptr<int>());
        expect("tiles are reversed", turned.view({2, -1}).equal(numbers.view({2, -1}).flip(1)));
    }
    products<c10::BFloat16>(at::kBFloat16);
    products<c10::Half>(at::kHalf);
    Tensor a = at::randn({16, 8}), b = at::randn({8, 8}), c = at::empty({16, 8});
    launch(product_tf32, 1, 32, 0, (const float*)a.data_ptr<float>(), (const float*)b.data_ptr<float>(), c.data_ptr<float>());
    expect_close("product in TF32", c, at::matmul(twin(a), twin(b)).detach(), 2e-3);
    expect("TF32 is not float32", (c - at::matmul(a, b)).abs().max().item<float>() > 1e-5);
    expect("threads that never come to a barrier end the program", dies(diverges, 0));
    expect("a warp whose lanes are at different calls ends the program", dies(mixes_calls, 0));
    expect("writing past shared memory ends the program", dies(writes_past, 128));
    expect("a copy does not come before it is waited for", dies(reads_early, 64));
    return failures ? 1 : 0;
}
