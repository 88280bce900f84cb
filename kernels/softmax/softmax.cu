// Softmax and its logarithm over the rows (N, V).
//
// Bound by memory: a number read and one written for each element (8 bytes in float) against two exponentials.
//
//   softmax_forward_1  A thread has a row. Threads side by side read numbers V apart: of the 32 bytes that the
//                      memory hands over at once, each uses 4, three times over.
//   softmax_forward_2  A block has a row, its threads stride over it: neighbours read neighbours. Maximum and
//                      sum by halves through shared memory, seven barriers each.
//   softmax_forward_3  Sums inside a warp by shuffles, without shared memory: two barriers each.
//   softmax_forward    Four numbers a load; maximum and sum in one pass, so the row is read twice instead of
//                      three times, the second time out of the cache.
#include "../cuda/common.cuh"

extern "C" __global__ void softmax_forward_1(const real* x, real* y, int N, int V) {
    if (ELEMENT >= N) return;
    x += ELEMENT * V, y += ELEMENT * V;
    real m = MINUS_INFINITY, total = 0;
    for (int v = 0; v < V; v++) m = max(m, x[v]);
    for (int v = 0; v < V; v++) total += exp(x[v] - m);
    for (int v = 0; v < V; v++) y[v] = exp(x[v] - m) / total;
}

// ---------------------------------------------------------------- a block for each row, number by number
#define STRIDE for (int v = threadIdx.x; v < V; v += blockDim.x)
#define TREE 128  // threads of the block, a power of two

// One value of each thread, joined two by two: 128, 64, … 1.
template <class Join> __device__ real tree(real value, real* part, Join join) {
    __syncthreads();  // part[0] may still be read for the call before
    part[threadIdx.x] = value;
    for (int half = TREE / 2; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) part[threadIdx.x] = join(part[threadIdx.x], part[threadIdx.x + half]);
    }
    __syncthreads();
    return part[0];
}

extern "C" __global__ void softmax_forward_2(const real* x, real* y, int V) {
    __shared__ real part[TREE];
    x += (long long)blockIdx.x * V, y += (long long)blockIdx.x * V;
    real m = MINUS_INFINITY, total = 0;
    STRIDE m = max(m, x[v]);
    m = tree(m, part, [](real a, real b) { return max(a, b); });
    STRIDE total += exp(x[v] - m);
    total = tree(total, part, [](real a, real b) { return a + b; });
    STRIDE y[v] = exp(x[v] - m) / total;
}

extern "C" __global__ void softmax_forward_3(const real* x, real* y, int V) {
    __shared__ real part[32];
    x += (long long)blockIdx.x * V, y += (long long)blockIdx.x * V;
    real m = MINUS_INFINITY, total = 0;
    STRIDE m = max(m, x[v]);
    m = block_max(m, part);
    STRIDE total += exp(x[v] - m);
    total = block_sum(total, part);
    STRIDE y[v] = exp(x[v] - m) / total;
}

// ---------------------------------------------------------------- a block for each row, four at a time
#define ROW_LOOP for (int v = 4 * threadIdx.x; v < V; v += 4 * blockDim.x)

extern "C" __global__ void softmax_forward(const real* x, real* y, int V) {
    __shared__ real part[32];
    x += (long long)blockIdx.x * V, y += (long long)blockIdx.x * V;
    real m, total;
    max_and_sum([&](int v) { return load4(x + v, V - v, MINUS_INFINITY); }, V, part, m, total);
    real share = 1 / total;
    ROW_LOOP {
        Four a = load4(x + v, V - v, 0);
        FOUR a.at[k] = exp(a.at[k] - m) * share;
        store4(y + v, V - v, a);
    }
}

extern "C" __global__ void softmax_backward(const real* y, const real* grad_y, real* grad_x, int V) {
    __shared__ real part[32];
    long long row = (long long)blockIdx.x * V;
    y += row, grad_y += row, grad_x += row;
    real dot = 0;
    ROW_LOOP {
        Four a = load4(y + v, V - v, 0), g = load4(grad_y + v, V - v, 0);
        FOUR dot += a.at[k] * g.at[k];
    }
    dot = block_sum(dot, part);
    ROW_LOOP {
        Four a = load4(y + v, V - v, 0), g = load4(grad_y + v, V - v, 0);
        FOUR g.at[k] = a.at[k] * (g.at[k] - dot);
        store4(grad_x + v, V - v, g);
    }
}

extern "C" __global__ void log_softmax_forward(const real* x, real* y, int V) {
    __shared__ real part[32];
    x += (long long)blockIdx.x * V, y += (long long)blockIdx.x * V;
    real m, total;
    max_and_sum([&](int v) { return load4(x + v, V - v, MINUS_INFINITY); }, V, part, m, total);
    real log_total = log(total);
    ROW_LOOP {
        Four a = load4(x + v, V - v, 0);
        FOUR a.at[k] = a.at[k] - m - log_total;
        store4(y + v, V - v, a);
    }
}

extern "C" __global__ void log_softmax_backward(const real* y, const real* grad_y, real* grad_x, int V) {
    __shared__ real part[32];
    long long row = (long long)blockIdx.x * V;
    y += row, grad_y += row, grad_x += row;
    real total = 0;
    ROW_LOOP {
        Four g = load4(grad_y + v, V - v, 0);
        FOUR total += g.at[k];
    }
    total = block_sum(total, part);
    ROW_LOOP {
        Four a = load4(y + v, V - v, 0), g = load4(grad_y + v, V - v, 0);
        FOUR g.at[k] = g.at[k] - exp(a.at[k]) * total;
        store4(grad_x + v, V - v, g);
    }
}
