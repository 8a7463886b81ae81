// The threads of the instance host that make the calls of winsock. All sockets are non-blocking, so that no
// call takes long.
#include "host/nt/socket_service.hpp"

#include "host/nt/channels.hpp"
#include "host/nt/threads.hpp"

namespace host::nt {

namespace {

constexpr u32 kThreads = 3;

u32* word_of(std::atomic<u32>& word) {
    return reinterpret_cast<u32*>(&word);
}

using Phase = ServedSocket::Phase;

class SocketGuard {
public:
    explicit SocketGuard(ServedSocket& socket) : m_socket(socket) { AcquireSRWLockExclusive(&socket.lock); }
    LXSS_NO_COPY(SocketGuard);
    ~SocketGuard() { ReleaseSRWLockExclusive(&m_socket.lock); }

private:
    ServedSocket& m_socket;
};

Result<void> prepare() {
    TRY(load_winsock());
    return prepare_watches();
}

// Makes winsock's socket non-blocking, the instance host's alone, and one of the table. Closes it on failure.
Result<u64> serve_socket(SOCKET handle, i32 family, i32 type, i32 protocol, Phase phase) {
    (void)SetHandleInformation(reinterpret_cast<HANDLE>(handle), HANDLE_FLAG_INHERIT, 0);
    u_long on = 1;
    (void)g_winsock.ioctlsocket(handle, static_cast<long>(FIONBIO), &on);
    for (u32 i = 0; i < kMaxSockets; ++i) {
        SocketRecord& record = sockets().records[i];
        u32 nobody = 0;
        if (!record.users.compare_exchange_strong(nobody, 2))
            continue;
        ServedSocket& socket = g_served[i];
        {
            SocketGuard guard(socket);
            socket.handle = handle;
            socket.base = base_of(handle);
            socket.family = family;
            socket.type = type;
            socket.protocol = protocol;
            socket.phase = phase;
            socket.is_read_shut = socket.is_write_shut = socket.has_peer_shut = socket.is_broken =
                socket.reuses_address = false;
            socket.reports_errors = false;
            socket.pending_error = 0;
            record.readiness.store(0);
            if (type == ws::kSockDgram)
                tell_of_unreachable_ports(socket, false);
        }
        const Result<Handle> made = adopt(nullptr, {HandleKind::Socket, true, 0, 0, i});
        if (made.is_error()) {
            record.users.store(0);
            g_winsock.closesocket(handle);
            return made.error();
        }
        return static_cast<u64>(made.value());
    }
    g_winsock.closesocket(handle);
    return Errno::ENFILE;
}

Result<u64> create(const SocketRequest& request) {
    i32 family = request.arguments[0];
    const i32 type = request.arguments[1], protocol = request.arguments[2];
    if (family == abi::AF_INET6)
        family = ws::kAfInet6;
    else if (family != abi::AF_INET)
        return Errno::EAFNOSUPPORT;
    static SRWLOCK lock;
    static bool is_prepared;
    AcquireSRWLockExclusive(&lock);
    Result<void> prepared = is_prepared ? Result<void>() : prepare();
    is_prepared = prepared.is_ok();
    ReleaseSRWLockExclusive(&lock);
    TRY(prepared);
    const SOCKET handle = g_winsock.WSASocketW(family, type, protocol, nullptr, 0,
                                               WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
    if (handle == INVALID_SOCKET) {
        const Errno error = socket_error();
        if (error == Errno::EPROTOTYPE)
            return Errno::EPROTONOSUPPORT;
        return error == Errno::EACCES ? Errno::EPERM
                                      : error; // a raw socket, of a user who is no administrator
    }
    if (family == ws::kAfInet6) {
        // Linux's default: IPv4 comes to such sockets, too.
        const DWORD off = 0;
        g_winsock.setsockopt(handle, ws::kIpprotoIpv6, ws::kIpv6V6only, reinterpret_cast<const char*>(&off),
                             sizeof(off));
    }
    return serve_socket(handle, family, type, protocol, Phase::Fresh);
}

Errno checked(int result) {
    return result == 0 ? Errno::OK : socket_error();
}

Errno bind_socket(ServedSocket& socket, const SocketRequest& request) {
    sockaddr_storage address{};
    const Result<i32> length = to_host_address(socket, request.address, request.address_length, address);
    if (length.is_error())
        return length.error();
    return checked(
        g_winsock.bind(socket.handle, reinterpret_cast<const sockaddr*>(&address), length.value()));
}

// What an earlier attempt has come to, once.
Errno take_pending_error(ServedSocket& socket) {
    const auto error = static_cast<Errno>(socket.pending_error);
    socket.pending_error = 0;
    if (error != Errno::OK)
        forget_readiness(socket, kErrorGroup);
    return error;
}

// connect(2) with AF_UNSPEC: a datagram socket has no peer any more. Winsock takes the wildcard address for
// that, and cannot do it with streams.
Errno disconnect(ServedSocket& socket) {
    if (socket.is_stream())
        return Errno::EOPNOTSUPP;
    sockaddr_storage address{};
    address.ss_family = static_cast<ADDRESS_FAMILY>(socket.family);
    const int length = socket.family == ws::kAfInet6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
    const Errno error =
        checked(g_winsock.connect(socket.handle, reinterpret_cast<const sockaddr*>(&address), length));
    if (error == Errno::OK) {
        socket.phase = Phase::Fresh;
        tell_of_unreachable_ports(socket, socket.reports_errors);
    }
    return error;
}

Errno connect_socket(ServedSocket& socket, const SocketRequest& request) {
    u16 family = 0;
    if (request.address_length >= sizeof(family))
        __builtin_memcpy(&family, request.address, sizeof(family));
    if (request.address_length >= sizeof(family) && family == abi::AF_UNSPEC)
        return disconnect(socket);
    sockaddr_storage address{};
    const Result<i32> length = to_host_address(socket, request.address, request.address_length, address);
    if (length.is_error())
        return length.error();
    if (socket.is_stream()) {
        if (const Errno error = take_pending_error(socket); error != Errno::OK)
            return error;
        if (socket.phase == Phase::Connecting) {
            learn_readiness(socket, kOutputGroup, true);
            if (socket.phase == Phase::Connecting)
                return Errno::EALREADY;
            // Done since the last call, which is told once.
            return socket.phase == Phase::Connected ? Errno::OK : take_pending_error(socket);
        }
        if (socket.phase == Phase::Connected || socket.phase == Phase::Listening)
            return Errno::EISCONN;
        socket.is_broken = false;
    }
    const Errno error = checked(
        g_winsock.connect(socket.handle, reinterpret_cast<const sockaddr*>(&address), length.value()));
    if (error == Errno::OK || error == Errno::EAGAIN) {
        socket.phase = error == Errno::OK ? Phase::Connected : Phase::Connecting;
        if (!socket.is_stream())
            tell_of_unreachable_ports(socket, true);
        forget_readiness(socket, kAllGroups);
    }
    return error == Errno::EAGAIN ? Errno::EINPROGRESS : error;
}

Errno listen_socket(ServedSocket& socket, i32 backlog) {
    const Errno error = checked(g_winsock.listen(socket.handle, backlog < 0 ? SOMAXCONN : backlog));
    if (error == Errno::OK && socket.phase != Phase::Listening) {
        socket.phase = Phase::Listening;
        forget_readiness(socket, kAllGroups);
    }
    return error;
}

Result<u64> accept_socket(ServedSocket& listener, SocketRequest& request) {
    SOCKET handle = INVALID_SOCKET;
    {
        SocketGuard guard(listener);
        if (!listener.is_stream())
            return Errno::EOPNOTSUPP;
        sockaddr_storage address{};
        int length = sizeof(address);
        handle = g_winsock.accept(listener.handle, reinterpret_cast<sockaddr*>(&address), &length);
        const Errno error = handle == INVALID_SOCKET ? socket_error() : Errno::OK;
        forget_readiness(listener, kInputGroup, error == Errno::EAGAIN);
        if (error != Errno::OK)
            return error == Errno::ECONNRESET ? Errno::ECONNABORTED : error;
        request.address_length = to_guest_address(address, length, request.address);
    }
    return serve_socket(handle, listener.family, listener.type, listener.protocol, Phase::Connected);
}

Errno shut_down(ServedSocket& socket, i32 how) {
    if (how < 0 || how > 2)
        return Errno::EINVAL;
    const Errno error = checked(g_winsock.shutdown(socket.handle, how));
    if (error != Errno::OK)
        return error;
    socket.is_read_shut = socket.is_read_shut || how != SD_SEND;
    socket.is_write_shut = socket.is_write_shut || how != SD_RECEIVE;
    // A watch begun before does not tell when the peer has done the same.
    forget_readiness(socket, kAllGroups);
    publish_readiness(socket);
    return Errno::OK;
}

Errno own_address(ServedSocket& socket, SocketRequest& request) {
    sockaddr_storage address{};
    int length = sizeof(address);
    const Errno error =
        checked(g_winsock.getsockname(socket.handle, reinterpret_cast<sockaddr*>(&address), &length));
    if (error == Errno::EINVAL) { // not bound: winsock has no address for it
        address = {};
        address.ss_family = static_cast<ADDRESS_FAMILY>(socket.family);
        length = socket.family == ws::kAfInet6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
    } else if (error != Errno::OK) {
        return error;
    }
    request.address_length = to_guest_address(address, length, request.address);
    return Errno::OK;
}

Errno peer_address(ServedSocket& socket, SocketRequest& request) {
    sockaddr_storage address{};
    int length = sizeof(address);
    if (socket.is_stream() && socket.phase != Phase::Connected)
        learn_readiness(socket, kOutputGroup, true); // it may be by now
    if (socket.is_stream() && socket.phase != Phase::Connected)
        return Errno::ENOTCONN;
    if (const Errno error =
            checked(g_winsock.getpeername(socket.handle, reinterpret_cast<sockaddr*>(&address), &length));
        error != Errno::OK)
        return error;
    request.address_length = to_guest_address(address, length, request.address);
    return Errno::OK;
}

int host_flags(i32 flags) {
    int result = 0;
    if (flags & static_cast<i32>(abi::MSG_OOB))
        result |= ws::kMsgOob;
    if (flags & static_cast<i32>(abi::MSG_PEEK))
        result |= ws::kMsgPeek;
    if (flags & static_cast<i32>(abi::MSG_DONTROUTE))
        result |= ws::kMsgDontroute;
    return result;
}

// A stream that has no connection: what a transfer gives. OK: it has one.
Errno check_stream(ServedSocket& socket, bool sends) {
    if (const Errno error = take_pending_error(socket); error != Errno::OK)
        return error;
    if (socket.phase == Phase::Fresh || socket.phase == Phase::Listening)
        return sends ? Errno::EPIPE : Errno::ENOTCONN;
    return Errno::OK;
}

Result<u64> send_data(ServedSocket& socket, const SocketRequest& request) {
    const i32 flags = request.arguments[0];
    const bool is_too_long = request.arguments[1] != 0;
    if (request.control_length != 0 || (flags & static_cast<i32>(abi::MSG_FASTOPEN)))
        return Errno::EOPNOTSUPP;
    sockaddr_storage address{};
    i32 length = 0;
    if (socket.is_stream()) {
        if (const Errno error = check_stream(socket, true); error != Errno::OK)
            return error;
        if (socket.is_write_shut || socket.is_broken)
            return Errno::EPIPE;
    } else {
        if (is_too_long)
            return Errno::EMSGSIZE;
        if (request.address_length != 0)
            length = TRY(to_host_address(socket, request.address, request.address_length, address));
        else if (socket.phase != Phase::Connected)
            return Errno::EDESTADDRREQ;
        if (const Errno error = take_pending_error(socket); error != Errno::OK)
            return error;
    }
    const int sent = g_winsock.sendto(socket.handle, reinterpret_cast<const char*>(request.data),
                                      static_cast<int>(request.bytes), host_flags(flags),
                                      length ? reinterpret_cast<const sockaddr*>(&address) : nullptr, length);
    const Errno error = sent < 0 ? socket_error() : Errno::OK;
    const bool is_full = error == Errno::EAGAIN ||
                         (socket.is_stream() && error == Errno::OK && static_cast<u64>(sent) < request.bytes);
    forget_readiness(socket, kOutputGroup, is_full);
    switch (error) {
    case Errno::OK:
        return static_cast<u64>(sent);
    case Errno::ENOTCONN:
        return socket.phase == Phase::Connecting ? Errno::EAGAIN : Errno::EPIPE;
    case Errno::ECONNRESET:
    case Errno::ECONNABORTED:
        if (!socket.is_stream())
            return Errno::ECONNREFUSED;
        // The guest reads of it, too, unless this is how it is told.
        socket.is_broken = true;
        publish_readiness(socket);
        return error == Errno::ECONNRESET ? Errno::ECONNRESET : Errno::EPIPE;
    default:
        return error;
    }
}

Result<u64> receive_data(ServedSocket& socket, SocketRequest& request) {
    const i32 flags = request.arguments[0];
    const u64 room = request.bytes;
    request.bytes = 0;
    if (flags & static_cast<i32>(abi::MSG_ERRQUEUE))
        return Errno::EAGAIN; // there is none
    if (socket.is_stream()) {
        if (const Errno error = check_stream(socket, false); error != Errno::OK)
            return error;
        if (socket.is_broken || socket.is_read_shut)
            return u64{0};
        if (room == 0)
            return u64{0};
    } else if (const Errno error = take_pending_error(socket); error != Errno::OK) {
        return error;
    }
    sockaddr_storage address{};
    int length = sizeof(address);
    // All of a datagram, so that its length is known.
    const u64 wanted = socket.is_stream() ? room : u64{kSocketDataBytes};
    int received =
        g_winsock.recvfrom(socket.handle, reinterpret_cast<char*>(request.data), static_cast<int>(wanted),
                           host_flags(flags), reinterpret_cast<sockaddr*>(&address), &length);
    const Errno error = received < 0 ? socket_error() : Errno::OK;
    const u32 group = flags & static_cast<i32>(abi::MSG_OOB) ? kUrgentGroup : kInputGroup;
    const bool is_empty =
        error == Errno::EAGAIN || (socket.is_stream() && received > 0 && static_cast<u64>(received) < room);
    if (!(flags & static_cast<i32>(abi::MSG_PEEK)) || error != Errno::OK)
        forget_readiness(socket, group, is_empty);
    switch (error) {
    case Errno::OK:
        break;
    case Errno::EPIPE:
        return u64{0}; // shut down by ourselves
    case Errno::ENOTCONN:
        return socket.phase == Phase::Connecting ? Errno::EAGAIN : Errno::ENOTCONN;
    case Errno::ECONNRESET:
    case Errno::ECONNABORTED:
        if (!socket.is_stream())
            return Errno::ECONNREFUSED; // what was sent before has come back
        socket.is_broken = true;
        publish_readiness(socket);
        return Errno::ECONNRESET;
    default:
        return error;
    }
    const auto bytes = static_cast<u64>(received);
    if (socket.is_stream()) {
        // tcp(7): MSG_TRUNC discards.
        request.bytes = flags & static_cast<i32>(abi::MSG_TRUNC) ? 0 : bytes;
        return bytes;
    }
    request.address_length = to_guest_address(address, length, request.address);
    request.bytes = base::min(bytes, room);
    if (bytes > room)
        request.message_flags |= abi::MSG_TRUNC;
    return flags & static_cast<i32>(abi::MSG_TRUNC) ? bytes : request.bytes;
}

Result<u64> ask_socket(ServedSocket& socket, long what) {
    u_long value = 0;
    if (socket.is_stream() && socket.phase == Phase::Listening)
        return Errno::EINVAL;
    if (const Errno error = checked(g_winsock.ioctlsocket(socket.handle, what, &value)); error != Errno::OK)
        return error;
    return u64{value};
}

void close_socket(ServedSocket& socket) {
    SocketRecord& record = socket.record();
    bool is_gone = false;
    {
        SocketGuard guard(socket);
        end_watches(socket);
        if (g_winsock.closesocket(socket.handle) != 0) {
            // SO_LINGER with a time wants to wait, which this thread must not: what is unsent is sent while
            // nobody waits.
            const linger none{};
            g_winsock.setsockopt(socket.handle, ws::kSolSocket, ws::kSoLinger,
                                 reinterpret_cast<const char*>(&none), sizeof(none));
            g_winsock.closesocket(socket.handle);
        }
        socket.phase = Phase::Closed;
        is_gone = !has_watches(socket);
    }
    if (is_gone)
        record.users.fetch_sub(1);
}

void answer_questions(const SocketRequest& request) {
    const auto* items = reinterpret_cast<const SocketQuestion::Item*>(request.data);
    for (usize i = 0; i < request.bytes / sizeof(SocketQuestion::Item); ++i) {
        if (items[i].socket >= kMaxSockets || !g_served)
            continue;
        ServedSocket& socket = g_served[items[i].socket];
        SocketGuard guard(socket);
        if (socket.record().users.load() != 0)
            learn_readiness(socket, items[i].groups, true);
    }
}

Result<u64> with_value(Errno error) {
    if (error != Errno::OK)
        return error;
    return u64{0};
}

Result<u64> serve(SocketRequest& request) {
    if (request.call == SocketCall::Create)
        return create(request);
    if (request.call == SocketCall::ConnectLocal) {
        const auto bytes = base::min<u64>(request.bytes, sizeof(request.data));
        return static_cast<u64>(TRY(open_channel({reinterpret_cast<const char*>(request.data), bytes})));
    }
    if (request.call == SocketCall::Ask) {
        answer_questions(request);
        return u64{0};
    }
    if (request.socket >= kMaxSockets || !g_served)
        return Errno::EBADF;
    ServedSocket& socket = g_served[request.socket];
    if (request.call == SocketCall::Accept)
        return accept_socket(socket, request);
    if (request.call == SocketCall::Close) {
        close_socket(socket);
        return u64{0};
    }
    SocketGuard guard(socket);
    const i32* arguments = request.arguments;
    switch (request.call) {
    case SocketCall::Bind:
        return with_value(bind_socket(socket, request));
    case SocketCall::Connect:
        return with_value(connect_socket(socket, request));
    case SocketCall::Listen:
        return with_value(listen_socket(socket, arguments[0]));
    case SocketCall::Shutdown:
        return with_value(shut_down(socket, arguments[0]));
    case SocketCall::LocalAddress:
        return with_value(own_address(socket, request));
    case SocketCall::PeerAddress:
        return with_value(peer_address(socket, request));
    case SocketCall::GetOption:
        return u64{TRY(get_socket_option(socket, arguments[0], arguments[1], request.data))};
    case SocketCall::SetOption:
        return with_value(set_socket_option(socket, arguments[0], arguments[1], request.data,
                                            static_cast<u32>(request.bytes))
                              .error());
    case SocketCall::Send:
        return send_data(socket, request);
    case SocketCall::Receive:
        return receive_data(socket, request);
    case SocketCall::BytesAvailable:
        return ask_socket(socket, static_cast<long>(FIONREAD));
    case SocketCall::IsAtMark:
        return ask_socket(socket, static_cast<long>(SIOCATMARK));
    default:
        return Errno::ENOSYS;
    }
}

bool serve_posted() {
    bool has_served = false;
    for (SocketRequest& request : sockets().requests) {
        u32 posted = SocketRequest::Posted;
        if (request.state.load() != SocketRequest::Posted ||
            !request.state.compare_exchange_strong(posted, SocketRequest::Taken))
            continue;
        const Result<u64> result = serve(request);
        request.error = static_cast<i32>(result.error());
        request.result = result.is_ok() ? result.value() : 0;
        request.state.store(SocketRequest::Done);
        wake(word_of(request.state), 1);
        has_served = true;
    }
    return has_served;
}

DWORD WINAPI service_main(void*) {
    take_own_slot("sockets");
    for (;;) {
        const u32 seen = sockets().posted.load();
        if (!serve_posted())
            (void)wait(word_of(sockets().posted), seen, kNoDeadline);
    }
}

} // namespace

void tell_of_unreachable_ports(const ServedSocket& socket, bool tells) {
    constexpr DWORD kUdpConnectionReset = 0x9800'000c; // SIO_UDP_CONNRESET
    BOOL value = tells;
    DWORD length = 0;
    (void)g_winsock.WSAIoctl(socket.handle, kUdpConnectionReset, &value, sizeof(value), nullptr, 0, &length, nullptr, nullptr);
}

bool start_service_thread(LPTHREAD_START_ROUTINE main) {
    const HANDLE thread = CreateThread(nullptr, 0, main, nullptr, 0, nullptr);
    return thread && NtClose(thread) >= 0;
}

void start_socket_service() {
    for (u32 i = 0; i < kThreads; ++i)
        if (!start_service_thread(service_main))
            fail("sockets", "no thread");
}

} // namespace host::nt
