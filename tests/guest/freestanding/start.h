// What a program without a C library needs: raw system calls, and output.
#ifndef LXSS_TESTS_GUEST_FREESTANDING_START_H
#define LXSS_TESTS_GUEST_FREESTANDING_START_H

typedef unsigned long word;

static inline long call(long number, long a, long b, long c, long d, long e, long f) {
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

enum { nr_write = 1, nr_getpid = 39, nr_exit = 60, nr_arch_prctl = 158, nr_exit_group = 231 };

__attribute__((unused)) static void print(const char* text) {
    long length = 0;
    while (text[length])
        length++;
    call(nr_write, 1, (long)text, length, 0, 0, 0);
}

__attribute__((unused)) static void print_hex(const char* text, word value) {
    char digits[20];
    int at = 20;
    digits[--at] = 0;
    digits[--at] = '\n';
    do
        digits[--at] = "0123456789abcdef"[value & 15];
    while (value >>= 4);
    print(text);
    print(digits + at);
}

__attribute__((unused, noreturn)) static void leave(int code) {
    for (;;)
        call(nr_exit_group, code, 0, 0, 0, 0, 0);
}

// The kernel enters with rsp at argc; the function gets that address.
#define START(function)                                                                                      \
    __asm__(".globl _start\n_start: xor %ebp, %ebp\n mov %rsp, %rdi\n and $-16, %rsp\n call " #function      \
            "\n hlt\n");                                                                                     \
    __attribute__((noreturn, used)) void function(word* stack)

#endif
