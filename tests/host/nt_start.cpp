// The start of the tests on the NT host. Usage: lxhost_test FOLDER
#include "host/nt/files_state.hpp"
#include "host/nt/start.hpp"

#include "host/nt/processes.hpp"
#include "host/nt/threads.hpp"
#include "host_test.hpp"

using namespace host::nt;

namespace host_test {

namespace {

// Behind the tests' page.
u8* g_next = reinterpret_cast<u8*>(kSharedAddress + base::kPageSize);

// At the head of the tests' own memory, where the process that runs them finds it.
struct Result {
    u32 is_done;
    u64 next;
    i32 process; // the tests'
};
Result& result() {
    return *reinterpret_cast<Result*>(base::kArenaBase);
}

void run_tests(host::ThreadBlock&) {
    g_next = reinterpret_cast<u8*>(result().next);
    __atomic_store_n(&result().is_done, run_all() ? 1 : 2, __ATOMIC_RELEASE);
    host::wake(&result().is_done, 1);
    host::exit_process();
}

void note_death(i32 process, i32) {
    u32 expected = 0;
    if (process == result().process &&
        __atomic_compare_exchange_n(&result().is_done, &expected, 2, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
        print_line("the process of the tests has died");
        host::wake(&result().is_done, 1);
    }
}

void reap(host::ThreadBlock&) {
    reap_processes(note_death);
}

host::ThreadBlock* new_block() {
    auto* block =
        reinterpret_cast<ThreadBlock*>(arena_memory(host::kThreadBlockBytes, host::kThreadBlockBytes));
    block->frame = reinterpret_cast<u64>(block) + host::kFrameOffset;
    return block;
}

void run(void*) {
    start_pool();
    if (host::create_thread(*new_block(), reap).is_error())
        fail("reaper", "no thread");
    ThreadBlock* block = new_block();
    result().next = reinterpret_cast<u64>(g_next);
    if (host::spawn_process(*block, run_tests).is_error())
        fail("tests", "no process");
    result().process = block->host_process;
    while (__atomic_load_n(&result().is_done, __ATOMIC_ACQUIRE) == 0)
        (void)host::wait(&result().is_done, 0, host::kNoDeadline);
    for (;;)
        ExitProcess(result().is_done == 1 ? 0 : 1);
}

} // namespace

u8* arena_memory(usize bytes, usize alignment) {
    // Only the first thread of the tests allocates, and what a child takes is not given out again by its parent's
    // tests, which wait for it. A forked child has a copy of nothing but guest memory: it allocates nothing.
    g_next = reinterpret_cast<u8*>(base::align_up(reinterpret_cast<u64>(g_next), alignment));
    u8* memory = g_next;
    g_next += bytes;
    return memory;
}

void print_line(std::string_view line) {
    base::FixedWriter<400> text;
    text.put(line);
    text.put('\n');
    DWORD written;
    (void)WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), text.data(), static_cast<DWORD>(text.length()), &written, nullptr);
}

} // namespace host_test

void lx_main(const Arguments& arguments) {
    if (arguments.count != 2)
        fail("usage", "lxhost_test FOLDER");
    prepare_instance(u64{256} << 20, GetStdHandle(STD_ERROR_HANDLE));
    host::ThreadBlock* block = host_test::new_block();
    use_block(*block);
    const HANDLE folder = CreateFileA(arguments.values[1], FILE_LIST_DIRECTORY | FILE_WRITE_ATTRIBUTES,
                                      FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, nullptr, OPEN_EXISTING,
                                      FILE_FLAG_BACKUP_SEMANTICS, nullptr);
    if (folder == INVALID_HANDLE_VALUE)
        fail("folder", "cannot be opened", GetLastError());
    prepare_files(folder, folder);
    run_in_block(*block, host_test::run);
    for (;;) {
    }
}
