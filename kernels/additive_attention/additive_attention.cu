// Additive attention without the (T, S, A) tanhs in memory. Rows of query (N, T, A), keys (N, S, A),
// values (N, S, E); score_ts = Σ_a weight_a tanh(query_ta + keys_sa), p = softmax over s.
//
// A block has one query, or one key. Sums over features are a warp's, its lanes side by side in memory; sums
// over keys or queries are a thread's, each for its own feature. Nothing is atomic.
//
// Bound by the N·T·S·A tanhs, of about 20 operations each: made once forward and, because they are not stored,
// twice more backward.
#include "../cuda/common.cuh"

// p and y = Σ_s p_s values_s of one query.
extern "C" __global__ void additive_attention_forward(const real* query, const real* keys, const real* values,
                                                      const real* weight, real* y, real* p, int T, int S,
                                                      int A, int E) {
    __shared__ real part[32];
    int n = blockIdx.x / T, lane = threadIdx.x % 32;
    query += (long long)blockIdx.x * A, p += (long long)blockIdx.x * S, y += (long long)blockIdx.x * E;
    keys += (long long)n * S * A, values += (long long)n * S * E;
    real m = MINUS_INFINITY, total = 0;
    for (int s = threadIdx.x / 32; s < S; s += blockDim.x / 32) {
        real score = 0;
        for (int a = lane; a < A; a += 32) score += weight[a] * tanh(query[a] + keys[(long long)s * A + a]);
        score = warp_sum(score);
        if (lane == 0) p[s] = score;
        m = max(m, score);
    }
    m = block_max(m, part);  // its barriers show each thread the others' scores, too
    for (int s = threadIdx.x; s < S; s += blockDim.x) total += p[s] = exp(p[s] - m);
    total = block_sum(total, part);
    for (int s = threadIdx.x; s < S; s += blockDim.x) p[s] /= total;
    __syncthreads();
    for (int e = threadIdx.x; e < E; e += blockDim.x) {
        real sum = 0;
        for (int s = 0; s < S; s++) sum += p[s] * values[(long long)s * E + e];
        y[e] = sum;
    }
}

// g_s = ∂L/∂score_s = p_s (∂L/∂p_s − Σ p ∂L/∂p) of one query, ∂L/∂p_s = ∂L/∂y · values_s.
extern "C" __global__ void additive_attention_grad_scores(const real* grad_y, const real* values,
                                                          const real* p, real* g, int T, int S, int E) {
    __shared__ real part[32];
    int n = blockIdx.x / T, lane = threadIdx.x % 32;
    grad_y += (long long)blockIdx.x * E, p += (long long)blockIdx.x * S, g += (long long)blockIdx.x * S;
    values += (long long)n * S * E;
    real mean = 0;
    for (int s = threadIdx.x / 32; s < S; s += blockDim.x / 32) {
        real grad_p = 0;
        for (int e = lane; e < E; e += 32) grad_p += grad_y[e] * values[(long long)s * E + e];
        grad_p = warp_sum(grad_p);
        if (lane == 0) g[s] = grad_p, mean += p[s] * grad_p;
    }
    mean = block_sum(mean, part);  // its barriers show each thread the others' products, too
    for (int s = threadIdx.x; s < S; s += blockDim.x) g[s] = p[s] * (g[s] - mean);
}

// ∂L/∂query = weight Σ_s g_s (1 − tanh²), and this query's part of ∂L/∂weight, Σ_s g_s tanh.
extern "C" __global__ void additive_attention_grad_query(const real* g, const real* query, const real* keys,
                                                         const real* weight, real* grad_query,
                                                         real* weight_part, int T, int S, int A) {
    int n = blockIdx.x / T;
    long long row = (long long)blockIdx.x * A;
    g += (long long)blockIdx.x * S, keys += (long long)n * S * A;
    for (int a = threadIdx.x; a < A; a += blockDim.x) {
        real slopes = 0, sum = 0;
        for (int s = 0; s < S; s++) {
            real hidden = tanh(query[row + a] + keys[(long long)s * A + a]);
            slopes += g[s] * (1 - hidden * hidden);
            sum += g[s] * hidden;
        }
        grad_query[row + a] = weight[a] * slopes;
        weight_part[row + a] = sum;
    }
}

// ∂L/∂keys = weight Σ_t g_t (1 − tanh²) and ∂L/∂values = Σ_t p_t ∂L/∂y_t of one key.
extern "C" __global__ void additive_attention_grad_keys(const real* grad_y, const real* g, const real* p,
                                                        const real* query, const real* keys,
                                                        const real* weight, real* grad_keys,
                                                        real* grad_values, int T, int S, int A, int E) {
    int n = blockIdx.x / S, s = blockIdx.x % S;
    long long row = (long long)blockIdx.x * A;
    query += (long long)n * T * A, grad_y += (long long)n * T * E;
    g += (long long)n * T * S + s, p += (long long)n * T * S + s;  // of query t: t · S further
    for (int a = threadIdx.x; a < A; a += blockDim.x) {
        real slopes = 0;
        for (int t = 0; t < T; t++) {
            real hidden = tanh(query[(long long)t * A + a] + keys[row + a]);
            slopes += g[(long long)t * S] * (1 - hidden * hidden);
        }
        grad_keys[row + a] = weight[a] * slopes;
    }
    for (int e = threadIdx.x; e < E; e += blockDim.x) {
        real sum = 0;
        for (int t = 0; t < T; t++) sum += p[(long long)t * S] * grad_y[(long long)t * E + e];
        grad_values[(long long)blockIdx.x * E + e] = sum;
    }
}
