// Sockets and waiting for handles: thin wrappers of the host's calls. Every socket is non-blocking at the host.
#include "abi/fcntl.hpp"
#include "base/format.hpp"
#include "host/host.hpp"
#include "host/linux/syscall.hpp"

namespace host {

using namespace linux_host;

namespace {

// Of file descriptor numbers, which the kernel takes as unsigned ints.
u64 number(Handle handle) { return static_cast<u64>(static_cast<i64>(handle)); }
u64 number_of(i32 value) { return static_cast<u64>(static_cast<i64>(value)); }

constexpr u64 kSecond = 1'000'000'000;

// The time until a deadline, for calls that take relative ones; null without a deadline.
struct Remaining {
    explicit Remaining(u64 deadline_ns) : is_endless(deadline_ns == kNoDeadline) {
        if (is_endless)
            return;
        const u64 now = deadline_ns == 0 ? 0 : monotonic_ns();
        const u64 left = deadline_ns > now ? deadline_ns - now : 0;
        time = {static_cast<i64>(left / kSecond), static_cast<i64>(left % kSecond)};
    }
    u64 address() { return is_endless ? 0 : address_of(&time); }
    abi::timespec time{};
    bool is_endless;
};

} // namespace

// ---- waiting for handles ----

Result<usize> poll_interruptible(PollItem* items, usize count, u64 deadline_ns) {
    Remaining remaining(deadline_ns);
    return value_result<usize>(
        host_call_interruptible(abi::SYS_ppoll, address_of(items), count, remaining.address(), 0, 8));
}

Result<usize> poll_now(PollItem* items, usize count) {
    return value_result<usize>(host_call(abi::SYS_poll, address_of(items), count, 0));
}

Result<Handle> poll_set_create() {
    return value_result<Handle>(host_call(abi::SYS_epoll_create1, abi::EPOLL_CLOEXEC));
}

Result<void> poll_set_add(Handle set, Handle handle, u32 events, u64 data) {
    abi::epoll_event event{events, data};
    return void_result(
        host_call(abi::SYS_epoll_ctl, number(set), abi::EPOLL_CTL_ADD, number(handle), address_of(&event)));
}

Result<void> poll_set_modify(Handle set, Handle handle, u32 events, u64 data) {
    abi::epoll_event event{events, data};
    return void_result(
        host_call(abi::SYS_epoll_ctl, number(set), abi::EPOLL_CTL_MOD, number(handle), address_of(&event)));
}

void poll_set_remove(Handle set, Handle handle) {
    abi::epoll_event event{};
    (void)host_call(abi::SYS_epoll_ctl, number(set), abi::EPOLL_CTL_DEL, number(handle), address_of(&event));
}

Result<usize> poll_set_wait_interruptible(Handle set, abi::epoll_event* events, usize capacity, u64 deadline_ns) {
    if (deadline_ns == 0 || deadline_ns == kNoDeadline) {
        const u64 timeout = deadline_ns == 0 ? 0 : ~u64{0};
        if (deadline_ns == 0)
            return value_result<usize>(
                host_call(abi::SYS_epoll_wait, number(set), address_of(events), capacity, timeout));
        return value_result<usize>(
            host_call_interruptible(abi::SYS_epoll_wait, number(set), address_of(events), capacity, timeout));
    }
    Remaining remaining(deadline_ns);
    return value_result<usize>(host_call_interruptible(abi::SYS_epoll_pwait2, number(set), address_of(events),
                                                       capacity, remaining.address(), 0, 8));
}

Result<Handle> duplicate(Handle handle) {
    return value_result<Handle>(host_call(abi::SYS_fcntl, number(handle), abi::F_DUPFD_CLOEXEC, 0));
}

// ---- sockets ----

Result<Handle> socket(i32 family, i32 type, i32 protocol) {
    return value_result<Handle>(host_call(abi::SYS_socket, number_of(family),
                                          (static_cast<u32>(type) & abi::SOCK_TYPE_MASK) | abi::SOCK_NONBLOCK |
                                              abi::SOCK_CLOEXEC,
                                          number_of(protocol)));
}

Result<void> bind(Handle socket, const void* address, u32 length) {
    return void_result(host_call(abi::SYS_bind, number(socket), address_of(address), length));
}

Result<void> connect(Handle socket, const void* address, u32 length) {
    return void_result(host_call(abi::SYS_connect, number(socket), address_of(address), length));
}

Result<Handle> connect_local(const char* name, i32 type) {
    const usize name_length = __builtin_strlen(name);
    abi::sockaddr_un address{};
    address.sun_family = abi::AF_UNIX;
    u64 length = sizeof(address);
    Handle place = kNoHandle;
    if (name[0] == '@') {
        if (name_length > sizeof(address.sun_path))
            return Errno::ENAMETOOLONG;
        __builtin_memcpy(address.sun_path + 1, name + 1, name_length - 1);
        length = offsetof(abi::sockaddr_un, sun_path) + name_length;
    } else if (name_length < sizeof(address.sun_path)) {
        __builtin_memcpy(address.sun_path, name, name_length);
    } else {
        // Names may be longer than an address has room for: by way of a handle of the place itself.
        place = TRY(value_result<Handle>(host_call(abi::SYS_openat, number_of(abi::AT_FDCWD), address_of(name),
                                                   abi::O_PATH | abi::O_CLOEXEC, 0)));
        base::FixedWriter<64> short_name;
        base::print(short_name, "/proc/self/fd/{}", place);
        __builtin_memcpy(address.sun_path, short_name.view().data(), short_name.view().size());
    }
    const auto made = socket(abi::AF_UNIX, type, 0);
    Result<void> connected = made.is_ok() ? connect(made.value(), &address, static_cast<u32>(length)) : made.error();
    if (place != kNoHandle)
        close(place);
    if (connected.is_error()) {
        if (made.is_ok())
            close(made.value());
        return connected.error();
    }
    return made.value();
}

Result<void> listen(Handle socket, i32 backlog) {
    return void_result(host_call(abi::SYS_listen, number(socket), number_of(backlog)));
}

Result<Handle> accept(Handle socket, void* address, u32* length) {
    return value_result<Handle>(host_call(abi::SYS_accept4, number(socket), address_of(address), address_of(length),
                                          abi::SOCK_NONBLOCK | abi::SOCK_CLOEXEC));
}

Result<void> shutdown(Handle socket, i32 how) {
    return void_result(host_call(abi::SYS_shutdown, number(socket), number_of(how)));
}

Result<void> local_address(Handle socket, void* address, u32* length) {
    return void_result(host_call(abi::SYS_getsockname, number(socket), address_of(address), address_of(length)));
}

Result<void> peer_address(Handle socket, void* address, u32* length) {
    return void_result(host_call(abi::SYS_getpeername, number(socket), address_of(address), address_of(length)));
}

Result<u32> get_option(Handle socket, i32 level, i32 option, void* value, u32 capacity) {
    u32 length = capacity;
    TRY(void_result(host_call(abi::SYS_getsockopt, number(socket), number_of(level), number_of(option),
                              address_of(value), address_of(&length))));
    return length;
}

Result<void> set_option(Handle socket, i32 level, i32 option, const void* value, u32 length) {
    return void_result(host_call(abi::SYS_setsockopt, number(socket), number_of(level), number_of(option),
                                 address_of(value), length));
}

Result<usize> send_message(Handle socket, const abi::msghdr* message, i32 flags) {
    return value_result<usize>(host_call(abi::SYS_sendmsg, number(socket), address_of(message),
                                         static_cast<u32>(flags) | abi::MSG_DONTWAIT | abi::MSG_NOSIGNAL));
}

Result<usize> receive_message(Handle socket, abi::msghdr* message, i32 flags) {
    return value_result<usize>(host_call(abi::SYS_recvmsg, number(socket), address_of(message),
                                         static_cast<u32>(flags) | abi::MSG_DONTWAIT | abi::MSG_CMSG_CLOEXEC));
}

Result<i32> socket_control(Handle socket, u32 request, void* argument) {
    return value_result<i32>(host_call(abi::SYS_ioctl, number(socket), request, address_of(argument)));
}

} // namespace host
