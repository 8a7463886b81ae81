// epoll_create(2), epoll_ctl(2), epoll_wait(2).
#include "lxcore/fs/fd_table.hpp"
#include "lxcore/ipc/calls.hpp"
#include "lxcore/ipc/epoll.hpp"
#include "lxcore/ipc/poll.hpp"
#include "lxcore/signal/signals.hpp"

namespace lxcore {

Result<i32> sys_epoll_create1(OpenFlags flags) {
    if (flags & ~abi::EPOLL_CLOEXEC)
        return Errno::EINVAL;
    auto epoll = TRY(Epoll::create());
    return current().files->install(std::move(epoll), (flags & abi::EPOLL_CLOEXEC) != 0);
}

Result<i32> sys_epoll_create(i32 size) {
    if (size <= 0)
        return Errno::EINVAL;
    return sys_epoll_create1({0});
}

Result<i32> sys_epoll_ctl(Fd epoll_fd, i32 operation, Fd fd, UserPtr<abi::epoll_event> user) {
    abi::epoll_event event{};
    if (operation != static_cast<i32>(abi::EPOLL_CTL_DEL))
        event = TRY(user.read());
    auto epoll_file = TRY(get_file(epoll_fd));
    auto target = TRY(get_file(fd));
    Epoll* epoll = epoll_file->epoll();
    if (!epoll || target.get() == epoll_file.get())
        return Errno::EINVAL;
    constexpr u32 kExclusiveOk = abi::EPOLLIN | abi::EPOLLOUT | abi::EPOLLERR | abi::EPOLLHUP | abi::EPOLLWAKEUP |
                                 abi::EPOLLET | abi::EPOLLEXCLUSIVE;
    switch (operation) {
    case abi::EPOLL_CTL_ADD:
        if ((event.events & abi::EPOLLEXCLUSIVE) && (target->epoll() || (event.events & ~kExclusiveOk)))
            return Errno::EINVAL;
        TRY(epoll->add(target.ref(), fd, event.events, event.data));
        return 0;
    case abi::EPOLL_CTL_MOD:
        if (event.events & abi::EPOLLEXCLUSIVE)
            return Errno::EINVAL;
        TRY(epoll->modify(*target, fd, event.events, event.data));
        return 0;
    case abi::EPOLL_CTL_DEL:
        TRY(epoll->remove(*target, fd));
        return 0;
    default:
        return Errno::EINVAL;
    }
}

namespace {

Result<i32> wait_user(i32 fd, UserPtr<abi::epoll_event> events, i32 capacity, u64 deadline_ns) {
    if (capacity <= 0 || static_cast<u64>(capacity) > 0x7fff'ffff / sizeof(abi::epoll_event))
        return Errno::EINVAL;
    if (!base::is_guest_range(events.address(), static_cast<u64>(capacity) * sizeof(abi::epoll_event)))
        return Errno::EFAULT;
    auto file = TRY(get_file(fd));
    Epoll* epoll = file->epoll();
    if (!epoll)
        return Errno::EINVAL;
    // A wait that a signal interrupts is not restarted: signal(7).
    return static_cast<i32>(TRY(epoll->wait(events, static_cast<usize>(capacity), deadline_ns)));
}

u64 deadline_in_ms(i32 timeout_ms) {
    if (timeout_ms < 0)
        return host::kNoDeadline;
    if (timeout_ms == 0)
        return kNoWait;
    return host::monotonic_ns() + static_cast<u64>(timeout_ms) * 1'000'000;
}

} // namespace

Result<i32> sys_epoll_wait(Fd epoll, UserPtr<abi::epoll_event> events, i32 capacity, i32 timeout_ms) {
    return wait_user(epoll, events, capacity, deadline_in_ms(timeout_ms));
}

Result<i32> sys_epoll_pwait(Fd epoll, UserPtr<abi::epoll_event> events, i32 capacity, i32 timeout_ms,
                            UserPtr<u64> mask, u64 mask_size) {
    TRY(set_temporary_mask(mask, mask_size));
    return wait_user(epoll, events, capacity, deadline_in_ms(timeout_ms));
}

Result<i32> sys_epoll_pwait2(Fd epoll, UserPtr<abi::epoll_event> events, i32 capacity,
                             UserPtr<abi::timespec> timeout, UserPtr<u64> mask, u64 mask_size) {
    u64 deadline = host::kNoDeadline;
    if (timeout)
        deadline = TRY(deadline_after(TRY(timeout.read())));
    TRY(set_temporary_mask(mask, mask_size));
    return wait_user(epoll, events, capacity, deadline);
}

} // namespace lxcore
