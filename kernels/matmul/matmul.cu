// The product Y = A B of (M, K) and (K, N), for the lesson: the engine's products are cuBLAS's.
//
// Bound by arithmetic: 2·M·N·K operations on (M·K + K·N + M·N) numbers; what each version gains is that a number
// brought from memory is used more often.
//
//   matmul_1  A thread has one number of Y and reads a row of A and a column of B: 8 bytes for 2 operations.
//   matmul_2  A block has 16 × 16 numbers of Y; tiles of A and B of that size lie in shared memory, so that each
//             number is read from memory once for 16 threads. Two reads of shared memory for 2 operations.
//   matmul_3  A block has 64 × 64, a thread 4 × 4 of them in registers: four numbers of A times four of B
//             are two loads of shared memory, of four numbers each, for 32 operations.
#include "../cuda/common.cuh"

#define SIDE 16  // of the smaller tiles; the block has 16 × 16 threads
#define BIG 64   // of the larger ones
#define DEPTH 16

extern "C" __global__ void matmul_1(const real* a, const real* b, real* y, int M, int K, int N) {
    int across = (N + SIDE - 1) / SIDE;
    int row = blockIdx.x / across * SIDE + threadIdx.x / SIDE, column = blockIdx.x % across * SIDE + threadIdx.x % SIDE;
    if (row >= M || column >= N) return;
    real sum = 0;
    for (int k = 0; k < K; k++) sum += a[(long long)row * K + k] * b[(long long)k * N + column];
    y[(long long)row * N + column] = sum;
}

extern "C" __global__ void matmul_2(const real* a, const real* b, real* y, int M, int K, int N) {
    __shared__ real tile_a[SIDE][SIDE], tile_b[SIDE][SIDE];
    int across = (N + SIDE - 1) / SIDE, i = threadIdx.x / SIDE, j = threadIdx.x % SIDE;
    int row = blockIdx.x / across * SIDE + i, column = blockIdx.x % across * SIDE + j;
    real sum = 0;
    for (int first = 0; first < K; first += SIDE) {
        __syncthreads();  // the tiles may still be read
        tile_a[i][j] = row < M && first + j < K ? a[(long long)row * K + first + j] : 0;
        tile_b[i][j] = first + i < K && column < N ? b[(long long)(first + i) * N + column] : 0;
        __syncthreads();
        for (int k = 0; k < SIDE; k++) sum += tile_a[i][k] * tile_b[k][j];
    }
    if (row < M && column < N) y[(long long)row * N + column] = sum;
}

// Thread (i, j) of 16 × 16 has the rows 4i to 4i + 3 and the columns 4j to 4j + 3. The tile of A lies transposed,
// so that four rows are one load; 4 numbers between its rows keep the stores of a column out of one bank.
extern "C" __global__ void matmul_3(const real* a, const real* b, real* y, int M, int K, int N) {
    __shared__ __align__(16) real tile_a[DEPTH][BIG + 4], tile_b[DEPTH][BIG];
    int across = (N + BIG - 1) / BIG, i = threadIdx.x / 16, j = threadIdx.x % 16;
    int row = blockIdx.x / across * BIG, column = blockIdx.x % across * BIG;
    real sum[4][4] = {};
    for (int first = 0; first < K; first += DEPTH) {
        __syncthreads();  // the tiles may still be read
        // Each thread brings four numbers of either: of row threadIdx.x / 4 of A, of row threadIdx.x / 16 of B.
        int r = threadIdx.x / 4, d = 4 * (threadIdx.x % 4);
        Four from_a = load4(a + (long long)(row + r) * K + first + d, row + r < M ? K - first - d : 0, 0);
        FOUR tile_a[d + k][r] = from_a.at[k];
        Four from_b = load4(b + (long long)(first + i) * N + column + 4 * j,
                            first + i < K ? N - column - 4 * j : 0, 0);
        store4(&tile_b[i][4 * j], from_b);
        __syncthreads();
        for (int t = 0; t < DEPTH; t++) {
            Four u = load4(&tile_a[t][4 * i]), w = load4(&tile_b[t][4 * j]);
            for (int m = 0; m < 4; m++)
                for (int n = 0; n < 4; n++) sum[m][n] += u.at[m] * w.at[n];
        }
    }
    for (int m = 0; m < 4; m++) {
        Four v;
        FOUR v.at[k] = sum[m][k];
        if (row + 4 * i + m < M)
            store4(y + (long long)(row + 4 * i + m) * N + column + 4 * j, N - column - 4 * j, v);
    }
}
