// tanh, sigmoid, ReLU, GELU: a thread for each element. Bound by memory.
#include "common.cuh"

extern "C" __global__ void tanh_forward(const real* x, real* y, int n) {
    if (ELEMENT < n) y[ELEMENT] = tanh(x[ELEMENT]);
}

extern "C" __global__ void tanh_backward(const real* y, const real* grad_y, real* grad_x, int n) {
    if (ELEMENT < n) grad_x[ELEMENT] = (1 - y[ELEMENT] * y[ELEMENT]) * grad_y[ELEMENT];
}

extern "C" __global__ void sigmoid_forward(const real* x, real* y, int n) {
    if (ELEMENT < n) y[ELEMENT] = sigmoid(x[ELEMENT]);
}

extern "C" __global__ void sigmoid_backward(const real* y, const real* grad_y, real* grad_x, int n) {
    if (ELEMENT < n) grad_x[ELEMENT] = y[ELEMENT] * (1 - y[ELEMENT]) * grad_y[ELEMENT];
}

extern "C" __global__ void relu_forward(const real* x, real* y, int n) {
    if (ELEMENT < n) y[ELEMENT] = x[ELEMENT] < 0 ? 0 : x[ELEMENT];  // written so that NaN stays NaN
}

extern "C" __global__ void relu_backward(const real* y, const real* grad_y, real* grad_x, int n) {
    if (ELEMENT < n) grad_x[ELEMENT] = y[ELEMENT] > 0 ? grad_y[ELEMENT] : 0;
}

#define ROOT_2_PI ((real)0.79788456080286536)  // √(2/π)
#define CUBIC ((real)0.044715)

// x Φ(x), with Φ(x) = ½ (1 + erf(x/√2)) or, approximately, ½ (1 + tanh(√(2/π) (x + 0.044715 x³))).
extern "C" __global__ void gelu_forward(const real* x, real* y, int approximate, int n) {
    if (ELEMENT >= n) return;
    real v = x[ELEMENT];
    real curve = approximate ? tanh(ROOT_2_PI * (v + CUBIC * v * v * v)) : erf(v * (real)0.70710678118654752);
    y[ELEMENT] = (real)0.5 * v * (1 + curve);
}

extern "C" __global__ void gelu_backward(const real* x, const real* grad_y, real* grad_x, int approximate, int n) {
    if (ELEMENT >= n) return;
    real v = x[ELEMENT], slope;
    if (approximate) {
        real t = tanh(ROOT_2_PI * (v + CUBIC * v * v * v));
        slope = (real)0.5 * (1 + t + v * (1 - t * t) * ROOT_2_PI * (1 + 3 * CUBIC * v * v));
    } else {
        real density = exp((real)-0.5 * v * v) * (real)0.39894228040143268;  // 1/√(2π)
        slope = (real)0.5 * (1 + erf(v * (real)0.70710678118654752)) + v * density;
    }
    grad_x[ELEMENT] = slope * grad_y[ELEMENT];
}
