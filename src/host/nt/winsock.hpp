// Winsock, loaded when the instance's first socket is made.
#pragma once

#include "abi/poll.hpp" // first: the names of Linux are macros of Windows
#include "abi/socket.hpp"
#include "base/result.hpp"
#include "host/nt/nt.hpp"

#include <mswsock.h>
#include <winsock2.h>
#include <ws2tcpip.h>

// Winsock's numbers under names of our own, so that Linux's (abi::SO_ERROR) can be written beside them.
namespace host::nt::ws {
inline constexpr int kAfInet = AF_INET;
inline constexpr int kAfInet6 = AF_INET6;
inline constexpr int kIpprotoIp = IPPROTO_IP;
inline constexpr int kIpprotoTcp = IPPROTO_TCP;
inline constexpr int kIpprotoIpv6 = IPPROTO_IPV6;
inline constexpr int kMsgOob = MSG_OOB;
inline constexpr int kMsgPeek = MSG_PEEK;
inline constexpr int kMsgDontroute = MSG_DONTROUTE;
inline constexpr int kSockStream = SOCK_STREAM, kSockDgram = SOCK_DGRAM, kSockRaw = SOCK_RAW;
inline constexpr int kSolSocket = SOL_SOCKET;
inline constexpr int kSoReuseaddr = SO_REUSEADDR;
inline constexpr int kSoError = SO_ERROR;
inline constexpr int kSoDontroute = SO_DONTROUTE;
inline constexpr int kSoBroadcast = SO_BROADCAST;
inline constexpr int kSoSndbuf = SO_SNDBUF;
inline constexpr int kSoRcvbuf = SO_RCVBUF;
inline constexpr int kSoKeepalive = SO_KEEPALIVE;
inline constexpr int kSoOobinline = SO_OOBINLINE;
inline constexpr int kSoLinger = SO_LINGER;
inline constexpr int kSoAcceptconn = SO_ACCEPTCONN;
inline constexpr int kTcpNodelay = TCP_NODELAY;
inline constexpr int kIpTos = IP_TOS;
inline constexpr int kIpTtl = IP_TTL;
inline constexpr int kIpHdrincl = IP_HDRINCL;
inline constexpr int kIpMulticastIf = IP_MULTICAST_IF;
inline constexpr int kIpMulticastTtl = IP_MULTICAST_TTL;
inline constexpr int kIpMulticastLoop = IP_MULTICAST_LOOP;
inline constexpr int kIpAddMembership = IP_ADD_MEMBERSHIP;
inline constexpr int kIpDropMembership = IP_DROP_MEMBERSHIP;
inline constexpr int kIpv6V6only = IPV6_V6ONLY;
inline constexpr int kIpv6UnicastHops = IPV6_UNICAST_HOPS;
inline constexpr int kIpv6MulticastIf = IPV6_MULTICAST_IF;
inline constexpr int kIpv6MulticastHops = IPV6_MULTICAST_HOPS;
inline constexpr int kIpv6MulticastLoop = IPV6_MULTICAST_LOOP;
inline constexpr int kIpv6JoinGroup = IPV6_JOIN_GROUP;
inline constexpr int kIpv6LeaveGroup = IPV6_LEAVE_GROUP;
// Windows 10 1709 and later; earlier ones give WSAENOPROTOOPT.
inline constexpr int kTcpKeepidle = 3, kTcpKeepintvl = 17, kTcpKeepcnt = 16;
} // namespace host::nt::ws

#undef AF_UNSPEC
#undef AF_INET
#undef AF_INET6
#undef SOCK_STREAM
#undef SOCK_DGRAM
#undef SOCK_RAW
#undef IPPROTO_IP
#undef IPPROTO_TCP
#undef IPPROTO_UDP
#undef IPPROTO_ICMP
#undef IPPROTO_IPV6
#undef MSG_OOB
#undef MSG_PEEK
#undef MSG_DONTROUTE
#undef MSG_TRUNC
#undef MSG_CTRUNC
#undef MSG_WAITALL
#undef MSG_ERRQUEUE
#undef POLLIN
#undef POLLPRI
#undef POLLOUT
#undef POLLERR
#undef POLLHUP
#undef POLLNVAL
#undef POLLRDNORM
#undef POLLRDBAND
#undef POLLWRNORM
#undef POLLWRBAND
#undef SOL_SOCKET
#undef SO_DEBUG
#undef SO_REUSEADDR
#undef SO_TYPE
#undef SO_ERROR
#undef SO_DONTROUTE
#undef SO_BROADCAST
#undef SO_SNDBUF
#undef SO_RCVBUF
#undef SO_KEEPALIVE
#undef SO_OOBINLINE
#undef SO_LINGER
#undef SO_ACCEPTCONN
#undef TCP_NODELAY
#undef TCP_MAXSEG
#undef TCP_KEEPIDLE
#undef TCP_KEEPINTVL
#undef TCP_KEEPCNT
#undef TCP_FASTOPEN
#undef TCP_CONGESTION
#undef TCP_TIMESTAMP
#undef IP_TOS
#undef IP_TTL
#undef IP_HDRINCL
#undef IP_OPTIONS
#undef IP_PKTINFO
#undef IP_MULTICAST_IF
#undef IP_MULTICAST_TTL
#undef IP_MULTICAST_LOOP
#undef IP_ADD_MEMBERSHIP
#undef IP_DROP_MEMBERSHIP
#undef IP_MTU_DISCOVER
#undef IP_MTU
#undef IP_UNICAST_IF
#undef IP_RECVTOS
#undef IP_RECVTTL
#undef IP_RECVERR
#undef IPV6_V6ONLY
#undef IPV6_UNICAST_HOPS
#undef IPV6_MULTICAST_IF
#undef IPV6_MULTICAST_HOPS
#undef IPV6_MULTICAST_LOOP
#undef IPV6_JOIN_GROUP
#undef IPV6_LEAVE_GROUP
#undef IPV6_MTU_DISCOVER
#undef IPV6_MTU
#undef IPV6_RECVERR
#undef IPV6_TCLASS
#undef IPV6_PKTINFO
#undef IPV6_HOPLIMIT
#undef IPV6_RECVTCLASS
#undef IPV6_CHECKSUM
#undef INADDR_ANY
#undef INADDR_LOOPBACK
#undef INADDR_BROADCAST
#undef INADDR_NONE

namespace host::nt {

struct Winsock {
    decltype(&::WSAStartup) WSAStartup;
    decltype(&::WSAGetLastError) WSAGetLastError;
    decltype(&::WSASocketW) WSASocketW;
    decltype(&::WSAIoctl) WSAIoctl;
    decltype(&::closesocket) closesocket;
    decltype(&::bind) bind;
    decltype(&::connect) connect;
    decltype(&::listen) listen;
    decltype(&::accept) accept;
    decltype(&::shutdown) shutdown;
    decltype(&::getsockname) getsockname;
    decltype(&::getpeername) getpeername;
    decltype(&::getsockopt) getsockopt;
    decltype(&::setsockopt) setsockopt;
    decltype(&::ioctlsocket) ioctlsocket;
    decltype(&::sendto) sendto;
    decltype(&::recvfrom) recvfrom;
};
extern Winsock g_winsock;

// EAFNOSUPPORT when there is no winsock. Once, in the instance host.
base::Result<void> load_winsock();

// The error of the last call, as Linux's.
base::Errno socket_error();

} // namespace host::nt
