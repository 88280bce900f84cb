// Complex numbers: vectors of two, with functions instead of operators.
#pragma once

typedef float2 cuFloatComplex;
typedef double2 cuDoubleComplex;
typedef cuFloatComplex cuComplex;
inline cuComplex make_cuComplex(float x, float y) { return make_float2(x, y); }

// A letter ends the names of float's; `large` keeps squares of what is divided by from overflowing.
#define EMU_COMPLEX(type, real, f, make)                                                                     \
    inline type make_##type(real x, real y) { return make(x, y); }                                           \
    inline real cuCreal##f(type a) { return a.x; }                                                           \
    inline real cuCimag##f(type a) { return a.y; }                                                           \
    inline type cuConj##f(type a) { return make(a.x, -a.y); }                                                \
    inline real cuCabs##f(type a) { return hypot(a.x, a.y); }                                                \
    inline type cuCadd##f(type a, type b) { return make(a.x + b.x, a.y + b.y); }                             \
    inline type cuCsub##f(type a, type b) { return make(a.x - b.x, a.y - b.y); }                             \
    inline type cuCmul##f(type a, type b) { return make(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x); }     \
    inline type cuCfma##f(type a, type b, type c) { return cuCadd##f(cuCmul##f(a, b), c); }                  \
    inline type cuCdiv##f(type a, type b) {                                                                  \
        const real large = fabs(b.x) + fabs(b.y), x = b.x / large, y = b.y / large, size = x * x + y * y;    \
        const real p = a.x / large, q = a.y / large;                                                         \
        return make((p * x + q * y) / size, (q * x - p * y) / size);                                         \
    }
EMU_COMPLEX(cuFloatComplex, float, f, make_float2)
EMU_COMPLEX(cuDoubleComplex, double, , make_double2)
#undef EMU_COMPLEX
inline cuDoubleComplex cuComplexFloatToDouble(cuFloatComplex a) { return make_double2(a.x, a.y); }
inline cuFloatComplex cuComplexDoubleToFloat(cuDoubleComplex a) { return make_float2((float)a.x, (float)a.y); }
