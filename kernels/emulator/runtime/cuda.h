// The words of CUDA C++ for a CPU compiler; included before every .cu. Only what needs no GPU to be exact.
#pragma once
#include <float.h>
#include <limits.h>
#include <math.h>

#include "runtime.h"

// Of C's library what a GPU has as well.
extern "C" {
int printf(const char *format, ...);
int abs(int x);
long labs(long x);
long long llabs(long long x);
void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
}

#define __global__ __attribute__((noinline))
#define __device__
#define __host__
#define __constant__ static
#define __managed__
#define __forceinline__ inline
#define __noinline__ __attribute__((noinline))
#define __align__(n) alignas(n)
#define __launch_bounds__(...)
// A constexpr function without __device__: computed by the compiler, or not at all. Not with the option of nvcc's that
// Emulator takes as well.
#ifndef EMU_OF_HOST
#define EMU_OF_HOST __attribute__((noinline, error("EMU_OF_HOST")))
#endif
// Also where only its size is left of it.
#define EMU_SHARED static __attribute__((used))
// Helpers of this header that touch the kernel's memory report the access themselves.
#define EMU_UNSEEN __attribute__((no_sanitize_thread, noinline))

// Steps and paths are those of the kernel, not of this header.
#if defined(__clang__)
#define EMU_QUIET __attribute__((no_sanitize("coverage"))) inline
#else
#define EMU_QUIET __attribute__((no_sanitize_coverage)) inline
#endif

