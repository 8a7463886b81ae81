// eventfd(2).
#include "lxcore/fs/fd_table.hpp"
#include "lxcore/ipc/calls.hpp"
#include "lxcore/task/task.hpp"

namespace lxcore {

namespace {

constexpr u64 kMaxCount = ~u64{0} - 1;

class EventFile final : public File {
public:
    EventFile(u64 initial, bool is_semaphore) : m_count(initial), m_is_semaphore(is_semaphore) {}

    Result<usize> read(IoBuffer& buffer, i64) override {
        if (buffer.left() < sizeof(u64))
            return Errno::EINVAL;
        Waiter waiter(current(), abi::POLLIN);
        for (;;) {
            {
                LockGuard guard(m_lock);
                if (m_count != 0) {
                    const u64 value = m_is_semaphore ? 1 : m_count;
                    const bool was_full = m_count == kMaxCount;
                    m_count -= value;
                    guard.unlock();
                    // Blocked writers wait for room for their value, which any read may have made.
                    if (m_writers_wait.exchange(false, std::memory_order_acq_rel) || was_full)
                        m_wait.wake(abi::POLLOUT | abi::POLLWRNORM, ~0u);
                    return buffer.copy_in(&value, sizeof(value));
                }
                if (is_nonblocking())
                    return Errno::EAGAIN;
                if (!waiter.is_attached())
                    waiter.attach(m_wait);
            }
            if (current().sleep() == SleepResult::Interrupted)
                return Errno::ERESTARTSYS;
        }
    }

    Result<usize> write(IoBuffer& buffer, i64) override {
        if (buffer.left() < sizeof(u64))
            return Errno::EINVAL;
        u64 value = 0;
        if (TRY(buffer.copy_out(&value, sizeof(value))) != sizeof(value))
            return Errno::EFAULT;
        if (value == ~u64{0})
            return Errno::EINVAL;
        Waiter waiter(current(), abi::POLLOUT);
        for (;;) {
            {
                LockGuard guard(m_lock);
                if (value <= kMaxCount - m_count) {
                    m_count += value;
                    guard.unlock();
                    // Every write is news to edge-triggered pollers, also one that adds to a count.
                    m_wait.wake(abi::POLLIN | abi::POLLRDNORM, ~0u);
                    return sizeof(value);
                }
                if (is_nonblocking())
                    return Errno::EAGAIN;
                m_writers_wait.store(true, std::memory_order_release);
                if (!waiter.is_attached())
                    waiter.attach(m_wait);
            }
            if (current().sleep() == SleepResult::Interrupted)
                return Errno::ERESTARTSYS;
        }
    }

    u32 poll(PollTable* table) override {
        if (table)
            table->add(m_wait);
        LockGuard guard(m_lock);
        u32 ready = 0;
        if (m_count != 0)
            ready |= abi::POLLIN | abi::POLLRDNORM;
        if (m_count < kMaxCount)
            ready |= abi::POLLOUT | abi::POLLWRNORM;
        return ready;
    }

    void print_information(base::Writer& writer) override {
        base::print(writer, "eventfd-count: {:16x}\neventfd-semaphore: {}\n", m_count, m_is_semaphore ? 1 : 0);
    }

private:
    Mutex m_lock;
    u64 m_count;
    const bool m_is_semaphore;
    std::atomic<bool> m_writers_wait{false};
    WaitQueue m_wait;
};

} // namespace

Result<i32> sys_eventfd2(u32 initial, OpenFlags flags) {
    if (flags & ~(abi::EFD_SEMAPHORE | abi::EFD_NONBLOCK | abi::EFD_CLOEXEC))
        return Errno::EINVAL;
    auto file = TRY(make_ref<EventFile>(initial, (flags & abi::EFD_SEMAPHORE) != 0));
    file->flags.store(abi::O_RDWR | (flags & abi::EFD_NONBLOCK), std::memory_order_relaxed);
    TRY(attach_anonymous_inode(*file, "[eventfd]", 0600));
    return current().files->install(std::move(file), (flags & abi::EFD_CLOEXEC) != 0);
}

Result<i32> sys_eventfd(u32 initial) { return sys_eventfd2(initial, {0}); }

} // namespace lxcore
