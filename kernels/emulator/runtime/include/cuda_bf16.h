// bfloat16: __nv_bfloat16, __nv_bfloat162 and their functions. NumPy has no such type: Python hands over the bits.
#pragma once
#include "../small.h"

typedef emu_small<8, 7> __nv_bfloat16;
typedef emu_pair<__nv_bfloat16> __nv_bfloat162;
typedef __nv_bfloat16 nv_bfloat16;
typedef __nv_bfloat162 nv_bfloat162;
EMU_CODE(__nv_bfloat16, "u2") EMU_POINTED(__nv_bfloat162, "u2")

#define EMU_T __nv_bfloat16
#define EMU_T2 __nv_bfloat162
#define EMU_NAME(before, after) before##bfloat16##after
#include "../small_words.h"
