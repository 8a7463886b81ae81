// The start of the tests on the Linux host. Usage: lxhost_test FOLDER
#include "base/layout.hpp"
#include "host/linux/drives.hpp"
#include "host/linux/internal.hpp"
#include "host/linux/start.hpp"
#include "host_test.hpp"

namespace host_test {

namespace {

// Behind the kernel's state, in which the spawner keeps its own (threads.cpp), and the tests' page.
u8* g_next = reinterpret_cast<u8*>(kSharedAddress + base::kPageSize);
ThreadBlock* g_first;

u32* g_result;

void run_tests(ThreadBlock&) {
    __atomic_store_n(g_result, run_all() ? 1 : 2, __ATOMIC_RELEASE);
    host::wake(g_result, 1);
    host::exit_process();
}

[[noreturn]] void run() {
    host::linux_host::prepare_thread(*g_first);
    auto* spawner =
        reinterpret_cast<ThreadBlock*>(arena_memory(host::kThreadBlockBytes, host::kThreadBlockBytes));
    spawner->frame = reinterpret_cast<u64>(spawner) + host::kFrameOffset;
    if (host::create_thread(*spawner, host::linux_host::spawner_thread).is_error())
        host::linux_host::fail("spawner", "no thread");
    auto* block =
        reinterpret_cast<ThreadBlock*>(arena_memory(host::kThreadBlockBytes, host::kThreadBlockBytes));
    block->frame = reinterpret_cast<u64>(block) + host::kFrameOffset;
    auto* result = reinterpret_cast<u32*>(arena_memory(64));
    g_result = result;
    if (host::spawn_process(*block, run_tests).is_error())
        host::linux_host::fail("tests", "no process");
    while (__atomic_load_n(result, __ATOMIC_ACQUIRE) == 0)
        (void)host::wait(result, 0, host::kNoDeadline);
    const bool passed = *result == 1;
    for (;;)
        (void)host::linux_host::host_call(abi::SYS_exit_group, passed ? 0 : 1);
}

} // namespace

u8* arena_memory(usize bytes, usize alignment) {
    // Only the first thread of a process allocates, and what a child takes is not given out again by its
    // parent's tests, which wait for it.
    g_next = reinterpret_cast<u8*>(base::align_up(reinterpret_cast<u64>(g_next), alignment));
    u8* memory = g_next;
    g_next += bytes;
    return memory;
}

void print_line(std::string_view line) {
    base::FixedWriter<400> text;
    text.put(line);
    text.put('\n');
    (void)host::linux_host::host_call(abi::SYS_write, 1, reinterpret_cast<u64>(text.data()), text.length());
}

} // namespace host_test

extern "C" [[noreturn]] void lx_main(u64* stack) {
    using namespace host::linux_host;
    const Arguments arguments = read_start(stack);
    if (arguments.count != 2)
        fail("usage", "lxhost_test FOLDER");
    g_state.log = 2;
    g_state.root = g_state.guest_tools = open_folder(arguments.values[1]);
    prepare_host(stack);
    prepare_drives();
    host_test::g_first = reinterpret_cast<host::ThreadBlock*>(
        host_test::arena_memory(host::kThreadBlockBytes, host::kThreadBlockBytes));
    enter_block(*host_test::g_first, host_test::run);
}
