// Sums, tanh, sigmoid, ReLU, GELU: a thread for each four elements.
//
// Bound by memory: 2 numbers an element forward (8 bytes in float), 3 backward (12 bytes), against 1 to 30
// operations. So four elements move at once, and nothing else is worth a trick.
#include "../cuda/common.cuh"

// y = f(x) and y = f(a, b) for this thread's four elements.
template <class F> __device__ inline void map(const real* x, real* y, int n, F f) {
    long long e = 4 * ELEMENT;
    Four v = load4(x + e, n - e, 0);
    FOUR v.at[k] = f(v.at[k]);
    store4(y + e, n - e, v);
}
template <class F> __device__ inline void map(const real* a, const real* b, real* y, int n, F f) {
    long long e = 4 * ELEMENT;
    Four v = load4(a + e, n - e, 0), w = load4(b + e, n - e, 0);
    FOUR v.at[k] = f(v.at[k], w.at[k]);
    store4(y + e, n - e, v);
}

extern "C" __global__ void add(const real* a, const real* b, real* y, int n) {
    map(a, b, y, n, [](real v, real w) { return v + w; });
}

extern "C" __global__ void tanh_forward(const real* x, real* y, int n) {
    map(x, y, n, [](real v) { return tanh(v); });
}

extern "C" __global__ void tanh_backward(const real* y, const real* grad_y, real* grad_x, int n) {
    map(y, grad_y, grad_x, n, [](real v, real g) { return (1 - v * v) * g; });
}

extern "C" __global__ void sigmoid_forward(const real* x, real* y, int n) {
    map(x, y, n, [](real v) { return sigmoid(v); });
}

extern "C" __global__ void sigmoid_backward(const real* y, const real* grad_y, real* grad_x, int n) {
    map(y, grad_y, grad_x, n, [](real v, real g) { return v * (1 - v) * g; });
}

extern "C" __global__ void relu_forward(const real* x, real* y, int n) {
    map(x, y, n, [](real v) { return v < 0 ? 0 : v; });  // written so that NaN stays NaN
}

extern "C" __global__ void relu_backward(const real* y, const real* grad_y, real* grad_x, int n) {
    map(y, grad_y, grad_x, n, [](real v, real g) { return v > 0 ? g : 0; });
}

#define ROOT_2_PI ((real)0.79788456080286536)  // √(2/π)
#define CUBIC ((real)0.044715)

// x Φ(x), with Φ(x) = ½ (1 + erf(x/√2)) or, approximately, ½ (1 + tanh(√(2/π) (x + 0.044715 x³))).
extern "C" __global__ void gelu_forward(const real* x, real* y, int approximate, int n) {
    map(x, y, n, [=](real v) {
        real curve = approximate ? tanh(ROOT_2_PI * (v + CUBIC * v * v * v)) : erf(v * (real)0.70710678118654752);
        return (real)0.5 * v * (1 + curve);
    });
}

extern "C" __global__ void gelu_backward(const real* x, const real* grad_y, real* grad_x, int approximate, int n) {
    map(x, grad_y, grad_x, n, [=](real v, real g) {
        if (approximate) {
            real t = tanh(ROOT_2_PI * (v + CUBIC * v * v * v));
            return (real)0.5 * (1 + t + v * (1 - t * t) * ROOT_2_PI * (1 + 3 * CUBIC * v * v)) * g;
        }
        real density = exp((real)-0.5 * v * v) * (real)0.39894228040143268;  // 1/√(2π)
        return ((real)0.5 * (1 + erf(v * (real)0.70710678118654752)) + v * density) * g;
    });
}
