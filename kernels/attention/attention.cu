// Scaled dot-product attention without the T × S matrix. Rows of q (N, T, D), k (N, S, D), v (N, S, E); of the
// keys of sequence n the first lengths[n] count; under `causal` query t sees keys up to t + S − T. `packed`: q, k
// and v are one array (B, T, 3, H, D) and y is (B, T, H, D), read where they are; sequence n = H·b + h.
//
// Bound by arithmetic: 2·(D + E) operations for each query and key that sees it; backward 8·D + 6·E, because
// scores and ∂L/∂P are made anew for ∂q and for ∂k, ∂v: the price of sums in a fixed order, without atomics.
//
//   attention_forward_1  A thread has a query and walks over the keys. It reads 4·(D + E) bytes for 2·(D + E)
//                        operations, one number at a time, and keeps its sums in memory.
//   attention_forward_2  A block has a query; of as many keys as it has threads each thread makes one weight,
//                        then each adds up some columns of v. Every query still reads all k and v.
//   attention_forward    A block has 32 queries and walks over tiles of 32 keys, which lie in shared memory: k and
//                        v are read once for 32 queries. A thread makes 4 × 4 scores out of 4 + 4 rows and 4 × 8
//                        results, so that 16 to 32 operations come on each load of four numbers.
#include "../cuda/common.cuh"

// How many keys query t sees.
__device__ int keys_seen(int t, int T, int S, int length, int causal) {
    return causal ? min(length, t + S - T + 1) : length;
}