#define assert(condition)                                                                                    \
    ((condition) ? (void)0 : emu_assertion("assert(" #condition ")", __builtin_FILE(), __builtin_LINE()))
#define __trap() emu_assertion("__trap()", __builtin_FILE(), __builtin_LINE())

static const int warpSize = 32;

// ---------------------------------------------------------------------------------------------- vectors
// A copy of a vector is one access. Compilers do not report all of them, so in mode "check" vectors do it.
#ifdef EMU_CHECK
#define EMU_COPIES(name)                                                                                     \
    name() = default;                                                                                        \
    EMU_UNSEEN name(const name &other) {                                                                     \
        emu_access(&other, sizeof other, EMU_READ, __builtin_return_address(0));                             \
        __builtin_memcpy((void *)this, (const void *)&other, sizeof other);                                  \
    }                                                                                                        \
    EMU_UNSEEN name &operator=(const name &other) {                                                          \
        emu_access(&other, sizeof other, EMU_READ, __builtin_return_address(0));                             \
        emu_access(this, sizeof other, EMU_WRITE, __builtin_return_address(0));                              \
        __builtin_memcpy((void *)this, (const void *)&other, sizeof other);                                  \
        return *this;                                                                                        \
    }
#else
#define EMU_COPIES(name) name() = default;
#endif
#define EMU_VECTOR2(type, name)                                                                              \
    struct alignas(2 * sizeof(type)) name {                                                                  \
        type x, y;                                                                                           \
        EMU_COPIES(name)                                                                                     \
        constexpr name(type x, type y = 0) : x(x), y(y) {}                                                   \
    };                                                                                                       \
    inline name make_##name(type x, type y) { return name(x, y); }
#define EMU_VECTOR4(type, name)                                                                              \
    struct alignas(4 * sizeof(type) < 16 ? 4 * sizeof(type) : 16) name {                                     \
        type x, y, z, w;                                                                                     \
        EMU_COPIES(name)                                                                                     \
        constexpr name(type x, type y = 0, type z = 0, type w = 0) : x(x), y(y), z(z), w(w) {}               \
    };                                                                                                       \
    inline name make_##name(type x, type y, type z, type w) { return name(x, y, z, w); }
#define EMU_VECTOR3(type, name)                                                                              \
    struct name {                                                                                            \
        type x, y, z;                                                                                        \
        EMU_COPIES(name)                                                                                     \
        constexpr name(type x, type y = 0, type z = 0) : x(x), y(y), z(z) {}                                 \
    };                                                                                                       \
    inline name make_##name(type x, type y, type z) { return name(x, y, z); }
#define EMU_VECTOR1(type, name)                                                                              \
    struct name {                                                                                            \
        type x;                                                                                              \
    };                                                                                                       \
    inline name make_##name(type x) { return {x}; }
#define EMU_VECTORS(type, name)                                                                              \
    EMU_VECTOR1(type, name##1) EMU_VECTOR2(type, name##2) EMU_VECTOR3(type, name##3) EMU_VECTOR4(type, name##4)
EMU_VECTORS(char, char) EMU_VECTORS(unsigned char, uchar) EMU_VECTORS(short, short)
EMU_VECTORS(unsigned short, ushort) EMU_VECTORS(int, int) EMU_VECTORS(long, long)
EMU_VECTORS(unsigned long, ulong) EMU_VECTORS(long long, longlong) EMU_VECTORS(unsigned long long, ulonglong)
EMU_VECTORS(float, float) EMU_VECTORS(double, double)
EMU_VECTOR1(unsigned, uint1) EMU_VECTOR2(unsigned, uint2) EMU_VECTOR4(unsigned, uint4)
inline uint3 make_uint3(unsigned x, unsigned y, unsigned z) { return {x, y, z}; }

// ---------------------------------------------------------------------------------------------- numbers
// C has one name for each type, CUDA one name for all: exp(float) is expf.
#define EMU_UNARY(name) inline float name(float x) { return name##f(x); }
EMU_UNARY(exp) EMU_UNARY(exp2) EMU_UNARY(expm1) EMU_UNARY(log) EMU_UNARY(log2) EMU_UNARY(log10)
EMU_UNARY(log1p) EMU_UNARY(sqrt) EMU_UNARY(cbrt) EMU_UNARY(sin) EMU_UNARY(cos) EMU_UNARY(tan) EMU_UNARY(tanh)
EMU_UNARY(sinh) EMU_UNARY(cosh) EMU_UNARY(asin) EMU_UNARY(acos) EMU_UNARY(atan) EMU_UNARY(erf) EMU_UNARY(erfc)
EMU_UNARY(floor) EMU_UNARY(ceil) EMU_UNARY(round) EMU_UNARY(rint) EMU_UNARY(trunc) EMU_UNARY(fabs)
#define EMU_BINARY(name) inline float name(float x, float y) { return name##f(x, y); }
EMU_BINARY(pow) EMU_BINARY(fmod) EMU_BINARY(atan2) EMU_BINARY(fmax) EMU_BINARY(fmin) EMU_BINARY(copysign)
EMU_BINARY(hypot)
inline float fma(float x, float y, float z) { return fmaf(x, y, z); }
inline float abs(float x) { return fabsf(x); }
inline double abs(double x) { return fabs(x); }
inline long long abs(long long x) { return llabs(x); }
inline float rsqrtf(float x) { return 1 / sqrtf(x); }
inline double rsqrt(double x) { return 1 / sqrt(x); }
inline float rsqrt(float x) { return rsqrtf(x); }

#undef isnan
#undef isinf
#undef isfinite
template <class T> inline bool isnan(T x) { return __builtin_isnan((double)x); }
template <class T> inline bool isinf(T x) { return __builtin_isinf((double)x); }
template <class T> inline bool isfinite(T x) { return __builtin_isfinite((double)x); }
// Of <cmath> and <cstddef>.
namespace std {
using ::abs, ::acos, ::asin, ::atan, ::atan2, ::cbrt, ::ceil, ::copysign, ::cos, ::cosh, ::erf, ::erfc, ::exp;
using ::exp2, ::expm1, ::fabs, ::floor, ::fma, ::fmax, ::fmin, ::fmod, ::hypot, ::isfinite, ::isinf, ::isnan;
using ::acosf, ::asinf, ::atan2f, ::atanf, ::ceilf, ::cosf, ::exp2f, ::expf, ::fabsf, ::floorf, ::fmaf, ::fmaxf;
using ::fminf, ::fmodf, ::log10f, ::log2f, ::logf, ::powf, ::roundf, ::sinf, ::sqrtf, ::tanf, ::tanhf, ::truncf;
using ::log, ::log10, ::log1p, ::log2, ::pow, ::rint, ::round, ::sin, ::sinh, ::sqrt, ::tan, ::tanh, ::trunc;
using ::int16_t, ::int32_t, ::int64_t, ::int8_t, ::size_t, ::uint16_t, ::uint32_t, ::uint64_t, ::uint8_t;
}  // namespace std
#include "standard.h"

#define EMU_MIN_MAX(type)                                                                                    \
    inline type min(type a, type b) { return b < a ? b : a; }                                                \
    inline type max(type a, type b) { return a < b ? b : a; }
EMU_MIN_MAX(int) EMU_MIN_MAX(unsigned) EMU_MIN_MAX(long) EMU_MIN_MAX(unsigned long)
EMU_MIN_MAX(long long) EMU_MIN_MAX(unsigned long long)
#define EMU_MIXED(type, small)                                                                               \
    inline type min(type a, small b) { return min(a, (type)b); }                                             \
    inline type min(small a, type b) { return min((type)a, b); }                                             \
    inline type max(type a, small b) { return max(a, (type)b); }                                             \
    inline type max(small a, type b) { return max((type)a, b); }
EMU_MIXED(unsigned, int) EMU_MIXED(unsigned long, long) EMU_MIXED(unsigned long long, long long)
inline float min(float a, float b) { return fminf(a, b); }
inline float max(float a, float b) { return fmaxf(a, b); }
inline double min(double a, double b) { return fmin(a, b); }
inline double max(double a, double b) { return fmax(a, b); }
EMU_MIXED(double, float)

// The fast intrinsics give the exact function here: a GPU's are off by a few units in the last place.
inline float __expf(float x) { return expf(x); }
inline float __exp10f(float x) { return powf(10, x); }
inline float __logf(float x) { return logf(x); }
inline float __log2f(float x) { return log2f(x); }
inline float __sinf(float x) { return sinf(x); }
inline float __cosf(float x) { return cosf(x); }
inline float __tanf(float x) { return tanf(x); }
inline float __log10f(float x) { return log10f(x); }
inline void __sincosf(float x, float *s, float *c) { *s = sinf(x), *c = cosf(x); }
inline float __powf(float x, float y) { return powf(x, y); }
inline float __fdividef(float x, float y) { return x / y; }
inline float __saturatef(float x) { return x > 0 ? (x < 1 ? x : 1) : 0; }

template <class T> struct emu_same { typedef T type; };
template <class T> using emu_value = typename emu_same<T>::type;
template <class To, class From> inline To emu_bits(From from) {
    static_assert(sizeof(To) == sizeof(From), "the same bits");
    To to;
    memcpy((void *)&to, (const void *)&from, sizeof to);
    return to;
}
inline int __float_as_int(float x) { return emu_bits<int>(x); }
inline unsigned __float_as_uint(float x) { return emu_bits<unsigned>(x); }
inline float __int_as_float(int x) { return emu_bits<float>(x); }
inline float __uint_as_float(unsigned x) { return emu_bits<float>(x); }
inline long long __double_as_longlong(double x) { return emu_bits<long long>(x); }
inline double __longlong_as_double(long long x) { return emu_bits<double>(x); }

#include "words.h"

// Loads and stores that say how to use the caches.
#define EMU_LOAD(name)                                                                                       \
    template <class T> EMU_UNSEEN T name(const T *p) {                                                       \
        emu_access(p, sizeof(T), EMU_READ, __builtin_return_address(0));                                     \
        T value;                                                                                             \
        memcpy((void *)&value, (const void *)p, sizeof value);                                               \
        return value;                                                                                        \
    }
#define EMU_STORE(name)                                                                                      \
    template <class T> EMU_UNSEEN void name(T *p, emu_value<T> value) {                                      \
        emu_access(p, sizeof(T), EMU_WRITE, __builtin_return_address(0));                                    \
        memcpy((void *)p, (const void *)&value, sizeof value);                                               \
    }
EMU_LOAD(__ldg) EMU_LOAD(__ldcs) EMU_LOAD(__ldcg) EMU_LOAD(__ldca) EMU_LOAD(__ldcv) EMU_LOAD(__ldlu)
EMU_STORE(__stcs) EMU_STORE(__stcg) EMU_STORE(__stwt) EMU_STORE(__stwb)
#ifndef __clang__
#define __builtin_assume(condition) ((void)0)
#endif
inline unsigned __isGlobal(const void *p) { return emu_space(p) == EMU_GLOBAL; }
inline unsigned __isShared(const void *p) { return emu_space(p) == EMU_OF_BLOCK; }

// ---------------------------------------------------------------------------------------------- waiting
EMU_QUIET void __syncthreads(EMU_HERE) { emu_barrier(0, file, line, EMU_AT); }
EMU_QUIET int __syncthreads_count(int p, EMU_HERE) { return emu_barrier(p, file, line, EMU_AT); }
EMU_QUIET int __syncthreads_or(int p, EMU_HERE) { return emu_barrier(p, file, line, EMU_AT) != 0; }
EMU_QUIET int __syncthreads_and(int p, EMU_HERE) { return emu_barrier(!p, file, line, EMU_AT) == 0; }
EMU_QUIET void __threadfence() { emu_fence(0); }
EMU_QUIET void __threadfence_block() { emu_fence(1); }
EMU_QUIET void __threadfence_system() { emu_fence(0); }

EMU_QUIET void __syncwarp(unsigned mask = ~0u, EMU_HERE) {
    emu_vote("__syncwarp", mask, 0, 1, file, line, EMU_AT);
}
EMU_QUIET unsigned __ballot_sync(unsigned mask, int p, EMU_HERE) {
    return emu_vote("__ballot_sync", mask, p, 0, file, line, EMU_AT);
}
EMU_QUIET int __any_sync(unsigned mask, int p, EMU_HERE) {
    return emu_vote("__any_sync", mask, p, 0, file, line, EMU_AT) != 0;
}
EMU_QUIET int __all_sync(unsigned mask, int p, EMU_HERE) {
    return emu_vote("__all_sync", mask, !p, 0, file, line, EMU_AT) == 0;
}

template <class T> EMU_QUIET T emu_from(const char *name, unsigned mask, T value, int source, const char *file,
                                        int line, const void *at) {
    static_assert(sizeof(T) <= 8, "shuffles move up to 8 bytes");
    uint64_t posted = 0;
    memcpy(&posted, &value, sizeof value);
    posted = emu_exchange(name, mask, posted, source, file, line, at);
    memcpy(&value, &posted, sizeof value);
    return value;
}
// A segment is `width` neighbouring lanes; a source outside of it is the lane itself, as on the card.
template <class T> EMU_QUIET T __shfl_sync(unsigned mask, T v, int source, int width = 32, EMU_HERE) {
    int lane = emu_thread % 32, first = lane & ~(width - 1);
    return emu_from("__shfl_sync", mask, v, first | (source & (width - 1)), file, line, EMU_AT);
}
template <class T> EMU_QUIET T __shfl_up_sync(unsigned mask, T v, unsigned delta, int width = 32, EMU_HERE) {
    int lane = emu_thread % 32, first = lane & ~(width - 1), source = lane - (int)delta;
    return emu_from("__shfl_up_sync", mask, v, source < first ? lane : source, file, line, EMU_AT);
}
template <class T> EMU_QUIET T __shfl_down_sync(unsigned mask, T v, unsigned delta, int width = 32, EMU_HERE) {
    int lane = emu_thread % 32, first = lane & ~(width - 1), source = lane + (int)delta;
    return emu_from("__shfl_down_sync", mask, v, source >= first + width ? lane : source, file, line, EMU_AT);
}
template <class T> EMU_QUIET T __shfl_xor_sync(unsigned mask, T v, int change, int width = 32, EMU_HERE) {
    int lane = emu_thread % 32, first = lane & ~(width - 1), source = lane ^ change;
    return emu_from("__shfl_xor_sync", mask, v, source >= first + width ? lane : source, file, line, EMU_AT);
}

// Of cards since sm_70: which lanes have the same value; since sm_80: a sum and the like of whole numbers.
template <class T> EMU_QUIET unsigned emu_match(const char *name, unsigned mask, T v, unsigned *came, const char *file,
                                                int line, const void *at) {
    static_assert(sizeof(T) == 4 || sizeof(T) == 8, "lanes are compared by 4 or 8 bytes");
    uint64_t posted = 0, all[32];
    memcpy(&posted, &v, sizeof v);
    *came = emu_gather(name, mask, posted, all, file, line, at);
    unsigned same = 0;
    for (unsigned lane = 0; lane < 32; lane++) same |= (unsigned)(*came >> lane & 1 && all[lane] == posted) << lane;
    return same;
}
template <class T> EMU_QUIET unsigned __match_any_sync(unsigned mask, T v, EMU_HERE) {
    unsigned came;
    return emu_match("__match_any_sync", mask, v, &came, file, line, EMU_AT);
}
template <class T> EMU_QUIET unsigned __match_all_sync(unsigned mask, T v, int *all_have_it, EMU_HERE) {
    unsigned came, same = emu_match("__match_all_sync", mask, v, &came, file, line, EMU_AT);
    *all_have_it = same == came;
    return same == came ? same : 0;
}
template <class T, class F>
EMU_QUIET T emu_reduce(const char *name, unsigned mask, T v, F formula, const char *file, int line, const void *at) {
    uint64_t all[32];
    unsigned came = emu_gather(name, mask, (unsigned)v, all, file, line, at), lane = __builtin_ctz(came);
    T result = (T)all[lane];
    while (came &= came - 1) lane = __builtin_ctz(came), result = formula(result, (T)all[lane]);
    return result;
}
#define EMU_REDUCE(type, name, formula)                                                                      \
    EMU_QUIET type name(unsigned mask, type v, EMU_HERE) {                                                   \
        return emu_reduce(#name, mask, v, [](type a, type b) -> type { return formula; }, file, line, EMU_AT); \
    }
EMU_REDUCE(unsigned, __reduce_add_sync, a + b) EMU_REDUCE(int, __reduce_add_sync, (int)((unsigned)a + b))
EMU_REDUCE(unsigned, __reduce_min_sync, min(a, b)) EMU_REDUCE(int, __reduce_min_sync, min(a, b))
EMU_REDUCE(unsigned, __reduce_max_sync, max(a, b)) EMU_REDUCE(int, __reduce_max_sync, max(a, b))
EMU_REDUCE(unsigned, __reduce_and_sync, a & b) EMU_REDUCE(unsigned, __reduce_or_sync, a | b)
EMU_REDUCE(unsigned, __reduce_xor_sync, a ^ b)
#undef EMU_REDUCE

#include "groups.h"

// ---------------------------------------------------------------------------------------------- atomics
// Threads switch at waits only, so a plain read and write is indivisible here.
#define EMU_ATOMIC(name, formula)                                                                            \
    template <class T> EMU_UNSEEN T name(T *p, emu_value<T> v) {                                             \
        emu_access(p, sizeof(T), EMU_ATOMIC, __builtin_return_address(0));                                   \
        T old;                                                                                               \
        memcpy((void *)&old, (const void *)p, sizeof old);                                                   \
        const T changed = formula;                                                                           \
        memcpy((void *)p, (const void *)&changed, sizeof old);                                               \
        emu_changed();                                                                                       \
        return old;                                                                                          \
    }
EMU_ATOMIC(atomicAdd, old + v)
EMU_ATOMIC(atomicSub, old - v)
EMU_ATOMIC(atomicMin, v < old ? v : old)
EMU_ATOMIC(atomicMax, old < v ? v : old)
EMU_ATOMIC(atomicExch, v)
EMU_ATOMIC(atomicAnd, old & v)
EMU_ATOMIC(atomicOr, old | v)
EMU_ATOMIC(atomicXor, old ^ v)
EMU_ATOMIC(atomicInc, old >= v ? 0 : old + 1)
EMU_ATOMIC(atomicDec, old == 0 || old > v ? v : old - 1)
#undef EMU_ATOMIC
// Of cards since sm_90: each element by itself.
#define EMU_ATOMIC_VECTOR(type, n)                                                                           \
    EMU_UNSEEN inline type atomicAdd(type *p, type v, EMU_HERE) {                                            \
        if (emu_space(p) == EMU_OF_BLOCK)                                                                    \
            emu_assertion("atomicAdd of a " #type " in shared memory, where cards add single numbers only", file, line); \
        emu_access(p, sizeof(type), EMU_ATOMIC, __builtin_return_address(0));                                \
        type old;                                                                                            \
        memcpy((void *)&old, (const void *)p, sizeof old);                                                   \
        for (int k = 0; k < n; k++) ((float *)p)[k] += ((const float *)&v)[k];                               \
        emu_changed();                                                                                       \
        return old;                                                                                          \
    }
EMU_ATOMIC_VECTOR(float2, 2) EMU_ATOMIC_VECTOR(float4, 4)
#undef EMU_ATOMIC_VECTOR
template <class T> EMU_UNSEEN T atomicCAS(T *p, emu_value<T> expected, emu_value<T> v) {
    emu_tests(p, sizeof(T));
    emu_access(p, sizeof(T), EMU_ATOMIC, __builtin_return_address(0));
    T old = *p;
    if (old == expected) *p = v, emu_changed();
    return old;
}

// ---------------------------------------------------------------------------------------------- launching
// What a kernel takes, one code a parameter: f4, i8, u1, … and a star for a pointer, two for a table of pointers;
// ? for a structure.
// The compiler resolves typedefs and macros, so nothing has to be parsed.
template <class T, bool = __is_enum(T)> struct emu_code { static constexpr const char *text = "?"; };
template <class T> struct emu_code<T, true> : emu_code<__underlying_type(T)> {};
template <class T> struct emu_code<T *, false> { static constexpr const char *text = "?*"; };
template <class T> struct emu_code<T **, false> { static constexpr const char *text = "?**"; };
template <class T> struct emu_code<T *const *, false> { static constexpr const char *text = "?**"; };
#define EMU_POINTED(type, code)                                                                              \
    template <> struct emu_code<type *> { static constexpr const char *text = code "*"; };                   \
    template <> struct emu_code<const type *> { static constexpr const char *text = code "*"; };             \
    template <> struct emu_code<type **> { static constexpr const char *text = code "**"; };                 \
    template <> struct emu_code<const type **> { static constexpr const char *text = code "**"; };           \
    template <> struct emu_code<type *const *> { static constexpr const char *text = code "**"; };           \
    template <> struct emu_code<const type *const *> { static constexpr const char *text = code "**"; };
#define EMU_CODE(type, code)                                                                                 \
    template <> struct emu_code<type> { static constexpr const char *text = code; };                        \
    EMU_POINTED(type, code)
EMU_CODE(float, "f4") EMU_CODE(double, "f8") EMU_CODE(bool, "b1") EMU_CODE(char, "i1")
EMU_CODE(signed char, "i1") EMU_CODE(unsigned char, "u1") EMU_CODE(short, "i2") EMU_CODE(unsigned short, "u2")
EMU_CODE(int, "i4") EMU_CODE(unsigned, "u4") EMU_CODE(long, "i8") EMU_CODE(unsigned long, "u8")
EMU_CODE(long long, "i8") EMU_CODE(unsigned long long, "u8")
EMU_POINTED(float2, "f4") EMU_POINTED(float4, "f4") EMU_POINTED(double2, "f8") EMU_POINTED(int2, "i4")
EMU_POINTED(int4, "i4")

template <int... I> struct emu_indices {};
template <int N, int... I> struct emu_count : emu_count<N - 1, N - 1, I...> {};
template <int... I> struct emu_count<0, I...> { typedef emu_indices<I...> type; };

extern "C" void emu_left();  // where gdb is told that a thread has ended; see gdb.txt
template <class... A, int... I>
__attribute__((no_sanitize_thread)) void emu_apply(void (*kernel)(A...), void **arguments, emu_indices<I...>) {
    kernel(*(A *)arguments[I]...), emu_left();
}
template <class... A> void emu_call(void (*kernel)(A...), void **arguments) {
    emu_apply(kernel, arguments, typename emu_count<sizeof...(A)>::type());
}
template <class Kernel> struct emu_signature;
template <class... A> struct emu_signature<void(A...)> {
    static constexpr const char *codes[] = {emu_code<A>::text..., nullptr};
};
// What each kernel of the file gets behind it; see front/source.py.
#define EMU_ENTRY extern "C" __attribute__((visibility("default")))

#ifdef EMU_CHECK  // the compilers do not report what these touch
#define memcpy __tsan_memcpy
#define memmove __tsan_memmove
#define memset __tsan_memset
#endif
