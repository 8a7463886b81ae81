// Sockets: what all families share. See socket(2), socket(7), send(2), recv(2).
#pragma once

#include "abi/socket.hpp"
#include "lxcore/fs/file.hpp"

namespace lxcore {

// An address of any family in kernel memory.
struct SocketAddress {
    u32 length = 0; // bytes that count; 0: none
    abi::sockaddr_storage storage{};

    u16 family() const { return storage.ss_family; }
    // EINVAL, EFAULT.
    static Result<void> read(SocketAddress& out, u64 address, i32 length);
    // As getsockname(2): stores what fits and the full length. EINVAL, EFAULT.
    Result<void> write(u64 address, UserPtr<i32> length) const;
};

// One message of sendmsg or recvmsg, with its outer structures checked and copied in.
struct SocketMessage {
    IoBuffer* data = nullptr;
    SocketAddress* address = nullptr; // destination (may be null), or where the source goes (may be null)
    u64 control = 0;                  // guest address of the control messages
    usize control_length = 0;         // bytes there; after a receive: bytes written
    u32 flags = 0;                    // abi::MSG_*; after a receive: those for msg_flags
};

class Socket : public File {
public:
    i32 family = 0, type = 0, protocol = 0;
    // SO_RCVTIMEO, SO_SNDTIMEO; kNoDeadline: none.
    u64 receive_timeout_ns = host::kNoDeadline;
    u64 send_timeout_ns = host::kNoDeadline;

    Socket* socket() final { return this; }
    Result<usize> read(IoBuffer& buffer, i64 offset) final;
    Result<usize> write(IoBuffer& buffer, i64 offset) final;

    virtual Result<void> bind(const SocketAddress& address) = 0;
    virtual Result<void> connect(const SocketAddress& address) = 0;
    virtual Result<void> listen(i32 backlog) = 0;
    // The connection as a file with no status flags set. peer: may be null.
    virtual Result<RefPtr<Socket>> accept(SocketAddress* peer) = 0;
    virtual Result<void> local_address(SocketAddress& out) = 0;
    virtual Result<void> peer_address(SocketAddress& out) = 0;
    virtual Result<usize> send(SocketMessage& message) = 0;
    virtual Result<usize> receive(SocketMessage& message) = 0;
    virtual Result<void> shutdown(i32 how) = 0;
    // `value` is in kernel memory. ENOPROTOOPT, EINVAL.
    virtual Result<void> set_option(i32 level, i32 option, const void* value, u32 length) = 0;
    // Bytes stored.
    virtual Result<u32> get_option(i32 level, i32 option, void* value, u32 capacity) = 0;

protected:
    // The options that every family keeps in the same way; false when the option is not one of them.
    Result<bool> set_common_option(i32 level, i32 option, const void* value, u32 length);
    Result<bool> get_common_option(i32 level, i32 option, void* value, u32 capacity, u32& stored);
    // When a blocking operation that starts now ends; 0: it must not block.
    u64 deadline_of(u64 timeout_ns, u32 message_flags) const;
};

// An interrupted socket operation restarts only without a timeout: socket(7).
inline Errno interrupted_socket(u64 timeout_ns) {
    return timeout_ns == host::kNoDeadline ? Errno::ERESTARTSYS : Errno::EINTR;
}

// `type` without the SOCK_ flags. EAFNOSUPPORT, ESOCKTNOSUPPORT, EPROTONOSUPPORT, EPERM.
Result<RefPtr<Socket>> make_socket(i32 family, i32 type, i32 protocol);
Result<RefPtr<Socket>> make_unix_socket(i32 type);
Result<void> make_unix_pair(i32 type, RefPtr<Socket>& first, RefPtr<Socket>& second);
Result<RefPtr<Socket>> make_host_socket(i32 family, i32 type, i32 protocol);

// Puts one control message at message.control; MSG_CTRUNC in message.flags when it does not fit. `used`: bytes
// written so far.
void put_control(SocketMessage& message, usize& used, i32 level, i32 type, const void* data, usize length);

} // namespace lxcore
