// Executes a few thousand broken copies of this program, and notes for each whether execve refuses it (with
// which errno) or does not return. What a program does that was started all the same is its own affair; the
// one who executes it must stay whole. The seed is fixed, so a run under lxss can be compared with a native
// one.
#define HARNESS_CHILD_MAIN child_main
#include "harness.h"

#include <elf.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/time.h>

static int child_main(int argc, char** argv) {
    (void)argc, (void)argv;
    return 42;
}

static unsigned char *original, *broken;
static size_t original_size, broken_size;
static uint64_t random_state;

static uint64_t next_random(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static size_t below(size_t limit) {
    return (size_t)(next_random() % limit);
}

static uint64_t odd_value(void) {
    static const uint64_t values[] = {0,
                                      1,
                                      2,
                                      3,
                                      7,
                                      8,
                                      55,
                                      56,
                                      57,
                                      63,
                                      64,
                                      65,
                                      4095,
                                      4096,
                                      4097,
                                      65535,
                                      65536,
                                      0x7fffffff,
                                      0x80000000,
                                      0xffffffff,
                                      0x100000000,
                                      0x7ffffffff000,
                                      0x800000000000,
                                      0x7fffffffffffffff,
                                      0x8000000000000000,
                                      0xfffffffffffff000,
                                      0xffffffffffffffff};
    uint64_t value = values[below(sizeof values / sizeof values[0])];
    return below(4) == 0 ? value + next_random() % 4096 : value;
}

static int load(void) {
    if (!original) {
        struct stat info;
        int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &info) < 0)
            return -1;
        original_size = (size_t)info.st_size;
        original = malloc(original_size);
        broken = malloc(original_size);
        if (read(fd, original, original_size) != (ssize_t)original_size)
            return -1;
        close(fd);
    }
    memcpy(broken, original, original_size);
    broken_size = original_size;
    return 0;
}

