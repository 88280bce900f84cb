// Threads of a block as fibers on one core. A fiber runs until it waits (barrier, shuffle, vote) or ends; when
// all wait, whoever has everybody he waits for goes on. Blocks run one after another.
#include "state.h"

#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;
unsigned emu_thread;
alignas(1024) char emu_room[EMU_FRONT + EMU_DYNAMIC_BYTES];
char *const emu_dynamic = emu_room + EMU_FRONT;

namespace emu {
// What abi.py has of the structures in state.h, and of the accesses in runtime.h.
#define SIZE(type, n) static_assert(sizeof(type) == n, #type);
#define FIELD(type, f, at, n) static_assert(offsetof(type, f) == at && sizeof(type::f) == n, #type "." #f);
#define ACCESS(name, n) static_assert(EMU_##name == n, "EMU_" #name);
EMU_LAYOUT

Launch *launch;
Report *report;
Counts counts;
// Bytes: as objects with values from the start they would be half a megabyte in the file of every kernel.
alignas(Fiber) static char fibers_room[MAX_THREADS * sizeof(Fiber)];
Fiber *const fibers = (Fiber *)fibers_room;
Fiber *current;
unsigned threads, epoch, block_start, block_number;
char *stacks;

static const size_t RESERVE = 16 << 10;  // of it, for what is called without being counted: printf, expf
// What a kernel's local variables hold before they have a value: in each order something else, so that results
// show it. Deeper down are the remains of what was called before.
static const size_t FILLED = 4 << 10;
static const int FILLS[] = {0, 0xff, 0x3f};  // as float 0, NaN, 0.747
static const size_t GUARD = 1 << 20;    // below all of them, never mapped
static long fuel;                       // steps left of the slice, after which a fiber looks up
// Of the slice: the last basic block of the outermost function that ran one. That function has the loop that a
// slice is spent in, whatever it calls.
static const char *outermost;
static const void *outermost_pc;
bool failed;

extern "C" __attribute__((noinline)) void emu_left() { asm volatile(""); }

static void entry() {
    launch->call(launch->arguments);
    current->state = DONE;
    leave();
}

void fail(int kind, const Fiber &who, const char *file, int line, const void *pc) {
    if (failed || puzzled) {
        failed = true;
        return;
    }
    failed = true;
    report->kind = kind;
    report->thread = (unsigned)(&who - fibers);
    report->block = block_number;
    report->file = file;
    report->line = line;
    report->pc = pc;
}

void leave_as(State state) {
    current->state = state;
    leave();
}

void stop() {
    leave_as(STOPPED);
    __builtin_unreachable();
}

// ------------------------------------------------------------------------------------------ waiting
static void wait(State state, const char *name, unsigned mask, const char *file, int line, const void *at) {
    current->name = name;
    current->mask = mask;
    current->file = file;
    current->line = line;
    current->at = at;
    leave_as(state);
}

static bool same_place(const Fiber &a, const Fiber &b) {
    return a.at == b.at && a.line == b.line && !strcmp(a.file, b.file);
}

// The paths that the lanes of a warp took since they last waited: different ones mean divergence.
static void count_paths(unsigned first) {
    uint64_t path = 0;
    bool differ = false;
    for (unsigned t = first; t < first + 32 && t < threads; t++) {
        if (t > first && fibers[t].path != path) differ = true;
        path = fibers[t].path;
    }
    counts.segments++;
    counts.divergent += differ;
    for (unsigned t = first; t < first + 32 && t < threads; t++) fibers[t].path = 0;
}

// A wait of this thread is over.
static void release(Fiber &f) {
    f.state = READY;
    if (++f.waits * EMU_WAIT / EMU_SLICE >= launch->max_slices) fail(WAITS, f, f.file, f.line, nullptr);
}

// Whether a thread that waits need not wait for this one: it has left by a `return` before the call. One that came
// by and left later was still there when the others called, or might have been. Where the call is in a function
// the lines say nothing, and every `return` counts as before.
static bool excused(const Fiber &f, const Fiber &waiting) {
    if (f.state != DONE || !f.returned) return false;
    return waiting.line < f.body || waiting.line >= f.returned || strcmp(waiting.file, f.left_file);
}

// Lanes of the warp that starts at `first` whose partners have all come go on. Returns false on a fault.
static bool release_warp(unsigned first, bool &progress) {
    for (unsigned t = first; t < first + 32 && t < threads; t++) {
        Fiber &f = fibers[t];
        if (f.state != WARP) continue;
        unsigned came = 0;
        bool complete = true;
        for (unsigned lane = 0; lane < 32 && first + lane < threads; lane++) {
            Fiber &other = fibers[first + lane];
            if (!(f.mask >> lane & 1) || excused(other, f)) continue;
            bool here = other.state == WARP && other.mask == f.mask && other.name == f.name && same_place(other, f);
            if (here) came |= 1u << lane;
            complete = complete && here;
        }
        if (!complete) continue;
        unsigned votes = 0;
        for (unsigned lane = 0; lane < 32; lane++)
            if (came >> lane & 1 && fibers[first + lane].posted) votes |= 1u << lane;
        for (unsigned lane = 0; lane < 32; lane++) {
            if (!(came >> lane & 1)) continue;
            Fiber &member = fibers[first + lane];
            for (unsigned k = 0; member.all && k < 32 && first + k < threads; k++)
                member.all[k] = fibers[first + k].posted;
            if (member.source < 0)
                member.result = member.all ? came : votes;
            else if (came >> member.source & 1)
                member.result = fibers[first + member.source].posted;
            else {
                report->other_thread = first + member.source;
                fail(LANE_ABSENT, member, member.file, member.line, nullptr);
                return false;
            }
        }
        if (f.orders) order_lanes(first, came);
        for (unsigned lane = 0; lane < 32; lane++)
            if (came >> lane & 1) release(fibers[first + lane]);
        counts.exchanges++;
        count_paths(first);
        progress = true;
    }
    return true;
}

static bool release_block() {
    Fiber *waiting = nullptr, *gone = nullptr, *lane = nullptr;
    int sum = 0;
    for (unsigned t = 0; t < threads; t++) {
        Fiber &f = fibers[t];
        if (f.state == WARP && !lane) lane = &f;
        if (f.state == DONE && !gone) gone = &f;
        if (f.state != BARRIER) continue;
        if (!waiting) waiting = &f;
        sum += f.posted != 0;
    }
    if (lane) {  // no warp could go on: somebody whom this lane waits for is elsewhere
        unsigned first = (unsigned)(lane - fibers) / 32 * 32;
        for (unsigned t = first; t < first + 32 && t < threads; t++) {
            Fiber &other = fibers[t];
            bool awaited = lane->mask >> (t - first) & 1 && !excused(other, *lane);
            if (!awaited || (other.state == WARP && other.name == lane->name && same_place(other, *lane))) continue;
            report->other_thread = t;
            report->other_file = other.state == DONE ? nullptr : other.file;
            report->other_line = other.state == DONE ? 0 : other.line;
            break;
        }
        fail(LANE_MISSING, *lane, lane->file, lane->line, nullptr);
        return false;
    }
    for (unsigned t = 0; t < threads; t++)
        if (fibers[t].state == BARRIER && !same_place(fibers[t], *waiting)) {
            report->other_thread = t;
            report->other_file = fibers[t].file;
            report->other_line = fibers[t].line;
            fail(BARRIERS_DIFFER, *waiting, waiting->file, waiting->line, nullptr);
            return false;
        }
    if (gone) {
        report->other_thread = (unsigned)(gone - fibers);
        fail(EARLY_EXIT, *waiting, waiting->file, waiting->line, nullptr);
        return false;
    }
    for (unsigned t = 0; t < threads; t++) fibers[t].result = sum, release(fibers[t]);
    for (unsigned first = 0; first < threads; first += 32) count_paths(first);
    counts.barriers++;
    epoch++;
    if (launch->checking) order_block();
    return true;
}

// ------------------------------------------------------------------------------------------ the scheduler
static uint64_t random_state;
static unsigned below(uint64_t n) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned)((random_state >> 33) % n);
}

