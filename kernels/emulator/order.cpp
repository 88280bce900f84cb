// What orders two accesses besides barriers: __syncwarp, and fences with atomics.
//
// A thread hands over what it did by a fence and then an atomic on some address; who changes that address by an
// atomic later takes it over. The memory model of C++ and of PTX asks for a fence behind the second atomic too;
// as good as no kernel has it, and a card does not need it where the first atomic's value decides what is read.
// Every such fence and atomic is a Handover: "all that thread t knew at its fence". Those of one address are a
// chain, newest first; what a thread took over is a list of places in chains, each with all that is older. What
// the giver itself had taken over belongs to it. Nothing is compared until two accesses look like a race.
#include "state.h"

#include <stdlib.h>
#include <string.h>

namespace emu {
struct Handover {
    uint32_t block, epoch, warp[32];  // up to where: its block, its warp and itself
    int32_t older, knows, todo;
    uint32_t seen;
    uint16_t thread;
    bool block_only;
};
struct Taken {
    int32_t handover, next;
    uint32_t seen;
};
struct Newest {  // of the chain of an address
    const void *address;
    int32_t handover, next;
};

// A growing array; element 0 means "none".
template <class T> struct List {
    T *at = nullptr;
    int32_t count = 1, room = 0;
    int32_t add(const T &value) {
        if (count >= room) at = (T *)realloc((void *)at, (room = 2 * count + 64) * sizeof(T));
        at[count] = value;
        return count++;
    }
};
static List<Handover> handovers;
static List<Taken> taken;
static List<Newest> newest;
static int32_t buckets[1024];
static uint32_t search;       // number of the search that runs: what it has seen is marked by it
static uint32_t clean_epoch;  // before it, all threads of the block had fenced what they changed
static bool any_fence;        // in this block

void begin_order() {
    handovers.count = taken.count = newest.count = 1;
    memset(buckets, 0, sizeof buckets);
}

void begin_block_order() {
    clean_epoch = 0;
    any_fence = false;
}

static Newest &chain(const void *address) {
    int32_t &bucket = buckets[(uintptr_t)address / 4 * 2654435761u >> 7 & 1023];
    for (int32_t k = bucket; k; k = newest.at[k].next)
        if (newest.at[k].address == address) return newest.at[k];
    bucket = newest.add({address, 0, bucket});
    return newest.at[bucket];
}

// Before an atomic on this address.
void order_atomic(const void *address) {
    Fiber &f = *current;
    bool gives = f.released || clean_epoch;
    report->atomics = 1;
    if (!gives && handovers.count == 1) return;
    Newest &top = chain(address);
    int32_t before = top.handover;
    Handover *last = before ? &handovers.at[before] : nullptr;
    bool mine = last && last->thread == emu_thread && last->block == block_number;
    if (last && !mine && (!f.knows || taken.at[f.knows].handover != before)) f.knows = taken.add({before, f.knows, 0});
    if (!gives) return;
    uint32_t until = f.fence_epoch > clean_epoch ? f.fence_epoch : clean_epoch;
    if (mine && last->epoch == until && last->knows == f.knows && !memcmp(last->warp, f.fenced, sizeof f.fenced)) return;
    Handover now = {block_number, until, {}, before, f.knows, 0, 0, (uint16_t)emu_thread, f.block_only};
    memcpy(now.warp, f.fenced, sizeof now.warp);
    top.handover = handovers.add(now);
}

static bool covers(const Handover &h, const Access &a) {
    if (a.block != h.block || (h.block_only && h.block != block_number)) return false;
    if (a.epoch < h.epoch) return true;
    return a.thread / 32 == h.thread / 32 && h.warp[a.thread % 32] >= a.clock;
}

bool handed_over(const Access &a) {
    int32_t todo = 0, list = current->knows;
    search++;
    for (;;) {
        for (; list && taken.at[list].seen != search; list = taken.at[list].next) {
            taken.at[list].seen = search;
            for (int32_t k = taken.at[list].handover; k; k = handovers.at[k].older) {
                Handover &h = handovers.at[k];
                if (h.seen == search) break;
                if (covers(h, a)) return true;
                h.seen = search;
                if (h.knows) h.todo = todo, todo = k;
            }
        }
        if (!todo) return false;
        list = handovers.at[todo].knows;
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

void order_lanes(unsigned first, unsigned lanes) {
    uint32_t known[32] = {}, fenced[32] = {};
    bool released = false, block_only = false;
    for (unsigned lane = 0; lane < 32; lane++) {
        if (!(lanes >> lane & 1)) continue;
        Fiber &f = fibers[first + lane];
        f.known[lane] = f.clock++;
        released |= f.released;
        block_only |= f.block_only;
        for (unsigned k = 0; k < 32; k++) {
            known[k] = known[k] < f.known[k] ? f.known[k] : known[k];
            fenced[k] = fenced[k] < f.fenced[k] ? f.fenced[k] : fenced[k];
        }
    }
    for (unsigned lane = 0; lane < 32; lane++) {
        if (!(lanes >> lane & 1)) continue;
        Fiber &f = fibers[first + lane];
        memcpy(f.known, known, sizeof known);
        memcpy(f.fenced, fenced, sizeof fenced);
        f.released = released;
        f.block_only = block_only;
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

extern "C" void emu_fence(int block_only) {
    if (!launch->checking) return;
    Fiber &f = *current;
    any_fence = true;
    f.known[emu_thread % 32] = f.clock++;
    memcpy(f.fenced, f.known, sizeof f.fenced);
    f.block_only = block_only && (f.block_only || f.dirty || !f.released);
    f.dirty = f.dirty && block_only;
    f.released = true;
    f.fence_epoch = epoch;
}
