// More kernels with one fault each; how they are written is said in bugs.cu.
// ==== division: an integer divided by zero
// says: divides an integer by 0
extern "C" __global__ void kernel(float* x, float* y, int n) {
    int t = threadIdx.x, zero = n - 128;
    y[t] = t / zero;  //!
}

// ==== division: a remainder by zero, in a helper
__device__ int wrap(int i, int n) {
    return i % n;  //!
}
extern "C" __global__ void kernel(float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    y[i] = x[wrap(i, n - 128)];
}

// ==== stack: a function that calls itself for ever
// any line
// says: more than 240 KB
__device__ float next(const float* x, int n) {
    return n < 0 ? x[0] : next(x, n + 1) + x[n % 128];  //!
}
extern "C" __global__ void kernel(float* x, float* y, int n) {
    y[threadIdx.x] = next(x, n);
}

// ==== stack: a local array that is too large
// any line
// says: make local arrays smaller
extern "C" __global__ void kernel(float* x, float* y, int n) {
    volatile float all[100000];
    for (int i = 0; i < 100000; i++) all[i] = x[i % n];  //!
    y[threadIdx.x] = all[n * threadIdx.x];
}

// ==== assertion: an assertion with its header
// says: assert(i < 64)
#include <assert.h>
#include <cuda_runtime.h>
extern "C" __global__ void kernel(float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    assert(i < 64);  //!
    y[i] = 0;
}

// ==== assertion: a trap
// says: __trap()
extern "C" __global__ void kernel(float* x, float* y, int n) {
    if (x[threadIdx.x] > 5) __trap();  //!
}

// ==== out of bounds: a null pointer
// says: writes through a null pointer
extern "C" __global__ void kernel(float* x, float* y, int n) {
    float* p = n > 3 ? nullptr : x;
    p[threadIdx.x] = 1;  //!
}

// ==== out of bounds: one past a local array
// says: uses local[4], but it has 4 elements
extern "C" __global__ void kernel(float* x, float* y, int n) {
    float local[4];
    for (int k = 0; k <= 4; k++) local[k] = x[k];  //!
    y[threadIdx.x] = local[threadIdx.x % 4];
}

// ==== out of bounds: one before a local array
// says: uses v.at[-1], but it has 2 elements
struct Two { float at[2]; float more; };
extern "C" __global__ void kernel(float* x, float* y, int n) {
    Two v = {{x[0], x[1]}, x[2]};
    for (int k = 1; k >= -1; k--) y[threadIdx.x] = v.at[k];  //!
}

// ==== out of bounds: one past a table of constants
// says: uses table[3]
__constant__ float table[3] = {1, 2, 3};
extern "C" __global__ void kernel(float* x, float* y, int n) {
    y[threadIdx.x] = x[table[0] < 2 ? 1 : 0] + table[threadIdx.x % 4];  //!
}

// ==== out of bounds: a copy past the end
// grid: 1
// block: 1
// says: reads 516 bytes at x[0], but it has 128 elements
extern "C" __global__ void kernel(float* x, float* y, int n) {
    memcpy(y, x, n * sizeof(float) + 4);  //!
}

// ==== out of bounds: a vector over the end
// grid: 1
// block: 32
// says: reads 16 bytes at x[128], but
extern "C" __global__ void kernel(float* x, float* y, int n) {
    float4 v = reinterpret_cast<float4*>(x)[threadIdx.x + 1];  //!
    y[threadIdx.x] = v.x;
}

// ==== uninitialised: read before another's first wait, written after it
extern "C" __global__ void kernel(float* x, float* y, int n) {
    int t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
    __shared__ float s[64];
    float v = s[63 - t];  //!
    __syncthreads();
    s[t] = x[i];
    y[i] = v;
}

// ==== race: the last block reads without a fence
// says: put __threadfence() before that atomic
extern "C" __global__ void kernel(float* x, float* y, int n) {
    if (threadIdx.x > 0) return;
    y[blockIdx.x + 1] = x[blockIdx.x];  //!
    if (atomicAdd(&y[0], 1.f) == gridDim.x - 1)
        for (int k = 1; k <= gridDim.x; k++) x[100] += y[k];  //!
}

// ==== race: the last block reads after a fence that came too early
extern "C" __global__ void kernel(float* x, float* y, int n) {
    if (threadIdx.x > 0) return;
    __threadfence();
    y[blockIdx.x + 1] = x[blockIdx.x];  //!
    if (atomicAdd(&y[0], 1.f) == gridDim.x - 1)
        for (int k = 1; k <= gridDim.x; k++) x[100] += y[k];  //!
}

// ==== race: a fence for the block alone
extern "C" __global__ void kernel(float* x, float* y, int n) {
    if (threadIdx.x > 0) return;
    y[blockIdx.x + 1] = x[blockIdx.x];  //!
    __threadfence_block();
    if (atomicAdd(&y[0], 1.f) == gridDim.x - 1)
        for (int k = 1; k <= gridDim.x; k++) x[100] += y[k];  //!
}

