// What the compiled kernel and the runtime say to each other. No C++ library is used on either side, so that
// a compiler without one (zig) builds it in seconds.
#pragma once
#include <stddef.h>
#include <stdint.h>

struct uint3 {
    unsigned x, y, z;
};

struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

// The thread that runs now: the scheduler sets them before it switches to a thread.
extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;
extern unsigned emu_thread;  // x + y·width + z·width·height; its lane is the remainder by 32
extern char *const emu_dynamic;  // dynamic shared memory

// The place in the .cu of the call that has this as its last parameters.
#define EMU_HERE const char *file = __builtin_FILE(), int line = __builtin_LINE()
// And which call of that line it is: where nothing is optimised, so that each has one address.
#ifdef __OPTIMIZE__
#define EMU_AT nullptr
#else
#define EMU_AT __builtin_return_address(0)
#endif

enum emu_access_kind { EMU_READ = 0, EMU_WRITE = 1, EMU_ATOMIC = 2 };

enum emu_spaces { EMU_ELSEWHERE, EMU_GLOBAL, EMU_OF_BLOCK };  // whose memory an address is

extern "C" {
int emu_space(const void *address);
// Wait for the block; returns how many threads came with predicate ≠ 0.
int emu_barrier(int predicate, const char *file, int line, const void *at);
// Wait for the lanes of `mask`. `name` is the intrinsic; each lane posts a value and gets that of lane `source`.
uint64_t emu_exchange(const char *name, unsigned mask, uint64_t value, int source, const char *file, int line,
                      const void *at);
// The same, but each lane gets what all of them posted; returns the lanes that came.
unsigned emu_gather(const char *name, unsigned mask, uint64_t value, uint64_t *all, const char *file, int line,
                    const void *at);
// Wait for the lanes of `mask`; returns the lanes that came with predicate ≠ 0. `orders`: memory too.
unsigned emu_vote(const char *name, unsigned mask, int predicate, int orders, const char *file, int line,
                  const void *at);
// An access that the compiler does not report by itself; checked in mode "check" only.
void emu_access(const void *address, size_t size, int kind, const void *pc);
void emu_fence(int block_only);
// The thread is about to leave, by a `return`, the kernel whose body begins at line `body`; of line 0: it has not.
void emu_returns(int body, EMU_HERE);
void emu_tests(const void *address, size_t size);  // what was read there before, by an atomicCAS
void emu_changed();  // after an atomic that has written
void *__tsan_memcpy(void *to, const void *from, size_t n);
void *__tsan_memmove(void *to, const void *from, size_t n);
void *__tsan_memset(void *to, int byte, size_t n);
[[noreturn]] void emu_assertion(const char *text, const char *file, int line);
}
