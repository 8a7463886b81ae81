// SOCK_SEQPACKET UNIX sockets; descriptors travel as SCM_RIGHTS.
#include "manager/os/linux/connection.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace lxss {

void close_descriptor(HostDescriptor descriptor) {
    ::close(descriptor);
}

Connection::Connection() = default;
Connection::Connection(std::unique_ptr<State> state) : state_(std::move(state)) {}
Connection::~Connection() = default;
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;
void Connection::reset() {
    state_.reset();
}

bool peer_is_same_user(int socket) {
    ucred peer{};
    socklen_t length = sizeof peer;
    return ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && peer.uid == ::geteuid();
}

Connection make_connection(UniqueFd socket) {
    auto state = std::make_unique<Connection::State>();
    state->socket = std::move(socket);
    return Connection(std::move(state));
}

bool Connection::make_pair(Connection& left, Connection& right) {
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return false;
    left = make_connection(UniqueFd(pair[0]));
    right = make_connection(UniqueFd(pair[1]));
    return true;
}

SendStatus Connection::send(std::span<const char> bytes, std::span<const HostDescriptor> descriptors) {
    if (bytes.size() > kMaxPacketBytes || descriptors.size() > kMaxPacketDescriptors)
        return SendStatus::TooLong;
    iovec part{const_cast<char*>(bytes.data()), bytes.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxPacketDescriptors)]{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (!descriptors.empty()) {
        message.msg_control = control;
        message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
        cmsghdr* header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
        std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
    }
    ssize_t sent;
    do {
        sent = ::sendmsg(state_->socket.get(), &message, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent == static_cast<ssize_t>(bytes.size()))
        return SendStatus::Sent;
    state_->error = errno;
    switch (errno) {
    case EAGAIN:
    case ENOBUFS:
    case ETOOMANYREFS:
        return SendStatus::WouldBlock;
    case EMSGSIZE:
        return SendStatus::TooLong;
    case EPIPE:
    case ECONNRESET:
        return SendStatus::PeerGone;
    default:
        return SendStatus::Failed;
    }
}

ReceiveStatus Connection::receive(Packet& packet) {
    // One buffer for all, in pages that are touched only as far as packets reach. Both programs have one
    // thread.
    static char buffer[kMaxPacketBytes];
    iovec part{buffer, sizeof buffer};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxPacketDescriptors)];
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    ssize_t received;
    do {
        received = ::recvmsg(state_->socket.get(), &message, MSG_CMSG_CLOEXEC);
    } while (received < 0 && errno == EINTR);
    if (received < 0) {
        state_->error = errno;
        return errno == EAGAIN ? ReceiveStatus::WouldBlock : ReceiveStatus::Broken;
    }

    packet.descriptors.clear();
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        const size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; ++i) {
            int descriptor;
            std::memcpy(&descriptor, CMSG_DATA(header) + i * sizeof(int), sizeof descriptor);
            packet.descriptors.emplace_back(descriptor);
        }
    }
    if (received == 0)
        return ReceiveStatus::Closed;
    if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
        state_->error = EBADMSG;
        return ReceiveStatus::Broken;
    }
    packet.bytes.assign(buffer, buffer + received);
    return ReceiveStatus::Received;
}

void Connection::set_non_blocking() {
    ::fcntl(state_->socket.get(), F_SETFL, O_NONBLOCK);
}

HostDescriptor Connection::waitable() const {
    return state_ ? state_->socket.get() : kNoDescriptor;
}

std::string Connection::last_error() const {
    return std::strerror(state_ ? state_->error : ENOTCONN);
}

} // namespace lxss
