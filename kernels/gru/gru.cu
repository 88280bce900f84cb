// Gated recurrent unit, one step: a thread for each of the B × H states. Gates in the order r, z, n.
//
// Bound by memory: a step reads 7 numbers for each state and writes 5 (48 bytes in float), backward reads 7 and
// writes 7; the three biases come out of the cache.
#include "../cuda/common.cuh"

// `product` (B, 3H) is h_(t−1) W_hhᵀ; `saved` (B, 4H) gets r, z, n and the h-part of n.
extern "C" __global__ void gru_step_forward(const real* x_part, const real* product, const real* bias,
                                            const real* h_before, real* h, real* saved, int H, int n) {
    if (ELEMENT >= n) return;
    int e = ELEMENT, b = e / H, j = e % H;
    const real *x = x_part + (long long)b * 3 * H + j, *p = product + (long long)b * 3 * H + j;
    real* row = saved + (long long)b * 4 * H + j;
    real r = sigmoid(x[0] + p[0] + bias[j]), z = sigmoid(x[H] + p[H] + bias[H + j]);
    real h_n = p[2 * H] + bias[2 * H + j], candidate = tanh(x[2 * H] + r * h_n);
    row[0] = r, row[H] = z, row[2 * H] = candidate, row[3 * H] = h_n;
    h[e] = (1 - z) * candidate + z * h_before[e];
}

// Formula in kernels/reference/gru.py; `direct` gets ∂L/∂h ⊙ z, what reaches h_(t−1) past the gates.
extern "C" __global__ void gru_step_backward(const real* grad_h, const real* grad_next, const real* saved,
                                             const real* h_before, real* grad_x_part, real* grad_h_part,
                                             real* direct, int H, int n) {
    if (ELEMENT >= n) return;
    int e = ELEMENT, b = e / H, j = e % H;
    const real* row = saved + (long long)b * 4 * H + j;
    real *gx = grad_x_part + (long long)b * 3 * H + j, *gh = grad_h_part + (long long)b * 3 * H + j;
    real r = row[0], z = row[H], candidate = row[2 * H], h_n = row[3 * H];
    real g = grad_h[e] + grad_next[e];
    real delta_n = g * (1 - z) * (1 - candidate * candidate);
    real delta_z = g * (h_before[e] - candidate) * z * (1 - z);
    real delta_r = delta_n * h_n * r * (1 - r);
    gx[0] = delta_r, gx[H] = delta_z, gx[2 * H] = delta_n;
    gh[0] = delta_r, gh[H] = delta_z, gh[2 * H] = delta_n * r;
    direct[e] = g * z;
}
