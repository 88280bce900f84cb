// What the scheduler (runtime.cpp) and the checks (check.cpp) share, and what Python hands over: Region, Launch,
// Report and Counts are in abi.py too. EMU_FRONT, EMU_GAP, EMU_KINDS and the like come from there alone.
#pragma once
#include "runtime.h"

#define EMU_DYNAMIC_BYTES (256 << 10)

namespace emu {
const unsigned MAX_THREADS = 1024;
const size_t STACK = 256 << 10;  // of a fiber, in bytes; pages that it never touches cost nothing
const size_t STACKS = MAX_THREADS * STACK;

enum Kind { EMU_KINDS };  // of faults: RACE and so on
enum Order { EMU_ORDERS };  // FORWARD, REVERSED, SHUFFLED
enum State { READY, BARRIER, WARP, SPENT, ASKS, STOPPED, DONE };

struct Access {  // one access, remembered for each byte
    const void *pc;
    uint32_t epoch, clock, block;
    uint16_t thread;
    uint8_t kind;
};
struct Shadow {
    Access write, read, read_too;
};
struct Region {  // memory that the kernel may touch
    char *begin, *end;
    int32_t shared;
    Shadow *shadow;  // of each byte
};

struct Launch {
    void (*call)(void **);
    void **arguments;
    uint32_t grid[3], block[3];
    uint64_t dynamic;
    int32_t order, checking;
    uint64_t seed;
    int64_t max_slices;
    int (*poll)();  // 1: interrupted, 2: out of time
    int (*is_own)(const char *file, int line, int column);  // is the array indexed there local or a constant?
    Region *regions;
    uint64_t region_count;
    char *image_begin, *image_end;
};
struct Report {
    int32_t kind;
    uint32_t thread, block;
    const char *file;
    int32_t line;
    const void *pc, *address;
    uint64_t size;
    int32_t access, other_access;
    uint32_t other_thread, other_block;
    const char *other_file;
    int32_t other_line;
    const void *other_pc;
    const char *text;
    int32_t again, atomics, column;  // it writes there too; atomics were used; where in the line
    int64_t index;
};
struct Counts {
    uint64_t global_reads, global_bytes_read, global_writes, global_bytes_written;  // check.cpp knows their order
    uint64_t shared_reads, shared_bytes_read, shared_writes, shared_bytes_written;
    uint64_t barriers, exchanges, segments, divergent;
};

struct Fence {  // what a thread knew there: of its block all before this epoch, of its warp up to these clocks
    uint32_t epoch = 0, warp[32] = {};
};
struct Fiber {
    State state = READY;
    void *context = nullptr;
    const char *name = "", *file = "";  // the wait
    const void *at = nullptr;
    int line = 0, source = -1;
    long waits = 0;  // how many it has behind it
    unsigned mask = 0;
    bool orders = false;
    const char *left_file = "";    // of its `return`
    int body = 0, returned = 0;    // lines: where the kernel's body begins, and of its `return`
    uint64_t posted = 0, result = 0, path = 0;
    uint64_t *all = nullptr;  // where it wants what each lane posted
    const void *pc = nullptr;
    const char *floor = nullptr;  // how far down its stack may reach
    // For order.cpp.
    uint32_t clock = 1;          // how many waits and fences that order memory this thread has behind it
    uint32_t known[32] = {};     // up to which clock it knows what each lane of its warp did
    Fence fences[2];             // its last __threadfence(), and its last fence of either kind
    bool dirty = false;          // it has changed global memory since its last __threadfence()
    int32_t knows = 0;           // what other threads handed over to it
};

extern Launch *launch;
extern Report *report;
extern Counts counts;
extern Fiber *const fibers, *current;
extern unsigned threads, epoch, block_start, block_number;
extern char *stacks;
extern bool failed;

// Fill the report; the first fault of a launch counts.
void fail(int kind, const Fiber &who, const char *file, int line, const void *pc);
void leave_as(State state);  // the thread goes on when the scheduler comes back to it
[[noreturn]] void stop();    // never

// fibers.cpp
void prepare(Fiber &f, char *stack, void (*entry)());  // it will begin there
void enter(Fiber &f);                                  // from the scheduler
void leave();                                          // back to it
// check.cpp
void begin_guesses();
void settle_guess(bool goes_on);  // the thread has run, and goes on or waits
extern Fiber *puzzled;  // it has read a shared element that nobody wrote; will one of the others?
// order.cpp
void begin_order();
void begin_block_order();
void order_block();
void order_lanes(unsigned first, unsigned lanes);
void order_atomic(const void *address, bool shared);
bool handed_over(const Access &a);
// faults.cpp
void catch_signals();
void release_signals();
bool answer();  // to a thread that ASKS; false: it has a fault
}  // namespace emu