static void arrange(unsigned *order, unsigned n) {
    for (unsigned i = 0; i < n; i++) order[i] = launch->order == REVERSED ? n - 1 - i : i;
    if (launch->order == SHUFFLED)
        for (unsigned i = n; i > 1; i--) {
            unsigned j = below(i), kept = order[i - 1];
            order[i - 1] = order[j];
            order[j] = kept;
        }
}

static bool interrupted() {
    int reason = launch->poll();
    if (!reason) return false;
    fail(reason == 1 ? INTERRUPTED : TOO_SLOW, *current, current->file, current->line, current->pc);
    return true;
}

static void run(Fiber &f) {
    unsigned t = (unsigned)(&f - fibers);
    current = &f;
    emu_thread = t;
    threadIdx = {t % blockDim.x, t / blockDim.x % blockDim.y, t / (blockDim.x * blockDim.y)};
    fuel = EMU_SLICE, outermost = nullptr;
    for (long slices = 0;;) {
        enter(f);
        if (!failed && f.state == ASKS && answer()) {
            f.state = READY;
            continue;
        }
        settle_guess(f.state == SPENT);
        if (failed || f.state != SPENT) return;
        if (++slices >= launch->max_slices) {
            fail(ENDLESS, f, nullptr, 0, f.pc);
            return;
        }
        f.file = nullptr;
        if (interrupted()) return;
        f.state = READY;
        fuel = EMU_SLICE, outermost = nullptr;
    }
}

