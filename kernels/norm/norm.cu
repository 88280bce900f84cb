// Layer normalisation over the rows (N, D).
//
// Bound by memory: forward a number read and one written for each element (8 bytes in float), backward two read
// and one written, and two read again for the parameters' gradients (20 bytes).
//
//   layer_norm_forward_1   A thread has a row: threads side by side read numbers D apart.
//   layer_norm_forward_2   A block has a row, its threads stride over it; sums by shuffles.
//   layer_norm_forward     Four numbers a load. The row is read three times, twice out of the cache: Σ x² − μ²
//                          would save one, but cancels where the mean is large.
//   layer_norm_backward_1  A thread has a row; for the parameters a thread has a column and walks over all rows,
//                          so that D threads do the work of a whole card.
//   layer_norm_backward    As the forward; for the parameters in two stages: a block adds up 32 columns of some
//                          rows, its eight warps every eighth row, then what the blocks found is added up.
#include "../cuda/common.cuh"

extern "C" __global__ void layer_norm_forward_1(const real* x, const real* weight, const real* bias, real* y,
                                                real* mean, real* scale, real eps, int N, int D) {
    if (ELEMENT >= N) return;
    x += ELEMENT * D, y += ELEMENT * D;
    real sum = 0, square = 0;
    for (int d = 0; d < D; d++) sum += x[d];
    real mu = sum / D;
    for (int d = 0; d < D; d++) square += (x[d] - mu) * (x[d] - mu);
    real s = 1 / sqrt(square / D + eps);
    for (int d = 0; d < D; d++) y[d] = (x[d] - mu) * s * weight[d] + bias[d];
    mean[ELEMENT] = mu, scale[ELEMENT] = s;
}

#define STRIDE for (int d = threadIdx.x; d < D; d += blockDim.x)

extern "C" __global__ void layer_norm_forward_2(const real* x, const real* weight, const real* bias, real* y,
                                                real* mean, real* scale, real eps, int D) {
    __shared__ real part[32];
    x += (long long)blockIdx.x * D, y += (long long)blockIdx.x * D;
    real sum = 0, square = 0;
    STRIDE sum += x[d];
    real mu = block_sum(sum, part) / D;
    STRIDE square += (x[d] - mu) * (x[d] - mu);
    real s = 1 / sqrt(block_sum(square, part) / D + eps);
    STRIDE y[d] = (x[d] - mu) * s * weight[d] + bias[d];
    if (threadIdx.x == 0) mean[blockIdx.x] = mu, scale[blockIdx.x] = s;
}

#define ROW_LOOP for (int d = 4 * threadIdx.x; d < D; d += 4 * blockDim.x)

extern "C" __global__ void layer_norm_forward(const real* x, const real* weight, const real* bias, real* y,
                                              real* mean, real* scale, real eps, int D) {
    __shared__ real part[32];
    x += (long long)blockIdx.x * D, y += (long long)blockIdx.x * D;
    real sum = 0, square = 0;
    ROW_LOOP {
        Four a = load4(x + d, D - d, 0);
        FOUR sum += a.at[k];
    }
    real mu = block_sum(sum, part) / D;
    ROW_LOOP {
        Four a = load4(x + d, D - d, mu);  // what lies behind the end adds (μ − μ)²
        FOUR square += (a.at[k] - mu) * (a.at[k] - mu);
    }
    real s = 1 / sqrt(block_sum(square, part) / D + eps);
    ROW_LOOP {
        Four a = load4(x + d, D - d, 0), w = load4(weight + d, D - d, 0), b = load4(bias + d, D - d, 0);
        FOUR a.at[k] = (a.at[k] - mu) * s * w.at[k] + b.at[k];
        store4(y + d, D - d, a);
    }
    if (threadIdx.x == 0) mean[blockIdx.x] = mu, scale[blockIdx.x] = s;
}

