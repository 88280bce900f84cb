// Floating-point numbers of 16 bits: half has 5 bits of exponent and 10 of fraction, bfloat16 has 8 and 7. Included
// by include/cuda_fp16.h and include/cuda_bf16.h, which have the functions.
//
// Sums, products and quotients are computed in double and then rounded: double has more than twice as many bits of
// fraction, so that both roundings give what a single one gives. NaN becomes 0x7fff, as on a card.
#pragma once

enum emu_ways { EMU_NEAREST, EMU_TO_ZERO, EMU_DOWN, EMU_UP };

// A whole number as a double whose last bit says whether anything was cut off: it then rounds as the number does.
template <class Whole> inline double emu_sticky(Whole x) {
    const bool fits = x < (Whole)1 << 52 && (x >= 0 || x > -((Whole)1 << 52));
    return fits ? (double)x : ldexp((double)(x >> 11 | (Whole)((x & 2047) != 0)), 11);
}

// What an element of an array is used for is said to be of the line that uses it, not of a function here: operands
// are copied there, and what changes or converts one in its place reports the access itself.
#define EMU_AS(type, formula)                                                                                \
    EMU_UNSEEN operator type() const {                                                                       \
        emu_access(this, sizeof *this, EMU_READ, __builtin_return_address(0));                               \
        return formula;                                                                                      \
    }
template <class T, class F> EMU_UNSEEN T &emu_change(T &a, const void *pc, F formula) {
    emu_access(&a, sizeof a, EMU_READ, pc);
    T value;
    __builtin_memcpy((void *)&value, (const void *)&a, sizeof a);
    value = formula(value);
    emu_access(&a, sizeof a, EMU_WRITE, pc);
    __builtin_memcpy((void *)&a, (const void *)&value, sizeof a);
    return a;
}
#define EMU_CHANGES(type)                                                                                    \
    EMU_CHANGE(type, +=, a + b) EMU_CHANGE(type, -=, a - b) EMU_CHANGE(type, *=, a * b) EMU_CHANGE(type, /=, a / b)
#define EMU_CHANGE(type, operation, formula)                                                                 \
    EMU_UNSEEN friend type &operator operation(type &x, type b) {                                            \
        return emu_change(x, __builtin_return_address(0), [b](type a) { return formula; });                  \
    }
#define EMU_STEP(operation, formula)                                                                         \
    EMU_UNSEEN friend emu_small &operator operation(emu_small &x) {                                          \
        return emu_change(x, __builtin_return_address(0), [](emu_small a) { return formula; });              \
    }                                                                                                        \
    EMU_UNSEEN friend emu_small operator operation(emu_small &x, int) {                                      \
        emu_small before;                                                                                    \
        emu_change(x, __builtin_return_address(0), [&before](emu_small a) {                                  \
            before = a;                                                                                      \
            return formula;                                                                                  \
        });                                                                                                  \
        return before;                                                                                       \
    }

template <int E, int M> struct emu_small {
    uint16_t bits;

    static emu_small of(int bits) {
        emu_small x;
        x.bits = (uint16_t)bits;
        return x;
    }
    static EMU_QUIET emu_small rounded(double x, emu_ways way = EMU_NEAREST) {
        const int bias = (1 << (E - 1)) - 1, infinity = ((1 << E) - 1) << M;
        if (isnan(x)) return of(0x7fff);
        const int sign = __builtin_signbit(x) ? 0x8000 : 0;
        if (x == 0 || isinf(x)) return of(sign | (x == 0 ? 0 : infinity));
        const bool up = way == (sign ? EMU_DOWN : EMU_UP), near = way == EMU_NEAREST;
        int exponent = 0;
        frexp(x, &exponent);
        exponent = max(exponent - 1, 1 - bias);  // the smallest numbers share the lowest one
        const double units = ldexp(fabs(x), M - exponent);
        // The highest bit of a number that is not one of those raises the exponent by 1.
        const int bits = ((exponent + bias - 1) << M) + (int)(near ? rint(units) : up ? ceil(units) : floor(units));
        return of(sign | min(bits, near || up ? infinity : infinity - 1));
    }

    EMU_COPIES(emu_small)
    emu_small(double x) : emu_small(rounded(x)) {}
    emu_small(float x) : emu_small(rounded(x)) {}
    emu_small(short x) : emu_small(rounded(x)) {}
    emu_small(unsigned short x) : emu_small(rounded(x)) {}
    emu_small(int x) : emu_small(rounded(x)) {}
    emu_small(unsigned x) : emu_small(rounded(x)) {}
    emu_small(long x) : emu_small(rounded(emu_sticky(x))) {}
    emu_small(unsigned long x) : emu_small(rounded(emu_sticky(x))) {}
    emu_small(long long x) : emu_small(rounded(emu_sticky(x))) {}
    emu_small(unsigned long long x) : emu_small(rounded(emu_sticky(x))) {}

    static EMU_QUIET float value(int bits) {
        const int bias = (1 << (E - 1)) - 1, exponent = bits >> M & ((1 << E) - 1), fraction = bits & ((1 << M) - 1);
        const float sign = bits & 0x8000 ? -1 : 1;
        if (exponent == (1 << E) - 1) return fraction ? __builtin_nanf("") : sign * __builtin_inff();
        if (exponent == 0) return sign * ldexpf((float)fraction, 1 - bias - M);
        return sign * ldexpf((float)(fraction + (1 << M)), exponent - bias - M);
    }
    EMU_AS(float, value(bits))
    EMU_AS(bool, value(bits) != 0)
    EMU_AS(char, emu_whole<signed char>(truncf(value(bits))))
    EMU_AS(signed char, emu_whole<signed char>(truncf(value(bits))))
    EMU_AS(unsigned char, emu_whole<unsigned char>(truncf(value(bits))))
    EMU_AS(short, emu_whole<short>(truncf(value(bits))))
    EMU_AS(unsigned short, emu_whole<unsigned short>(truncf(value(bits))))
    EMU_AS(int, emu_whole<int>(truncf(value(bits))))
    EMU_AS(unsigned, emu_whole<unsigned>(truncf(value(bits))))
    EMU_AS(long, emu_whole<long>(truncf(value(bits))))
    EMU_AS(unsigned long, emu_whole<unsigned long>(truncf(value(bits))))
    EMU_AS(long long, emu_whole<long long>(truncf(value(bits))))
    EMU_AS(unsigned long long, emu_whole<unsigned long long>(truncf(value(bits))))

    friend emu_small operator+(emu_small a, emu_small b) { return (double)a + (double)b; }
    friend emu_small operator-(emu_small a, emu_small b) { return (double)a - (double)b; }
    friend emu_small operator*(emu_small a, emu_small b) { return (double)a * (double)b; }
    friend emu_small operator/(emu_small a, emu_small b) { return (double)a / (double)b; }
    friend emu_small operator+(emu_small a) { return a; }
    friend emu_small operator-(emu_small a) { return isnan((float)a) ? a : of(a.bits ^ 0x8000); }
    EMU_CHANGES(emu_small)
    EMU_STEP(++, a + emu_small(1)) EMU_STEP(--, a - emu_small(1))
    friend bool operator==(emu_small a, emu_small b) { return (float)a == (float)b; }
    friend bool operator!=(emu_small a, emu_small b) { return (float)a != (float)b; }
    friend bool operator<(emu_small a, emu_small b) { return (float)a < (float)b; }
    friend bool operator>(emu_small a, emu_small b) { return (float)a > (float)b; }
    friend bool operator<=(emu_small a, emu_small b) { return (float)a <= (float)b; }
    friend bool operator>=(emu_small a, emu_small b) { return (float)a >= (float)b; }
};

