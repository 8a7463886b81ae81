// Readiness of sockets: what the system's own select() is made of, IOCTL_AFD_POLL, asked without waiting for
// the answer. It tells levels, also of connections that fail or are half closed, for any number of sockets,
// and completes on one port. The documented WSAEventSelect() tells edges that calls on the socket arm anew,
// and WSAPoll() is not told of failed connections before Windows 10 2004.
#include "host/nt/socket_service.hpp"
#include "host/nt/threads.hpp"

extern "C" {
NTSYSAPI NTSTATUS NTAPI NtCancelIoFileEx(HANDLE file, PIO_STATUS_BLOCK which, PIO_STATUS_BLOCK io);
}

namespace host::nt {

ServedSocket* g_served;

namespace {

constexpr ULONG kAfdPoll = 0x12024;
enum AfdEvent : u32 {
    kAfdReceive = 1,
    kAfdUrgent = 2,
    kAfdSend = 4,
    kAfdDisconnect = 8,
    kAfdAbort = 0x10,
    kAfdLocalClose = 0x20,
    kAfdAccept = 0x80,
    kAfdConnectFail = 0x100,
};

constexpr i64 kForEver = 0x7fff'ffff'ffff'ffff;
constexpr u32 kInputEvents = abi::POLLIN | abi::POLLRDNORM, kOutputEvents = abi::POLLOUT | abi::POLLWRNORM;
constexpr u32 kUrgentEvents = abi::POLLPRI;
constexpr u32 kBrokenEvents = kInputEvents | kOutputEvents | abi::POLLRDHUP | abi::POLLHUP;

// Handles of \Device\Afd: one whose requests complete at the port, and one for requests that do not wait.
HANDLE g_device, g_asking_device, g_port;
HANDLE g_asking_event; // one at a time
SRWLOCK g_asking_lock;

SocketReadiness load(const ServedSocket& socket) {
    return readiness_of_socket(socket.index());
}

void store(ServedSocket& socket, const SocketReadiness& readiness) {
    socket.record().readiness.store(__builtin_bit_cast(u64, readiness));
}

void add_ready(SocketReadiness& readiness, u32 groups, u32 events) {
    readiness.ready_groups = static_cast<u8>(readiness.ready_groups | groups);
    readiness.watched = static_cast<u8>(readiness.watched & ~groups);
    readiness.events = static_cast<u16>(readiness.events | events);
}

u32 afd_events_of(const ServedSocket& socket, u32 groups) {
    u32 events = kAfdAbort | kAfdLocalClose | kAfdConnectFail;
    if (groups & kInputGroup)
        events |= kAfdReceive | kAfdAccept | kAfdDisconnect;
    if ((groups & kHangUpGroup) || socket.is_write_shut)
        events |= kAfdDisconnect;
    if (groups & kUrgentGroup)
        events |= kAfdUrgent;
    if (groups & kOutputGroup)
        events |= kAfdSend;
    return events;
}

// What holds without asking anybody.
void add_own(const ServedSocket& socket, SocketReadiness& readiness) {
    using Phase = ServedSocket::Phase;
    if (socket.phase == Phase::Closed)
        return add_ready(readiness, kAllGroups, abi::POLLNVAL);
    const bool is_idle = socket.is_stream() && socket.phase == Phase::Fresh;
    if (is_idle)
        add_ready(readiness, kAllGroups, kOutputEvents | abi::POLLHUP);
    if (socket.is_broken)
        add_ready(readiness, kAllGroups, kBrokenEvents);
    if (socket.pending_error != 0)
        add_ready(readiness, kAllGroups, abi::POLLERR | (socket.is_stream() ? kBrokenEvents : 0));
    if (socket.is_read_shut || socket.has_peer_shut)
        add_ready(readiness, kInputGroup | kHangUpGroup, kInputEvents | abi::POLLRDHUP);
    if (socket.is_write_shut)
        add_ready(readiness, kOutputGroup, kOutputEvents);
    if (socket.is_write_shut && (socket.is_read_shut || socket.has_peer_shut))
        add_ready(readiness, kAllGroups, abi::POLLHUP);
}

// What the system has told of a socket.
void take_events(ServedSocket& socket, u32 events) {
    using Phase = ServedSocket::Phase;
    SocketReadiness readiness = load(socket);
    if (events & (kAfdAbort | kAfdConnectFail)) {
        int error = 0, length = sizeof(error);
        if (g_winsock.getsockopt(socket.handle, ws::kSolSocket, ws::kSoError, reinterpret_cast<char*>(&error), &length) != 0)
            error = 0;
        const bool is_new = socket.pending_error == 0 && !socket.is_broken;
        if (is_new && error != 0)
            socket.pending_error = static_cast<i32>(errno_of_win32(static_cast<DWORD>(error)));
        else if (is_new)
            socket.pending_error =
                static_cast<i32>(events & kAfdConnectFail ? Errno::ECONNREFUSED : Errno::ECONNRESET);
        // A datagram socket goes on: something that it has sent has come back.
        if (socket.is_stream()) {
            socket.phase = Phase::Failed;
            socket.is_broken = true;
        }
    }
    if ((events & kAfdSend) && socket.phase == Phase::Connecting && !socket.is_broken)
        socket.phase = Phase::Connected;
    if (events & kAfdDisconnect)
        socket.has_peer_shut = true;
    if (events & (kAfdReceive | kAfdAccept))
        add_ready(readiness, kInputGroup, kInputEvents);
    if (events & kAfdUrgent)
        add_ready(readiness, kUrgentGroup, kUrgentEvents);
    if (events & kAfdSend)
        add_ready(readiness, kOutputGroup, kOutputEvents);
    add_own(socket, readiness);
    store(socket, readiness);
}

// Asks at once, and takes what holds.
void ask_now(ServedSocket& socket, u32 groups) {
    AfdPoll poll{0, 1, 0, socket.base, afd_events_of(socket, groups), 0};
    IO_STATUS_BLOCK io{};
    AcquireSRWLockExclusive(&g_asking_lock);
    NTSTATUS status = NtDeviceIoControlFile(g_asking_device, g_asking_event, nullptr, nullptr, &io, kAfdPoll,
                                            &poll, sizeof(poll), &poll, sizeof(poll));
    if (status == STATUS_PENDING) {
        (void)NtWaitForSingleObject(g_asking_event, FALSE, nullptr);
        status = io.Status;
    }
    ReleaseSRWLockExclusive(&g_asking_lock);
    if (status == STATUS_SUCCESS && poll.count != 0)
        take_events(socket, poll.events);
}

// The answer to a watch, which is free again.
void finish_watch(SocketWatch& watch, NTSTATUS status) {
    ServedSocket& socket = *watch.socket;
    SocketReadiness readiness = load(socket);
    readiness.watched = static_cast<u8>(readiness.watched & ~watch.groups);
    store(socket, readiness);
    const u32 stale = watch.stale;
    watch.groups = watch.stale = 0;
    if (status != STATUS_SUCCESS || watch.poll.count == 0 || socket.phase == ServedSocket::Phase::Closed)
        return;
    u32 events = watch.poll.events;
    if (stale & kInputGroup)
        events &= ~(kAfdReceive | kAfdAccept);
    if (stale & kUrgentGroup)
        events &= ~kAfdUrgent;
    if (stale & kOutputGroup)
        events &= ~kAfdSend;
    take_events(socket, events);
}

void watch(ServedSocket& socket, u32 groups) {
    for (SocketWatch& watch : socket.watches) {
        if (watch.groups != 0)
            continue;
        watch.socket = &socket;
        watch.groups = static_cast<u8>(groups);
        watch.poll = {kForEver, 1, 0, socket.base, afd_events_of(socket, groups), 0};
        SocketReadiness readiness = load(socket);
        readiness.watched = static_cast<u8>(readiness.watched | groups);
        store(socket, readiness);
        watch.io.Status = STATUS_PENDING;
        const NTSTATUS status =
            NtDeviceIoControlFile(g_device, nullptr, nullptr, &watch, &watch.io, kAfdPoll, &watch.poll,
                                  sizeof(watch.poll), &watch.poll, sizeof(watch.poll));
        // With success nothing comes to the port.
        if (status != STATUS_PENDING)
            finish_watch(watch, status);
        return;
    }
}

[[noreturn]] void take_answers() {
    for (;;) {
        DWORD bytes = 0;
        ULONG_PTR key = 0;
        OVERLAPPED* which = nullptr;
        (void)GetQueuedCompletionStatus(g_port, &bytes, &key, &which, INFINITE);
        if (!which)
            continue;
        auto& watch = *reinterpret_cast<SocketWatch*>(which);
        ServedSocket& socket = *watch.socket;
        AcquireSRWLockExclusive(&socket.lock);
        finish_watch(watch, watch.io.Status);
        const bool is_gone = socket.phase == ServedSocket::Phase::Closed && !has_watches(socket);
        SocketRecord& record = socket.record();
        ReleaseSRWLockExclusive(&socket.lock);
        record.waiters.wake();
        if (is_gone)
            record.users.fetch_sub(1); // the record is free
    }
}

DWORD WINAPI answers_main(void*) {
    take_own_slot("sockets");
    take_answers();
}

HANDLE open_afd() {
    static constexpr wchar_t kName[] = L"\\Device\\Afd\\lxss";
    UNICODE_STRING name{sizeof(kName) - sizeof(wchar_t), sizeof(kName), const_cast<wchar_t*>(kName)};
    OBJECT_ATTRIBUTES attributes;
    InitializeObjectAttributes(&attributes, &name, 0, nullptr, nullptr);
    IO_STATUS_BLOCK io{};
    HANDLE device = nullptr;
    return NtCreateFile(&device, SYNCHRONIZE, &attributes, &io, nullptr, 0,
                        FILE_SHARE_READ | FILE_SHARE_WRITE, FILE_OPEN, 0, nullptr, 0) < 0
               ? nullptr
               : device;
}

} // namespace

Result<void> prepare_watches() {
    g_device = open_afd();
    g_asking_device = open_afd();
    g_asking_event = CreateEventW(nullptr, TRUE, FALSE, nullptr);
    g_port = g_device ? CreateIoCompletionPort(g_device, nullptr, 0, 1) : nullptr;
    if (!g_asking_device || !g_asking_event || !g_port ||
        !SetFileCompletionNotificationModes(g_device, FILE_SKIP_COMPLETION_PORT_ON_SUCCESS |
                                                          FILE_SKIP_SET_EVENT_ON_HANDLE))
        return Errno::EOPNOTSUPP;
    g_served = static_cast<ServedSocket*>(
        VirtualAlloc(nullptr, sizeof(ServedSocket) * kMaxSockets, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE));
    if (!g_served)
        return Errno::ENOMEM;
    return start_service_thread(answers_main) ? Result<void>() : Result<void>(Errno::EAGAIN);
}

HANDLE base_of(SOCKET handle) {
    SOCKET base = handle;
    DWORD length = 0;
    // Other software may have put itself before the system's sockets.
    if (g_winsock.WSAIoctl(handle, SIO_BASE_HANDLE, nullptr, 0, &base, sizeof(base), &length, nullptr,
                           nullptr) != 0)
        base = handle;
    return reinterpret_cast<HANDLE>(base);
}

void learn_readiness(ServedSocket& socket, u32 groups, bool exactly) {
    SocketReadiness readiness = load(socket);
    add_own(socket, readiness);
    store(socket, readiness);
    if (socket.phase == ServedSocket::Phase::Closed)
        return;
    const u32 watched = groups & readiness.watched;
    if (exactly && watched != 0) {
        ask_now(socket, watched);
        readiness = load(socket);
    }
    const u32 unknown = groups & ~(readiness.ready_groups | readiness.watched);
    if (unknown != 0)
        watch(socket, unknown);
}

void forget_readiness(ServedSocket& socket, u32 groups, bool is_exhausted) {
    constexpr struct {
        u32 group, events;
    } kEvents[] = {{kInputGroup, kInputEvents},
                   {kHangUpGroup, abi::POLLRDHUP},
                   {kUrgentGroup, kUrgentEvents},
                   {kOutputGroup, kOutputEvents},
                   {kErrorGroup, abi::POLLERR | abi::POLLHUP | abi::POLLNVAL}};
    SocketReadiness readiness = load(socket);
    for (const auto& row : kEvents)
        if (groups & row.group & readiness.ready_groups)
            readiness.events = static_cast<u16>(readiness.events & ~row.events);
    readiness.ready_groups = static_cast<u8>(readiness.ready_groups & ~groups);
    if (is_exhausted && (groups & kInputGroup))
        ++readiness.input_turns;
    if (is_exhausted && (groups & kOutputGroup))
        ++readiness.output_turns;
    for (SocketWatch& watch : socket.watches)
        watch.stale = static_cast<u8>(watch.stale | (watch.groups & groups));
    add_own(socket, readiness);
    store(socket, readiness);
}

void publish_readiness(ServedSocket& socket) {
    SocketReadiness readiness = load(socket);
    add_own(socket, readiness);
    store(socket, readiness);
    socket.record().waiters.wake();
}

void end_watches(ServedSocket& socket) {
    for (SocketWatch& watch : socket.watches) {
        IO_STATUS_BLOCK io{};
        if (watch.groups != 0)
            (void)NtCancelIoFileEx(g_device, &watch.io, &io);
    }
}

bool has_watches(const ServedSocket& socket) {
    for (const SocketWatch& watch : socket.watches)
        if (watch.groups != 0)
            return true;
    return false;
}

} // namespace host::nt
