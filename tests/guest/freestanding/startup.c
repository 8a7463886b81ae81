// The stack that a new program finds: argc, argv, envp, the auxiliary vector, alignment.
#include "freestanding/start.h"

START(begin) {
    word count = stack[0];
    print_hex("argc ", count);
    print_hex("misaligned ", (word)stack & 15);
    print_hex("argv end ", stack[1 + count]);
    word* at = stack + 2 + count;
    while (*at)
        at++;
    at++;
    word pagesz = 0, entry = 0, phent = 0, phnum = 0, phdr = 0, random = 0, uid = 1, euid = 0, clktck = 0;
    word execfn = 0, platform = 0, secure = 9, base = 9;
    for (; at[0]; at += 2) {
        switch (at[0]) {
        case 3:
            phdr = at[1];
            break;
        case 4:
            phent = at[1];
            break;
        case 5:
            phnum = at[1];
            break;
        case 6:
            pagesz = at[1];
            break;
        case 7:
            base = at[1];
            break;
        case 9:
            entry = at[1];
            break;
        case 11:
            uid = at[1];
            break;
        case 12:
            euid = at[1];
            break;
        case 15:
            platform = at[1];
            break;
        case 17:
            clktck = at[1];
            break;
        case 23:
            secure = at[1];
            break;
        case 25:
            random = at[1];
            break;
        case 31:
            execfn = at[1];
            break;
        }
    }
    extern char _start[];
    extern char __ehdr_start[];
    print_hex("page size ", pagesz);
    print_hex("entry is _start ", entry == (word)_start);
    print_hex("program header size ", phent);
    print_hex("some program headers ", phnum > 1);
    print_hex("program headers follow the file header ", phdr == (word)__ehdr_start + 64);
    print_hex("interpreter base ", base);
    print_hex("uid is euid ", uid == euid);
    print_hex("secure ", secure);
    print_hex("ticks ", clktck);
    print("platform ");
    print(platform ? (const char*)platform : "none");
    print("\n");
    int sum = 0;
    for (int i = 0; random && i < 16; i++)
        sum |= ((unsigned char*)random)[i];
    print_hex("random bytes ", sum != 0);
    const char* end = (const char*)execfn;
    const char* slash = end;
    for (; end && *end; end++)
        if (*end == '/')
            slash = end;
    print("name ");
    print(slash ? slash : "none");
    print("\n");
    leave(0);
}