// nvcc finds these ambiguous: there is one for float, one for double, one for each whole number.
#define EMU_NONE(name) template <int E, int M, class... More> void name(emu_small<E, M>, More...) = delete;
EMU_NONE(exp) EMU_NONE(exp2) EMU_NONE(log) EMU_NONE(log2) EMU_NONE(log10) EMU_NONE(sqrt) EMU_NONE(rsqrt)
EMU_NONE(sin) EMU_NONE(cos) EMU_NONE(tanh) EMU_NONE(pow) EMU_NONE(isnan) EMU_NONE(isinf)
namespace std {
using ::exp, ::log, ::sqrt, ::sin, ::cos, ::tanh, ::pow;
}

// a·b + c, rounded once. The product is exact in double; where the sum is not, its last bit is made to say so.
template <int E, int M> inline emu_small<E, M> emu_fused(emu_small<E, M> x, emu_small<E, M> y, emu_small<E, M> z) {
    const double product = (double)(float)x * (float)y, addend = (float)z;
    double sum = product + addend;
    const double most = sum - product, lost = (product - (sum - most)) + (addend - most);
    if (isfinite(sum) && lost != 0 && !(emu_bits<uint64_t>(sum) & 1))
        sum = emu_bits<double>(emu_bits<uint64_t>(sum) + ((lost > 0) == (sum > 0) ? 1 : -1));
    return sum;
}

template <class T> struct alignas(4) emu_pair {
    T x, y;

    EMU_COPIES(emu_pair)
    emu_pair(T x, T y) : x(x), y(y) {}
    friend emu_pair operator+(emu_pair a, emu_pair b) { return {a.x + b.x, a.y + b.y}; }
    friend emu_pair operator-(emu_pair a, emu_pair b) { return {a.x - b.x, a.y - b.y}; }
    friend emu_pair operator*(emu_pair a, emu_pair b) { return {a.x * b.x, a.y * b.y}; }
    friend emu_pair operator/(emu_pair a, emu_pair b) { return {a.x / b.x, a.y / b.y}; }
    friend emu_pair operator+(emu_pair a) { return a; }
    friend emu_pair operator-(emu_pair a) { return {-a.x, -a.y}; }
    EMU_CHANGES(emu_pair)
    // Both parts must.
    friend bool operator==(emu_pair a, emu_pair b) { return a.x == b.x && a.y == b.y; }
    friend bool operator!=(emu_pair a, emu_pair b) { return a.x != b.x && a.y != b.y; }
    friend bool operator<(emu_pair a, emu_pair b) { return a.x < b.x && a.y < b.y; }
    friend bool operator>(emu_pair a, emu_pair b) { return a.x > b.x && a.y > b.y; }
    friend bool operator<=(emu_pair a, emu_pair b) { return a.x <= b.x && a.y <= b.y; }
    friend bool operator>=(emu_pair a, emu_pair b) { return a.x >= b.x && a.y >= b.y; }
};
