// The functions of one 16-bit type: EMU_T, its pair EMU_T2, and EMU_NAME(a, b), a name with "half" or "bfloat16"
// between a and b. Included once for each type.

// ---------------------------------------------------------------------------------------------- from and to
#define EMU_FROM(type, name, value)                                                                          \
    inline EMU_T EMU_NAME(name##2, _rn)(type x) { return EMU_T::rounded(value); }                            \
    inline EMU_T EMU_NAME(name##2, _rz)(type x) { return EMU_T::rounded(value, EMU_TO_ZERO); }               \
    inline EMU_T EMU_NAME(name##2, _rd)(type x) { return EMU_T::rounded(value, EMU_DOWN); }                  \
    inline EMU_T EMU_NAME(name##2, _ru)(type x) { return EMU_T::rounded(value, EMU_UP); }
#define EMU_TO(type, name)                                                                                   \
    inline type EMU_NAME(__, name##_rn)(EMU_T x) { return emu_whole<type>(rintf((float)x)); }                \
    inline type EMU_NAME(__, name##_rz)(EMU_T x) { return emu_whole<type>(truncf((float)x)); }               \
    inline type EMU_NAME(__, name##_rd)(EMU_T x) { return emu_whole<type>(floorf((float)x)); }               \
    inline type EMU_NAME(__, name##_ru)(EMU_T x) { return emu_whole<type>(ceilf((float)x)); }
EMU_FROM(float, __float, x) EMU_FROM(short, __short, x) EMU_FROM(unsigned short, __ushort, x)
EMU_FROM(int, __int, x) EMU_FROM(unsigned, __uint, x) EMU_FROM(long long, __ll, emu_sticky(x))
EMU_FROM(unsigned long long, __ull, emu_sticky(x))
EMU_TO(short, 2short) EMU_TO(unsigned short, 2ushort) EMU_TO(int, 2int) EMU_TO(unsigned, 2uint)
EMU_TO(long long, 2ll) EMU_TO(unsigned long long, 2ull)
#undef EMU_FROM
#undef EMU_TO
inline EMU_T EMU_NAME(__float2, )(float x) { return EMU_T::rounded(x); }
inline EMU_T EMU_NAME(__double2, )(double x) { return EMU_T::rounded(x); }
inline float EMU_NAME(__, 2float)(EMU_T x) { return (float)x; }
inline EMU_T EMU_NAME(__short_as_, )(short x) { return EMU_T::of(x); }
inline EMU_T EMU_NAME(__ushort_as_, )(unsigned short x) { return EMU_T::of(x); }
inline short EMU_NAME(__, _as_short)(EMU_T x) { return (short)x.bits; }
inline unsigned short EMU_NAME(__, _as_ushort)(EMU_T x) { return x.bits; }

inline EMU_T2 EMU_NAME(make_, 2)(EMU_T x, EMU_T y) { return {x, y}; }
inline EMU_T2 EMU_NAME(__halves2, 2)(EMU_T x, EMU_T y) { return {x, y}; }
inline EMU_T2 EMU_NAME(__floats2, 2_rn)(float x, float y) { return {EMU_T(x), EMU_T(y)}; }
inline EMU_T2 EMU_NAME(__float22, 2_rn)(float2 v) { return {EMU_T(v.x), EMU_T(v.y)}; }
inline EMU_T2 EMU_NAME(__float2, 2_rn)(float x) { return {EMU_T(x), EMU_T(x)}; }
inline float2 EMU_NAME(__, 22float2)(EMU_T2 v) { return float2((float)v.x, (float)v.y); }
inline float __low2float(EMU_T2 v) { return (float)v.x; }
inline float __high2float(EMU_T2 v) { return (float)v.y; }
inline EMU_T EMU_NAME(__low2, )(EMU_T2 v) { return v.x; }
inline EMU_T EMU_NAME(__high2, )(EMU_T2 v) { return v.y; }
inline EMU_T2 EMU_NAME(__low2, 2)(EMU_T2 v) { return {v.x, v.x}; }
inline EMU_T2 EMU_NAME(__high2, 2)(EMU_T2 v) { return {v.y, v.y}; }
inline EMU_T2 EMU_NAME(__lows2, 2)(EMU_T2 v, EMU_T2 w) { return {v.x, w.x}; }
inline EMU_T2 EMU_NAME(__highs2, 2)(EMU_T2 v, EMU_T2 w) { return {v.y, w.y}; }
inline EMU_T2 __lowhigh2highlow(EMU_T2 v) { return {v.y, v.x}; }

// ---------------------------------------------------------------------------------------------- numbers
// Each one for a number, and for both of a pair.
#define EMU_EACH(name, name2, formula)                                                                      \
    inline EMU_T name(EMU_T a) { return formula; }                                                           \
    inline EMU_T2 name2(EMU_T2 v) { return {name(v.x), name(v.y)}; }
#define EMU_EACH2(name, name2, formula)                                                                     \
    inline EMU_T name(EMU_T a, EMU_T b) { return formula; }                                                  \
    inline EMU_T2 name2(EMU_T2 v, EMU_T2 w) { return {name(v.x, w.x), name(v.y, w.y)}; }
#define EMU_COMPARES(name, name2, all, operation)                                                            \
    inline bool name(EMU_T a, EMU_T b) { return a operation b; }                                             \
    inline EMU_T2 name2(EMU_T2 v, EMU_T2 w) { return {EMU_T(name(v.x, w.x)), EMU_T(name(v.y, w.y))}; }       \
    inline bool all(EMU_T2 v, EMU_T2 w) { return name(v.x, w.x) && name(v.y, w.y); }
EMU_EACH2(__hadd, __hadd2, a + b) EMU_EACH2(__hadd_rn, __hadd2_rn, a + b)
EMU_EACH2(__hsub, __hsub2, a - b) EMU_EACH2(__hsub_rn, __hsub2_rn, a - b)
EMU_EACH2(__hmul, __hmul2, a * b) EMU_EACH2(__hmul_rn, __hmul2_rn, a * b)
EMU_EACH2(__hdiv, __h2div, a / b)
EMU_EACH2(__hadd_sat, __hadd2_sat, __saturatef((float)(a + b)))
EMU_EACH2(__hsub_sat, __hsub2_sat, __saturatef((float)(a - b)))
EMU_EACH2(__hmul_sat, __hmul2_sat, __saturatef((float)(a * b)))
EMU_EACH2(__hmax, __hmax2, fmaxf((float)a, (float)b))
EMU_EACH2(__hmin, __hmin2, fminf((float)a, (float)b))
EMU_EACH2(__hmax_nan, __hmax2_nan, isnan((float)a) || isnan((float)b) ? EMU_T::of(0x7fff) : __hmax(a, b))
EMU_EACH2(__hmin_nan, __hmin2_nan, isnan((float)a) || isnan((float)b) ? EMU_T::of(0x7fff) : __hmin(a, b))
EMU_EACH(__hneg, __hneg2, -a) EMU_EACH(__habs, __habs2, fabsf((float)a))
inline EMU_T __hfma(EMU_T a, EMU_T b, EMU_T c) { return emu_fused(a, b, c); }
inline EMU_T __hfma_sat(EMU_T a, EMU_T b, EMU_T c) { return __saturatef((float)emu_fused(a, b, c)); }
inline EMU_T __hfma_relu(EMU_T a, EMU_T b, EMU_T c) { return __hmax_nan(emu_fused(a, b, c), EMU_T(0)); }
inline EMU_T2 __hfma2(EMU_T2 u, EMU_T2 v, EMU_T2 w) { return {__hfma(u.x, v.x, w.x), __hfma(u.y, v.y, w.y)}; }
EMU_COMPARES(__heq, __heq2, __hbeq2, ==) EMU_COMPARES(__hne, __hne2, __hbne2, !=)
EMU_COMPARES(__hlt, __hlt2, __hblt2, <) EMU_COMPARES(__hgt, __hgt2, __hbgt2, >)
EMU_COMPARES(__hle, __hle2, __hble2, <=) EMU_COMPARES(__hge, __hge2, __hbge2, >=)
inline bool __hisnan(EMU_T a) { return isnan((float)a); }
inline int __hisinf(EMU_T a) { return isinf((float)a) ? a > EMU_T(0) ? 1 : -1 : 0; }

// The exact functions, rounded: a card's may be off by one in the last place.
EMU_EACH(hceil, h2ceil, ceilf((float)a)) EMU_EACH(hfloor, h2floor, floorf((float)a))
EMU_EACH(htrunc, h2trunc, truncf((float)a)) EMU_EACH(hrint, h2rint, rintf((float)a))
EMU_EACH(hsqrt, h2sqrt, sqrtf((float)a)) EMU_EACH(hrsqrt, h2rsqrt, 1 / sqrt((double)(float)a))
EMU_EACH(hrcp, h2rcp, 1 / (float)a) EMU_EACH(hexp, h2exp, exp((double)(float)a))
EMU_EACH(hexp2, h2exp2, exp2((double)(float)a)) EMU_EACH(hexp10, h2exp10, pow(10.0, (double)(float)a))
EMU_EACH(hlog, h2log, log((double)(float)a)) EMU_EACH(hlog2, h2log2, log2((double)(float)a))
EMU_EACH(hlog10, h2log10, log10((double)(float)a)) EMU_EACH(hsin, h2sin, sin((double)(float)a))
EMU_EACH(hcos, h2cos, cos((double)(float)a)) EMU_EACH(htanh, h2tanh, tanh((double)(float)a))
#undef EMU_EACH
#undef EMU_EACH2
#undef EMU_COMPARES
#undef EMU_T
#undef EMU_T2
#undef EMU_NAME
