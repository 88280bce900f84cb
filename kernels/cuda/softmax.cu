// Softmax and its logarithm over the rows (N, V): a block for each row, its threads stride over the row. Sums
// and maxima by warp shuffles, then over the warps through shared memory. Bound by memory.
#include "common.cuh"

#define ROW_LOOP for (int v = threadIdx.x; v < V; v += blockDim.x)

extern "C" __global__ void softmax_forward(const real* x, real* y, int V) {
    __shared__ real part[32];
    x += (long long)blockIdx.x * V, y += (long long)blockIdx.x * V;
    real m = MINUS_INFINITY, total = 0;
    ROW_LOOP m = max(m, x[v]);
    m = block_max(m, part);
    ROW_LOOP total += exp(x[v] - m);
    total = block_sum(total, part);
    ROW_LOOP y[v] = exp(x[v] - m) / total;
}

extern "C" __global__ void softmax_backward(const real* y, const real* grad_y, real* grad_x, int V) {
    __shared__ real part[32];
    long long row = (long long)blockIdx.x * V;
    y += row, grad_y += row, grad_x += row;
    real dot = 0;
    ROW_LOOP dot += y[v] * grad_y[v];
    dot = block_sum(dot, part);
    ROW_LOOP grad_x[v] = y[v] * (grad_y[v] - dot);
}

extern "C" __global__ void log_softmax_forward(const real* x, real* y, int V) {
    __shared__ real part[32];
    x += (long long)blockIdx.x * V, y += (long long)blockIdx.x * V;
    real m = MINUS_INFINITY, total = 0;
    ROW_LOOP m = max(m, x[v]);
    m = block_max(m, part);
    ROW_LOOP total += exp(x[v] - m);
    real log_total = log(block_sum(total, part));
    ROW_LOOP y[v] = x[v] - m - log_total;
}

extern "C" __global__ void log_softmax_backward(const real* y, const real* grad_y, real* grad_x, int V) {
    __shared__ real part[32];
    long long row = (long long)blockIdx.x * V;
    y += row, grad_y += row, grad_x += row;
    real total = 0;
    ROW_LOOP total += grad_y[v];
    total = block_sum(total, part);
    ROW_LOOP grad_x[v] = grad_y[v] - exp(y[v]) * total;
}
