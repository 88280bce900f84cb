// Cross-entropy of class indices, rows (N, V): a block for each row. A row whose target is `ignored` has loss
// and gradient 0.
#include "common.cuh"

#define ROW_LOOP for (int v = threadIdx.x; v < V; v += blockDim.x)

// ln Σ_v e^(z_v) of one row; every thread of the block gets it.
__device__ real log_sum_exp(const real* z, int V, real* part) {
    real m = MINUS_INFINITY, total = 0;
    ROW_LOOP m = max(m, z[v]);
    m = block_max(m, part);
    ROW_LOOP total += exp(z[v] - m);
    return m + log(block_sum(total, part));
}

extern "C" __global__ void cross_entropy_forward(const real* logits, const int* targets, real* losses,
                                                 real* logsumexp, int V, int ignored, real smoothing) {
    __shared__ real part[32];
    const real* z = logits + (long long)blockIdx.x * V;
    int target = targets[blockIdx.x];
    real lse = log_sum_exp(z, V, part), sum = 0;
    if (smoothing > 0) {
        ROW_LOOP sum += z[v];
        sum = block_sum(sum, part);
    }
    if (threadIdx.x != 0) return;
    logsumexp[blockIdx.x] = lse;
    losses[blockIdx.x] = target == ignored ? 0 : lse - (1 - smoothing) * z[target] - smoothing * (sum / V);
}

extern "C" __global__ void cross_entropy_backward(const real* logits, const int* targets, const real* logsumexp,
                                                  const real* grad_losses, real* grad_logits, int V, int ignored,
                                                  real smoothing) {
    long long row = (long long)blockIdx.x * V;
    int target = targets[blockIdx.x];
    real lse = logsumexp[blockIdx.x], g = target == ignored ? 0 : grad_losses[blockIdx.x];
    ROW_LOOP {
        real wanted = smoothing / V + (v == target ? 1 - smoothing : 0);
        grad_logits[row + v] = target == ignored ? 0 : (exp(logits[row + v] - lse) - wanted) * g;
    }
}

// z ← z + b, the loss, and then the gradient in the place of z: the logits are never stored twice.
extern "C" __global__ void linear_losses_and_gradient(real* logits, const real* bias, const int* targets,
                                                      const real* grad_losses, real* losses, int V, int ignored) {
    __shared__ real part[32];
    real* z = logits + (long long)blockIdx.x * V;
    int target = targets[blockIdx.x];
    ROW_LOOP z[v] += bias[v];  // z[target], another thread's, is read after the barriers of log_sum_exp
    real lse = log_sum_exp(z, V, part), g = grad_losses[blockIdx.x];
    if (threadIdx.x == 0) losses[blockIdx.x] = target == ignored ? 0 : lse - z[target];
    __syncthreads();  // the loss needs z[target] before its gradient replaces it
    ROW_LOOP z[v] = target == ignored ? 0 : (exp(z[v] - lse) - (v == target)) * g;
}