// ---------------------------------------------------------------- backward
// ∂L/∂x = scale·(G − mean(G) − x̂ ⊙ mean(G ⊙ x̂)) with G = γ ⊙ ∂L/∂y.
extern "C" __global__ void layer_norm_backward_1(const real* grad_y, const real* x, const real* weight,
                                                 const real* mean, const real* scale, real* grad_x, int N, int D) {
    if (ELEMENT >= N) return;
    grad_y += ELEMENT * D, x += ELEMENT * D, grad_x += ELEMENT * D;
    real mu = mean[ELEMENT], s = scale[ELEMENT], sum_g = 0, sum_gx = 0;
    for (int d = 0; d < D; d++) {
        real g = grad_y[d] * weight[d];
        sum_g += g;
        sum_gx += g * (x[d] - mu) * s;
    }
    for (int d = 0; d < D; d++) grad_x[d] = (grad_y[d] * weight[d] - sum_g / D - (x[d] - mu) * s * (sum_gx / D)) * s;
}

// ∂L/∂γ = Σ_n ∂L/∂y_n ⊙ x̂_n and ∂L/∂β = Σ_n ∂L/∂y_n.
extern "C" __global__ void layer_norm_parameters_1(const real* grad_y, const real* x, const real* mean,
                                                   const real* scale, real* grad_weight, real* grad_bias, int N,
                                                   int D) {
    if (ELEMENT >= D) return;
    real sum_weight = 0, sum_bias = 0;
    for (int n = 0; n < N; n++) {
        real g = grad_y[(long long)n * D + ELEMENT];
        sum_weight += g * (x[(long long)n * D + ELEMENT] - mean[n]) * scale[n];
        sum_bias += g;
    }
    grad_weight[ELEMENT] = sum_weight, grad_bias[ELEMENT] = sum_bias;
}

extern "C" __global__ void layer_norm_backward(const real* grad_y, const real* x, const real* weight,
                                               const real* mean, const real* scale, real* grad_x, int D) {
    __shared__ real part[32];
    long long row = (long long)blockIdx.x * D;
    grad_y += row, x += row, grad_x += row;
    real mu = mean[blockIdx.x], s = scale[blockIdx.x], sum_g = 0, sum_gx = 0;
    ROW_LOOP {
        Four g = load4(grad_y + d, D - d, 0), w = load4(weight + d, D - d, 0), a = load4(x + d, D - d, 0);
        FOUR {
            sum_g += g.at[k] * w.at[k];
            sum_gx += g.at[k] * w.at[k] * (a.at[k] - mu) * s;
        }
    }
    real mean_g = block_sum(sum_g, part) / D, mean_gx = block_sum(sum_gx, part) / D;
    ROW_LOOP {
        Four g = load4(grad_y + d, D - d, 0), w = load4(weight + d, D - d, 0), a = load4(x + d, D - d, 0);
        FOUR a.at[k] = (g.at[k] * w.at[k] - mean_g - (a.at[k] - mu) * s * mean_gx) * s;
        store4(grad_x + d, D - d, a);
    }
}

#define WARPS 8

// First stage of ∂L/∂γ and ∂L/∂β: a block adds up 32 columns of `rows` rows; results (groups of rows, D).
extern "C" __global__ void layer_norm_parameters(const real* grad_y, const real* x, const real* mean,
                                                 const real* scale, real* weight_part, real* bias_part, int N,
                                                 int D, int rows) {
    __shared__ real weights[WARPS][32], biases[WARPS][32];
    int columns = (D + 31) / 32, group = blockIdx.x / columns, lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    int d = blockIdx.x % columns * 32 + lane, last = min((group + 1) * rows, N);
    real sum_weight = 0, sum_bias = 0;
    if (d < D)
        for (int n = group * rows + warp; n < last; n += WARPS) {
            real g = grad_y[(long long)n * D + d];
            sum_weight += g * (x[(long long)n * D + d] - mean[n]) * scale[n];
            sum_bias += g;
        }
    weights[warp][lane] = sum_weight, biases[warp][lane] = sum_bias;
    __syncthreads();
    if (warp != 0 || d >= D) return;
    for (int w = 1; w < WARPS; w++) sum_weight += weights[w][lane], sum_bias += biases[w][lane];
    weight_part[(long long)group * D + d] = sum_weight;
    bias_part[(long long)group * D + d] = sum_bias;
}
