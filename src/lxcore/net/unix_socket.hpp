// UNIX domain sockets: unix(7). All in the arena; no host is involved.
//
// A UnixSocket is the end of a connection; a UnixSocketFile is the open file that owns it. Connected ends refer to each
// other and stay in memory until both files are gone. Messages lie in the receiver's queue and are charged to the
// sender.
//
// Locks, outer first: UnixSocket::read_lock, a listening socket's `lock`, a connecting one's `lock`, wait queues. No
// other two sockets are locked at a time. Files are never released with any of these held.
#pragma once

#include "lxcore/net/socket.hpp"
#include "lxcore/net/sockets.hpp"
#include "lxcore/task/credentials.hpp"

namespace lxcore {

class HostConnection; // host_connection.hpp: of sockets that have connected to one of the host's
class UnixSocket;
struct HostSocketName;

// The name a socket was bound to.
struct UnixAddress final : public SharedObject {
    u32 length = 0; // bytes of `path` that count, the final NUL of a path included
    char path[abi::UNIX_PATH_MAX] = {};
    bool is_abstract() const { return length != 0 && path[0] == 0; }
    void copy_to(SocketAddress& out) const;
};

// Files in flight (SCM_RIGHTS); each entry holds a reference.
struct PassedFiles {
    PassedFiles* next;
    u32 count;
    u32 capacity; // entries there is memory for
    File* files[];
    static PassedFiles* create(u32 count); // null when the arena is full
    // Drops the files. Never directly from the end of another file: use drop_later().
    static void destroy(PassedFiles* files);
    // Releases them now, or leaves that to the releasing that runs already (chains of sockets in flight in each other
    // would use up the kernel stack otherwise).
    static void drop_later(PassedFiles* files);
};

struct UnixMessage {
    base::ListNode node;
    u32 length = 0;   // of the data
    u32 consumed = 0; // by stream reads
    abi::ucred credentials{};
    PassedFiles* files = nullptr;
    RefPtr<UnixAddress> address; // the sender's
    RefPtr<UnixSocket> sender;   // charged for the message

    char* data() { return reinterpret_cast<char*>(this + 1); }
    usize memory_bytes() const { return sizeof(UnixMessage) + length; }
    u32 left() const { return length - consumed; }
    static UnixMessage* create(u32 length);
    // Frees it and its charge; the files must have been taken.
    static void destroy(UnixMessage* message);
};

// The control messages of a send, parsed.
struct UnixControl {
    PassedFiles* files = nullptr;
    abi::ucred credentials{};
    UnixControl() = default;
    LXSS_NO_COPY(UnixControl);
    ~UnixControl();
    // EINVAL, EBADF, EPERM (credentials that are not the sender's), ETOOMANYREFS.
    Result<void> parse(const SocketMessage& message);
};

class UnixSocket final : public SharedObject {
public:
    enum class State : u8 { Unconnected, Connecting, Connected, Listening };
    static constexpr u32 kReceiveShut = 1, kSendShut = 2;
    static constexpr u32 kDefaultBuffer = 212'992;
    static constexpr u32 kMaxBuffer = 425'984;   // twice net.core.wmem_max
    static constexpr u32 kMinBuffer = 4608;
    static constexpr u32 kDatagramQueue = 512;   // net.unix.max_dgram_qlen as systems set it
    static constexpr u32 kStreamChunk = 16 * 1024 - static_cast<u32>(sizeof(UnixMessage));

    explicit UnixSocket(i32 socket_type) : type(socket_type) {}

    const i32 type;
    Mutex read_lock; // held by the reader that copies out of the queue; only its holder removes messages
    Mutex lock;      // all below
    State state = State::Unconnected;
    bool is_closed = false;
    u32 shut = 0;
    Errno error = Errno::OK; // SO_ERROR
    bool pass_credentials = false;
    bool is_accepted = false;         // shares the listener's address without being findable by it
    bool reset_peer_on_close = false; // a connection that nobody accepted
    u32 send_buffer = kDefaultBuffer, receive_buffer = kDefaultBuffer;
    RefPtr<UnixSocket> peer;
    RefPtr<UnixAddress> address;
    Path bound_path;
    base::List<UnixMessage, &UnixMessage::node> queue;
    u32 queued_messages = 0;
    u64 queued_bytes = 0;
    abi::ucred peer_credentials{0, ~0u, ~0u}; // while listening: the listener's own, for those who connect
    RefPtr<Credentials> peer_full_credentials;

