// Threads, pico processes, and the ways from guest code into the kernel.
#include "abi/mman.hpp"
#include "host_test.hpp"

namespace host_test {

namespace {

constexpr usize kPage = base::kPageSize;
constexpr u32 kReadWrite = abi::PROT_READ | abi::PROT_WRITE;

u32 load(u32* word) {
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

void note_identity(void* context) {
    auto* ids = static_cast<i32*>(context);
    ids[0] = host::current_block()->host_process;
    ids[1] = host::current_block()->host_thread;
}

void identities() {
    auto* ids = reinterpret_cast<i32*>(arena_memory(64));
    const ThreadBlock& me = *host::current_block();
    CHECK(finish(start(Kind::Thread, note_identity, ids), true));
    CHECK(ids[0] == me.host_process && ids[1] != me.host_thread);
    CHECK(finish(start(Kind::Fork, note_identity, ids + 2), false));
    CHECK(ids[2] != me.host_process);
    CHECK(finish(start(Kind::Spawn, note_identity, ids + 4), false));
    CHECK(ids[4] != me.host_process && ids[4] != ids[2]);
}

void many_threads() {
    for (int i = 0; i < 200; ++i)
        CHECK(finish(start(Kind::Thread, nullptr, nullptr), true)); // host_alive is cleared
}

constexpr u64 kShared = kGuest + base::kMappingUnit;

void write_private(void* context) {
    auto* result = static_cast<u32*>(context);
    // What the parent wrote after the fork is not seen, and ours not by it.
    while (load(result) == 0)
        (void)host::wait(result, 0, soon(5'000));
    __atomic_store_n(result + 1, host::load_guarded(reinterpret_cast<u32*>(kGuest)).value(),
                     __ATOMIC_RELEASE);
    __atomic_store_n(result + 2, host::load_guarded(reinterpret_cast<u32*>(kShared)).value(),
                     __ATOMIC_RELEASE);
    (void)host::exchange_guarded(reinterpret_cast<u32*>(kGuest), 3);
    (void)host::exchange_guarded(reinterpret_cast<u32*>(kShared), 3);
}

void copy_on_write() {
    auto* result = reinterpret_cast<u32*>(arena_memory(64));
    CHECK_OK(host::map_anonymous(kGuest, kPage, kReadWrite));
    CHECK_OK(host::map_shared_anonymous(kShared, kPage, kReadWrite));
    CHECK(host::exchange_guarded(reinterpret_cast<u32*>(kGuest), 1).is_ok());
    const Child child = start(Kind::Fork, write_private, result);
    CHECK(host::exchange_guarded(reinterpret_cast<u32*>(kGuest), 2).is_ok());
    CHECK(host::exchange_guarded(reinterpret_cast<u32*>(kShared), 2).is_ok());
    __atomic_store_n(result, 1, __ATOMIC_RELEASE);
    host::wake(result, 1);
    CHECK(finish(child, false));
    CHECK(result[1] == 1);
    CHECK(result[2] == 2);
    CHECK(host::load_guarded(reinterpret_cast<u32*>(kGuest)).value() == 2);
    CHECK(host::load_guarded(reinterpret_cast<u32*>(kShared)).value() == 3);
    CHECK_OK(host::unmap(kGuest, kPage));
    CHECK_OK(host::unmap(kShared, kPage));
}

void look_for_guest_memory(void* context) {
    *static_cast<u32*>(context) = host::load_guarded(reinterpret_cast<u32*>(kGuest)).is_error() ? 1 : 2;
}

void spawned_are_empty() {
    auto* result = reinterpret_cast<u32*>(arena_memory(64));
    CHECK_OK(host::map_anonymous(kGuest, kPage, kReadWrite));
    CHECK(finish(start(Kind::Spawn, look_for_guest_memory, result), false));
    CHECK(*result == 1);
    CHECK(finish(start(Kind::Fork, look_for_guest_memory, result), false));
    CHECK(*result == 2);
    CHECK_OK(host::unmap(kGuest, kPage));
}

void share_handles(void* context) {
    auto* handle = static_cast<i32*>(context);
    const auto opened = host::open_at(host::root_folder(), "", host::kOpenRead | host::kOpenDirectory, 0);
    *handle = opened.is_ok() ? opened.value() : host::kNoHandle;
}

void handles_are_shared() {
    auto* handle = reinterpret_cast<i32*>(arena_memory(64));
    CHECK(finish(start(Kind::Fork, share_handles, handle), false));
    CHECK(host::file_info(*handle).is_ok());
    host::close(*handle);
    CHECK_ERROR(host::file_info(*handle), EBADF);
}

void read_and_write_others_memory() {
    CHECK_OK(host::map_anonymous(kGuest, kPage, kReadWrite));
    const i32 me = host::current_block()->host_process;
    u64 value = 77;
    CHECK(host::write_process_memory(me, kGuest + kPage - 8, &value, 8).value() == 8);
    value = 0;
    CHECK(host::read_process_memory(me, kGuest + kPage - 8, &value, 8).value() == 8);
    CHECK(value == 77);
    u8 bytes[16];
    CHECK(host::read_process_memory(me, kGuest + kPage - 8, bytes, 16).value() == 8); // short at the bad page
    CHECK(host::read_process_memory(me, kGuest + kPage, bytes, 16).is_error());
    CHECK_OK(host::unmap(kGuest, kPage));
}

void hang(void* context) {
    auto* ready = static_cast<u32*>(context);
    __atomic_store_n(ready, 1, __ATOMIC_RELEASE);
    for (;;)
        (void)host::wait(ready, 1, host::kNoDeadline);
}

void killing() {
    auto* ready = reinterpret_cast<u32*>(arena_memory(64));
    const Child child = start(Kind::Fork, hang, ready);
    while (load(ready) == 0)
        host::yield();
    host::kill_process(child.block->host_process);
    sleep_ms(20);
    // Its memory is gone at the latest when it is reaped.
    u8 byte;
    CHECK(host::read_process_memory(child.block->host_process, base::kArenaBase, &byte, 1).is_error());
}

// ---- guest code

void run_guest(const u8* code, usize bytes, Entry::Why why) {
    CHECK_OK(host::map_anonymous(kGuest, kPage, kReadWrite));
    CHECK(host::copy_guarded(reinterpret_cast<void*>(kGuest), code, bytes) == 0);
    CHECK_OK(host::protect(kGuest, kPage, abi::PROT_READ | abi::PROT_EXEC));
    last_entry() = {};
    const Child child = start_guest(kGuest, nullptr, nullptr);
    if (why == Entry::Why::Interrupt) {
        sleep_ms(20);
        CHECK(load(child.done) == 0);
        host::interrupt_thread(child.block->host_process, child.block->host_thread);
    }
    CHECK(finish(child, true));
    CHECK(last_entry().why == why);
    CHECK_OK(host::unmap(kGuest, kPage));
}

void guest_system_call() {
    static constexpr u8 kCode[] = {0xb8, 123,  0,    0,   0,
                                   0x0f, 0x05, 0x0f, 0x0b}; // mov $123, %eax; syscall; ud2
    run_guest(kCode, sizeof(kCode), Entry::Why::SystemCall);
    CHECK(last_entry().number == 123);
    CHECK(last_entry().address == kGuest + 7);
}

void guest_exceptions() {
    static constexpr u8 kFault[] = {0x8a, 0x04, 0x25, 0x10, 0, 0, 0}; // mov 0x10, %al
    run_guest(kFault, sizeof(kFault), Entry::Why::Exception);
    CHECK(last_entry().trap == 14 && last_entry().address == 0x10);
    static constexpr u8 kUndefined[] = {0x0f, 0x0b};
    run_guest(kUndefined, sizeof(kUndefined), Entry::Why::Exception);
    CHECK(last_entry().trap == 6);
    static constexpr u8 kDivide[] = {0x31, 0xc9, 0xf7, 0xf1}; // xor %ecx, %ecx; div %ecx
    run_guest(kDivide, sizeof(kDivide), Entry::Why::Exception);
    CHECK(last_entry().trap == 0);
}

void guest_interrupt() {
    static constexpr u8 kLoop[] = {0xeb, 0xfe};
    run_guest(kLoop, sizeof(kLoop), Entry::Why::Interrupt);
}

void processors() {
    CHECK(host::processor_count() >= 1);
    u64 mask[16] = {};
    CHECK(host::get_affinity(host::current_block()->host_thread, mask, sizeof(mask)).is_ok());
    CHECK_OK(host::set_affinity(host::current_block()->host_thread, mask, sizeof(mask)));
    const host::MemoryStatus memory = host::memory_status();
    CHECK(memory.total_bytes > 0 && memory.free_bytes <= memory.total_bytes);
}

} // namespace

extern const Test kProcessTests[] = {{"process.identities", identities},
                                     {"process.many_threads", many_threads},
                                     {"process.copy_on_write", copy_on_write},
                                     {"process.spawned_are_empty", spawned_are_empty},
                                     {"process.handles_are_shared", handles_are_shared},
                                     {"process.read_and_write_others_memory", read_and_write_others_memory},
                                     {"process.killing", killing},
                                     {"process.guest_system_call", guest_system_call},
                                     {"process.guest_exceptions", guest_exceptions},
                                     {"process.guest_interrupt", guest_interrupt},
                                     {"process.processors", processors},
                                     {}};

} // namespace host_test
