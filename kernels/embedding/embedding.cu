// Rows of a table (V, D), one for each of N token ids.
//
// Bound by memory: forward reads and writes each number once (8 bytes in float). Backward reads the N × D
// gradients and writes the V × D table once (4 bytes each); what has to be found out is who adds what.
//
//   embedding_backward_1  A thread for each number of grad_y adds it to the table atomically. Tokens of one id
//                         queue up, in an order that changes from run to run, and so does the last bit.
//   embedding_backward_2  A block has an id, looks through all N tokens and adds up its own: the same bits each
//                         time, but V · N ids are read.
//   embedding_backward_3  The tokens sorted by id: a block has an id and knows where its tokens are. The block
//                         of a frequent id (the blank, among characters) has thousands, most blocks a few.
//   embedding_backward    The sorted list cut into pieces of equal length, a block each; ids that reach over
//                         the end of a piece are put together in a second stage.
#include "../cuda/common.cuh"

#define ROW_LOOP for (int d = 4 * threadIdx.x; d < D; d += 4 * blockDim.x)

extern "C" __global__ void embedding_forward(const real* weight, const int* ids, real* y, int D) {
    const real* row = weight + (long long)ids[blockIdx.x] * D;
    y += (long long)blockIdx.x * D;
    ROW_LOOP store4(y + d, D - d, load4(row + d, D - d, 0));
}

// grad_weight is 0 before.
extern "C" __global__ void embedding_backward_1(const real* grad_y, const int* ids, real* grad_weight, int D,
                                                int n) {
    if (ELEMENT < n) atomicAdd(&grad_weight[(long long)ids[ELEMENT / D] * D + ELEMENT % D], grad_y[ELEMENT]);
}

#define STRIDE for (int d = threadIdx.x; d < D; d += blockDim.x)

extern "C" __global__ void embedding_backward_2(const real* grad_y, const int* ids, real* grad_weight, int N,
                                                int D) {
    STRIDE {
        real sum = 0;
        for (int n = 0; n < N; n++)
            if (ids[n] == blockIdx.x) sum += grad_y[(long long)n * D + d];
        grad_weight[(long long)blockIdx.x * D + d] = sum;
    }
}

// `order` lists the tokens sorted by id; those of id v are from starts[v] to starts[v + 1].
extern "C" __global__ void embedding_backward_3(const real* grad_y, const int* order, const int* starts,
                                                real* grad_weight, int D) {
    STRIDE {
        real sum = 0;
        for (int k = starts[blockIdx.x]; k < starts[blockIdx.x + 1]; k++) sum += grad_y[(long long)order[k] * D + d];
        grad_weight[(long long)blockIdx.x * D + d] = sum;
    }
}

// ---------------------------------------------------------------- in pieces
// First stage: a block adds up the runs of equal ids in its piece of the sorted list. A run that holds all
// tokens of its id goes to the table, another one to `parts` (pieces, 2, D): one that begins the piece to
// [0], one that begins further on (and so reaches over the end) to [1].
extern "C" __global__ void embedding_backward(const real* grad_y, const int* ids, const int* order,
                                              const int* starts, real* grad_weight, real* parts, int N, int D,
                                              int piece) {
    int first = blockIdx.x * piece, last = min(first + piece, N);
    parts += (long long)blockIdx.x * 2 * D;
    for (int begin = first, end; begin < last; begin = end) {
        int id = ids[order[begin]];
        end = min(starts[id + 1], last);
        bool all = begin == starts[id] && end == starts[id + 1];
        real* to = all ? grad_weight + (long long)id * D : parts + (begin == first ? 0 : D);
        ROW_LOOP {
            Four sum = {};
            for (int k = begin; k < end; k++) {
                Four g = load4(grad_y + (long long)order[k] * D + d, D - d, 0);
                FOUR sum.at[k] += g.at[k];
            }
            store4(to + d, D - d, sum);
        }
    }
}

// Second stage: a block has an id. One without tokens gets 0; one that lies in one piece is done; the others
// add up what the pieces have of it, in the order of the list.
extern "C" __global__ void embedding_backward_join(const int* starts, const real* parts, real* grad_weight, int D,
                                                   int piece) {
    int begin = starts[blockIdx.x], end = starts[blockIdx.x + 1], first = begin / piece, last = (end - 1) / piece;
    if (begin < end && first == last) return;
    ROW_LOOP {
        Four sum = {};
        if (begin < end) {
            sum = load4(parts + (2LL * first + (begin % piece != 0)) * D + d, D - d, 0);
            for (int p = first + 1; p <= last; p++) {
                Four more = load4(parts + 2LL * p * D + d, D - d, 0);
                FOUR sum.at[k] += more.at[k];
            }
        }
        store4(grad_weight + (long long)blockIdx.x * D + d, D - d, sum);
    }
}
