// Every access of a kernel, checked. A kernel compiled with -fsanitize=thread calls __tsan_readN or
// __tsan_writeN before each access; these are ours, and the sanitizer's own library is not linked.
//
// Two accesses to a byte, at least one of them a write, are a race unless something orders them: the same
// thread, a barrier between (`epoch` counts them), a __syncwarp in which both lanes took part (each thread
// knows for every lane of its warp up to which of that lane's waits it has seen), or what order.cpp finds.
#include "state.h"

#include <string.h>

namespace emu {
Fiber *puzzled;

// What needs no search: nobody's, a thread's own, or with a barrier between.
static inline bool plainly_before(const Access &a) {
    return a.epoch == 0 || (a.epoch >= block_start && (a.epoch < epoch || a.thread == emu_thread));
}

static bool before(const Access &a) {
    if (plainly_before(a)) return true;
    bool same_warp = a.epoch >= block_start && a.thread / 32 == emu_thread / 32;
    return (same_warp && current->known[a.thread % 32] >= a.clock) || (current->knows && handed_over(a));
}

static void found(int kind, const void *address, size_t size, int access, const void *pc) {
    if (puzzled) stop();
    report->address = address;
    report->size = size;
    report->access = access;
    fail(kind, *current, nullptr, 0, pc);
    if (kind != RACE || access != EMU_READ) stop();
}

static void met(const Access &other) {
    report->other_thread = other.thread;
    report->other_block = other.block;
    report->other_pc = other.pc;
    report->other_access = other.kind;
}

// A plain read of a word that others change by atomics is in order where it is a guess which an atomicCAS on that
// word tests before the thread waits, as in CUDA's own loops; and so are all reads by that instruction, as a
// maximum's loop may end without a test. Till then the race is kept here.
static struct {
    bool open, late;  // late: a slice of steps has gone by without the test
    Report told;
} guess;
static const void *tested[64];
static unsigned tested_count;

static bool is_tested(const void *pc) {
    for (unsigned k = 0; k < tested_count; k++)
        if (tested[k] == pc) return true;
    return false;
}

static void is_guess(const void *pc) {
    if (!is_tested(pc) && tested_count < 64) tested[tested_count++] = pc;
}

void begin_guesses() {
    guess.open = false;
    tested_count = 0;
}

void settle_guess(bool goes_on) {
    if (!guess.open || (goes_on && !guess.late)) {
        guess.late = true;
        return;
    }
    guess.open = false;
    guess.told.atomics = 1;
    *report = guess.told;
    failed = true;
}

static bool guesses(const void *address, size_t size, const void *pc) {
    if ((size != 4 && size != 8) || (uintptr_t)address % size || puzzled) return false;
    if (guess.open) return guess.told.address == address;
    guess.open = true, guess.late = false;
    guess.told = *report;
    guess.told.kind = RACE, guess.told.access = EMU_READ;
    guess.told.thread = emu_thread, guess.told.block = block_number;
    guess.told.file = nullptr, guess.told.line = 0, guess.told.pc = pc;
    guess.told.address = address, guess.told.size = size;
    return true;
}

static bool against(const Access &other, bool shared, const void *address, size_t size, int access, const void *pc) {
    if (shared && other.epoch < block_start) return false;  // another block's memory
    if (other.kind == EMU_ATOMIC && access == EMU_ATOMIC) return false;
    if (before(other)) return false;
    bool read = access == EMU_READ, beside = read ? other.kind == EMU_ATOMIC : access == EMU_ATOMIC;
    if (beside && is_tested(read ? pc : other.pc)) return false;
    met(other);
    if (beside && read && guesses(address, size, pc)) return false;
    found(RACE, address, size, access, pc);
    return true;
}

// A shared element that nobody wrote: the others run on until they wait, in case one of them is only late.
static void unwritten(const void *address, size_t size, int access, const void *pc) {
    if (puzzled) stop();
    fail(UNINITIALISED, *current, nullptr, 0, pc);
    failed = false;
    report->address = address;
    report->size = size;
    report->access = access;
    puzzled = current;
    stop();
}

// Is something of it unwritten? `whole`: any byte. A structure is copied with its padding, which nobody writes:
// there one byte of each 8 is enough.
static bool lacks(const Shadow *shadow, size_t size, bool whole) {
    size_t written = 0;
    for (size_t k = 0; k < size; k++) {
        written += shadow[k].write.epoch >= block_start;
        if (whole ? written <= k : !written && (k % 8 == 7 || k + 1 == size)) return true;
        if (!whole && k % 8 == 7) written = 0;
    }
    return false;
}

static bool touches_reported(const char *p, size_t size) {
    const char *reported = (const char *)report->address;
    return p < reported + report->size && reported < p + size;
}

// After the first fault: true where this access tells more about it.
static bool explains(const char *p, size_t size, int access, const void *pc) {
    if (access == EMU_READ) return false;
    if (failed) {  // the thread that read a number of another's: does it write there next, as += does?
        report->again = touches_reported(p, size);
        return true;
    }
    if (!touches_reported(p, size) || (access == EMU_ATOMIC && report->access == EMU_ATOMIC)) return false;
    met({pc, epoch, current->clock, block_number, (uint16_t)emu_thread, (uint8_t)access});
    report->kind = RACE;
    return failed = true;
}

static Region *region_of(const char *p, size_t size) {
    static uint64_t last;
    Region *all = launch->regions;
    auto holds = [=](const Region &r) { return p >= r.begin && p <= r.end && size <= (size_t)(r.end - p); };
    if (last < launch->region_count && holds(all[last])) return &all[last];
    for (uint64_t k = 0; k < launch->region_count; k++)
        if (holds(all[k])) return &all[last = k];
    return nullptr;
}

// Local variables, constants and variables of the whole file; not what lies behind a shared array.
static bool own(const char *p) {
    if (p < launch->image_begin || p >= launch->image_end) return false;
    for (uint64_t k = 0; k < launch->region_count; k++) {
        Region &r = launch->regions[k];
        if (r.shared && r.begin != emu_dynamic && p >= r.begin - EMU_GAP && p < r.end + EMU_GAP) return false;
    }
    return p < emu_dynamic - EMU_FRONT || p >= emu_dynamic + EMU_DYNAMIC_BYTES;
}

static void check(const void *address, size_t size, int access, size_t alignment, const void *pc, bool whole = false) {
    const char *p = (const char *)address;
    if (p >= stacks && p < stacks + STACKS) return;
    if (!launch) return;  // the loader gives variables of the file their first values
    if ((failed | (puzzled != nullptr)) && explains(p, size, access, pc)) stop();
    if (failed) return;
    if (guess.open && access == EMU_WRITE && p < (char *)guess.told.address + guess.told.size &&
        (char *)guess.told.address < p + size) {
        guess.told.again = 1;
        stop();
    }
    Region *region = region_of(p, size);
    if (!region) {
        if (access == EMU_ATOMIC && own(p)) order_atomic(address, false);
        if (own(p) || size == 0) return;
        found(OUT_OF_BOUNDS, address, size, access, pc);
    }
    if ((uintptr_t)p % alignment) found(MISALIGNED, address, size, access, pc);
    uint64_t *count = &counts.global_reads + 4 * (region->shared != 0) + 2 * (access != EMU_READ);
    count[0]++, count[1] += size;
    if (access == EMU_ATOMIC) order_atomic(address, region->shared);
    if (access && !region->shared) current->dirty = true;
    Access me = {pc, epoch, current->clock, block_number, (uint16_t)emu_thread, (uint8_t)access};
    Shadow *shadow = region->shadow + (p - region->begin);
    if (region->shared && access != EMU_WRITE && lacks(shadow, size, whole)) unwritten(address, size, access, pc);
    for (size_t k = 0; k < size; k++) {
        Shadow &s = shadow[k];
        if (!plainly_before(s.write) && against(s.write, region->shared, address, size, access, pc)) return;
        if (access) {
            if (!plainly_before(s.read)) against(s.read, region->shared, address, size, access, pc);
            if (!plainly_before(s.read_too)) against(s.read_too, region->shared, address, size, access, pc);
            s.write = me;
        } else if (!region->shared && s.read.epoch && s.read.epoch < block_start) {
            s.read_too = s.read;  // stays: a write of this block is most likely a race with it
            s.read = me;
        } else if (s.read.epoch < block_start || before(s.read)) {
            s.read = me;
        } else if (region->shared || s.read_too.epoch >= block_start || before(s.read_too)) {
            s.read_too = me;
        } else {
            s.read = me;
        }
    }
}
}  // namespace emu

