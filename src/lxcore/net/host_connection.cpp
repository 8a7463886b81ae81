// Connections to UNIX sockets of the host: transfers. The host's socket is non-blocking; a blocking operation
// tries, and after EAGAIN sleeps on the handle.
#include "lxcore/net/host_connection.hpp"

#include "abi/netdevice.hpp"
#include "lxcore/ipc/poll.hpp"
#include "lxcore/net/message_ranges.hpp"
#include "lxcore/signal/signal_state.hpp"
#include "lxcore/task/task.hpp"

namespace lxcore {

namespace {

constexpr u32 kAllEvents =
    abi::POLLIN | abi::POLLRDNORM | abi::POLLPRI | abi::POLLOUT | abi::POLLWRNORM | abi::POLLRDHUP;
constexpr u64 kConnectRetryNs = 5'000'000; // nothing tells when a full backlog has room again

// SCM_RIGHTS with the files' handles. `page` holds the result.
Result<void> put_handles(const PassedFiles& files, PageBuffer& page, abi::msghdr& header) {
    static_assert(abi::CMSG_SPACE(abi::SCM_MAX_FD * sizeof(i32)) <= base::kPageSize);
    const usize bytes = files.count * sizeof(i32);
    const abi::cmsghdr head{abi::CMSG_LEN(bytes), static_cast<i32>(abi::SOL_SOCKET),
                            static_cast<i32>(abi::SCM_RIGHTS)};
    __builtin_memcpy(page.data(), &head, sizeof(head));
    for (u32 i = 0; i < files.count; ++i) {
        const i32 handle = files.files[i]->host_handle();
        if (handle == host::kNoHandle)
            return Errno::EINVAL;
        __builtin_memcpy(page.data() + sizeof(head) + i * sizeof(i32), &handle, sizeof(handle));
    }
    header.msg_control = reinterpret_cast<u64>(page.data());
    header.msg_controllen = abi::CMSG_SPACE(bytes);
    return {};
}

// Closes every handle that is left at its end.
struct ReceivedHandles {
    i32 handles[abi::SCM_MAX_FD];
    u32 count = 0, next = 0;
    host::Handle take() { return handles[next++]; }
    ~ReceivedHandles() {
        while (next < count)
            host::close(take());
    }
};

void collect_handles(const abi::msghdr& header, ReceivedHandles& out) {
    const char* control = reinterpret_cast<const char*>(header.msg_control);
    for (u64 at = 0; at + sizeof(abi::cmsghdr) <= header.msg_controllen;) {
        abi::cmsghdr head;
        __builtin_memcpy(&head, control + at, sizeof(head));
        if (head.cmsg_len < sizeof(head) || head.cmsg_len > header.msg_controllen - at)
            return;
        if (head.cmsg_level == static_cast<i32>(abi::SOL_SOCKET) &&
            head.cmsg_type == static_cast<i32>(abi::SCM_RIGHTS)) {
            const usize count = (head.cmsg_len - sizeof(head)) / sizeof(i32);
            for (usize i = 0; i < count && out.count < abi::SCM_MAX_FD; ++i)
                __builtin_memcpy(&out.handles[out.count++], control + at + sizeof(head) + i * sizeof(i32),
                                 sizeof(i32));
        }
        at += abi::CMSG_ALIGN(head.cmsg_len);
    }
}

// Files for what has come. What cannot be a file here is closed, and the message marked as cut short.
PassedFiles* files_from(ReceivedHandles& handles, u32& flags) {
    PassedFiles* files = handles.count != 0 ? PassedFiles::create(handles.count) : nullptr;
    if (files)
        files->count = 0;
    while (files && handles.next < handles.count) {
        auto file = make_received_file(handles.take());
        if (file.is_ok())
            files->files[files->count++] = file.release_value().leak();
        else
            flags |= abi::MSG_CTRUNC;
    }
    if (handles.next < handles.count)
        flags |= abi::MSG_CTRUNC;
    return files;
}

} // namespace

Result<void> HostConnection::wait_for(u32 events, u64 deadline) {
    if (deadline == kNoWait)
        return Errno::EAGAIN;
    return wait_for_host_handle(m_handle, events, deadline);
}

Result<RefPtr<HostConnection>> HostConnection::open(const HostSocketName& name, i32 type, u64 deadline) {
    for (;;) {
        auto connected = host::connect_local(name.name.c_str(), type);
        if (connected.is_ok()) {
            auto made = make_ref<HostConnection>(connected.value(), type);
            if (made.is_error())
                host::close(connected.value());
            return made;
        }
        if (connected.error() != Errno::EAGAIN || deadline == kNoWait)
            return connected.error();
        const u64 now = host::monotonic_ns();
        if (now >= deadline)
            return Errno::EAGAIN;
        if (current().sleep(base::min(deadline, now + kConnectRetryNs)) == SleepResult::Interrupted)
            return Errno::EINTR;
    }
}

u32 HostConnection::poll(PollTable* table) {
    if (table) {
        table->add_host(m_handle, kAllEvents);
        return 0;
    }
    host::PollItem item{m_handle, static_cast<i16>(kAllEvents), 0};
    if (host::poll_now(&item, 1).is_error())
        return 0;
    return static_cast<u16>(item.returned);
}

Result<usize> HostConnection::send(SocketMessage& message, UnixControl& control, u64 deadline) {
    IoBuffer& data = *message.data;
    std::optional<PageBuffer> page;
    abi::msghdr header{};
    // Credentials are not sent: the host's kernel tells the other side who the host user is.
    if (control.files) {
        page.emplace();
        if (!*page)
            return Errno::ENOMEM;
        TRY(put_handles(*control.files, *page, header));
    }
    const bool is_stream = m_type == static_cast<i32>(abi::SOCK_STREAM);
    usize total = 0;
    for (;;) {
        MessageRanges ranges;
        TRY(ranges.take(data));
        header.msg_iov = ranges.address();
        header.msg_iovlen = ranges.count();
        auto sent = host::send_message(m_handle, &header, static_cast<i32>(message.flags & abi::MSG_EOR));
        if (sent.is_ok()) {
            data.advance(sent.value());
            total += sent.value();
            // They have gone with the first bytes.
            header.msg_control = 0;
            header.msg_controllen = 0;
            if (data.left() == 0 || !is_stream || sent.value() == 0)
                return total;
            continue;
        }
        Errno error = sent.error();
        if (error == Errno::EAGAIN) {
            auto waited = wait_for(abi::POLLOUT, deadline);
            if (waited.is_ok())
                continue;
            error = waited.error();
        }
        if (total != 0)
            return total;
        return error;
    }
}

Result<usize> HostConnection::receive(SocketMessage& message, PassedFiles*& files, u64 deadline) {
    files = nullptr;
    const u32 wanted = message.flags;
    IoBuffer& data = *message.data;
    const bool wait_for_all = (wanted & abi::MSG_WAITALL) && !(wanted & abi::MSG_PEEK) &&
                              m_type == static_cast<i32>(abi::SOCK_STREAM);
    // The host cuts off, and closes, handles for which the caller has no room.
    const usize room = message.control_length > sizeof(abi::cmsghdr)
                           ? (message.control_length - sizeof(abi::cmsghdr)) / sizeof(i32)
                           : 0;
    std::optional<PageBuffer> page; // the control messages, then the handles in them
    static_assert(sizeof(ReceivedHandles) <= base::kPageSize);
    if (room != 0) {
        page.emplace(2);
        if (!*page)
            return Errno::ENOMEM;
    }
    message.flags &= abi::MSG_CMSG_CLOEXEC;
    usize total = 0;
    for (;;) {
        MessageRanges ranges;
        TRY(ranges.take(data));
        abi::msghdr header{};
        header.msg_iov = ranges.address();
        header.msg_iovlen = ranges.count();
        if (page && !files) {
            header.msg_control = reinterpret_cast<u64>(page->data());
            header.msg_controllen = abi::CMSG_LEN(base::min<usize>(room, abi::SCM_MAX_FD) * sizeof(i32));
        }
        auto received = host::receive_message(
            m_handle, &header,
            static_cast<i32>((wanted & (abi::MSG_PEEK | abi::MSG_TRUNC)) | abi::MSG_CMSG_CLOEXEC));
        if (received.is_ok()) {
            const usize bytes = received.value();
            total += bytes;
            data.advance(base::min(bytes, data.left()));
            message.flags |= header.msg_flags & (abi::MSG_TRUNC | abi::MSG_CTRUNC | abi::MSG_EOR);
            if (header.msg_controllen != 0) {
                auto* handles = new (page->data() + base::kPageSize) ReceivedHandles;
                collect_handles(header, *handles);
                files = files_from(*handles, message.flags);
                handles->~ReceivedHandles();
            }
            if (!wait_for_all || bytes == 0 || data.left() == 0 || files)
                return total;
            continue;
        }
        Errno error = received.error();
        if (error == Errno::EAGAIN) {
            auto waited = wait_for(abi::POLLIN, deadline);
            if (waited.is_ok())
                continue;
            error = waited.error();
        }
        if (total != 0)
            return total;
        return error;
    }
}

abi::ucred HostConnection::peer_credentials() const {
    abi::ucred credentials{0, ~0u, ~0u};
    (void)host::get_option(m_handle, abi::SOL_SOCKET, abi::SO_PEERCRED, &credentials, sizeof(credentials))
        .is_ok();
    // To that user's programs on the host everybody in here is the host user, whom the tree belongs to. The same must hold the
    // other way: PulseAudio's two sides share memory when each finds itself the user of the other.
    const auto tree = host::file_info(host::root_folder());
    if (tree.is_ok() && credentials.uid == tree.value().uid) {
        credentials.uid = current().credentials->uid;
        credentials.gid = current().credentials->gid;
    }
    return credentials;
}

Result<i32> HostConnection::take_error() {
    i32 error = 0;
    TRY(host::get_option(m_handle, abi::SOL_SOCKET, abi::SO_ERROR, &error, sizeof(error)));
    return error;
}

Result<i64> HostConnection::control(u32 request, u64 argument) {
    if (request != abi::SIOCINQ && request != abi::SIOCOUTQ)
        return Errno::ENOTTY;
    i32 value = 0;
    TRY(host::socket_control(m_handle, request, &value));
    TRY(UserPtr<i32>(argument).write(value));
    return i64{0};
}

} // namespace lxcore
