// CUDA's words for numbers beyond C's: rounding, bits, packed bytes, inverse functions. Included by cuda.h.
#pragma once
#include <fenv.h>

// ---------------------------------------------------------------------------------------------- rounding
// The processor rounds as it is told. Operands are volatile, or the compiler would compute before that.
template <class F> EMU_UNSEEN auto emu_rounding(int way, F formula) {
    int before = fegetround();
    fesetround(way);
    volatile auto result = formula();
    fesetround(before);
    return result;
}
#define EMU_WAY(result, name, way, parameters, copies, formula)                                              \
    inline result name parameters {                                                                          \
        return (result)emu_rounding(way, [=] { copies return formula; });                                    \
    }
#define EMU_WAYS(result, name, parameters, copies, formula)                                                  \
    EMU_WAY(result, name##_rn, FE_TONEAREST, parameters, copies, formula)                                    \
    EMU_WAY(result, name##_rz, FE_TOWARDZERO, parameters, copies, formula)                                   \
    EMU_WAY(result, name##_rd, FE_DOWNWARD, parameters, copies, formula)                                     \
    EMU_WAY(result, name##_ru, FE_UPWARD, parameters, copies, formula)
#define EMU_WAYS1(result, name, type, formula)                                                               \
    EMU_WAYS(result, name, (type x), volatile type a = x;, formula)
#define EMU_WAYS2(type, name, formula)                                                                       \
    EMU_WAYS(type, name, (type x, type y), volatile type a = x; volatile type b = y;, formula)
#define EMU_WAYS3(type, name, formula)                                                                       \
    EMU_WAYS(type, name, (type x, type y, type z),                                                           \
             volatile type a = x; volatile type b = y; volatile type c = z;, formula)
EMU_WAYS2(float, __fadd, a + b) EMU_WAYS2(float, __fsub, a - b) EMU_WAYS2(float, __fmul, a *b)
EMU_WAYS2(float, __fdiv, a / b) EMU_WAYS3(float, __fmaf, fmaf(a, b, c))
EMU_WAYS1(float, __fsqrt, float, sqrtf(a)) EMU_WAYS1(float, __frcp, float, 1 / a)
EMU_WAYS2(double, __dadd, a + b) EMU_WAYS2(double, __dsub, a - b) EMU_WAYS2(double, __dmul, a *b)
EMU_WAYS2(double, __ddiv, a / b) EMU_WAYS3(double, __fma, fma((double)a, (double)b, (double)c))
EMU_WAYS1(double, __dsqrt, double, sqrt((double)a)) EMU_WAYS1(double, __drcp, double, 1 / a)
inline float __frsqrt_rn(float x) { return (float)(1 / sqrt((double)x)); }

// A whole number that is too large becomes the largest. NaN becomes 0, or where 64 bits are involved the
// highest bit alone (PTX, cvt).
template <class To, class From> inline To emu_whole(From x) {
    const int bits = 8 * sizeof(To);
    const bool is_signed = (To)-1 < (To)0, wide = sizeof(From) == 8 || sizeof(To) == 8;
    const To top = (To)1 << (bits - 1), least = is_signed ? top : (To)0, most = is_signed ? (To)~top : (To)~(To)0;
    if (x != x) return wide ? top : (To)0;
    const double end = ldexp(1.0, is_signed ? bits - 1 : bits);
    return x >= end ? most : x < (is_signed ? -end : 0) ? least : (To)x;
}
#define EMU_TO_WHOLE(from, to, name)                                                                         \
    inline to name##_rn(from x) { return emu_whole<to>((from)rint((double)x)); }                             \
    inline to name##_rz(from x) { return emu_whole<to>((from)trunc((double)x)); }                            \
    inline to name##_rd(from x) { return emu_whole<to>((from)floor((double)x)); }                            \
    inline to name##_ru(from x) { return emu_whole<to>((from)ceil((double)x)); }
EMU_TO_WHOLE(float, int, __float2int) EMU_TO_WHOLE(float, unsigned, __float2uint)
EMU_TO_WHOLE(float, long long, __float2ll) EMU_TO_WHOLE(float, unsigned long long, __float2ull)
EMU_TO_WHOLE(double, int, __double2int) EMU_TO_WHOLE(double, unsigned, __double2uint)
EMU_TO_WHOLE(double, long long, __double2ll) EMU_TO_WHOLE(double, unsigned long long, __double2ull)
EMU_WAYS1(float, __int2float, int, (float)a) EMU_WAYS1(float, __uint2float, unsigned, (float)a)
EMU_WAYS1(float, __ll2float, long long, (float)a) EMU_WAYS1(float, __ull2float, unsigned long long, (float)a)
EMU_WAYS1(double, __ll2double, long long, (double)a)
EMU_WAYS1(double, __ull2double, unsigned long long, (double)a) EMU_WAYS1(float, __double2float, double, (float)a)
inline double __int2double_rn(int x) { return x; }
inline int __double2hiint(double x) { return (int)(emu_bits<uint64_t>(x) >> 32); }
inline int __double2loint(double x) { return (int)emu_bits<uint64_t>(x); }
inline double __hiloint2double(int high, int low) {
    return emu_bits<double>((uint64_t)(unsigned)high << 32 | (unsigned)low);
}
inline double __uint2double_rn(unsigned x) { return x; }

// ---------------------------------------------------------------------------------------------- bits
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __clz(int x) { return x ? __builtin_clz(x) : 32; }
inline int __clzll(long long x) { return x ? __builtin_clzll(x) : 64; }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __ffsll(long long x) { return __builtin_ffsll(x); }
inline unsigned long long __brevll(unsigned long long x) {
    unsigned long long y = 0;
    for (int i = 0; i < 64; i++) y |= (x >> i & 1) << (63 - i);
    return y;
}
inline unsigned __brev(unsigned x) { return (unsigned)(__brevll(x) >> 32); }
inline int __mulhi(int a, int b) { return (int)((int64_t)a * b >> 32); }
inline unsigned __umulhi(unsigned a, unsigned b) { return (unsigned)((uint64_t)a * b >> 32); }
inline long long __mul64hi(long long a, long long b) { return (long long)((__int128)a * b >> 64); }
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
    return (unsigned long long)((unsigned __int128)a * b >> 64);
}
// The lower 24 bits of both; the lower 32 of the product.
inline int __mul24(int a, int b) { return (int)((int64_t)((int)((unsigned)a << 8) >> 8) * ((int)((unsigned)b << 8) >> 8)); }
inline unsigned __umul24(unsigned a, unsigned b) { return (a & 0xffffff) * (b & 0xffffff); }
inline unsigned __byte_perm(unsigned x, unsigned y, unsigned selector) {
    uint64_t all = (uint64_t)y << 32 | x;
    unsigned result = 0;
    for (int k = 0; k < 4; k++) result |= (unsigned)(all >> 8 * (selector >> 4 * k & 7) & 0xff) << 8 * k;
    return result;
}
// _l, _r: by the lower five bits of the shift; _lc, _rc: by at most 32.
inline unsigned __funnelshift_lc(unsigned low, unsigned high, unsigned shift) {
    return shift < 32 ? (unsigned)(((uint64_t)high << 32 | low) << shift >> 32) : low;
}
inline unsigned __funnelshift_rc(unsigned low, unsigned high, unsigned shift) {
    return shift < 32 ? (unsigned)(((uint64_t)high << 32 | low) >> shift) : high;
}
inline unsigned __funnelshift_l(unsigned low, unsigned high, unsigned shift) {
    return __funnelshift_lc(low, high, shift & 31);
}
inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned shift) {
    return __funnelshift_rc(low, high, shift & 31);
}
inline int __hadd(int x, int y) { return (int)(((int64_t)x + y) >> 1); }
inline int __rhadd(int x, int y) { return (int)(((int64_t)x + y + 1) >> 1); }
inline unsigned __uhadd(unsigned x, unsigned y) { return (unsigned)(((uint64_t)x + y) >> 1); }
inline unsigned __urhadd(unsigned x, unsigned y) { return (unsigned)(((uint64_t)x + y + 1) >> 1); }
inline unsigned __usad(unsigned x, unsigned y, unsigned z) { return (x < y ? y - x : x - y) + z; }
inline unsigned __sad(int x, int y, unsigned z) { return (x < y ? (unsigned)y - x : (unsigned)x - y) + z; }

// Each byte, or each half, of a word by itself.
template <int bits, class F> inline unsigned emu_parts(unsigned x, unsigned y, F formula) {
    const unsigned mask = (1u << bits) - 1;
    unsigned result = 0;
    for (int at = 0; at < 32; at += bits) result |= (formula(x >> at & mask, y >> at & mask) & mask) << at;
    return result;
}
#define EMU_PARTS(name, formula)                                                                             \
    inline unsigned name##4(unsigned x, unsigned y) {                                                        \
        return emu_parts<8>(x, y, [](unsigned a, unsigned b) -> unsigned { return formula; });               \
    }                                                                                                        \
    inline unsigned name##2(unsigned x, unsigned y) {                                                        \
        return emu_parts<16>(x, y, [](unsigned a, unsigned b) -> unsigned { return formula; });              \
    }
