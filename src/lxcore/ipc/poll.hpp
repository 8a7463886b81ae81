// Waiting for several files at once: what poll(2) and select(2) share, and the file lists of calls that hold many.
#pragma once

#include "abi/poll.hpp"
#include "abi/time.hpp"
#include "lxcore/fs/fd_table.hpp"
#include "lxcore/fs/file.hpp"

namespace lxcore {

// References to the files of one call, listed in the current task for the reaper.
class HeldFiles {
public:
    explicit HeldFiles(usize count);
    LXSS_NO_COPY(HeldFiles);
    ~HeldFiles();
    // Memory for the list was had.
    explicit operator bool() const { return m_block.files != nullptr; }
    void set(usize index, RefPtr<File> file) { m_block.files[index] = file.leak(); }
    File* operator[](usize index) const { return m_block.files[index]; }

private:
    static constexpr usize kInline = 8;
    File* m_inline[kInline] = {};
    HeldFileBlock m_block;
};

// The registrations of one poller, and its sleep. Queues must outlive it: the poller holds the files.
class Poller final : public PollTable {
public:
    // expected: number of files, to size the lists by.
    explicit Poller(usize expected) : m_expected(expected) {}
    LXSS_NO_COPY(Poller);
    ~Poller();
    void add(WaitQueue& queue) override;
    void add_host(host::Handle handle, u32 events) override;

    // Which file the following add calls are for, and what is wanted of it.
    void begin(usize index, u32 events) {
        m_index = index;
        m_events = events;
    }
    // From now on no more queues are registered (something is ready already); host handles still are.
    void stop_registering() { m_is_registering = false; }
    bool has_host_items() const { return m_host_count != 0; }
    bool is_out_of_memory() const { return m_is_out_of_memory; }
    // Asks the host which handles are ready now.
    void check_host_items();
    // Calls visit(file index, abi::POLL* bits) for each ready host item.
    template <typename Visit>
    void each_ready_host_item(Visit visit) const {
        for (usize i = 0; i < m_host_count; ++i)
            if (m_host_items[i].returned != 0)
                visit(m_host_indices[i], static_cast<u32>(static_cast<u16>(m_host_items[i].returned)));
    }
    // Woken, TimedOut or Interrupted; ready host items are marked.
    SleepResult sleep(u64 deadline_ns);

private:
    struct PollWaiter final : Waiter, ArenaObject {
        PollWaiter(Task& task, u32 events) : Waiter(task, events) {}
        PollWaiter* next = nullptr;
    };
    static constexpr usize kInlineWaiters = 4;
    static constexpr usize kInlineHostItems = 4;

    usize m_expected;
    usize m_index = 0;
    u32 m_events = 0;
    bool m_is_registering = true;
    bool m_is_out_of_memory = false;
    alignas(PollWaiter) unsigned char m_inline_waiters[kInlineWaiters][sizeof(PollWaiter)];
    usize m_inline_count = 0;
    PollWaiter* m_more_waiters = nullptr;
    host::PollItem m_inline_items[kInlineHostItems];
    u32 m_inline_indices[kInlineHostItems];
    host::PollItem* m_host_items = m_inline_items;
    u32* m_host_indices = m_inline_indices;
    usize m_host_capacity = kInlineHostItems;
    usize m_host_count = 0;
};

// The heart of poll(2): fills `revents` and returns how many are not zero; 0 at the deadline. A deadline of 0 does not
// wait. ENOMEM; EINTR when a signal came first (the caller says how its call restarts).
Result<usize> poll_files(abi::pollfd* entries, usize count, u64 deadline_ns);

// Waits until one of `events` holds for the file: what a blocking operation of a host-backed file does after EAGAIN.
// EINTR when interrupted, EAGAIN at the deadline.
Result<void> wait_for_host_handle(host::Handle handle, u32 events, u64 deadline_ns);

// Absolute deadline of a relative timeout. EINVAL for a malformed one. Saturates; never 0 unless the timeout is.
Result<u64> deadline_after(const abi::timespec& timeout);
inline constexpr u64 kNoWait = 0;

} // namespace lxcore
