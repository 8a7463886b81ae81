// Jumps through tables of addresses, as compilers make them of `switch`: all entries, and tables and code
// that change between two jumps.
#include "harness.h"

#include <pthread.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/time.h>

enum { PAGE = 4096, CASES = 4, CASE_BYTES = 16 };

// One page of code, one of table, one of what the table leads to.
struct jump {
    unsigned char* code;
    unsigned long* table;
    unsigned char* cases;
};
typedef long function(int index, long unused1, long unused2, long rcx);

// lea value(%rcx), %rax; ret
static void write_case(unsigned char* at, int value) {
    static const unsigned char lea[] = {0x48, 0x8d, 0x81}, ret = 0xc3;
    memcpy(at, lea, 3);
    memcpy(at + 3, &value, 4);
    memcpy(at + 7, &ret, 1);
}

static void write_jump(struct jump* jump, bool is_direct) {
    unsigned char* at = jump->code;
    static const unsigned char bound[] = {0x83, 0xff, CASES - 1, 0x77, 0,
                                          0x89, 0xf8, 0x48,      0x8d, 0x15}; // cmp, ja, mov %edi, %eax; lea
    static const unsigned char load[] = {0x48, 0x8b, 0x04,
                                         0xc2, 0xff, 0xe0};   // mov (%rdx,%rax,8), %rax; jmp *%rax
    static const unsigned char direct[] = {0xff, 0x24, 0xc2}; // jmp *(%rdx,%rax,8)
    static const unsigned char otherwise[] = {0xb8, 0xff, 0xff, 0xff, 0xff, 0xc3}; // mov $-1, %eax; ret
    memcpy(at, bound, sizeof(bound));
    int distance = (int)((unsigned char*)jump->table - (at + sizeof(bound) + 4));
    memcpy(at + sizeof(bound), &distance, 4);
    unsigned char* end = at + sizeof(bound) + 4;
    memcpy(end, is_direct ? direct : load, is_direct ? sizeof(direct) : sizeof(load));
    end += is_direct ? sizeof(direct) : sizeof(load);
    at[4] = (unsigned char)(end - (at + 5));
    memcpy(end, otherwise, sizeof(otherwise));
}

static void set_entries(struct jump* jump, int first) {
    for (int i = 0; i < CASES; i++)
        jump->table[i] = (unsigned long)(jump->cases + (i + first) % CASES * CASE_BYTES);
}

static void set_table(struct jump* jump, int first) {
    ASSERT_OK(mprotect(jump->table, PAGE, PROT_READ | PROT_WRITE));
    set_entries(jump, first);
    ASSERT_OK(mprotect(jump->table, PAGE, PROT_READ));
}

static struct jump make_jump(bool is_direct) {
    struct jump jump;
    jump.code = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    jump.table = (unsigned long*)(jump.code + PAGE);
    jump.cases = jump.code + 2 * PAGE;
    if (jump.code == MAP_FAILED)
        return jump;
    for (int i = 0; i < CASES; i++)
        write_case(jump.cases + i * CASE_BYTES, 100 * i);
    write_jump(&jump, is_direct);
    set_entries(&jump, 0);
    mprotect(jump.code, PAGE, PROT_READ | PROT_EXEC);
    mprotect(jump.table, PAGE, PROT_READ);
    mprotect(jump.cases, PAGE, PROT_READ | PROT_EXEC);
    return jump;
}

static long call(const struct jump* jump, int index, long rcx) {
    function* entry;
    memcpy(&entry, &jump->code, sizeof(entry));
    return entry(index, 0, 0, rcx);
}

// Whether case i is that of value 100 * ((i + first) % CASES), often enough to go the shortest way.
static bool leads_to(const struct jump* jump, int first) {
    for (int round = 0; round < 100; round++) {
        for (int i = 0; i < CASES; i++)
            if (call(jump, i, round) != 100 * ((i + first) % CASES) + round)
                return false;
        if (call(jump, CASES, round) != 0xffffffff || call(jump, -1, round) != 0xffffffff)
            return false;
    }
    return true;
}

TEST(each_case_and_what_is_none) {
    for (int kind = 0; kind < 2; kind++) {
        struct jump jump = make_jump(kind);
        ASSERT_TRUE(jump.code != MAP_FAILED);
        EXPECT_TRUE(leads_to(&jump, 0));
        ASSERT_OK(munmap(jump.code, 3 * PAGE));
    }
}

