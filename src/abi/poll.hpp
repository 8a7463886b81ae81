// Waiting for readiness and events: poll(2), select(2), epoll(7), eventfd(2), inotify(7).
#pragma once

#include <cstddef>
#include <cstdint>

namespace abi {

struct pollfd {
    int32_t fd;
    int16_t events;
    int16_t revents;
};
static_assert(sizeof(pollfd) == 8);
inline constexpr uint32_t POLLIN = 0x0001;
inline constexpr uint32_t POLLPRI = 0x0002;
inline constexpr uint32_t POLLOUT = 0x0004;
inline constexpr uint32_t POLLERR = 0x0008;
inline constexpr uint32_t POLLHUP = 0x0010;
inline constexpr uint32_t POLLNVAL = 0x0020;
inline constexpr uint32_t POLLRDNORM = 0x0040;
inline constexpr uint32_t POLLRDBAND = 0x0080;
inline constexpr uint32_t POLLWRNORM = 0x0100;
inline constexpr uint32_t POLLWRBAND = 0x0200;
inline constexpr uint32_t POLLMSG = 0x0400;
inline constexpr uint32_t POLLREMOVE = 0x1000;
inline constexpr uint32_t POLLRDHUP = 0x2000;

// select(2) works on words of 64 bits, as many as nfds needs; the C library's fd_set holds FD_SETSIZE.
inline constexpr uint32_t FD_SETSIZE = 1024;
inline constexpr uint32_t NFDBITS = 64;
constexpr uint64_t fd_set_bytes(uint32_t nfds) { return (uint64_t{nfds} + NFDBITS - 1) / NFDBITS * 8; }

// Packed on x86-64 only, so that it matches the layout of 32-bit programs.
struct __attribute__((packed)) epoll_event {
    uint32_t events;
    uint64_t data;
};
static_assert(sizeof(epoll_event) == 12);
inline constexpr uint32_t EPOLL_CTL_ADD = 1;
inline constexpr uint32_t EPOLL_CTL_DEL = 2;
inline constexpr uint32_t EPOLL_CTL_MOD = 3;
inline constexpr uint32_t EPOLL_CLOEXEC = 02000000;
inline constexpr uint32_t EPOLLIN = 0x0001;
inline constexpr uint32_t EPOLLPRI = 0x0002;
inline constexpr uint32_t EPOLLOUT = 0x0004;
inline constexpr uint32_t EPOLLERR = 0x0008;
inline constexpr uint32_t EPOLLHUP = 0x0010;
inline constexpr uint32_t EPOLLNVAL = 0x0020;
inline constexpr uint32_t EPOLLRDNORM = 0x0040;
inline constexpr uint32_t EPOLLRDBAND = 0x0080;
inline constexpr uint32_t EPOLLWRNORM = 0x0100;
inline constexpr uint32_t EPOLLWRBAND = 0x0200;
inline constexpr uint32_t EPOLLMSG = 0x0400;
inline constexpr uint32_t EPOLLRDHUP = 0x2000;
inline constexpr uint32_t EPOLLEXCLUSIVE = 0x10000000;
inline constexpr uint32_t EPOLLWAKEUP = 0x20000000;
inline constexpr uint32_t EPOLLONESHOT = 0x40000000;
inline constexpr uint32_t EPOLLET = 0x80000000;

inline constexpr uint32_t EFD_SEMAPHORE = 1;
inline constexpr uint32_t EFD_NONBLOCK = 04000;
inline constexpr uint32_t EFD_CLOEXEC = 02000000;

struct inotify_event {
    int32_t wd;
    uint32_t mask;
    uint32_t cookie;
    uint32_t len;  // of the name with its terminator and padding
    char name[];
};
static_assert(sizeof(inotify_event) == 16);
inline constexpr uint32_t IN_ACCESS = 0x0001;
inline constexpr uint32_t IN_MODIFY = 0x0002;
inline constexpr uint32_t IN_ATTRIB = 0x0004;
inline constexpr uint32_t IN_CLOSE_WRITE = 0x0008;
inline constexpr uint32_t IN_CLOSE_NOWRITE = 0x0010;
inline constexpr uint32_t IN_CLOSE = 0x0018;
inline constexpr uint32_t IN_OPEN = 0x0020;
inline constexpr uint32_t IN_MOVED_FROM = 0x0040;
inline constexpr uint32_t IN_MOVED_TO = 0x0080;
inline constexpr uint32_t IN_MOVE = 0x00c0;
inline constexpr uint32_t IN_CREATE = 0x0100;
inline constexpr uint32_t IN_DELETE = 0x0200;
inline constexpr uint32_t IN_DELETE_SELF = 0x0400;
inline constexpr uint32_t IN_MOVE_SELF = 0x0800;
inline constexpr uint32_t IN_ALL_EVENTS = 0x0fff;
inline constexpr uint32_t IN_UNMOUNT = 0x2000;
inline constexpr uint32_t IN_Q_OVERFLOW = 0x4000;
inline constexpr uint32_t IN_IGNORED = 0x8000;
inline constexpr uint32_t IN_ONLYDIR = 0x01000000;
inline constexpr uint32_t IN_DONT_FOLLOW = 0x02000000;
inline constexpr uint32_t IN_EXCL_UNLINK = 0x04000000;
inline constexpr uint32_t IN_MASK_CREATE = 0x10000000;
inline constexpr uint32_t IN_MASK_ADD = 0x20000000;
inline constexpr uint32_t IN_ISDIR = 0x40000000;
inline constexpr uint32_t IN_ONESHOT = 0x80000000;
inline constexpr uint32_t IN_NONBLOCK = 04000;
inline constexpr uint32_t IN_CLOEXEC = 02000000;

}  // namespace abi
