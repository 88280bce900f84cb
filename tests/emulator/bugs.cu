// Kernels with one fault each. `//!` marks its line, or both lines of a race where the order of the threads
// decides who meets whom. The heading names the kind that the emulator has to report; below it options of the
// launch and a part of the message. x and y are float32[128], n is 128; two blocks of 64 threads where the
// heading says nothing else.
// ==== race: no barrier after filling a tile
// says: which thread 63 wrote at line 4 with
extern "C" __global__ void kernel(float* x, float* y, int n) {
    int t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
    __shared__ float s[64];
    s[t] = x[i];
    y[i] = s[63 - t];  //!
}

// ==== race: no barrier before the tile is filled again
// says: which thread
extern "C" __global__ void kernel(float* x, float* y, int n) {
    int t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
    __shared__ float s[64];
    for (int k = 0; k < 2; k++) {
        s[t] = x[i] + k;  //!
        __syncthreads();
        y[i] += s[63 - t];  //!
    }
}

// ==== race: no barrier between the steps of a tree
extern "C" __global__ void kernel(float* x, float* y, int n) {
    int t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
    __shared__ float s[64];
    s[t] = x[i];
    __syncthreads();
    for (int o = 32; o > 0; o /= 2)
        if (t < o) s[t] += s[t + o];  //!
    if (t == 0) y[0] = s[0];
}

// ==== race: warp-synchronous code without a barrier
// grid: 1
// block: 32
extern "C" __global__ void kernel(float* x, float* y, int n) {
    __shared__ float s[32];
    int t = threadIdx.x;
    s[t] = x[t];
    __syncwarp();
    s[t] += s[(t + 16) % 32];  //!
    y[t] = s[t];
}

// ==== race: __syncwarp where two warps meet
extern "C" __global__ void kernel(float* x, float* y, int n) {
    int t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
    __shared__ float s[64];
    s[t] = x[i];
    __syncthreads();
    float v = s[63 - t];
    __syncwarp();
    s[t] = v;  //!
    __syncthreads();
    y[i] = s[t];
}

// ==== race: a shuffle is no barrier
// grid: 1
// block: 32
extern "C" __global__ void kernel(float* x, float* y, int n) {
    __shared__ float s[32];
    int t = threadIdx.x;
    s[t] = 0;
    __syncwarp();
    if (t == 0) s[5] = x[0];
    float v = __shfl_sync(0xffffffff, x[t], 0);
    y[t] = v + s[5];  //!
}

// ==== race: all threads write one shared element
// grid: 1
extern "C" __global__ void kernel(float* x, float* y, int n) {
    __shared__ float s;
    s = x[threadIdx.x];  //!
    y[threadIdx.x] = s;
}

// ==== race: two blocks write one element
// says: of block
extern "C" __global__ void kernel(float* x, float* y, int n) {
    if (threadIdx.x == 0) y[0] = x[blockIdx.x];  //!
}

// ==== race: blocks overlap by one thread
// says: of block
extern "C" __global__ void kernel(float* x, float* y, int n) {
    int i = blockIdx.x * (blockDim.x - 1) + threadIdx.x;
    y[i] = 1;  //!
}

// ==== race: a global sum without atomics
// says: and then writes it too: use atomicAdd
extern "C" __global__ void kernel(float* x, float* y, int n) {
    int t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
    y[0] += x[i];  //!
}

// ==== race: atomics here, a plain read there
// grid: 1
extern "C" __global__ void kernel(float* x, float* y, int n) {
    int t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
    if (t < 32) atomicAdd(&y[0], x[i]);  //!
    else y[i] = y[0];  //!
}

// ==== race: reads what another block writes
extern "C" __global__ void kernel(float* x, float* y, int n) {
    int t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
    y[i] = 1;  //!
    __syncthreads();
    x[i] = y[n - 1 - i];  //!
}

// ==== race: a race in dynamic shared memory
// shared_mem: 256
extern "C" __global__ void kernel(float* x, float* y, int n) {
    int t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
    extern __shared__ float s[];
    s[t] = x[i];
    __syncthreads();
    s[t] = s[(t + 1) % 64];  //!
    y[i] = s[t];
}