TEST(tables_that_are_changed) {
    for (int kind = 0; kind < 2; kind++) {
        struct jump jump = make_jump(kind);
        ASSERT_TRUE(jump.code != MAP_FAILED);
        EXPECT_TRUE(leads_to(&jump, 0));
        for (int first = 1; first < 6; first++) {
            set_table(&jump, first);
            EXPECT_TRUE(leads_to(&jump, first));
        }
        // While it can be written.
        ASSERT_OK(mprotect(jump.table, PAGE, PROT_READ | PROT_WRITE));
        for (int first = 0; first < 6; first++) {
            set_entries(&jump, first);
            EXPECT_TRUE(leads_to(&jump, first));
        }
        ASSERT_OK(munmap(jump.code, 3 * PAGE));
    }
}

TEST(a_table_that_is_replaced) {
    struct jump jump = make_jump(false);
    ASSERT_TRUE(jump.code != MAP_FAILED);
    EXPECT_TRUE(leads_to(&jump, 0));
    ASSERT_TRUE(mmap(jump.table, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
                     0) == jump.table);
    set_entries(&jump, 2);
    EXPECT_TRUE(leads_to(&jump, 2));
    ASSERT_OK(munmap(jump.code, 3 * PAGE));
}

TEST(cases_that_are_replaced) {
    for (int kind = 0; kind < 2; kind++) {
        struct jump jump = make_jump(kind);
        ASSERT_TRUE(jump.code != MAP_FAILED);
        EXPECT_TRUE(leads_to(&jump, 0));
        ASSERT_OK(mprotect(jump.cases, PAGE, PROT_READ | PROT_WRITE));
        for (int i = 0; i < CASES; i++)
            write_case(jump.cases + i * CASE_BYTES, 100 * ((i + 1) % CASES));
        ASSERT_OK(mprotect(jump.cases, PAGE, PROT_READ | PROT_EXEC));
        EXPECT_TRUE(leads_to(&jump, 1));
        ASSERT_OK(munmap(jump.code, 3 * PAGE));
    }
}

// The same memory is written through another mapping of it.
TEST(a_table_in_shared_memory) {
    struct jump jump = make_jump(false);
    ASSERT_TRUE(jump.code != MAP_FAILED);
    int file = memfd_create("table", 0);
    ASSERT_OK(file);
    ASSERT_OK(ftruncate(file, PAGE));
    struct jump writer = jump;
    writer.table = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    ASSERT_TRUE(writer.table != MAP_FAILED);
    set_entries(&writer, 0);
    // A unit of 64 KiB by itself is all that some hosts can share.
    unsigned char* place = mmap(NULL, 65536 * 4, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_TRUE(place != MAP_FAILED);
    jump.table = mmap(place, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, file, 0);
    ASSERT_TRUE(jump.table == (void*)place);
    jump.code =
        mmap(place + 65536 * 2, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    ASSERT_TRUE(jump.code != MAP_FAILED);
    write_jump(&jump, false);
    ASSERT_OK(mprotect(jump.code, PAGE, PROT_READ | PROT_EXEC));
    for (int first = 0; first < 6; first++) {
        set_entries(&writer, first);
        EXPECT_TRUE(leads_to(&jump, first));
    }
}

TEST(a_table_that_a_child_changes) {
    struct jump jump = make_jump(false);
    ASSERT_TRUE(jump.code != MAP_FAILED);
    EXPECT_TRUE(leads_to(&jump, 0));
    pid_t child = fork();
    ASSERT_OK(child);
    if (child == 0) {
        bool is_right = leads_to(&jump, 0);
        mprotect(jump.table, PAGE, PROT_READ | PROT_WRITE);
        set_entries(&jump, 3);
        mprotect(jump.table, PAGE, PROT_READ);
        _exit(is_right && leads_to(&jump, 3) ? 0 : 1);
    }
    int status;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    EXPECT_TRUE(leads_to(&jump, 0));
    ASSERT_OK(munmap(jump.code, 3 * PAGE));
}

TEST(a_table_that_a_tracer_changes) {
    struct jump jump = make_jump(false);
    ASSERT_TRUE(jump.code != MAP_FAILED);
    pid_t child = fork();
    ASSERT_OK(child);
    if (child == 0) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        bool is_right = leads_to(&jump, 0);
        raise(SIGSTOP);
        _exit(is_right && leads_to(&jump, 1) ? 0 : 1);
    }
    int status;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSTOPPED(status));
    for (int i = 0; i < CASES; i++)
        EXPECT_OK(ptrace(PTRACE_POKEDATA, child, &jump.table[i], jump.table[(i + 1) % CASES]));
    EXPECT_OK(ptrace(PTRACE_CONT, child, 0, 0));
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    ASSERT_OK(munmap(jump.code, 3 * PAGE));
}