extern "C" {
void emu_access(const void *address, size_t size, int kind, const void *pc) {
    if (emu::launch && emu::launch->checking) emu::check(address, size, kind, size & -size, pc, true);
}

// Before an atomicCAS.
void emu_tests(const void *address, size_t size) {
    using namespace emu;
    if (!launch->checking) return;
    if (guess.open && guess.told.address == address && guess.told.size == size)
        guess.open = false, is_guess(guess.told.pc);
    Region *region = region_of((const char *)address, size);
    if (!region) return;
    const Shadow *s = region->shadow + ((const char *)address - region->begin), &end = s[size - 1];
    const Access reads[] = {s->read, s->read_too};
    for (const Access &a : reads) {
        bool whole = a.pc == end.read.pc || a.pc == end.read_too.pc;
        bool mine = a.kind == EMU_READ && a.thread == emu_thread && a.epoch == epoch && a.clock == current->clock;
        if (mine && whole) is_guess(a.pc);
    }
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
// A structure: of 16 bytes or several times that as vectors are aligned, else as its parts may be.
static size_t aligned(size_t n) { return n % 16 == 0 ? 16 : n % 4 == 0 ? 4 : n % 2 == 0 ? 2 : 1; }
void __tsan_read_range(void *p, size_t n) { emu::check(p, n, EMU_READ, aligned(n), HERE); }
void __tsan_write_range(void *p, size_t n) { emu::check(p, n, EMU_WRITE, aligned(n), HERE); }
void *__tsan_memcpy(void *to, const void *from, size_t n) {
    emu::check(from, n, EMU_READ, 1, HERE);
    emu::check(to, n, EMU_WRITE, 1, HERE);
    return memcpy(to, from, n);
}
void *__tsan_memset(void *to, int byte, size_t n) {
    emu::check(to, n, EMU_WRITE, 1, HERE);
    return memset(to, byte, n);
}
void *__tsan_memmove(void *to, const void *from, size_t n) {
    emu::check(from, n, EMU_READ, 1, HERE);
    emu::check(to, n, EMU_WRITE, 1, HERE);
    return memmove(to, from, n);
}
// Of an object with virtual functions: which ones it has.
void __tsan_vptr_read(void *p) { emu::check(p, sizeof p, EMU_READ, sizeof p, HERE); }
void __tsan_vptr_update(void *p, void *) { emu::check(p, sizeof p, EMU_WRITE, sizeof p, HERE); }
void __tsan_init() {}
void __tsan_func_entry(void *) {}
void __tsan_func_exit() {}
}