// ==== race: handed over at one place, taken at another
extern "C" __global__ void kernel(float* x, float* y, int n) {
    if (threadIdx.x > 0) return;
    y[1] += x[blockIdx.x];  //!
    __threadfence();
    atomicAdd(&y[2 + blockIdx.x], 1.f);
}

// ==== race: only one thread of the block has fenced
extern "C" __global__ void kernel(float* x, float* y, int n) {
    __shared__ bool last;
    int t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
    y[i] = x[i];  //!
    if (t == 0) __threadfence();
    __syncthreads();
    if (t == 0) last = atomicAdd(&x[0], 1.f) > 0;
    __syncthreads();
    if (last) x[i] = y[n - 1 - i];  //!
}

// ==== race: a lock that is given back without a fence
// says: or put __threadfence() before the atomic where a lock hands it over
extern "C" __global__ void kernel(float* x, float* y, int n) {
    while (atomicCAS((int*)x, 0, 1) != 0) {}
    y[0] += 1;  //!
    atomicExch((int*)x, 0);
}

// ==== race: and behind it an index past a local array
// grid: 1
// orders: forward
// says: reads y[1], which thread 0 wrote
extern "C" __global__ void kernel(float* x, float* y, int n) {
    float local[4] = {};
    if (threadIdx.x == 0) y[1] = 1;
    if (threadIdx.x == 40) for (int k = 8; k < 40; k++) local[k * (int)y[1]] = 1;  //!
}

// ==== race: and behind it a division by zero
// grid: 1
// orders: forward
// says: reads y[1], which thread 0 wrote
extern "C" __global__ void kernel(float* x, float* y, int n) {
    if (threadIdx.x == 0) y[1] = 1;
    if (threadIdx.x == 40) x[0] = n / (int)(y[1] - 1);  //!
}