static struct jump interrupted;
static volatile int interruptions, wrong;

static void on_alarm(int number) {
    (void)number;
    interruptions++;
    for (int i = 0; i < CASES; i++)
        if (call(&interrupted, i, 7) != 100 * i + 7)
            wrong++;
}

TEST(interruptions_on_the_way) {
    interrupted = make_jump(false);
    ASSERT_TRUE(interrupted.code != MAP_FAILED);
    interruptions = wrong = 0;
    ASSERT_TRUE(signal(SIGALRM, on_alarm) != SIG_ERR);
    struct itimerval often = {{0, 300}, {0, 300}}, never = {{0, 0}, {0, 0}};
    ASSERT_OK(setitimer(ITIMER_REAL, &often, NULL));
    while (interruptions < 100 && !wrong)
        wrong += !leads_to(&interrupted, 0);
    ASSERT_OK(setitimer(ITIMER_REAL, &never, NULL));
    EXPECT_EQ(wrong, 0);
    ASSERT_TRUE(signal(SIGALRM, SIG_DFL) != SIG_ERR);
}

static volatile int is_over;

static void* keep_jumping(void* argument) {
    const struct jump* jump = argument;
    long mistakes = 0;
    while (!is_over) {
        long value = call(jump, 0, 5);
        mistakes += value % 100 != 5 || value > 305;
    }
    return (void*)mistakes;
}

TEST(a_table_that_another_thread_changes) {
    struct jump jump = make_jump(false);
    ASSERT_TRUE(jump.code != MAP_FAILED);
    is_over = 0;
    pthread_t thread;
    ASSERT_EQ(pthread_create(&thread, NULL, keep_jumping, &jump), 0);
    int misses = 0;
    for (int first = 0; first < 200; first++) {
        set_table(&jump, first);
        misses += call(&jump, 1, 0) != 100 * ((first + 1) % CASES);
    }
    is_over = 1;
    void* mistakes;
    ASSERT_EQ(pthread_join(thread, &mistakes), 0);
    EXPECT_TRUE(mistakes == NULL);
    EXPECT_EQ(misses, 0);
    ASSERT_OK(munmap(jump.code, 3 * PAGE));
}

// As a very large program has them, and changes all at once.
TEST(many_tables) {
    enum { COUNT = 5000, CODE_BYTES = 48, CODE = (COUNT * CODE_BYTES + PAGE) / PAGE * PAGE };
    const size_t table_bytes = (COUNT * CASES * sizeof(long) + PAGE) / PAGE * PAGE;
    unsigned char* place =
        mmap(NULL, CODE + table_bytes + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_TRUE(place != MAP_FAILED);
    unsigned char* cases = place + CODE + table_bytes;
    for (int i = 0; i < CASES; i++)
        write_case(cases + i * CASE_BYTES, 100 * i);
    struct jump jumps[COUNT];
    for (int i = 0; i < COUNT; i++) {
        jumps[i].code = place + i * CODE_BYTES;
        jumps[i].table = (unsigned long*)(place + CODE) + i * CASES;
        jumps[i].cases = cases;
        write_jump(&jumps[i], i % 2);
    }
    ASSERT_OK(mprotect(place, CODE, PROT_READ | PROT_EXEC));
    ASSERT_OK(mprotect(cases, PAGE, PROT_READ | PROT_EXEC));
    int wrong_cases = 0;
    for (int first = 0; first < 3; first++) {
        ASSERT_OK(mprotect(place + CODE, table_bytes, PROT_READ | PROT_WRITE));
        for (int i = 0; i < COUNT; i++)
            set_entries(&jumps[i], first + i);
        ASSERT_OK(mprotect(place + CODE, table_bytes, PROT_READ));
        for (int round = 0; round < 3; round++)
            for (int i = 0; i < COUNT; i++)
                wrong_cases += call(&jumps[i], round, 1) != 100 * ((first + i + round) % CASES) + 1;
    }
    EXPECT_EQ(wrong_cases, 0);
    ASSERT_OK(munmap(place, CODE + table_bytes + PAGE));
}
