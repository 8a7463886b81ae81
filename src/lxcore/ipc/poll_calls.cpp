// poll(2), ppoll(2), select(2), pselect6(2).
#include <bit>

#include "lxcore/ipc/calls.hpp"
#include "lxcore/ipc/poll.hpp"
#include "lxcore/signal/signals.hpp"
#include "lxcore/task/task.hpp"

namespace lxcore {

namespace {

using abi::NSEC_PER_SEC;

// A kernel copy of an array whose length the guest says: on the stack when small.
template <typename T, usize Inline>
class Scratch {
public:
    explicit Scratch(usize count) : m_count(count) {
        m_data = count <= Inline ? m_inline : static_cast<T*>(allocate(count * sizeof(T)));
    }
    LXSS_NO_COPY(Scratch);
    ~Scratch() {
        if (m_data && m_data != m_inline)
            release(m_data, m_count * sizeof(T));
    }
    T* data() { return m_data; }

private:
    T m_inline[Inline]{};
    T* m_data;
    usize m_count;
};

abi::timespec time_left(u64 deadline_ns) {
    if (deadline_ns == kNoWait)
        return {};
    const u64 now = host::monotonic_ns();
    const u64 left = deadline_ns > now ? deadline_ns - now : 0;
    return {static_cast<i64>(left / NSEC_PER_SEC), static_cast<i64>(left % NSEC_PER_SEC)};
}

Result<i32> poll_user(UserPtr<abi::pollfd> user, u32 count, u64 deadline_ns) {
    if (count > current().process->limits[abi::RLIMIT_NOFILE].rlim_cur)
        return Errno::EINVAL;
    Scratch<abi::pollfd, 8> entries(count);
    if (!entries.data())
        return Errno::ENOMEM;
    TRY(user.read_array(entries.data(), count));
    const usize ready = TRY(poll_files(entries.data(), count, deadline_ns));
    // Only revents is written back, as another thread may change the rest meanwhile.
    for (u32 i = 0; i < count; ++i)
        TRY(copy_to_user(user.address() + i * sizeof(abi::pollfd) + offsetof(abi::pollfd, revents),
                         &entries.data()[i].revents, sizeof(i16)));
    return static_cast<i32>(ready);
}

} // namespace

Result<i32> sys_poll(UserPtr<abi::pollfd> user, u32 count, i32 timeout_ms) {
    u64 deadline = take_restart_deadline();
    if (deadline == 0) {
        if (timeout_ms < 0)
            deadline = host::kNoDeadline;
        else if (timeout_ms > 0)
            deadline = host::monotonic_ns() + static_cast<u64>(timeout_ms) * 1'000'000;
        else
            deadline = kNoWait;
    }
    auto ready = poll_user(user, count, deadline);
    if (ready.is_error() && ready.error() == Errno::EINTR)
        return interrupted_until(deadline);
    return ready;
}

Result<i32> sys_ppoll(UserPtr<abi::pollfd> user, u32 count, UserPtr<abi::timespec> timeout, UserPtr<u64> mask,
                      u64 mask_size) {
    u64 deadline = host::kNoDeadline;
    if (timeout)
        deadline = TRY(deadline_after(TRY(timeout.read())));
    TRY(set_temporary_mask(mask, mask_size));
    auto ready = poll_user(user, count, deadline);
    // Linux tells the time left, and a restart goes on with it. An unwritable timeout is no error.
    if (timeout && deadline != kNoWait)
        (void)timeout.write(time_left(deadline)).is_ok();
    if (ready.is_error() && ready.error() == Errno::EINTR)
        return Errno::ERESTARTNOHAND;
    return ready;
}

namespace {

constexpr u32 kReadSet = abi::POLLIN | abi::POLLRDNORM | abi::POLLRDBAND | abi::POLLHUP | abi::POLLERR;
constexpr u32 kWriteSet = abi::POLLOUT | abi::POLLWRNORM | abi::POLLWRBAND | abi::POLLERR;
constexpr u32 kExceptSet = abi::POLLPRI;

struct SelectSets {
    u64* in;
    u64* out;
    u64* except;
};

constexpr bool has_bit(const u64* set, i32 fd) { return (set[fd / 64] >> (fd % 64)) & 1; }
constexpr void set_bit(u64* set, i32 fd) { set[fd / 64] |= u64{1} << (fd % 64); }

Result<i32> select_user(i32 count, UserPtr<u64> in, UserPtr<u64> out, UserPtr<u64> except, u64 deadline_ns) {
    if (count < 0)
        return Errno::EINVAL;
    // Bits beyond the table cannot stand for open files; Linux cuts the number as well.
    count = base::min(count, static_cast<i32>(base::max(current().files->capacity(), 64u)));
    const usize words = (static_cast<usize>(count) + 63) / 64;
    Scratch<u64, 18> sets(3 * words);
    if (!sets.data())
        return Errno::ENOMEM;
    u64* wanted[3] = {sets.data(), sets.data() + words, sets.data() + 2 * words};
    const UserPtr<u64> user[3] = {in, out, except};
    for (usize i = 0; i < 3; ++i) {
        for (usize word = 0; word < words; ++word)
            wanted[i][word] = 0;
        if (user[i])
            TRY(user[i].read_array(wanted[i], words));
    }
    if (words != 0 && count % 64 != 0)
        for (auto* set : wanted)
            set[words - 1] &= (u64{1} << (count % 64)) - 1;

    usize entry_count = 0;
    for (usize word = 0; word < words; ++word)
        for (u64 bits = wanted[0][word] | wanted[1][word] | wanted[2][word]; bits != 0; bits &= bits - 1)
            ++entry_count; // std::popcount would want a runtime
    Scratch<abi::pollfd, 8> entries(entry_count);
    if (!entries.data())
        return Errno::ENOMEM;
    usize filled = 0;
    for (usize word = 0; word < words; ++word) {
        for (u64 bits = wanted[0][word] | wanted[1][word] | wanted[2][word]; bits != 0; bits &= bits - 1) {
            const i32 fd = static_cast<i32>(word * 64) + std::countr_zero(bits);
            u32 events = 0;
            if (has_bit(wanted[0], fd))
                events |= abi::POLLIN | abi::POLLRDNORM | abi::POLLRDBAND;
            if (has_bit(wanted[1], fd))
                events |= abi::POLLOUT | abi::POLLWRNORM | abi::POLLWRBAND;
            if (has_bit(wanted[2], fd))
                events |= abi::POLLPRI;
            entries.data()[filled++] = {fd, static_cast<i16>(events), 0};
        }
    }
    i32 total = 0;
    for (;;) {
        (void)TRY(poll_files(entries.data(), entry_count, deadline_ns));
        u64* result[3] = {wanted[0], wanted[1], wanted[2]};
        for (usize word = 0; word < 3 * words; ++word)
            sets.data()[word] = 0;
        bool only_hang_ups = false;
        for (usize i = 0; i < entry_count; ++i) {
            const abi::pollfd& entry = entries.data()[i];
            const u32 ready = static_cast<u16>(entry.revents);
            const u32 events = static_cast<u16>(entry.events);
            if (ready & abi::POLLNVAL)
                return Errno::EBADF;
            const i32 before = total;
            if ((events & abi::POLLIN) && (ready & kReadSet)) {
                set_bit(result[0], entry.fd);
                ++total;
            }
            if ((events & abi::POLLOUT) && (ready & kWriteSet)) {
                set_bit(result[1], entry.fd);
                ++total;
            }
            if ((events & abi::POLLPRI) && (ready & kExceptSet)) {
                set_bit(result[2], entry.fd);
                ++total;
            }
            only_hang_ups = only_hang_ups || (ready != 0 && total == before);
        }
        if (total != 0 || !only_hang_ups || deadline_ns == kNoWait)
            break;
        // poll() reports a hang-up to whoever asks for anything, select() to readers only: those files are left
        // out of the further wait, as none of what was asked for will come.
        for (usize i = 0; i < entry_count; ++i)
            if (entries.data()[i].revents != 0)
                entries.data()[i].fd = -1 - entries.data()[i].fd;
    }
    for (usize i = 0; i < 3; ++i)
        if (user[i])
            TRY(user[i].write_array(wanted[i], words));
    return total;
}

} // namespace

Result<i32> sys_select(i32 count, UserPtr<u64> in, UserPtr<u64> out, UserPtr<u64> except,
                       UserPtr<abi::timeval> timeout) {
    u64 deadline = host::kNoDeadline;
    if (timeout) {
        const auto value = TRY(timeout.read());
        if (value.tv_sec < 0 || value.tv_usec < 0)
            return Errno::EINVAL;
        deadline = TRY(deadline_after({value.tv_sec + value.tv_usec / 1'000'000, value.tv_usec % 1'000'000 * 1000}));
    }
    auto ready = select_user(count, in, out, except, deadline);
    if (timeout && deadline != kNoWait) {
        const auto left = time_left(deadline);
        (void)timeout.write({left.tv_sec, left.tv_nsec / 1000}).is_ok();
    }
    if (ready.is_error() && ready.error() == Errno::EINTR)
        return Errno::ERESTARTNOHAND;
    return ready;
}

Result<i32> sys_pselect6(i32 count, UserPtr<u64> in, UserPtr<u64> out, UserPtr<u64> except,
                         UserPtr<abi::timespec> timeout, UserPtr<SignalMaskArgument> mask) {
    u64 deadline = host::kNoDeadline;
    if (timeout)
        deadline = TRY(deadline_after(TRY(timeout.read())));
    if (mask) {
        const auto argument = TRY(mask.read());
        TRY(set_temporary_mask(UserPtr<u64>(argument.address), argument.size));
    }
    auto ready = select_user(count, in, out, except, deadline);
    if (timeout && deadline != kNoWait)
        (void)timeout.write(time_left(deadline)).is_ok();
    if (ready.is_error() && ready.error() == Errno::EINTR)
        return Errno::ERESTARTNOHAND;
    return ready;
}

} // namespace lxcore