EMU_PARTS(__vadd, a + b) EMU_PARTS(__vsub, a - b) EMU_PARTS(__vmaxu, a < b ? b : a)
EMU_PARTS(__vminu, a < b ? a : b) EMU_PARTS(__vabsdiffu, a < b ? b - a : a - b)
inline int __dp4a(char4 a, char4 b, int c) {
    auto part = [](char x, char y) { return (signed char)x * (signed char)y; };
    return (int)((unsigned)c + part(a.x, b.x) + part(a.y, b.y) + part(a.z, b.z) + part(a.w, b.w));
}
inline unsigned __dp4a(uchar4 a, uchar4 b, unsigned c) { return c + a.x * b.x + a.y * b.y + a.z * b.z + a.w * b.w; }
inline int __dp4a(int a, int b, int c) { return __dp4a(emu_bits<char4>(a), emu_bits<char4>(b), c); }
inline unsigned __dp4a(unsigned a, unsigned b, unsigned c) {
    return __dp4a(emu_bits<uchar4>(a), emu_bits<uchar4>(b), c);
}

// ---------------------------------------------------------------------------------------------- functions
// Of both types, computed in double.
#define EMU_BOTH1(name, formula)                                                                             \
    inline double name(double x) { return formula; }                                                         \
    inline float name##f(float x) { return (float)name((double)x); }
