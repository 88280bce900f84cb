// What orders two accesses besides barriers: __syncwarp, and fences with atomics.
//
// A thread hands over what it did by a fence and then an atomic on some address; who changes that address by an
// atomic later takes it over. The memory model of C++ and of PTX asks for a fence behind the second atomic too;
// as good as no kernel has it, and a card does not need it where the first atomic's value decides what is read.
// Every such fence and atomic is a Handover: "all that thread t knew at its fence". Its own block also gets what
// __threadfence_block() fenced, other blocks only what __threadfence() did. Those of one address are a chain,
// newest first; what a thread took over is a list of places in chains, each with all that is older. What the
// giver itself had taken over belongs to it. Nothing is compared until two accesses look like a race.
#include "state.h"

#include <stdlib.h>
#include <string.h>

namespace emu {
struct Handover {
    uint32_t block;
    int32_t fence[2];  // what it hands over to other blocks and to its own; 0: nothing
    int32_t older, knows, todo;
    uint32_t seen[2], passed;  // by which search, from another block and from its own
    uint16_t thread;
};
struct Taken {
    int32_t handover, next;
    uint32_t seen;
};
struct Newest {  // of the chain of an address
    const void *address;
    uint32_t since;  // 0: memory of all blocks; else the block_start of the one whose memory it is
    int32_t handover, next;
};

// A growing array; element 0 means "none". Without memory the launch ends, and what is added is lost.
template <class T> struct List {
    T none = {}, *at = &none;
    int32_t count = 1, room = 1;
    int32_t add(const T &value) {
        if (count >= room) {
            T *more = (T *)realloc(at == &none ? nullptr : (void *)at, (2 * count + 64) * sizeof(T));
            if (!more) return fail(MEMORY, *current, nullptr, 0, nullptr), 0;
            if (at == &none) more[0] = none;
            at = more, room = 2 * count + 64;
        }
        at[count] = value;
        return count++;
    }
    void release() {
        if (at != &none) free((void *)at);
    }
};
static List<Fence> fences;
static List<Handover> handovers;
static List<Taken> taken;
static List<Newest> newest;
static int32_t buckets[1024];
static uint32_t search;       // number of the search that runs: what it has seen is marked by it
static uint32_t clean_epoch;  // before it, all threads of the block had fenced what they changed
static bool any_fence;        // in this block
static int32_t reached;       // the chain of the atomic that runs now

void begin_order() {
    fences.count = handovers.count = taken.count = newest.count = 1;
    memset(buckets, 0, sizeof buckets);
}

__attribute__((destructor)) static void free_lists() {
    fences.release(), handovers.release(), taken.release(), newest.release();
}

void begin_block_order() {
    clean_epoch = 0;
    any_fence = false;
}

// All blocks have their shared memory at the same addresses, each its own: a chain of another block's is none.
static int32_t chain(const void *address, uint32_t since) {
    int32_t &bucket = buckets[(uintptr_t)address / 4 * 2654435761u >> 7 & 1023];
    for (int32_t k = bucket; k; k = newest.at[k].next) {
        Newest &top = newest.at[k];
        if (top.address != address) continue;
        if (top.since != since) top.handover = 0, top.since = since;
        return k;
    }
    return bucket = newest.add({address, since, 0, bucket});
}

static bool is_mine(const Handover &h) { return h.thread == emu_thread && h.block == block_number; }

// Before an atomic on this address.
void order_atomic(const void *address, bool shared) {
    Fiber &f = *current;
    report->atomics = 1;
    reached = 0;
    if (!f.fences[1].epoch && !clean_epoch && handovers.count == 1) return;
    reached = chain(address, shared ? block_start : 0);
    int32_t last = newest.at[reached].handover;
    bool takes = last && !is_mine(handovers.at[last]);
    if (takes && (!f.knows || taken.at[f.knows].handover != last)) f.knows = taken.add({last, f.knows, 0});
}

// Its place among the fences; one of these two if it is the same.
static int32_t kept(Fence fence, int32_t one, int32_t other) {
    if (fence.epoch < clean_epoch) fence.epoch = clean_epoch;
    if (!fence.epoch) return 0;
    if (!memcmp(&fences.at[one], &fence, sizeof fence)) return one;
    if (!memcmp(&fences.at[other], &fence, sizeof fence)) return other;
    return fences.add(fence);
}

static bool covers(const Handover &h, const Fence &fence, const Access &a) {
    if (a.block != h.block) return false;
    if (a.epoch < fence.epoch) return true;
    return a.thread / 32 == h.thread / 32 && fence.warp[a.thread % 32] >= a.clock;
}

bool handed_over(const Access &a) {
    int32_t todo = 0, list = current->knows;
    uint32_t taker = block_number;
    search++;
    for (;;) {
        for (; list && taken.at[list].seen != search; list = taken.at[list].next) {
            taken.at[list].seen = search;
            for (int32_t k = taken.at[list].handover; k; k = handovers.at[k].older) {
                Handover &h = handovers.at[k];
                bool same = h.block == taker;
                if (h.seen[same] == search) break;
                h.seen[same] = search;
                if (!h.fence[same]) continue;
                if (covers(h, fences.at[h.fence[same]], a)) return true;
                if (h.knows && h.passed != search) h.passed = search, h.todo = todo, todo = k;
            }
        }
        if (!todo) return false;
        list = handovers.at[todo].knows;
        taker = handovers.at[todo].block;
        todo = handovers.at[todo].todo;
    }
}

// Threads that waited for each other all know what any of them took over.
static void share(unsigned first, unsigned last, unsigned lanes) {
    int32_t all = 0;
    search++;
    for (unsigned t = first; t < last; t++) {
        if (!(lanes >> t % 32 & 1)) continue;
        bool base = !all;
        for (int32_t k = fibers[t].knows; k && taken.at[k].seen != search; k = taken.at[k].next) {
            taken.at[k].seen = search;
            if (!base) all = taken.add({taken.at[k].handover, all, search});
        }
        if (base) all = fibers[t].knows;
    }
    for (unsigned t = first; t < last; t++)
        if (lanes >> t % 32 & 1) fibers[t].knows = all;
}

static void raise_to(uint32_t &most, uint32_t value) { most = most < value ? value : most; }

void order_lanes(unsigned first, unsigned lanes) {
    uint32_t known[32] = {};
    Fence all[2] = {};
    for (unsigned lane = 0; lane < 32; lane++) {
        if (!(lanes >> lane & 1)) continue;
        Fiber &f = fibers[first + lane];
        f.known[lane] = f.clock++;
        for (unsigned k = 0; k < 32; k++) raise_to(known[k], f.known[k]);
        for (int kind = 0; kind < 2; kind++) {
            raise_to(all[kind].epoch, f.fences[kind].epoch);
            for (unsigned k = 0; k < 32; k++) raise_to(all[kind].warp[k], f.fences[kind].warp[k]);
        }
    }
    for (unsigned lane = 0; lane < 32; lane++) {
        if (!(lanes >> lane & 1)) continue;
        Fiber &f = fibers[first + lane];
        memcpy(f.known, known, sizeof known);
        memcpy(f.fences, all, sizeof all);
    }
    if (taken.count > 1) share(first, first + 32, lanes);
}

// After __syncthreads().
void order_block() {
    if (taken.count > 1) share(0, threads, ~0u);
    if (!any_fence) return;
    for (unsigned t = 0; t < threads; t++)
        if (fibers[t].dirty) return;
    clean_epoch = epoch;
}
}  // namespace emu

using namespace emu;

extern "C" {
void emu_fence(int block_only) {
    if (!launch->checking) return;
    Fiber &f = *current;
    any_fence = true;
    f.known[emu_thread % 32] = f.clock++;
    Fence &here = f.fences[1];
    here.epoch = epoch;
    memcpy(here.warp, f.known, sizeof here.warp);
    if (block_only) return;
    f.fences[0] = here;
    f.dirty = false;
}

// After an atomic that has changed what it met; a failing atomicCAS hands nothing over.
void emu_changed() {
    if (!launch->checking || !reached) return;
    Fiber &f = *current;
    Newest &top = newest.at[reached];
    Handover &last = handovers.at[top.handover];
    bool mine = top.handover && is_mine(last);
    int32_t outside = kept(f.fences[0], last.fence[0], 0), inside = kept(f.fences[1], outside, last.fence[1]);
    reached = 0;
    if (!inside) return;
    if (mine && last.fence[0] == outside && last.fence[1] == inside && last.knows == f.knows) return;
    top.handover = handovers.add(
        {block_number, {outside, inside}, top.handover, f.knows, 0, {}, 0, (uint16_t)emu_thread});
}
}