// ==== out of bounds: one past the end of an argument
// says: x[128], but it has 128 elements
extern "C" __global__ void kernel(float* x, float* y, int n) {
    int t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
    y[i] = x[i + 1];  //!
}

// ==== out of bounds: no test of the index in the last block
// grid: 3
// says: x[128]
extern "C" __global__ void kernel(float* x, float* y, int n) {
    int t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
    y[i] = x[i];  //!
}

// ==== out of bounds: one before the start
// says: x[-1]
extern "C" __global__ void kernel(float* x, float* y, int n) {
    int t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
    y[i] = x[i] - x[i - 1];  //!
}

// ==== out of bounds: one past a static shared array
// says: s[64], but it has 64 elements
extern "C" __global__ void kernel(float* x, float* y, int n) {
    int t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
    __shared__ float s[64];
    s[t + 1] = x[i];  //!
    __syncthreads();
    y[i] = s[t];
}

// ==== out of bounds: a shared array beside another one
// says: s[64]
extern "C" __global__ void kernel(float* x, float* y, int n) {
    int t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
    __shared__ float s[64];
    __shared__ float other[64];
    other[t] = 0;
    s[t] = x[i];
    __syncthreads();
    y[i] = s[t + 1] + other[t];  //!
}

// ==== out of bounds: one past dynamic shared memory
// shared_mem: 252
// says: 63 elements
extern "C" __global__ void kernel(float* x, float* y, int n) {
    int t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
    extern __shared__ float s[];
    s[t] = x[i];  //!
    __syncthreads();
    y[i] = s[t];
}

// ==== out of bounds: no shared memory asked for
extern "C" __global__ void kernel(float* x, float* y, int n) {
    int t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
    extern __shared__ float s[];
    s[t] = x[i];  //!
}

// ==== out of bounds: rows and columns swapped
// grid: 1
// block: 32
// says: s[
extern "C" __global__ void kernel(float* x, float* y, int n) {
    __shared__ float s[4][8];
    int r = threadIdx.x / 8, c = threadIdx.x % 8;
    s[c][r] = x[threadIdx.x];  //!
    __syncthreads();
    y[threadIdx.x] = s[r][c];
}

// ==== out of bounds: inside a helper
// says: x[128]
__device__ float next(const float* p, int i) {
    return p[i + 1];  //!
}
extern "C" __global__ void kernel(float* x, float* y, int n) {
    int t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
    y[i] = next(x, i);
}

// ==== out of bounds: an index that overflowed
// says: far from every array
extern "C" __global__ void kernel(float* x, float* y, int n) {
    int t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
    long long far = (long long)i << 40;
    if (i == 1) y[0] = x[far];  //!
}

// ==== uninitialised: a tile that only half the threads fill
extern "C" __global__ void kernel(float* x, float* y, int n) {
    int t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
    __shared__ float s[64];
    if (t < 32) s[t] = x[i];
    __syncthreads();
    y[i] = s[t];  //!
}

// ==== uninitialised: a sum that never starts at 0
extern "C" __global__ void kernel(float* x, float* y, int n) {
    __shared__ float sum;
    atomicAdd(&sum, x[threadIdx.x]);  //!
    __syncthreads();
    if (threadIdx.x == 0) y[blockIdx.x] = sum;
}

// ==== uninitialised: dynamic shared memory nobody wrote
// shared_mem: 256
extern "C" __global__ void kernel(float* x, float* y, int n) {
    int t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
    extern __shared__ float s[];
    y[i] = s[t];  //!
}

// ==== uninitialised: what the block before left behind
extern "C" __global__ void kernel(float* x, float* y, int n) {
    int t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
    __shared__ float s[64];
    if (blockIdx.x == 0) s[t] = x[i];
    __syncthreads();
    y[i] = s[t];  //!
}