inline double emu_erfcinv(double q) {  // q ≤ 1: Newton's method for log(erfc(x)) = log(q)
    if (!(q > 0)) return q == 0 ? (double)__builtin_inf() : (double)__builtin_nan("");
    double l = log(q * (2 - q)), t = 2 / (3.14159265358979324 * 0.147) + l / 2;
    double x = sqrt(fmax(sqrt(t * t - l / 0.147) - t, 0));
    for (int k = 0; k < 6; k++) x += (log(erfc(x)) - log(q)) * erfc(x) / (1.12837916709551257 * exp(-x * x));
    return x;
}
inline double emu_erfinv(double y) {  // 0 ≤ y
    if (!(y < 0.5)) return emu_erfcinv(1 - y);
    double x = y;
    for (int k = 0; k < 8; k++) x -= (erf(x) - y) / (1.12837916709551257 * exp(-x * x));
    return x;
}
EMU_BOTH1(erfcinv, x > 1 ? -emu_erfcinv(2 - x) : emu_erfcinv(x))
EMU_BOTH1(erfinv, x < 0 ? -emu_erfinv(-x) : emu_erfinv(x))
EMU_BOTH1(normcdfinv, -1.41421356237309505 * erfcinv(2 * x))
EMU_BOTH1(normcdf, 0.5 * erfc(-x * 0.70710678118654752))
EMU_BOTH1(rcbrt, 1 / cbrt(x))
inline float fdividef(float x, float y) { return x / y; }
// The nearest quarter is taken off first, so that whole numbers and halves are exact.
inline double emu_pi(double x, int quarters) {
    double r = x - 0.5 * rint(2 * x), angle = 3.14159265358979324 * r;
    switch ((int)fmod(rint(2 * x), 4) + quarters & 3) {
        case 0: return sin(angle);
        case 1: return cos(angle);
        case 2: return -sin(angle);
        default: return -cos(angle);
    }
}
EMU_BOTH1(sinpi, emu_pi(x, 0))
EMU_BOTH1(cospi, emu_pi(x, 1) + 0.0)
inline void sincospif(float x, float *s, float *c) { *s = sinpif(x), *c = cospif(x); }
inline double norm3d(double x, double y, double z) { return hypot(hypot(x, y), z); }
inline double norm4d(double x, double y, double z, double w) { return hypot(norm3d(x, y, z), w); }
inline float norm3df(float x, float y, float z) { return (float)norm3d(x, y, z); }
inline float norm4df(float x, float y, float z, float w) { return (float)norm4d(x, y, z, w); }
inline double norm(int n, const double *x) {
    double sum = 0;
    for (int k = 0; k < n; k++) sum = hypot(sum, x[k]);
    return sum;
}
inline float normf(int n, const float *x) {
    double sum = 0;
    for (int k = 0; k < n; k++) sum = hypot(sum, (double)x[k]);
    return (float)sum;
}
inline double rnorm(int n, const double *x) { return 1 / norm(n, x); }
inline float rnormf(int n, const float *x) { return 1 / normf(n, x); }
inline double rhypot(double x, double y) { return 1 / hypot(x, y); }
inline float rhypotf(float x, float y) { return (float)rhypot(x, y); }
inline double rnorm3d(double x, double y, double z) { return 1 / norm3d(x, y, z); }
inline float rnorm3df(float x, float y, float z) { return (float)rnorm3d(x, y, z); }

