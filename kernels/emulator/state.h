// What the scheduler (runtime.cpp) and the checks (check.cpp) share, and what Python hands over (launch.py has
// the same structures in the same order).
#pragma once
#include "runtime.h"

#define EMU_DYNAMIC_BYTES (256 << 10)

namespace emu {
const unsigned MAX_THREADS = 1024;

enum Kind {  // launch.py has the same list
    NONE, RACE, OUT_OF_BOUNDS, UNINITIALISED, MISALIGNED, BARRIERS_DIFFER, EARLY_EXIT, LANE_MISSING, LANE_ABSENT,
    NOT_IN_MASK, ENDLESS, TOO_SLOW, INTERRUPTED, ASSERTION
};
enum Order { FORWARD, REVERSED, SHUFFLED };
enum State { READY, BARRIER, WARP, SPENT, DONE };

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
    Region *regions;
    uint64_t region_count;
    char *image_begin, *image_end, *shared_begin, *shared_end;
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
};
struct Counts {
    uint64_t global_reads, global_writes, shared_reads, shared_writes, barriers, exchanges, segments, divergent;
};

struct Fiber {
    State state = READY;
    void *context = nullptr;
    const char *name = "", *file = "";  // the wait
    int line = 0, source = -1;
    unsigned mask = 0;
    bool orders = false;
    uint64_t posted = 0, result = 0, path = 0;
    const void *pc = nullptr;
    uint32_t clock = 1;       // how many waits that order memory this thread has behind it
    uint32_t known[32] = {};  // up to which clock it knows what each lane of its warp did
};

extern Launch *launch;
extern Report *report;
extern Counts counts;
extern Fiber fibers[MAX_THREADS], *current;
extern unsigned threads, epoch, block_start, block_number;
extern char *stacks;

char *stacks_end();
void fail(int kind, const Fiber &who, const char *file, int line, const void *pc);
[[noreturn]] void stop();
void order_lanes(unsigned first, unsigned lanes);
}  // namespace emu
