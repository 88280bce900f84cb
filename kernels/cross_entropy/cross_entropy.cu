// Cross-entropy of class indices, rows (N, V): a block for each row. A row whose target is `ignored` has loss
// and gradient 0.
//
// Bound by memory: forward reads each logit once (4 bytes in float), backward reads and writes it (8 bytes).
// Behind a linear layer (D features) the product's 2·D operations for each logit outweigh that, and what
// matters is how many logits are in memory at once. Versions of losses and gradient together:
//
//   linear_cross_entropy_1  All N × V logits at once, then a thread a row: threads side by side read V apart.
//   linear_cross_entropy_2  A block a row; bias added in memory, maximum, sum and gradient in passes of their
//                           own: four reads and two writes of each logit. Still all logits at once.
//   linear_cross_entropy    Chunks of rows, so that 64 MB hold the logits of any batch; bias added on the way,
//                           maximum and sum in one pass, four numbers a load: two reads and one write.
#include "../cuda/common.cuh"

#define ROW_LOOP for (int v = 4 * threadIdx.x; v < V; v += 4 * blockDim.x)

extern "C" __global__ void cross_entropy_forward(const real* logits, const int* targets, real* losses,
                                                 real* logsumexp, int V, int ignored, real smoothing) {
    __shared__ real part[32];
    const real* z = logits + (long long)blockIdx.x * V;
    int target = targets[blockIdx.x];
    real m, total, sum = 0;
    max_and_sum([&](int v) { return load4(z + v, V - v, MINUS_INFINITY); }, V, part, m, total);
    if (smoothing > 0) {
        ROW_LOOP {
            Four a = load4(z + v, V - v, 0);
            FOUR sum += a.at[k];
        }
        sum = block_sum(sum, part);
    }
    if (threadIdx.x != 0) return;
    logsumexp[blockIdx.x] = m + log(total);
    // (m − z) + ln Σ, in this order: m + ln Σ first would lose the digits of ln Σ where m is large.
    auto wanted = [&] { return (1 - smoothing) * z[target] + smoothing * (sum / V); };
    losses[blockIdx.x] = target == ignored ? 0 : (m - wanted()) + log(total);
}

extern "C" __global__ void cross_entropy_backward(const real* logits, const int* targets, const real* logsumexp,
                                                  const real* grad_losses, real* grad_logits, int V, int ignored,
                                                  real smoothing) {
    long long row = (long long)blockIdx.x * V;
    int target = targets[blockIdx.x];
    real lse = logsumexp[blockIdx.x], g = target == ignored ? 0 : grad_losses[blockIdx.x];
    ROW_LOOP {
        Four a = load4(logits + row + v, V - v, 0);
        FOUR {
            real wanted = smoothing / V + (v + k == target ? 1 - smoothing : 0);
            a.at[k] = target == ignored ? 0 : (exp(a.at[k] - lse) - wanted) * g;
        }
        store4(grad_logits + row + v, V - v, a);
    }
}

// ---------------------------------------------------------------- behind a linear layer
// The loss of z + bias, and its gradient in the place of z: the logits are never stored twice.
extern "C" __global__ void linear_cross_entropy_1(real* logits, const real* bias, const int* targets,
                                                  const real* grad_losses, real* losses, int N, int V,
                                                  int ignored) {
    if (ELEMENT >= N) return;
    real *z = logits + ELEMENT * V, m = MINUS_INFINITY, total = 0, g = grad_losses[ELEMENT];
    int target = targets[ELEMENT];
    for (int v = 0; v < V; v++) m = max(m, z[v] += bias[v]);
    for (int v = 0; v < V; v++) total += exp(z[v] - m);
    real lse = m + log(total);
    losses[ELEMENT] = target == ignored ? 0 : (m - z[target]) + log(total);
    for (int v = 0; v < V; v++) z[v] = target == ignored ? 0 : (exp(z[v] - lse) - (v == target)) * g;
}

#define STRIDE for (int v = threadIdx.x; v < V; v += blockDim.x)

extern "C" __global__ void linear_cross_entropy_2(real* logits, const real* bias, const int* targets,
                                                  const real* grad_losses, real* losses, int V, int ignored) {
    __shared__ real part[32];
    real *z = logits + (long long)blockIdx.x * V, m = MINUS_INFINITY, total = 0, g = grad_losses[blockIdx.x];
    int target = targets[blockIdx.x];
    STRIDE z[v] += bias[v];
    STRIDE m = max(m, z[v]);
    m = block_max(m, part);
    STRIDE total += exp(z[v] - m);
    total = block_sum(total, part);  // its barriers show thread 0 z[target], another thread's
    real lse = m + log(total);
    if (threadIdx.x == 0) losses[blockIdx.x] = target == ignored ? 0 : (m - z[target]) + log(total);
    __syncthreads();  // the loss needs z[target] before its gradient replaces it
    STRIDE z[v] = target == ignored ? 0 : (exp(z[v] - lse) - (v == target)) * g;
}

extern "C" __global__ void linear_cross_entropy(real* logits, const real* bias, const int* targets,
                                                const real* grad_losses, real* losses, int V, int ignored) {
    __shared__ real part[32];
    real *z = logits + (long long)blockIdx.x * V, m, total, g = grad_losses[blockIdx.x];
    int target = targets[blockIdx.x];
    auto with_bias = [&](int v) {
        Four a = load4(z + v, V - v, MINUS_INFINITY), b = load4(bias + v, V - v, 0);
        FOUR a.at[k] += b.at[k];
        return a;
    };
    max_and_sum(with_bias, V, part, m, total);
    real lse = m + log(total);
    if (threadIdx.x == 0)
        losses[blockIdx.x] = target == ignored ? 0 : (m - (z[target] + bias[target])) + log(total);
    __syncthreads();  // the loss needs z[target] before its gradient replaces it
    ROW_LOOP {
        Four a = with_bias(v);
        FOUR a.at[k] = target == ignored ? 0 : (exp(a.at[k] - lse) - (v + k == target)) * g;
        store4(z + v, V - v, a);
    }
}