// ---------------------------------------------------------------------------------------------- constants
// Of math_constants.h.
#define CUDART_INF_F __builtin_inff()
#define CUDART_INF __builtin_inf()
#define CUDART_NAN_F __builtin_nanf("")
#define CUDART_NAN __builtin_nan("")
#define CUDART_MAX_NORMAL_F 0x1.fffffep127f
#define CUDART_MIN_DENORM_F 0x1p-149f
#define CUDART_ZERO_F 0.0f
#define CUDART_NEG_ZERO_F (-0.0f)
#define CUDART_ONE_F 1.0f
#define CUDART_PI 3.14159265358979324
#define CUDART_PIO2 1.57079632679489662
#define CUDART_PIO4 0.78539816339744831
#define CUDART_3PIO4 2.35619449019234493
#define CUDART_2_OVER_PI 0.63661977236758134
#define CUDART_SQRT_2PI 2.50662827463100050
#define CUDART_SQRT_PIO2 1.25331413731550025
#define CUDART_SQRT_2OPI 0.79788456080286536
#define CUDART_L2E 1.44269504088896341
#define CUDART_L2T 3.32192809488736235
#define CUDART_LG2 0.30102999566398120
#define CUDART_LGE 0.43429448190325183
#define CUDART_LN2 0.69314718055994531
#define CUDART_LNT 2.30258509299404568
#define CUDART_LNPI 1.14472988584940017
#define CUDART_SQRT_TWO 1.41421356237309505
#define CUDART_SQRT_HALF 0.70710678118654752
#define CUDART_THIRD (1.0 / 3)
#define CUDART_TWOTHIRD (2.0 / 3)
#define CUDART_ZERO 0.0
#define CUDART_NEG_ZERO (-0.0)
#define CUDART_ONE 1.0
#define CUDART_MIN_DENORM 0x1p-1074
#define CUDART_TWO_TO_23 0x1p23
#define CUDART_TWO_TO_52 0x1p52
#define CUDART_TWO_TO_53 0x1p53
#define CUDART_PI_F ((float)CUDART_PI)
#define CUDART_PIO2_F ((float)CUDART_PIO2)
#define CUDART_PIO4_F ((float)CUDART_PIO4)
#define CUDART_3PIO4_F ((float)CUDART_3PIO4)
#define CUDART_2_OVER_PI_F ((float)CUDART_2_OVER_PI)
#define CUDART_L2E_F ((float)CUDART_L2E)
#define CUDART_L2T_F ((float)CUDART_L2T)
#define CUDART_LG2_F ((float)CUDART_LG2)
#define CUDART_LGE_F ((float)CUDART_LGE)
#define CUDART_LN2_F ((float)CUDART_LN2)
#define CUDART_LNT_F ((float)CUDART_LNT)
#define CUDART_LNPI_F ((float)CUDART_LNPI)
#define CUDART_SQRT_TWO_F ((float)CUDART_SQRT_TWO)
#define CUDART_SQRT_HALF_F ((float)CUDART_SQRT_HALF)
#define CUDART_THIRD_F ((float)CUDART_THIRD)
#define CUDART_SQRT_2_OVER_PI_F ((float)CUDART_SQRT_2OPI)
#define CUDART_TWO_TO_23_F 0x1p23f
#define CUDART_TWO_TO_24_F 0x1p24f
#define CUDART_TWO_TO_31_F 0x1p31f
#define CUDART_TWO_TO_32_F 0x1p32f
