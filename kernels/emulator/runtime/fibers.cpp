// How the processor goes from the scheduler to a thread and back: by a stack of its own for each.
#include "state.h"

#ifndef __x86_64__
#include <ucontext.h>
#endif

namespace emu {
#ifdef __x86_64__
extern "C" void emu_switch(void **save, void *load);
asm(R"(
.text
.hidden emu_switch
.globl emu_switch
.type emu_switch, @function
emu_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
.size emu_switch, .-emu_switch
)");
static void *scheduler;

void prepare(Fiber &f, char *stack, void (*entry)()) {
    void **top = (void **)(stack + STACK);
    *--top = nullptr;  // where entry would return to: gdb's list of callers ends here
    *--top = (void *)entry;
    for (int i = 0; i < 6; i++) *--top = nullptr;  // the six saved registers
    f.context = top;
}
void enter(Fiber &f) { emu_switch(&scheduler, f.context); }
void leave() { emu_switch(&current->context, scheduler); }
#else
static ucontext_t scheduler, contexts[MAX_THREADS];

void prepare(Fiber &f, char *stack, void (*entry)()) {
    ucontext_t &c = contexts[&f - fibers];
    getcontext(&c);
    c.uc_stack.ss_sp = stack;
    c.uc_stack.ss_size = STACK;
    makecontext(&c, entry, 0);
}
void enter(Fiber &f) { swapcontext(&scheduler, &contexts[&f - fibers]); }
void leave() { swapcontext(&contexts[current - fibers], &scheduler); }
#endif
}  // namespace emu
