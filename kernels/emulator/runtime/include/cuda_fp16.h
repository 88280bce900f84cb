// half: __half, __half2 and their functions.
#pragma once
#include "../small.h"

typedef emu_small<5, 10> __half;
typedef emu_pair<__half> __half2;
typedef __half half;
typedef __half2 half2;
EMU_CODE(__half, "f2") EMU_POINTED(__half2, "f2")

#define EMU_T __half
#define EMU_T2 __half2
#define EMU_NAME(before, after) before##half##after
#include "../small_words.h"