// ==== out of bounds: a local array with the name of another function's tile, behind some µ in its line
// says: uses tile[4], but it has 4 elements
__device__ float other(const float* x) {
    __shared__ float tile[4][17];
    tile[0][threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    return tile[1][(int)threadIdx.x - 17];
}
extern "C" __global__ void kernel(float* x, float* y, int n) {
    float sum = other(x), tile[4] = {}, v;
    for (int k = 0; k <= 4; k++) { printf("%s", "µµµ" + 6); sum += tile[k]; }  //!
    y[threadIdx.x] = sum;
}

// ==== out of bounds: a local tile of two axes
// says: uses own[4], but it has 4 elements
typedef float Row[4];
extern "C" __global__ void kernel(float* x, float* y, int n) {
    Row own, more;
    for (int k = 0; k < 4; k++) own[k] = more[k] = x[k];
    for (int k = 0; k <= 4; k++) y[threadIdx.x] += more[k % 4] + own[k];  //!
}

// ==== race: an earlier block has read what this one changes
// block: 32
extern "C" __global__ void kernel(float* x, float* y, int n) {
    if (threadIdx.x > 1) return;
    if (blockIdx.x == 0) x[threadIdx.x] = y[0];  //!
    __syncwarp(3);
    if (blockIdx.x == 1) x[2 + threadIdx.x] = y[0];
    __syncwarp(3);
    if (blockIdx.x == 1 && threadIdx.x == 0) y[0] += 1;  //!
}

// ==== uninitialised: half of a vector
extern "C" __global__ void kernel(float* x, float* y, int n) {
    __shared__ float2 s[64];
    s[threadIdx.x].x = x[threadIdx.x];
    __syncthreads();
    float2 v = s[63 - threadIdx.x];  //!
    y[64 * blockIdx.x + threadIdx.x] = v.x;
}

// ==== uninitialised: a structure that nobody wrote
struct Best { double value; int at; };
extern "C" __global__ void kernel(float* x, float* y, int n) {
    __shared__ Best s[64];
    s[threadIdx.x].value = 1;
    if (threadIdx.x) s[threadIdx.x].at = 1;
    __syncthreads();
    Best v = s[63 - threadIdx.x];  //!
    y[64 * blockIdx.x + threadIdx.x] = v.value;
}

// ==== divergent barrier: two barriers on one line
// not fast
// says: waits at another one on this line
extern "C" __global__ void kernel(float* x, float* y, int n) {
    if (threadIdx.x < 32) __syncthreads(); else __syncthreads();  //!
    y[64 * blockIdx.x + threadIdx.x] = x[0];
}

// ==== missing lanes: two votes on one line
// not fast
// says: thread 1 waits at another one on this line
extern "C" __global__ void kernel(float* x, float* y, int n) {
    int any = threadIdx.x % 2 ? __any_sync(~0u, x[0] > 0) : __any_sync(~0u, x[1] > 0);  //!
    y[64 * blockIdx.x + threadIdx.x] = any;
}

// ==== out of bounds: one past an array in a shared structure
// says: uses s.at[2], but it has 2 elements
struct Two { float at[2]; float more; };
extern "C" __global__ void kernel(float* x, float* y, int n) {
    __shared__ Two s;
    if (threadIdx.x == 0) s.at[0] = s.at[1] = s.more = x[0];
    __syncthreads();
    for (int k = 0; k < 3; k++) y[64 * blockIdx.x + threadIdx.x] += s.at[k];  //!
}

// ==== out of bounds: one past an array in an array of structures
// says: uses all[i / 8].at[2], but it has 2 elements
struct Two { float at[2]; float more[2]; };
extern "C" __global__ void kernel(float* x, float* y, int n) {
    Two* all = (Two*)x;
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    for (int k = 0; k < 3; k++) y[i] += all[i / 8].at[k];  //!
}

// ==== out of bounds: one past an array behind a pointer to a structure
// says: uses p->at[2], but it has 2 elements
struct Two { float at[2]; float more[2]; };
__device__ float sum(const Two* p, int n) {
    float v = 0;
    for (int k = 0; k < n; k++) v += p->at[k];  //!
    return v;
}
extern "C" __global__ void kernel(float* x, float* y, int n) {
    y[64 * blockIdx.x + threadIdx.x] = sum((Two*)x, n / 42);
}

// ==== race: a variable of the file that all add to
// says: reads total, which thread 0 wrote at line 3 with nothing to order them, and then writes it too
__device__ float more[2], total = 0;
extern "C" __global__ void kernel(float* x, float* y, int n) {
    total += x[threadIdx.x] + more[0];  //!
}

// ==== race: a static variable of the file, read by another block
// says: of block 0 wrote at line 3
static __device__ int last;
extern "C" __global__ void kernel(float* x, float* y, int n) {
    if (threadIdx.x == 0) last = blockIdx.x;  //!
    __syncthreads();
    y[64 * blockIdx.x + threadIdx.x] = last;  //!
}

// ==== race: a static variable of a function
namespace parts {
__device__ float next(float v) {
    static float kept;
    kept = v;  //!
    return kept;  //!
}
}
extern "C" __global__ void kernel(float* x, float* y, int n) {
    y[64 * blockIdx.x + threadIdx.x] = parts::next(x[threadIdx.x]);
}

// ==== missing lanes: a shuffle in half a warp, whose other half goes to the end
// says: runs to the end without it: call it with all lanes of the mask
extern "C" __global__ void kernel(float* x, float* y, int n) {
    float v = x[threadIdx.x];
    if (threadIdx.x % 32 < 16) v += __shfl_xor_sync(0xffffffff, v, 8);  //!
    y[64 * blockIdx.x + threadIdx.x] = v;
}

// ==== missing lanes: __syncwarp in half a warp, whose other half goes to the end
// says: runs to the end without it: call it with all lanes of the mask
extern "C" __global__ void kernel(float* x, float* y, int n) {
    float v = x[threadIdx.x];
    if (threadIdx.x % 32 < 16) __syncwarp();  //!
    y[64 * blockIdx.x + threadIdx.x] = v;
}

// ==== missing lanes: a ballot in half a warp, whose other half goes to the end
// says: runs to the end without it: call it with all lanes of the mask
extern "C" __global__ void kernel(float* x, float* y, int n) {
    float v = x[threadIdx.x];
    if (threadIdx.x % 32 < 16) v = __ballot_sync(~0u, 1);  //!
    y[64 * blockIdx.x + threadIdx.x] = v;
}

// ==== missing lanes: any in half a warp, whose other half goes to the end
// says: runs to the end without it: call it with all lanes of the mask
extern "C" __global__ void kernel(float* x, float* y, int n) {
    float v = x[threadIdx.x];
    if (threadIdx.x % 32 < 16) v = __any_sync(~0u, 1);  //!
    y[64 * blockIdx.x + threadIdx.x] = v;
}

// ==== missing lanes: all in half a warp, whose other half goes to the end
// says: runs to the end without it: call it with all lanes of the mask
extern "C" __global__ void kernel(float* x, float* y, int n) {
    float v = x[threadIdx.x];
    if (threadIdx.x % 32 < 16) v = __all_sync(~0u, 1);  //!
    y[64 * blockIdx.x + threadIdx.x] = v;
}

// ==== missing lanes: lanes that come by a shuffle and return later
// says: waits here for lane 16 of its warp, which the mask names
extern "C" __global__ void kernel(float* x, float* y, int n) {
    int lane = threadIdx.x % 32;
    float v = x[threadIdx.x];
    if (lane < 16) v += __shfl_xor_sync(0xffffffff, v, 8);  //!
    if (lane >= 16) return;
    y[64 * blockIdx.x + threadIdx.x] = v;
}

// ==== missing lanes: lanes that come by a vote in a kernel that ends with a return
extern "C" __global__ void kernel(float* x, float* y, int n) {
    float v = x[threadIdx.x];
    if (threadIdx.x % 32 < 16) v += __any_sync(0xffffffff, v > 1);  //!
    y[64 * blockIdx.x + threadIdx.x] = v;
    return;
}

// ==== missing lanes: a lambda that returns is no thread that does
extern "C" __global__ void kernel(float* x, float* y, int n) {
    float v = x[threadIdx.x];
    auto more = [&] {
        if (v > 3) return;
        v += 1;
    };
    more();
    if (threadIdx.x % 32 < 16) v += __any_sync(0xffffffff, v > 1);  //!
    y[64 * blockIdx.x + threadIdx.x] = v;
}