// ==== divergent barrier: a barrier in one arm of an if
// any line
extern "C" __global__ void kernel(float* x, float* y, int n) {
    int t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
    if (t < 32) {
        __syncthreads();  //!
        y[i] = 1;
    } else {
        __syncthreads();
    }
}

// ==== early exit: a barrier that some never reach
extern "C" __global__ void kernel(float* x, float* y, int n) {
    int t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
    if (t < 40) {
        y[i] = x[i];
        __syncthreads();  //!
    }
}

// ==== early exit: return before a barrier
// says: has left the kernel
extern "C" __global__ void kernel(float* x, float* y, int n) {
    int t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
    __shared__ float s[64];
    if (i >= 100) return;
    s[t] = x[i];
    __syncthreads();  //!
    y[i] = s[t];
}

// ==== missing lanes: a shuffle that half a warp skips
extern "C" __global__ void kernel(float* x, float* y, int n) {
    int t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
    float v = x[i];
    if (t % 32 < 16) v += __shfl_down_sync(0xffffffff, v, 8);  //!
    __syncthreads();
    y[i] = v;
}

// ==== missing lanes: a shuffle from a lane that left
// says: does not take part
extern "C" __global__ void kernel(float* x, float* y, int n) {
    int t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
    if (t % 32 >= 16) return;
    y[i] = __shfl_xor_sync(0xffffffff, x[i], 16);  //!
}

// ==== missing lanes: a mask without the caller
// says: its own lane
extern "C" __global__ void kernel(float* x, float* y, int n) {
    int t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
    y[i] = __shfl_sync(0x0000ffff, x[i], 0);  //!
}

// ==== missing lanes: a vote in two places
// any line
extern "C" __global__ void kernel(float* x, float* y, int n) {
    int t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
    int v;
    if (t % 2) v = __ballot_sync(0xffffffff, 1);  //!
    else v = __any_sync(0xffffffff, 1);
    y[i] = v;
}

// ==== missing lanes: lanes beyond the block
// grid: 1
// block: 40
extern "C" __global__ void kernel(float* x, float* y, int n) {
    int t = threadIdx.x;
    float v = x[t];
    v += __shfl_down_sync(0xffffffff, v, 8);  //!
    y[t] = v;
}

// ==== endless loop: a loop without end
// steps: 3000000
extern "C" __global__ void kernel(float* x, float* y, int n) {
    int t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
    float v = x[i];
    while (v < 3) v *= 0.5f;  //!
    y[i] = v;
}

// ==== endless loop: waiting for another thread's flag
// steps: 3000000
// grid: 1
// orders: forward
extern "C" __global__ void kernel(float* x, float* y, int n) {
    __shared__ volatile int flag;
    if (threadIdx.x == 0) flag = 0;
    __syncthreads();
    if (threadIdx.x == 0) while (flag == 0);  //!
    if (threadIdx.x == 63) atomicExch((int*)&flag, 1);
}

// ==== endless loop: a barrier for ever
// steps: 3000000
// says: waits here, and has waited 3,000 times in all
extern "C" __global__ void kernel(float* x, float* y, int n) {
    float v = 0;
    while (v < 1) {
        __syncthreads();  //!
        v *= 2;
    }
    y[0] = v;
}

// ==== misaligned: a float4 at an odd place
// grid: 1
// says: 16 bytes at x[1]
extern "C" __global__ void kernel(float* x, float* y, int n) {
    int i = threadIdx.x;
    float4 v = *(float4*)(x + i);  //!
    y[i] = v.x;
}

// ==== misaligned: a float2 stored at an odd place
// grid: 1
// block: 32
// says: 8 bytes
extern "C" __global__ void kernel(float* x, float* y, int n) {
    int i = threadIdx.x;
    *reinterpret_cast<float2*>(y + 2 * i + 1) = make_float2(x[i], 0);  //!
}

// ==== assertion: an assertion
// says: x[i] < 100
extern "C" __global__ void kernel(float* x, float* y, int n) {
    int t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
    assert(x[i] < 100);  //!
    y[i] = 0;
}

