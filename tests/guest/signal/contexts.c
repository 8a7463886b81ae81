// getcontext, makecontext, swapcontext: user-level threads (glibc only).
#include "harness.h"

#include <ucontext.h>

static ucontext_t home, other;
static volatile int steps;

static void body(int a, int b) {
    for (int i = 0; i < 100; i++) {
        steps += a + b;
        swapcontext(&other, &home);
    }
}

TEST(swapcontext_back_and_forth) {
    static char stack[65536];
    ASSERT_OK(getcontext(&other));
    other.uc_stack.ss_sp = stack;
    other.uc_stack.ss_size = sizeof stack;
    other.uc_link = &home;
    steps = 0;
    makecontext(&other, (void (*)(void))body, 2, 1, 2);
    for (int i = 0; i < 100; i++)
        ASSERT_OK(swapcontext(&home, &other));
    EXPECT_EQ(steps, 300);
}

static void swap_in_handler(int number) {
    (void)number;
    steps++;
}

TEST(signals_on_a_small_context_stack) {
    static char stack[65536];
    ASSERT_OK(getcontext(&other));
    other.uc_stack.ss_sp = stack;
    other.uc_stack.ss_size = sizeof stack;
    other.uc_link = &home;
    steps = 0;
    on_signal(SIGUSR1, swap_in_handler, 0);
    makecontext(&other, (void (*)(void))raise, 1, SIGUSR1);
    ASSERT_OK(swapcontext(&home, &other));
    EXPECT_EQ(steps, 1);
}
