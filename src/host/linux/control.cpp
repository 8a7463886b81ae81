// Control packets over a SOCK_SEQPACKET UNIX socket; descriptors come as SCM_RIGHTS.
#include "host/linux/control.hpp"

#include "abi/sched.hpp"
#include "abi/signal.hpp"
#include "abi/socket.hpp"
#include "host/control/control.hpp"
#include "host/linux/internal.hpp"

namespace host {

using namespace linux_host;
using namespace lxss::protocol;

namespace {

i32 g_socket = -1; // of the instance host alone

} // namespace

void linux_host::use_control_socket(i32 socket) { g_socket = socket; }

namespace control {

void send_packet(MessageType type, u32 session_id, const void* payload, u32 bytes, std::string_view text) {
    Header header{type, session_id, bytes + static_cast<u32>(text.size()), 0};
    abi::iovec vectors[3] = {{address_of(&header), sizeof(header)},
                             {address_of(payload), bytes},
                             {address_of(text.data()), text.size()}};
    abi::msghdr message{};
    message.msg_iov = address_of(vectors);
    message.msg_iovlen = 3;
    (void)host_call(abi::SYS_sendmsg, static_cast<u64>(g_socket), address_of(&message), abi::MSG_NOSIGNAL);
}

bool receive_packet(char* buffer, Packet& packet) {
    union {
        char bytes[256];
        abi::cmsghdr header;
    } control;
    abi::iovec vector{address_of(buffer), kMaxPacketBytes};
    abi::msghdr message{};
    message.msg_iov = address_of(&vector);
    message.msg_iovlen = 1;
    message.msg_control = address_of(control.bytes);
    message.msg_controllen = sizeof(control.bytes);
    i64 length;
    do
        length = host_call(abi::SYS_recvmsg, static_cast<u64>(g_socket), address_of(&message), abi::MSG_CMSG_CLOEXEC);
    while (length == -static_cast<i64>(Errno::EINTR));
    if (length <= 0)
        return false;
    packet.handle_count = 0;
    for (u64 at = 0; at + sizeof(abi::cmsghdr) <= message.msg_controllen;) {
        const auto& head = *reinterpret_cast<const abi::cmsghdr*>(control.bytes + at);
        if (head.cmsg_len < sizeof(abi::cmsghdr))
            break;
        if (head.cmsg_level == abi::SOL_SOCKET && head.cmsg_type == abi::SCM_RIGHTS) {
            const usize count = (head.cmsg_len - sizeof(abi::cmsghdr)) / sizeof(i32);
            const auto* handles = reinterpret_cast<const i32*>(&head + 1);
            for (usize i = 0; i < count; ++i) {
                if (packet.handle_count < kMaxHandles)
                    packet.handles[packet.handle_count++] = handles[i];
                else
                    host::close(handles[i]);
            }
        }
        at += base::align_up(head.cmsg_len, 8);
    }
    packet.payload = buffer + sizeof(Header);
    packet.payload_bytes = 0;
    packet.header = {};
    if (static_cast<usize>(length) >= sizeof(Header)) {
        __builtin_memcpy(&packet.header, buffer, sizeof(Header));
        packet.payload_bytes = static_cast<usize>(length) - sizeof(Header);
    }
    return true;
}

// The instance has ended for whoever waits for this process: nothing may hold its files any more. Pico processes that are still on
// their way out do, since they share the table of descriptors.
void end_host() {
    constexpr u32 kLooks = 2000; // those that are left are killed by the end of their parent
    for (u32 i = 0; i < kLooks; ++i) {
        abi::siginfo info{};
        const i64 result = host_call(abi::SYS_waitid, abi::P_ALL, 0, address_of(&info),
                                     abi::WEXITED | abi::WNOHANG | abi::WNOWAIT | abi::__WALL, 0);
        if (is_error(result))
            break; // no child is left; the reaper takes those that have ended
        abi::timespec pause{0, 1'000'000};
        (void)host_call(abi::SYS_nanosleep, address_of(&pause), 0);
    }
    exit_process();
}

} // namespace control

} // namespace host
