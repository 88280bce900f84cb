// Rows of a table (V, D), one for each of N token ids: a block for each row. Bound by memory.
#include "common.cuh"

extern "C" __global__ void embedding_forward(const real* weight, const int* ids, real* y, int D) {
    const real* row = weight + (long long)ids[blockIdx.x] * D;
    for (int d = threadIdx.x; d < D; d += blockDim.x) y[(long long)blockIdx.x * D + d] = row[d];
}

// `order` lists the tokens sorted by id; those of id v are from starts[v] to starts[v + 1]. A block adds up
// one id's gradients in the order of the tokens, so nothing has to be atomic.
extern "C" __global__ void embedding_backward(const real* grad_y, const int* order, const int* starts,
                                              real* grad_weight, int D) {
    int first = starts[blockIdx.x], last = starts[blockIdx.x + 1];
    for (int d = threadIdx.x; d < D; d += blockDim.x) {
        real sum = 0;
        for (int k = first; k < last; k++) sum += grad_y[(long long)order[k] * D + d];
        grad_weight[(long long)blockIdx.x * D + d] = sum;
    }
}
