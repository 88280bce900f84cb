// Dropout by Philox 4x32-10 (Salmon and others 2011): a thread for each four elements, whose random words come
// from the counter (element / 4, call) under the key `seed`: the same mask as every other kernel set.
//
// Bound by memory: 8 bytes an element in float, against about 25 integer operations.
#include "../cuda/common.cuh"

extern "C" __global__ void dropout(const real* x, real* y, unsigned long long call, unsigned long long seed,
                                   unsigned limit, real scale, int n) {
    long long block = ELEMENT, e = 4 * block;
    unsigned word[4] = {(unsigned)block, (unsigned)(block >> 32), (unsigned)call, (unsigned)(call >> 32)};
    unsigned key0 = (unsigned)seed, key1 = (unsigned)(seed >> 32);
    for (int round = 0; round < 10; round++) {
        unsigned high0 = __umulhi(0xD2511F53u, word[0]), low0 = 0xD2511F53u * word[0];
        unsigned high1 = __umulhi(0xCD9E8D57u, word[2]), low1 = 0xCD9E8D57u * word[2];
        word[0] = high1 ^ word[1] ^ key0;
        word[1] = low1;
        word[2] = high0 ^ word[3] ^ key1;
        word[3] = low0;
        key0 += 0x9E3779B9u, key1 += 0xBB67AE85u;
    }
    Four v = load4(x + e, n - e, 0);
    FOUR v.at[k] = word[k] >= limit ? v.at[k] * scale : 0;
    store4(y + e, n - e, v);
}