static bool run_block(unsigned *order) {
    for (uint64_t k = 0; k < launch->region_count; k++)  // all bits set is a NaN
        if (Region &r = launch->regions[k]; r.shared) memset(r.begin, 0xff, r.end - r.begin + EMU_GAP);
    block_start = ++epoch;
    begin_block_order();
    for (unsigned t = 0; t < threads; t++) {
        fibers[t] = Fiber();
        fibers[t].floor = stacks + t * STACK + RESERVE;
        if (launch->checking) memset(stacks + (t + 1) * STACK - FILLED, FILLS[launch->order], FILLED);
        prepare(fibers[t], stacks + t * STACK, entry);
    }
    for (unsigned rounds = 1;; rounds++) {
        arrange(order, threads);
        bool live = false, progress = false;
        for (unsigned k = 0; k < threads; k++) {
            Fiber &f = fibers[order[k]];
            if (f.state == READY) run(f);
            if (failed) return false;
            live = live || f.state != DONE;
        }
        if (!live) break;
        for (unsigned first = 0; first < threads; first += 32)
            if (!release_warp(first, progress)) return false;
        if (!progress && puzzled) failed = true;
        if (failed || (!progress && !release_block())) return false;
        if (failed || (rounds % 1024 == 0 && interrupted())) return false;
    }
    for (unsigned first = 0; first < threads; first += 32) count_paths(first);
    return true;
}
__attribute__((destructor)) static void free_stacks() {
    if (stacks) munmap(stacks - GUARD, GUARD + STACKS);
}
}  // namespace emu

using namespace emu;

extern "C" {
int emu_barrier(int predicate, const char *file, int line, const void *at) {
    current->posted = predicate != 0;
    wait(BARRIER, "__syncthreads", 0, file, line, at);
    return (int)current->result;
}

static uint64_t meet(const char *name, unsigned mask, uint64_t posted, int source, uint64_t *all, bool orders,
                     const char *file, int line, const void *at) {
    if (!(mask >> emu_thread % 32 & 1)) {
        fail(NOT_IN_MASK, *current, file, line, nullptr);
        stop();
    }
    current->posted = posted;
    current->source = source, current->all = all;
    current->orders = orders;
    wait(WARP, name, mask, file, line, at);
    return current->result;
}

uint64_t emu_exchange(const char *name, unsigned mask, uint64_t value, int source, const char *file, int line,
                      const void *at) {
    return meet(name, mask, value, source, nullptr, false, file, line, at);
}

unsigned emu_gather(const char *name, unsigned mask, uint64_t value, uint64_t *all, const char *file, int line,
                    const void *at) {
    return (unsigned)meet(name, mask, value, -1, all, false, file, line, at);
}

unsigned emu_vote(const char *name, unsigned mask, int predicate, int orders, const char *file, int line,
                  const void *at) {
    return (unsigned)meet(name, mask, predicate != 0, -1, nullptr, orders, file, line, at);
}

int emu_space(const void *address) {
    for (uint64_t k = 0; k < launch->region_count; k++)
        if (const Region &r = launch->regions[k]; address >= r.begin && address < r.end)
            return r.shared ? EMU_OF_BLOCK : EMU_GLOBAL;
    return EMU_ELSEWHERE;
}

void emu_returns(int body, const char *file, int line) {
    current->body = body;
    current->left_file = file;
    current->returned = line;
}

void emu_assertion(const char *text, const char *file, int line) {
    report->text = text;
    fail(ASSERTION, *current, file, line, nullptr);
    stop();
}

// Called by the compiled kernel at the start of every basic block.
void __sanitizer_cov_trace_pc() {
    if (!launch) return;  // the loader runs what the compiler adds to the file
    current->path = (current->path ^ (uintptr_t)__builtin_return_address(0)) * 0x100000001b3;
    const char *frame = (const char *)__builtin_frame_address(0);
    if (frame >= outermost) outermost = frame, outermost_pc = __builtin_return_address(0);
    if (frame < current->floor) {
        fail(TOO_DEEP, *current, nullptr, 0, __builtin_return_address(0));
        stop();
    }
    if (--fuel > 0) return;
    current->pc = outermost_pc;
    leave_as(SPENT);
}

__attribute__((visibility("default"))) int emu_launch(Launch *what, Report *where, Counts *totals) {
    static unsigned order[MAX_THREADS];
    if (!stacks) {
        void *memory = mmap(nullptr, GUARD + STACKS, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory == MAP_FAILED) return where->kind = MEMORY, 1;
        mprotect(memory, GUARD, PROT_NONE);
        stacks = (char *)memory + GUARD;
    }
    launch = what;
    report = where;
    *report = Report();
    counts = Counts();
    failed = false;
    puzzled = nullptr;
    epoch = 0;
    begin_order();
    begin_guesses();
    random_state = what->seed * 2 + 0x9e3779b97f4a7c15;
    gridDim = dim3(what->grid[0], what->grid[1], what->grid[2]);
    blockDim = dim3(what->block[0], what->block[1], what->block[2]);
    threads = blockDim.x * blockDim.y * blockDim.z;
    uint64_t blocks = (uint64_t)gridDim.x * gridDim.y * gridDim.z, offset = what->order == SHUFFLED ? below(blocks) : 0;
    catch_signals();
    for (uint64_t k = 0; k < blocks && !failed; k++) {
        block_number = (unsigned)(what->order == REVERSED ? blocks - 1 - k : (k + offset) % blocks);
        blockIdx = {block_number % gridDim.x, block_number / gridDim.x % gridDim.y,
                    block_number / (gridDim.x * gridDim.y)};
        current = fibers;
        if (k % 64 == 63 && interrupted()) break;
        run_block(order);
    }
    release_signals();
    *totals = counts;
    return failed;
}
}
