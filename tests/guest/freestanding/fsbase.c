// The bases of FS and GS belong to the program and survive system calls.
#include "freestanding/start.h"

static word area[2][4] = {{11, 12, 13, 14}, {21, 22, 23, 24}};

START(begin) {
    (void)stack;
    word value = 0;
    print_hex("set fs ", (word)call(nr_arch_prctl, 0x1002, (long)area[0], 0, 0, 0, 0));
    print_hex("set gs ", (word)call(nr_arch_prctl, 0x1001, (long)area[1], 0, 0, 0, 0));
    for (int i = 0; i < 3; i++)
        call(nr_getpid, 0, 0, 0, 0, 0, 0);
    __asm__ volatile("mov %%fs:8, %0" : "=r"(value));
    print_hex("fs:8 ", value);
    __asm__ volatile("mov %%gs:16, %0" : "=r"(value));
    print_hex("gs:16 ", value);
    call(nr_arch_prctl, 0x1003, (long)&value, 0, 0, 0, 0);
    print_hex("fs is what was set ", value == (word)area[0]);
    call(nr_arch_prctl, 0x1004, (long)&value, 0, 0, 0, 0);
    print_hex("gs is what was set ", value == (word)area[1]);
    print_hex("not canonical ", (word)call(nr_arch_prctl, 0x1002, (long)0x8000000000000000, 0, 0, 0, 0));
    print_hex("unknown code ", (word)call(nr_arch_prctl, 0x1fff, 0, 0, 0, 0, 0));
    leave(3);
}
