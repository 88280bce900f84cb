// Every access of a kernel, checked. A kernel compiled with -fsanitize=thread calls __tsan_readN or
// __tsan_writeN before each access; these are ours, and the sanitizer's own library is not linked.
//
// Two accesses to a byte, at least one of them a write, are a race unless something orders them: the same
// thread, a barrier between (`epoch` counts them), or a __syncwarp in which both lanes took part. For the
// last, each thread knows for every lane of its warp up to which of that lane's waits it has seen.
#include "state.h"

#include <string.h>

namespace emu {
void order_lanes(unsigned first, unsigned lanes) {
    uint32_t known[32] = {};
    for (unsigned lane = 0; lane < 32; lane++) {
        if (!(lanes >> lane & 1)) continue;
        Fiber &f = fibers[first + lane];
        f.known[lane] = f.clock++;
        for (unsigned k = 0; k < 32; k++) known[k] = known[k] < f.known[k] ? f.known[k] : known[k];
    }
    for (unsigned lane = 0; lane < 32; lane++)
        if (lanes >> lane & 1) memcpy(fibers[first + lane].known, known, sizeof known);
}

static bool before(const Access &a, unsigned me) {
    if (a.epoch < block_start) return false;  // another block: nothing orders them
    if (a.epoch < epoch || a.thread == me) return true;
    return a.thread / 32 == me / 32 && current->known[a.thread % 32] >= a.clock;
}

[[noreturn]] static void found(int kind, const void *address, size_t size, int access, const void *pc) {
    report->address = address;
    report->size = size;
    report->access = access;
    fail(kind, *current, nullptr, 0, pc);
    stop();
}

static void against(const Access &other, bool shared, const void *address, size_t size, int access, const void *pc) {
    if (other.epoch == 0 || (shared && other.epoch < block_start)) return;  // nobody; or another block's memory
    if (other.kind == EMU_ATOMIC && access == EMU_ATOMIC) return;
    if (before(other, emu_thread)) return;
    report->other_thread = other.thread;
    report->other_block = other.block;
    report->other_pc = other.pc;
    report->other_access = other.kind;
    found(RACE, address, size, access, pc);
}

static Region *region_of(const char *p, size_t size) {
    static uint64_t last;
    Region *all = launch->regions;
    if (last < launch->region_count && p >= all[last].begin && p + size <= all[last].end) return &all[last];
    for (uint64_t k = 0; k < launch->region_count; k++)
        if (p >= all[k].begin && p + size <= all[k].end) return &all[last = k];
    return nullptr;
}

static bool own(const char *p) {  // local variables, constants, threadIdx
    if (p >= stacks && p < stacks_end()) return true;
    if (p >= launch->shared_begin && p < launch->shared_end) return false;
    if (p >= emu_dynamic && p < emu_dynamic + EMU_DYNAMIC_BYTES) return false;
    return p >= launch->image_begin && p < launch->image_end;
}

static void check(const void *address, size_t size, int access, size_t alignment, const void *pc) {
    const char *p = (const char *)address;
    if (own(p)) return;
    Region *region = region_of(p, size);
    if (!region) found(OUT_OF_BOUNDS, address, size, access, pc);
    if ((uintptr_t)p % alignment) found(MISALIGNED, address, size, access, pc);
    (region->shared ? (access ? counts.shared_writes : counts.shared_reads)
                    : (access ? counts.global_writes : counts.global_reads))++;
    Access me = {pc, epoch, current->clock, block_number, (uint16_t)emu_thread, (uint8_t)access};
    for (size_t k = 0; k < size; k++) {
        Shadow &s = region->shadow[p - region->begin + k];
        if (region->shared && access != EMU_WRITE && s.write.epoch < block_start)
            found(UNINITIALISED, address, size, access, pc);
        against(s.write, region->shared, address, size, access, pc);
        if (access) {
            against(s.read, region->shared, address, size, access, pc);
            against(s.read_too, region->shared, address, size, access, pc);
            s.write = me;
        } else if (s.read.epoch < block_start || before(s.read, emu_thread)) {
            s.read = me;
        } else {
            s.read_too = me;
        }
    }
}
}  // namespace emu

extern "C" {
void emu_access(const void *address, size_t size, int kind, const void *pc) {
    if (emu::launch->checking) emu::check(address, size, kind, size, pc);
}

#define HERE __builtin_return_address(0)
#define SIZED(n)                                                                                             \
    void __tsan_read##n(void *p) { emu::check(p, n, EMU_READ, n, HERE); }                                    \
    void __tsan_write##n(void *p) { emu::check(p, n, EMU_WRITE, n, HERE); }                                  \
    void __tsan_unaligned_read##n(void *p) { emu::check(p, n, EMU_READ, n, HERE); }                          \
    void __tsan_unaligned_write##n(void *p) { emu::check(p, n, EMU_WRITE, n, HERE); }                        \
    void __tsan_volatile_read##n(void *p) { emu::check(p, n, EMU_READ, n, HERE); }                           \
    void __tsan_volatile_write##n(void *p) { emu::check(p, n, EMU_WRITE, n, HERE); }
SIZED(1)
SIZED(2)
SIZED(4)
SIZED(8)
SIZED(16)
void __tsan_read_range(void *p, size_t n) { emu::check(p, n, EMU_READ, n % 16 ? 4 : 16, HERE); }
void __tsan_write_range(void *p, size_t n) { emu::check(p, n, EMU_WRITE, n % 16 ? 4 : 16, HERE); }
void *__tsan_memcpy(void *to, const void *from, size_t n) {
    emu::check(from, n, EMU_READ, 1, HERE);
    emu::check(to, n, EMU_WRITE, 1, HERE);
    return memcpy(to, from, n);
}
void *__tsan_memset(void *to, int byte, size_t n) {
    emu::check(to, n, EMU_WRITE, 1, HERE);
    return memset(to, byte, n);
}
void __tsan_init() {}
void __tsan_func_entry(void *) {}
void __tsan_func_exit() {}
}
