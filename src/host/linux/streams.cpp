// Streams of the Linux host: descriptors that a client handed in as standard input, output and error.
//
// Their open file descriptions are shared with programs outside, so O_NONBLOCK cannot be set on them. Readiness is
// asked first instead, and a write to something that may block is kept to PIPE_BUF bytes, which a ready pipe or
// terminal takes at once. (SIGPIPE is ignored in pico processes: EPIPE comes back as a value.)
#include "abi/fcntl.hpp"
#include "abi/ioctl.hpp"
#include "abi/termios.hpp"
#include "abi/poll.hpp"
#include "host/linux/file_calls.hpp"

namespace host {

using namespace linux_host;

namespace {

inline constexpr u64 kPipeBuffer = 4096; // PIPE_BUF
inline constexpr u64 kAnyPosition = ~u64{0};

bool is_ready(Handle stream, i16 events) {
    PollItem item{stream, events, 0};
    const i64 ready = host_call(abi::SYS_poll, address(&item), 1, 0);
    return ready > 0; // errors and hang-ups are for the read or write itself to report
}

} // namespace

Result<usize> stream_read(Handle stream, const abi::iovec* vectors, usize count) {
    if (!is_ready(stream, static_cast<i16>(abi::POLLIN)))
        return Errno::EAGAIN;
    return checked_call(abi::SYS_readv, number(stream), address(vectors), count);
}

Result<usize> stream_write(Handle stream, const abi::iovec* vectors, usize count) {
    // At the stream's own position, honouring O_APPEND; pipes, sockets and terminals know RWF_NOWAIT on newer kernels.
    const i64 written = host_call(abi::SYS_pwritev2, number(stream), address(vectors), count, kAnyPosition,
                                  kAnyPosition, abi::RWF_NOWAIT);
    if (written >= 0)
        return static_cast<usize>(written);
    const auto error = static_cast<Errno>(-written);
    if (error != Errno::EAGAIN && error != Errno::EOPNOTSUPP && error != Errno::EINTR && error != Errno::ESPIPE &&
        error != Errno::EINVAL)
        return error;
    if (!is_ready(stream, static_cast<i16>(abi::POLLOUT)))
        return Errno::EAGAIN;
    for (usize i = 0; i < count; ++i) {
        if (vectors[i].iov_len == 0)
            continue;
        return checked_call(abi::SYS_write, number(stream), vectors[i].iov_base,
                            base::min<u64>(vectors[i].iov_len, kPipeBuffer));
    }
    return usize{0};
}

Result<u64> stream_seek(Handle stream, i64 offset, i32 whence) {
    return checked_call(abi::SYS_lseek, number(stream), number(offset), number(whence));
}

Result<u32> stream_bytes_available(Handle stream) {
    i32 bytes = 0;
    TRY(checked_call(abi::SYS_ioctl, number(stream), abi::FIONREAD, address(&bytes)));
    return static_cast<u32>(bytes);
}

Result<u32> access_mode(Handle handle) {
    const auto flags = TRY(checked_call(abi::SYS_fcntl, number(handle), abi::F_GETFL));
    return static_cast<u32>(flags) & abi::O_ACCMODE;
}

Result<Handle> create_memory_file(const char* name, u32 flags) {
    const auto made = checked_call(abi::SYS_memfd_create, address(name), flags | abi::MFD_CLOEXEC);
    // EINVAL: flags that a host before 6.3 does not know; EACCES: vm.memfd_noexec forbids what was asked for.
    if (made.is_error())
        return made.error() == Errno::EINVAL || made.error() == Errno::EACCES ? Errno::EOPNOTSUPP : made.error();
    return static_cast<Handle>(made.value());
}

Result<void> add_seals(Handle file, u32 seals) {
    TRY(checked_call(abi::SYS_fcntl, number(file), abi::F_ADD_SEALS, seals));
    return {};
}

Result<u32> get_seals(Handle file) {
    return static_cast<u32>(TRY(checked_call(abi::SYS_fcntl, number(file), abi::F_GET_SEALS)));
}

} // namespace host
