// Long short-term memory, one step: a thread for each of the B × H states. `gates` (B, 4H) holds i, f, g, o.
//
// Bound by memory: a step reads 9 numbers for each state and writes 6 (60 bytes in float), backward reads 9 and
// writes 5; in one kernel, so that no gate is read or written twice. With small B × H (32 × 256 is 32 blocks) the
// launch itself takes longer than either.
#include "../cuda/common.cuh"

// Before the non-linearities on entry, i, f, g, o afterwards; writes h and c.
__device__ void cell(real* gates, const real* c_before, real* h, real* c, int H, int e) {
    int b = e / H, j = e % H;
    real* row = gates + (long long)b * 4 * H + j;
    real i = sigmoid(row[0]), f = sigmoid(row[H]), g = tanh(row[2 * H]), o = sigmoid(row[3 * H]);
    row[0] = i, row[H] = f, row[2 * H] = g, row[3 * H] = o;
    c[e] = f * c_before[e] + i * g;
    h[e] = o * tanh(c[e]);
}

extern "C" __global__ void lstm_cell_forward(real* gates, const real* c_before, real* h, real* c, int H, int n) {
    if (ELEMENT < n) cell(gates, c_before, h, c, H, ELEMENT);
}

// `product` (B, 4H) is h_(t−1) W_hhᵀ, added to the gates first.
extern "C" __global__ void lstm_step_forward(const real* product, real* gates, const real* c_before, real* h,
                                             real* c, int H, int n) {
    if (ELEMENT >= n) return;
    long long first = (long long)(ELEMENT / H) * 4 * H + ELEMENT % H;
    for (int k = 0; k < 4; k++) gates[first + k * H] += product[first + k * H];
    cell(gates, c_before, h, c, H, ELEMENT);
}

// Formula in kernels/reference/lstm.py; grad_h + grad_h_next is what reaches h. grad_c_before may be grad_c.
extern "C" __global__ void lstm_cell_backward(const real* grad_h, const real* grad_h_next, const real* grad_c,
                                              const real* gates, const real* c_before, const real* c,
                                              real* grad_gates, real* grad_c_before, int H, int n) {
    if (ELEMENT >= n) return;
    int e = ELEMENT;
    long long first = (long long)(e / H) * 4 * H + e % H;
    const real* row = gates + first;
    real* out = grad_gates + first;
    real i = row[0], f = row[H], g = row[2 * H], o = row[3 * H], tanh_c = tanh(c[e]);
    real dh = grad_h[e] + grad_h_next[e];
    real dc = grad_c[e] + dh * o * (1 - tanh_c * tanh_c);
    out[0] = dc * g * i * (1 - i);
    out[H] = dc * c_before[e] * f * (1 - f);
    out[2 * H] = dc * i * (1 - g * g);
    out[3 * H] = dh * tanh_c * o * (1 - o);
    grad_c_before[e] = dc * f;
}