// ---------------------------------------------------------------- without tiles
__device__ real dot(const real* a, const real* b, int n) {
    real sum = 0;
    for (int i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

// y = Σ_s e^(score_s − m) v_s / Σ_s e^(score_s − m), with m the largest score so far: when a larger one comes,
// what was added up is scaled down.
extern "C" __global__ void attention_forward_1(const real* q, const real* k, const real* v, const int* lengths,
                                               real* y, real* logsumexp, int N, int T, int S, int D, int E,
                                               int causal, real scale) {
    if (ELEMENT >= (long long)N * T) return;
    int n = ELEMENT / T, seen = keys_seen(ELEMENT % T, T, S, lengths[n], causal);
    q += ELEMENT * D, y += ELEMENT * E, k += (long long)n * S * D, v += (long long)n * S * E;
    real m = LOWEST, total = 0;
    for (int e = 0; e < E; e++) y[e] = 0;
    for (int s = 0; s < seen; s++, k += D, v += E) {
        real score = dot(q, k, D) * scale, largest = max(m, score), shrink = exp(m - largest);
        real weight = exp(score - largest);
        total = total * shrink + weight;
        for (int e = 0; e < E; e++) y[e] = y[e] * shrink + weight * v[e];
        m = largest;
    }
    for (int e = 0; e < E; e++) y[e] /= total;
    logsumexp[ELEMENT] = m + log(total);
}

// Dynamic shared memory: a weight for each thread, then y (E).
extern "C" __global__ void attention_forward_2(const real* q, const real* k, const real* v, const int* lengths,
                                               real* y, real* logsumexp, int T, int S, int D, int E, int causal,
                                               real scale) {
    extern __shared__ real weights[];
    __shared__ real part[32];
    real* sum = weights + blockDim.x;
    int n = blockIdx.x / T, seen = keys_seen(blockIdx.x % T, T, S, lengths[n], causal);
    q += (long long)blockIdx.x * D, k += (long long)n * S * D, v += (long long)n * S * E;
    for (int e = threadIdx.x; e < E; e += blockDim.x) sum[e] = 0;
    real m = LOWEST, total = 0;
    for (int first = 0; first < seen; first += blockDim.x) {
        int s = first + threadIdx.x, count = min((int)blockDim.x, seen - first);
        real score = s < seen ? dot(q, k + (long long)s * D, D) * scale : MINUS_INFINITY;
        real largest = max(m, block_max(score, part)), shrink = exp(m - largest);
        real weight = exp(score - largest);
        total = total * shrink + block_sum(weight, part);
        weights[threadIdx.x] = weight;
        __syncthreads();
        for (int e = threadIdx.x; e < E; e += blockDim.x) {
            real added = sum[e] * shrink;
            for (int i = 0; i < count; i++) added += weights[i] * v[(long long)(first + i) * E + e];
            sum[e] = added;
        }
        m = largest;  // before the next weights come the barriers of block_max
    }
    for (int e = threadIdx.x; e < E; e += blockDim.x) y[(long long)blockIdx.x * E + e] = sum[e] / total;
    if (threadIdx.x == 0) logsumexp[blockIdx.x] = m + log(total);
}

// ---------------------------------------------------------------- tiles
#define SIDE 32           // queries of a tile, and keys
#define WIDTH 64          // features that lie in shared memory at once; wider results are a block each
#define PITCH (WIDTH + 4)  // from row to row: quads of eight neighbouring rows lie in different banks
#define TEAM 64           // threads; thread (i, j) of 8 × 8 has the rows i + 8r and the columns j + 8c of a tile
#define TILES(length) (((length) + SIDE - 1) / SIDE)
#define SLICES(width) (((width) + WIDTH - 1) / WIDTH)
#define ROWS for (int r = 0; r < 4; r++)
#define COLUMNS for (int c = 0; c < 4; c++)

// Where sequence n begins in q, k, v and y, and how far apart the rows are.
struct Place {
    long long q, k, v, y;
    int row, row_v, row_y;
};
__device__ inline Place place(int n, int T, int S, int D, int E, int H, int packed) {
    int row = packed ? 3 * H * D : D, row_v = packed ? row : E, next = packed ? H * D : 0;
    long long b = n / H, h = n % H;
    return {b * T * row + h * D, b * S * row + h * D + next, b * S * row_v + h * E + 2 * next,
            b * T * H * E + h * E, row, row_v, H * E};
}

// A part of a matrix, `rows` × `width`, `stride` from row to row; 0 in the rows behind.
__device__ inline void load_tile(real (*tile)[PITCH], const real* from, int stride, int rows, int width) {
    for (int k = threadIdx.x; k < SIDE * WIDTH / 4; k += TEAM) {
        int row = k / (WIDTH / 4), column = 4 * (k % (WIDTH / 4));
        if (column >= width) continue;
        Four zero = {};
        store4(&tile[row][column],
               row < rows ? load4(from + (long long)row * stride + column, width - column, 0) : zero);
    }
}

// sum_rc += Σ_d x_(i+8r, d) y_(j+8c, d): rows of two matrices of width D, through the tiles a and b.
__device__ inline void rows_by_rows(real (&sum)[4][4], real (*a)[PITCH], real (*b)[PITCH], const real* x,
                                    int x_stride, int x_rows, const real* y, int y_stride, int y_rows, int D) {
    int i = threadIdx.x / 8, j = threadIdx.x % 8;
    for (int first = 0; first < D; first += WIDTH) {
        __syncthreads();  // the tiles may still be read
        load_tile(a, x + first, x_stride, x_rows, D - first);
        load_tile(b, y + first, y_stride, y_rows, D - first);
        __syncthreads();
        for (int d = 0; d < min(WIDTH, D - first); d += 4) {
            Four u[4], w[4];
            FOUR u[k] = load4(&a[i + 8 * k][d]), w[k] = load4(&b[j + 8 * k][d]);
            ROWS COLUMNS FOUR sum[r][c] += u[r].at[k] * w[c].at[k];
        }
    }
}

// sum_rc += Σ_s p_(i+8r, s) b_(s, column c) over `count` rows of b; columns 4j to 4j + 3 and 32 further on.
__device__ inline void by_columns(real (&sum)[4][8], real (*p)[SIDE + 4], real (*b)[PITCH], int count, int width) {
    int i = threadIdx.x / 8, j = threadIdx.x % 8;
    for (int s = 0; s < count; s += 4) {
        Four u[4];
        ROWS u[r] = load4(&p[i + 8 * r][s]);
        FOUR for (int half = 0; half < 2; half++) {
            if (4 * j + 32 * half >= width) continue;
            Four w = load4(&b[s + k][4 * j + 32 * half]);
            ROWS COLUMNS sum[r][4 * half + c] += u[r].at[k] * w.at[c];
        }
    }
}

// The results of `by_columns`, row r times factor[r], to `rows` rows in memory.
__device__ inline void store_rows(real (&sum)[4][8], const real (&factor)[4], real* to, int stride, int rows,
                                  int width) {
    int i = threadIdx.x / 8, j = threadIdx.x % 8;
    ROWS for (int half = 0; half < 2; half++) {
        Four v;
        FOUR v.at[k] = sum[r][4 * half + k] * factor[r];
        int column = 4 * j + 32 * half;
        if (i + 8 * r < rows) store4(to + (long long)(i + 8 * r) * stride + column, width - column, v);
    }
}

// A block has 32 queries and 64 columns of y. The last queries, which see most keys, go first.
extern "C" __global__ void __launch_bounds__(TEAM) attention_forward(const real* q, const real* k, const real* v,
                                                                     const int* lengths, real* y, real* logsumexp,
                                                                     int T, int S, int D, int E, int H, int packed,
                                                                     int causal, real scale) {
    __shared__ __align__(16) real a[SIDE][PITCH], b[SIDE][PITCH], p[SIDE][SIDE + 4];
    int N = gridDim.x / (TILES(T) * SLICES(E)), slice = blockIdx.x % SLICES(E), n = blockIdx.x / SLICES(E) % N;
    int first = SIDE * (TILES(T) - 1 - blockIdx.x / SLICES(E) / N), rows = min(SIDE, T - first);
    int i = threadIdx.x / 8, j = threadIdx.x % 8, length = lengths[n / H], width = min(WIDTH, E - slice * WIDTH);
    int seen = keys_seen(first + rows - 1, T, S, length, causal);  // by the last query
    Place at = place(n, T, S, D, E, H, packed);
    q += at.q + (long long)first * at.row, k += at.k, v += at.v + slice * WIDTH;
    y += at.y + (long long)first * at.row_y + slice * WIDTH, logsumexp += (long long)n * T + first;
    real sum[4][8] = {}, m[4] = {LOWEST, LOWEST, LOWEST, LOWEST}, total[4] = {};
    for (int key = 0; key < seen; key += SIDE) {
        real score[4][4] = {};
        rows_by_rows(score, a, b, q, at.row, rows, k + (long long)key * at.row, at.row, seen - key, D);
        __syncthreads();  // b is still read
        load_tile(b, v + (long long)key * at.row_v, at.row_v, seen - key, width);
        ROWS {
            int mine = keys_seen(first + i + 8 * r, T, S, length, causal) - key;
            real largest = m[r];
            COLUMNS {
                score[r][c] = j + 8 * c < mine ? score[r][c] * scale : MINUS_INFINITY;
                largest = max(largest, score[r][c]);
            }
            for (int o = 4; o > 0; o /= 2) largest = max(largest, __shfl_xor_sync(ALL, largest, o));
            real shrink = exp(m[r] - largest);
            m[r] = largest, total[r] *= shrink;
            COLUMNS total[r] += p[i + 8 * r][j + 8 * c] = exp(score[r][c] - largest);
            for (int c = 0; c < 8; c++) sum[r][c] *= shrink;
        }
        __syncthreads();
        by_columns(sum, p, b, min(SIDE, seen - key), width);
    }
    ROWS {
        for (int o = 4; o > 0; o /= 2) total[r] += __shfl_xor_sync(ALL, total[r], o);
        if (slice == 0 && j == 0 && i + 8 * r < rows) logsumexp[i + 8 * r] = m[r] + log(total[r]);
        total[r] = 1 / total[r];
    }
    store_rows(sum, total, y, at.row_y, rows, width);
}

// ---------------------------------------------------------------- backward
// δ = Σ_e ∂L/∂y_e y_e for each of the n = N T queries: a warp each.
extern "C" __global__ void attention_delta(const real* grad_y, const real* y, real* delta, int T, int E, int H,
                                           int n) {
    int query = ELEMENT / 32;
    if (query >= n) return;
    long long row = place(query / T, T, T, E, E, H, 0).y + (long long)(query % T) * H * E;
    real sum = 0;
    for (int e = 4 * (threadIdx.x % 32); e < E; e += 4 * 32) {
        Four u = load4(grad_y + row + e, E - e, 0), w = load4(y + row + e, E - e, 0);
        FOUR sum += u.at[k] * w.at[k];
    }
    sum = warp_sum(sum);
    if (threadIdx.x % 32 == 0) delta[query] = sum;
}

// ∂L/∂q = Σ_s g_s k_s with g_s = P_s (∂L/∂y · v_s − δ) / √D. A block has 32 queries and 64 columns.
extern "C" __global__ void __launch_bounds__(TEAM) attention_grad_q(
    const real* grad_y, const real* q, const real* k, const real* v, const real* logsumexp, const real* delta,
    const int* lengths, real* grad_q, int T, int S, int D, int E, int H, int packed, int causal, real scale) {
    __shared__ __align__(16) real a[SIDE][PITCH], b[SIDE][PITCH], p[SIDE][SIDE + 4];
    int N = gridDim.x / (TILES(T) * SLICES(D)), slice = blockIdx.x % SLICES(D), n = blockIdx.x / SLICES(D) % N;
    int first = SIDE * (TILES(T) - 1 - blockIdx.x / SLICES(D) / N), rows = min(SIDE, T - first);
    int i = threadIdx.x / 8, j = threadIdx.x % 8, length = lengths[n / H], width = min(WIDTH, D - slice * WIDTH);
    int seen = keys_seen(first + rows - 1, T, S, length, causal);
    Place at = place(n, T, S, D, E, H, packed);
    q += at.q + (long long)first * at.row, k += at.k, v += at.v;
    grad_q += at.q + (long long)first * at.row + slice * WIDTH, grad_y += at.y + (long long)first * at.row_y;
    real sum[4][8] = {}, lse[4] = {}, mean[4] = {};
    ROWS if (i + 8 * r < rows) {
        lse[r] = logsumexp[(long long)n * T + first + i + 8 * r];
        mean[r] = delta[(long long)n * T + first + i + 8 * r];
    }
    for (int key = 0; key < seen; key += SIDE) {
        const real* keys = k + (long long)key * at.row;
        real score[4][4] = {}, g[4][4] = {};
        rows_by_rows(score, a, b, q, at.row, rows, keys, at.row, seen - key, D);
        rows_by_rows(g, a, b, grad_y, at.row_y, rows, v + (long long)key * at.row_v, at.row_v, seen - key, E);
        __syncthreads();  // b is still read
        load_tile(b, keys + slice * WIDTH, at.row, seen - key, width);
        ROWS {
            int mine = keys_seen(first + i + 8 * r, T, S, length, causal) - key;
            COLUMNS p[i + 8 * r][j + 8 * c] =
                j + 8 * c < mine ? exp(score[r][c] * scale - lse[r]) * (g[r][c] - mean[r]) * scale : 0;
        }
        __syncthreads();
        by_columns(sum, p, b, min(SIDE, seen - key), width);
    }
    store_rows(sum, {1, 1, 1, 1}, grad_q, at.row, rows, width);
}

// ∂L/∂k = Σ_t g_t q_t,  ∂L/∂v = Σ_t P_t ∂L/∂y_t over the queries that see the key. A block has 32 keys and 64
// columns of either.
extern "C" __global__ void __launch_bounds__(TEAM) attention_grad_kv(
    const real* grad_y, const real* q, const real* k, const real* v, const real* logsumexp, const real* delta,
    const int* lengths, real* grad_k, real* grad_v, int T, int S, int D, int E, int H, int packed, int causal,
    real scale) {
    __shared__ __align__(16) real a[SIDE][PITCH], b[SIDE][PITCH], p[SIDE][SIDE + 4];
    int slices = SLICES(max(D, E)), N = gridDim.x / (TILES(S) * slices), n = blockIdx.x / slices % N;
    int first = SIDE * (blockIdx.x / slices / N), rows = min(SIDE, S - first), column = blockIdx.x % slices * WIDTH;
    int i = threadIdx.x / 8, j = threadIdx.x % 8, length = lengths[n / H];
    Place at = place(n, T, S, D, E, H, packed);
    q += at.q, grad_y += at.y, logsumexp += (long long)n * T, delta += (long long)n * T;
    k += at.k + (long long)first * at.row, v += at.v + (long long)first * at.row_v;
    real sum_k[4][8] = {}, sum_v[4][8] = {};
    int start = first >= length ? T : causal ? max(0, first - (S - T)) : 0;  // the first query that sees them
    for (int t = start; t < T; t += SIDE) {
        const real *queries = q + (long long)t * at.row, *grads = grad_y + (long long)t * at.row_y;
        real score[4][4] = {}, g[4][4] = {};
        rows_by_rows(score, a, b, k, at.row, rows, queries, at.row, T - t, D);
        rows_by_rows(g, a, b, v, at.row_v, rows, grads, at.row_y, T - t, E);
        __syncthreads();  // b is still read
        load_tile(b, grads + column, at.row_y, T - t, E - column);
        COLUMNS {
            int query = t + j + 8 * c;
            bool there = query < T;
            real lse = there ? logsumexp[query] : 0, mean = there ? delta[query] : 0;
            ROWS {
                bool sees = there && first + i + 8 * r < keys_seen(query, T, S, length, causal);
                real share = sees ? exp(score[r][c] * scale - lse) : 0;
                p[i + 8 * r][j + 8 * c] = share;
                g[r][c] = share * (g[r][c] - mean) * scale;
            }
        }
        __syncthreads();
        by_columns(sum_v, p, b, min(SIDE, T - t), E - column);
        __syncthreads();  // b and p are still read
        load_tile(b, queries + column, at.row, T - t, D - column);
        ROWS COLUMNS p[i + 8 * r][j + 8 * c] = g[r][c];
        __syncthreads();
        by_columns(sum_k, p, b, min(SIDE, T - t), D - column);
    }
    grad_k += at.k + (long long)first * at.row + column, grad_v += at.v + (long long)first * at.row_v + column;
    store_rows(sum_k, {1, 1, 1, 1}, grad_k, at.row, rows, D - column);
    store_rows(sum_v, {1, 1, 1, 1}, grad_v, at.row_v, rows, E - column);
}
