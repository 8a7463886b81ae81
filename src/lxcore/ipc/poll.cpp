// poll(2) and its relatives: the part that is not about formats.
#include "lxcore/ipc/poll.hpp"

#include "lxcore/task/task.hpp"

namespace lxcore {

// ---- files held ----

HeldFiles::HeldFiles(usize count) {
    m_block.count = count;
    m_block.files = count <= kInline ? m_inline : static_cast<File**>(allocate(count * sizeof(File*)));
    if (!m_block.files)
        return;
    Task& task = current();
    m_block.next = task.held_file_blocks;
    std::atomic_signal_fence(std::memory_order_seq_cst);
    task.held_file_blocks = &m_block;
}

HeldFiles::~HeldFiles() {
    if (!m_block.files)
        return;
    for (usize i = 0; i < m_block.count; ++i)
        if (File* file = std::exchange(m_block.files[i], nullptr))
            file->unref();
    current().held_file_blocks = m_block.next;
    if (m_block.files != m_inline)
        release(m_block.files, m_block.count * sizeof(File*));
}

// ---- registrations ----

Poller::~Poller() {
    for (usize i = 0; i < m_inline_count; ++i)
        reinterpret_cast<PollWaiter*>(m_inline_waiters[i])->~PollWaiter();
    while (PollWaiter* waiter = m_more_waiters) {
        m_more_waiters = waiter->next;
        delete waiter;
    }
    if (m_host_items != m_inline_items) {
        release(m_host_items, m_host_capacity * sizeof(host::PollItem));
        release(m_host_indices, m_host_capacity * sizeof(u32));
    }
}

void Poller::add(WaitQueue& queue) {
    if (!m_is_registering)
        return;
    // Errors and hang-ups are told whether asked for or not.
    const u32 events = m_events | abi::POLLERR | abi::POLLHUP | abi::POLLNVAL;
    PollWaiter* waiter = nullptr;
    if (m_inline_count < kInlineWaiters) {
        waiter = new (static_cast<void*>(m_inline_waiters[m_inline_count++])) PollWaiter(current(), events);
    } else {
        auto made = make<PollWaiter>(current(), events);
        if (made.is_error()) {
            m_is_out_of_memory = true;
            return;
        }
        waiter = made.value();
        waiter->next = m_more_waiters;
        m_more_waiters = waiter;
    }
    waiter->attach(queue);
}

void Poller::add_host(host::Handle handle, u32 events) {
    if (m_host_count == m_host_capacity) {
        const usize capacity = base::max(m_host_capacity * 4, m_expected);
        auto* items = static_cast<host::PollItem*>(allocate(capacity * sizeof(host::PollItem)));
        auto* indices = static_cast<u32*>(allocate(capacity * sizeof(u32)));
        if (!items || !indices) {
            if (items)
                release(items, capacity * sizeof(host::PollItem));
            if (indices)
                release(indices, capacity * sizeof(u32));
            m_is_out_of_memory = true;
            return;
        }
        __builtin_memcpy(static_cast<void*>(items), m_host_items, m_host_count * sizeof(host::PollItem));
        __builtin_memcpy(indices, m_host_indices, m_host_count * sizeof(u32));
        if (m_host_items != m_inline_items) {
            release(m_host_items, m_host_capacity * sizeof(host::PollItem));
            release(m_host_indices, m_host_capacity * sizeof(u32));
        }
        m_host_items = items;
        m_host_indices = indices;
        m_host_capacity = capacity;
    }
    m_host_items[m_host_count] = {handle, static_cast<i16>(events & m_events), 0};
    m_host_indices[m_host_count++] = static_cast<u32>(m_index);
}

void Poller::check_host_items() {
    for (usize i = 0; i < m_host_count; ++i)
        m_host_items[i].returned = 0;
    // A failure leaves nothing marked; the sleep or the next round tells more.
    (void)host::poll_now(m_host_items, m_host_count).is_ok();
}

SleepResult Poller::sleep(u64 deadline_ns) {
    if (m_host_count == 0)
        return current().sleep(deadline_ns);
    for (usize i = 0; i < m_host_count; ++i)
        m_host_items[i].returned = 0;
    return current().sleep_with_host(m_host_items, m_host_count, deadline_ns);
}

// ---- the loop ----

namespace {

// What a poller sees: the events it asked for, and those that are always told.
u32 visible(u32 ready, i16 wanted) {
    return ready & (static_cast<u16>(wanted) | abi::POLLERR | abi::POLLHUP | abi::POLLNVAL);
}

usize scan(abi::pollfd* entries, usize count, const HeldFiles& files, Poller* register_with) {
    usize ready = 0;
    for (usize i = 0; i < count; ++i) {
        abi::pollfd& entry = entries[i];
        entry.revents = 0;
        if (entry.fd < 0)
            continue;
        if (!files[i]) {
            entry.revents = static_cast<i16>(abi::POLLNVAL);
            ++ready;
            continue;
        }
        if (register_with)
            register_with->begin(i, static_cast<u16>(entry.events));
        entry.revents = static_cast<i16>(visible(files[i]->poll(register_with), entry.events));
        if (entry.revents != 0) {
            ++ready;
            if (register_with)
                register_with->stop_registering();
        }
    }
    return ready;
}

// A table that only says that nothing is to be registered: host-backed files leave their readiness out.
class IgnoringTable final : public PollTable {
public:
    void add(WaitQueue&) override {}
    void add_host(host::Handle, u32) override {}
};

usize rescan(abi::pollfd* entries, usize count, const HeldFiles& files) {
    IgnoringTable table;
    usize ready = 0;
    for (usize i = 0; i < count; ++i) {
        abi::pollfd& entry = entries[i];
        entry.revents = 0;
        if (entry.fd < 0 || !files[i])
            continue;
        entry.revents = static_cast<i16>(visible(files[i]->poll(&table), entry.events));
        ready += entry.revents != 0;
    }
    return ready;
}

usize merge_host_items(abi::pollfd* entries, const Poller& poller) {
    usize added = 0;
    poller.each_ready_host_item([&](usize index, u32 bits) {
        abi::pollfd& entry = entries[index];
        const u32 merged = static_cast<u16>(entry.revents) | visible(bits, entry.events);
        added += entry.revents == 0 && merged != 0;
        entry.revents = static_cast<i16>(merged);
    });
    return added;
}

} // namespace

Result<usize> poll_files(abi::pollfd* entries, usize count, u64 deadline_ns) {
    HeldFiles files(count);
    if (!files)
        return Errno::ENOMEM;
    FdTable& table = *current().files;
    for (usize i = 0; i < count; ++i)
        if (entries[i].fd >= 0)
            files.set(i, table.peek(entries[i].fd));

    Poller poller(count);
    if (deadline_ns == kNoWait)
        poller.stop_registering();
    usize ready = scan(entries, count, files, &poller);
    if (poller.is_out_of_memory())
        return Errno::ENOMEM;
    if (ready != 0 || deadline_ns == kNoWait) {
        if (poller.has_host_items()) {
            poller.check_host_items();
            ready += merge_host_items(entries, poller);
        }
        return ready;
    }
    for (;;) {
        const SleepResult slept = poller.sleep(deadline_ns);
        ready = rescan(entries, count, files);
        ready += merge_host_items(entries, poller);
        if (ready != 0)
            return ready;
        if (slept == SleepResult::TimedOut)
            return usize{0};
        if (slept == SleepResult::Interrupted)
            return Errno::EINTR;
    }
}

Result<void> wait_for_host_handle(host::Handle handle, u32 events, u64 deadline_ns) {
    host::PollItem item{handle, static_cast<i16>(events), 0};
    switch (current().sleep_with_host(&item, 1, deadline_ns)) {
    case SleepResult::Interrupted: return Errno::EINTR;
    case SleepResult::TimedOut: return Errno::EAGAIN;
    case SleepResult::Woken: break;
    }
    return {};
}

Result<u64> deadline_after(const abi::timespec& timeout) {
    if (timeout.tv_sec < 0 || timeout.tv_nsec < 0 || timeout.tv_nsec >= abi::NSEC_PER_SEC)
        return Errno::EINVAL;
    if (timeout.tv_sec == 0 && timeout.tv_nsec == 0)
        return kNoWait;
    if (timeout.tv_sec > 1'000'000'000)
        return host::kNoDeadline;
    return host::monotonic_ns() + static_cast<u64>(timeout.tv_sec) * abi::NSEC_PER_SEC +
           static_cast<u64>(timeout.tv_nsec);
}

} // namespace lxcore