// Whether execve returns: its errno, 0 if it does not.
static int execute(void) {
    int pipes[2], error = 0;
    unlink("program");
    int fd = open("program", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
    if (fd < 0 || write(fd, broken, broken_size) != (ssize_t)broken_size || close(fd) < 0 ||
        pipe2(pipes, O_CLOEXEC) < 0)
        return -1;
    pid_t child = fork();
    if (child == 0) {
        // Whatever runs now may do so for a moment, without a core file.
        struct rlimit none = {0, 0}, short_time = {1, 1};
        struct itimerval soon = {{0, 0}, {0, 300000}};
        char* arguments[] = {"program", "@exit", NULL};
        char* environment[] = {NULL};
        setrlimit(RLIMIT_CORE, &none);
        setrlimit(RLIMIT_CPU, &short_time);
        setitimer(ITIMER_REAL, &soon, NULL);
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        dup2(null, 0), dup2(null, 1), dup2(null, 2);
        execve("./program", arguments, environment);
        error = errno;
        ssize_t ignored = write(pipes[1], &error, sizeof error);
        (void)ignored;
        _exit(0);
    }
    close(pipes[1]);
    if (read(pipes[0], &error, sizeof error) != sizeof error)
        error = 0;
    close(pipes[0]);
    h_wait(child);
    return error;
}

static void run(int count, uint64_t seed, void (*break_it)(void)) {
    if (h_enter_scratch() < 0 || load() < 0) {
        EXPECT_TRUE(!"the program can be read");
        return;
    }
    EXPECT_EQ(execute(), 0); // whole
    for (int i = 0; i < count && !h_failed; i++) {
        random_state = seed * 0x9e3779b97f4a7c15 + (uint64_t)i * 0xbf58476d1ce4e5b9 + 1;
        for (int warm = 0; warm < 8; warm++)
            next_random();
        load();
        break_it();
        int error = execute();
        EXPECT_NE(error, -1);
        struct h_text text = {0, {0}};
        h_add_number(&text, i);
        h_add(&text, " ");
        if (error)
            h_add_errno(&text, error);
        else
            h_add(&text, "started");
        text.bytes[text.length] = 0;
        note(text.bytes);
    }
    // After all that, good programs still run.
    load();
    EXPECT_EQ(execute(), 0);
}

static Elf64_Ehdr* header(void) {
    return (Elf64_Ehdr*)broken;
}
static Elf64_Phdr* segment(void) {
    return (Elf64_Phdr*)(broken + header()->e_phoff) + below(header()->e_phnum);
}

static void break_header_byte(void) {
    size_t at = below(sizeof(Elf64_Ehdr));
    broken[at] = (unsigned char)(below(2) ? broken[at] ^ 1U << below(8) : next_random());
}

static void break_header_field(void) {
    Elf64_Ehdr* at = header();
    uint64_t value = odd_value();
    switch (below(9)) {
    case 0:
        at->e_type = (Elf64_Half)value;
        break;
    case 1:
        at->e_machine = (Elf64_Half)value;
        break;
    case 2:
        at->e_version = (Elf64_Word)value;
        break;
    case 3:
        at->e_entry = value;
        break;
    case 4:
        at->e_phoff = value;
        break;
    case 5:
        at->e_phentsize = (Elf64_Half)value;
        break;
    case 6:
        at->e_phnum = (Elf64_Half)value;
        break;
    case 7:
        at->e_ehsize = (Elf64_Half)value;
        break;
    case 8:
        at->e_ident[below(16)] = (unsigned char)value;
        break;
    }
}

static void break_segment_field(void) {
    Elf64_Phdr* at = segment();
    uint64_t value = odd_value();
    switch (below(8)) {
    case 0:
        at->p_type = below(2) ? (Elf64_Word)below(8) : (Elf64_Word)value;
        break;
    case 1:
        at->p_flags = (Elf64_Word)value;
        break;
    case 2:
        at->p_offset = value;
        break;
    case 3:
        at->p_vaddr = value;
        break;
    case 4:
        at->p_filesz = value;
        break;
    case 5:
        at->p_memsz = value;
        break;
    case 6:
        at->p_align = value;
        break;
    case 7:
        at->p_paddr = value;
        break;
    }
}

static void break_several(void) {
    size_t count = 2 + below(6);
    while (count--) {
        if (below(3))
            *((unsigned char*)segment() + below(sizeof(Elf64_Phdr))) ^= (unsigned char)(1U << below(8));
        else
            broken[16 + below(48)] ^= (unsigned char)(1U << below(8));
        // The table must stay where segment() finds it.
        header()->e_phoff = ((Elf64_Ehdr*)original)->e_phoff;
        header()->e_phnum = ((Elf64_Ehdr*)original)->e_phnum;
    }
}

static void cut(void) {
    broken_size = below(3) ? below(2048) : below(original_size);
}

static void break_interpreter(void) {
    Elf64_Phdr* at = (Elf64_Phdr*)(broken + header()->e_phoff);
    for (int i = 0; i < header()->e_phnum; i++)
        if (at[i].p_type == PT_INTERP) {
            if (below(3) == 0)
                at[i].p_filesz = odd_value();
            else if (below(2))
                at[i].p_offset = below(2) ? odd_value() : below(original_size);
            else
                broken[at[i].p_offset + below(at[i].p_filesz)] = (unsigned char)next_random();
        }
}

TEST(header_bytes) {
    run(250, 1, break_header_byte);
}
TEST(header_fields) {
    run(250, 2, break_header_field);
}
TEST(segment_fields) {
    run(400, 3, break_segment_field);
}
TEST(several_bits) {
    run(300, 4, break_several);
}
TEST(cut_short) {
    run(200, 5, cut);
}

TEST(interpreter) {
    ASSERT_OK(load());
    Elf64_Phdr* at = (Elf64_Phdr*)(broken + header()->e_phoff);
    int found = 0;
    for (int i = 0; i < header()->e_phnum; i++)
        found |= at[i].p_type == PT_INTERP;
    if (!found)
        SKIP("a static program");
    run(200, 6, break_interpreter);
}