    // -- listening
    u32 backlog = 0;
    u32 pending_count = 0;
    base::ListNode pending_node; // in the listener's list, which holds a reference
    base::List<UnixSocket, &UnixSocket::pending_node> pending;

    // -- datagrams: who is connected to this one, and waits to hear of room
    base::ListNode client_node;
    base::List<UnixSocket, &UnixSocket::client_node> clients;

    UnixSocket* abstract_next = nullptr; // SocketState::abstract_names
    std::atomic<u32> charged_bytes{0};   // of messages sent and not received yet
    WaitQueue changed; // everything that poll() tells
    WaitQueue space;   // senders and connecters that wait for room in this socket's queues

    bool is_datagram() const { return type == static_cast<i32>(abi::SOCK_DGRAM); }
    bool is_stream() const { return type == static_cast<i32>(abi::SOCK_STREAM); }
    bool has_write_space() const { return charged_bytes.load(std::memory_order_acquire) * 4 <= send_buffer; }
    bool is_queue_full() const { return queued_messages > kDatagramQueue; }

    // The file has gone.
    void close();
    void uncharge(u32 bytes);
    // Puts a message into the queue and wakes readers: EPIPE, ECONNREFUSED; EAGAIN when a datagram queue is full.
    Result<void> deliver(UnixMessage& message, const UnixSocket& from);
    // Removes the peer relation of a datagram socket (`lock` not held).
    void disconnect_datagram();

    // The socket bound to an address. ECONNREFUSED, and errors of path resolution. Where the address is a socket of the
    // host, that is stored in `host` and null returned; without `host` it counts as refused.
    static Result<RefPtr<UnixSocket>> find(const SocketAddress& address, RefPtr<HostSocketName>* host = nullptr);
    Result<void> bind(const SocketAddress& address);
    Result<void> autobind();

private:
    Result<void> bind_abstract(RefPtr<UnixAddress> name);
    Result<void> bind_path(RefPtr<UnixAddress> name);
    void unlink_abstract();
};

class UnixSocketFile final : public Socket {
public:
    explicit UnixSocketFile(RefPtr<UnixSocket> core);
    ~UnixSocketFile() override;
    static Result<RefPtr<UnixSocketFile>> create(RefPtr<UnixSocket> core);
    // Makes an unconnected socket's file the end of a connection to the host.
    void adopt_host_connection(RefPtr<HostConnection> connection);

    u32 poll(PollTable* table) override;
    Result<i64> control(u32 request, u64 argument) override;
    Result<void> bind(const SocketAddress& address) override { return m_core->bind(address); }
    Result<void> connect(const SocketAddress& address) override;
    Result<void> listen(i32 backlog) override;
    Result<RefPtr<Socket>> accept(SocketAddress* peer) override;
    Result<void> local_address(SocketAddress& out) override;
    Result<void> peer_address(SocketAddress& out) override;
    Result<usize> send(SocketMessage& message) override;
    Result<usize> receive(SocketMessage& message) override;
    Result<void> shutdown(i32 how) override;
    Result<void> set_option(i32 level, i32 option, const void* value, u32 length) override;
    Result<u32> get_option(i32 level, i32 option, void* value, u32 capacity) override;
    host::Handle host_handle() override;
    UnixSocket& core() { return *m_core; }

private:
    HostConnection* host_connection() const { return m_host.load(std::memory_order_acquire); }
    Result<usize> send_to_host(HostConnection& connection, SocketMessage& message, UnixControl& control, u64 deadline);
    Result<usize> receive_from_host(HostConnection& connection, SocketMessage& message, u64 deadline);
    Result<void> connect_to_host(const HostSocketName& name, u64 deadline);
    Result<void> connect_datagram(const SocketAddress& address);
    Result<usize> send_stream(SocketMessage& message, UnixControl& control, u64 deadline);
    Result<usize> send_packet(SocketMessage& message, UnixControl& control, u64 deadline);
    Result<usize> receive_stream(SocketMessage& message, u64 deadline);
    Result<usize> receive_packet(SocketMessage& message, u64 deadline);
    // Waits for room for another message of this socket. EAGAIN, ERESTARTSYS, a pending error.
    Result<void> wait_for_write_space(u64 deadline);
    void put_received_control(SocketMessage& message, const abi::ucred& credentials, PassedFiles* files);
    Result<void> sleep(Waiter& waiter, u64 deadline, u64 timeout);

    RefPtr<UnixSocket> m_core;
    std::atomic<HostConnection*> m_host{nullptr}; // set once, and held; all transfers go there
};

// The current task as SCM_CREDENTIALS shows it.
abi::ucred current_ucred();

} // namespace lxcore
