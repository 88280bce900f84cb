// Faults that the processor or the compiler notices: an integer divided by zero and an address that is not
// there come as signals, a local array's index that is too large as a call of the compiler's (-fsanitize=bounds).
#include "state.h"

#include <signal.h>
#include <ucontext.h>

namespace emu {
#if defined(__x86_64__)
#define PC(context) (context)->uc_mcontext.gregs[REG_RIP]
#define SP(context) (context)->uc_mcontext.gregs[REG_RSP]
#define WRITES(context) ((context)->uc_mcontext.gregs[REG_ERR] >> 1 & 1)
#elif defined(__aarch64__)
#define PC(context) (context)->uc_mcontext.pc
#define SP(context) (context)->uc_mcontext.sp
#define WRITES(context) 0
#endif

#ifdef PC
static const int CAUGHT[] = {SIGFPE, SIGSEGV, SIGBUS, SIGILL};
static struct sigaction before[4];
static stack_t stack_before;
alignas(16) static char stack_here[64 << 10];  // a thread that has used up its stack has none for a handler

static const size_t BELOW = 64 << 20;  // bytes of local arrays that a thread may ask for and still be told so

static void abandon() { stop(); }

// The thread goes on in `abandon`, on its own stack, which nobody needs any more.
static void caught(int number, siginfo_t *info, void *where) {
    ucontext_t *context = (ucontext_t *)where;
    char *sp = (char *)SP(context);
    if (sp < stacks - BELOW || sp >= stacks + STACKS) {  // not a kernel's: it comes again, for whom it is
        release_signals();
        return;
    }
    if (!failed && !puzzled) {
        report->address = info->si_code == SI_KERNEL ? (void *)-1 : info->si_addr;
        report->size = 1;
        report->access = (int)WRITES(context);
    }
    bool deep = sp < current->floor;
    int kind = number == SIGFPE ? DIVISION : number == SIGILL ? IMPOSSIBLE : deep ? TOO_DEEP : OUT_OF_BOUNDS;
    fail(kind, *current, nullptr, 0, (char *)PC(context) + 1);
    SP(context) = (long long)((uintptr_t)(current->floor + (128 << 10)) / 16 * 16 - 8);
    PC(context) = (long long)(uintptr_t)abandon;
}

void catch_signals() {
    struct sigaction action = {};
    action.sa_sigaction = caught;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    stack_t here = {};
    here.ss_sp = stack_here;
    here.ss_size = sizeof stack_here;
    sigaltstack(&here, &stack_before);
    for (int k = 0; k < 4; k++) sigaction(CAUGHT[k], &action, &before[k]);
}

void release_signals() {
    for (int k = 0; k < 4; k++) sigaction(CAUGHT[k], &before[k], nullptr);
    sigaltstack(&stack_before, nullptr);
}
#else
void catch_signals() {}
void release_signals() {}
#endif

// What the compiler says about an array: gcc/ubsan.cc and compiler-rt's ubsan_value.h agree.
struct Type {
    uint16_t kind, info;  // of an integer: its bits' logarithm and, lowest, whether it is signed
    char name[1];         // 'float [4]'
};
struct Site {
    const char *file;
    uint32_t line, column;
    const Type *array, *index;
};
static const Site *site;

// Python knows which arrays are declared as a thread's own or as constants. Other memory is checked by address,
// where an index may leave its row of a tile as long as it stays in the tile. Python is called on the scheduler's
// stack, not on a thread's.
bool answer() {
    const Site &s = *site;
    if (!launch->is_own(s.file, (int)s.line, (int)s.column)) return true;
    report->text = s.array->name;
    report->column = (int)s.column;
    fail(BEYOND, *current, s.file, (int)s.line, nullptr);
    return false;
}
}  // namespace emu

extern "C" void __ubsan_handle_out_of_bounds(void *data, void *value) {
    using namespace emu;
    if (failed) stop();  // a thread that goes on after a race, to say more of it
    site = (const Site *)data;
    int unused = 64 - (1 << (site->index->info >> 1));
    uint64_t index = (uint64_t)value << unused;
    report->index = site->index->info & 1 ? (int64_t)index >> unused : (int64_t)(index >> unused);
    leave_as(ASKS);
}

// What a class with virtual functions names, though no kernel comes by: a function without a body, the heap.
extern "C" void __cxa_pure_virtual() { emu_assertion("a virtual function that has no body (= 0)", "", 0); }
void operator delete(void *) { emu_assertion("delete, for which the emulator has no heap", "", 0); }
void operator delete(void *, size_t) { emu_assertion("delete, for which the emulator has no heap", "", 0); }
