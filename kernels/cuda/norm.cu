// Layer normalisation over the rows (N, D): a block for each row. Bound by memory.
#include "common.cuh"

#define ROW_LOOP for (int d = threadIdx.x; d < D; d += blockDim.x)

extern "C" __global__ void layer_norm_forward(const real* x, const real* weight, const real* bias, real* y,
                                              real* mean, real* scale, real eps, int D) {
    __shared__ real part[32];
    long long row = (long long)blockIdx.x * D;
    real sum = 0, square = 0;
    ROW_LOOP sum += x[row + d];
    real mu = block_sum(sum, part) / D;
    ROW_LOOP square += (x[row + d] - mu) * (x[row + d] - mu);
    real s = 1 / sqrt(block_sum(square, part) / D + eps);
    ROW_LOOP y[row + d] = (x[row + d] - mu) * s * weight[d] + bias[d];
    if (threadIdx.x == 0) mean[blockIdx.x] = mu, scale[blockIdx.x] = s;
}

// ∂L/∂x = scale·(G − mean(G) − x̂ ⊙ mean(G ⊙ x̂)) with G = γ ⊙ ∂L/∂y.
extern "C" __global__ void layer_norm_backward(const real* grad_y, const real* x, const real* weight,
                                               const real* mean, const real* scale, real* grad_x, int D) {
    __shared__ real part[32];
    long long row = (long long)blockIdx.x * D;
    real mu = mean[blockIdx.x], s = scale[blockIdx.x], sum_g = 0, sum_gx = 0;
    ROW_LOOP {
        real g = grad_y[row + d] * weight[d];
        sum_g += g;
        sum_gx += g * (x[row + d] - mu) * s;
    }
    real mean_g = block_sum(sum_g, part) / D, mean_gx = block_sum(sum_gx, part) / D;
    ROW_LOOP grad_x[row + d] = (grad_y[row + d] * weight[d] - mean_g - (x[row + d] - mu) * s * mean_gx) * s;
}

// ∂L/∂γ and ∂L/∂β, first stage: a block adds up `rows` rows, a thread for each column; results (blocks, D).
extern "C" __global__ void layer_norm_parameters(const real* grad_y, const real* x, const real* mean,
                                                 const real* scale, real* weight_part, real* bias_part, int N,
                                                 int D, int rows) {
    int first = blockIdx.x * rows, last = min(first + rows, N);
    ROW_LOOP {
        real sum_weight = 0, sum_bias = 0;
        for (int n = first; n < last; n++) {
            real g = grad_y[(long long)n * D + d];
            sum_weight += g * (x[(long long)n * D + d] - mean[n]) * scale[n];
            sum_bias += g;
        }
        weight_part[(long long)blockIdx.x * D + d] = sum_weight;
        bias_part[(long long)blockIdx.x * D + d] = sum_bias;
    }
}
