// Sockets: socket(2), socket(7), unix(7), ip(7), ipv6(7), tcp(7), send(2), recv(2), cmsg(3). Interface
// requests are in netdevice.hpp, routing messages in netlink.hpp.
#pragma once

#include <cstddef>
#include <cstdint>

namespace abi {

inline constexpr uint16_t AF_UNSPEC = 0;
inline constexpr uint16_t AF_UNIX = 1;
inline constexpr uint16_t AF_LOCAL = 1;
inline constexpr uint16_t AF_INET = 2;
inline constexpr uint16_t AF_AX25 = 3;
inline constexpr uint16_t AF_IPX = 4;
inline constexpr uint16_t AF_APPLETALK = 5;
inline constexpr uint16_t AF_X25 = 9;
inline constexpr uint16_t AF_INET6 = 10;
inline constexpr uint16_t AF_KEY = 15;
inline constexpr uint16_t AF_NETLINK = 16;
inline constexpr uint16_t AF_PACKET = 17;
inline constexpr uint16_t AF_RDS = 21;
inline constexpr uint16_t AF_LLC = 26;
inline constexpr uint16_t AF_CAN = 29;
inline constexpr uint16_t AF_TIPC = 30;
inline constexpr uint16_t AF_BLUETOOTH = 31;
inline constexpr uint16_t AF_ALG = 38;
inline constexpr uint16_t AF_VSOCK = 40;
inline constexpr uint16_t AF_XDP = 44;
inline constexpr uint16_t AF_MAX = 46;

inline constexpr uint32_t SOCK_STREAM = 1;
inline constexpr uint32_t SOCK_DGRAM = 2;
inline constexpr uint32_t SOCK_RAW = 3;
inline constexpr uint32_t SOCK_RDM = 4;
inline constexpr uint32_t SOCK_SEQPACKET = 5;
inline constexpr uint32_t SOCK_DCCP = 6;
inline constexpr uint32_t SOCK_PACKET = 10;
inline constexpr uint32_t SOCK_TYPE_MASK = 0xf;
inline constexpr uint32_t SOCK_NONBLOCK = 04000;
inline constexpr uint32_t SOCK_CLOEXEC = 02000000;
inline constexpr uint32_t SOMAXCONN = 4096;

inline constexpr uint32_t SOL_SOCKET = 1;
inline constexpr uint32_t SOL_IP = 0;
inline constexpr uint32_t SOL_TCP = 6;
inline constexpr uint32_t SOL_UDP = 17;
inline constexpr uint32_t SOL_IPV6 = 41;
inline constexpr uint32_t SOL_ICMPV6 = 58;
inline constexpr uint32_t SOL_RAW = 255;
inline constexpr uint32_t SOL_PACKET = 263;
inline constexpr uint32_t SOL_NETLINK = 270;

inline constexpr uint32_t SO_DEBUG = 1;
inline constexpr uint32_t SO_REUSEADDR = 2;
inline constexpr uint32_t SO_TYPE = 3;
inline constexpr uint32_t SO_ERROR = 4;
inline constexpr uint32_t SO_DONTROUTE = 5;
inline constexpr uint32_t SO_BROADCAST = 6;
inline constexpr uint32_t SO_SNDBUF = 7;
inline constexpr uint32_t SO_RCVBUF = 8;
inline constexpr uint32_t SO_KEEPALIVE = 9;
inline constexpr uint32_t SO_OOBINLINE = 10;
inline constexpr uint32_t SO_NO_CHECK = 11;
inline constexpr uint32_t SO_PRIORITY = 12;
inline constexpr uint32_t SO_LINGER = 13;
inline constexpr uint32_t SO_BSDCOMPAT = 14;
inline constexpr uint32_t SO_REUSEPORT = 15;
inline constexpr uint32_t SO_PASSCRED = 16;
inline constexpr uint32_t SO_PEERCRED = 17;
inline constexpr uint32_t SO_RCVLOWAT = 18;
inline constexpr uint32_t SO_SNDLOWAT = 19;
inline constexpr uint32_t SO_RCVTIMEO = 20;
inline constexpr uint32_t SO_SNDTIMEO = 21;
inline constexpr uint32_t SO_BINDTODEVICE = 25;
inline constexpr uint32_t SO_ATTACH_FILTER = 26;
inline constexpr uint32_t SO_DETACH_FILTER = 27;
inline constexpr uint32_t SO_PEERNAME = 28;
inline constexpr uint32_t SO_TIMESTAMP = 29;
inline constexpr uint32_t SO_ACCEPTCONN = 30;
inline constexpr uint32_t SO_PEERSEC = 31;
inline constexpr uint32_t SO_SNDBUFFORCE = 32;
inline constexpr uint32_t SO_RCVBUFFORCE = 33;
inline constexpr uint32_t SO_PASSSEC = 34;
inline constexpr uint32_t SO_TIMESTAMPNS = 35;
inline constexpr uint32_t SO_MARK = 36;
inline constexpr uint32_t SO_TIMESTAMPING = 37;
inline constexpr uint32_t SO_PROTOCOL = 38;
inline constexpr uint32_t SO_DOMAIN = 39;
inline constexpr uint32_t SO_RXQ_OVFL = 40;
inline constexpr uint32_t SO_PEEK_OFF = 42;
inline constexpr uint32_t SO_LOCK_FILTER = 44;
inline constexpr uint32_t SO_BUSY_POLL = 46;
inline constexpr uint32_t SO_INCOMING_CPU = 49;
inline constexpr uint32_t SO_ATTACH_BPF = 50;
inline constexpr uint32_t SO_COOKIE = 57;
inline constexpr uint32_t SO_PEERGROUPS = 59;
inline constexpr uint32_t SO_ZEROCOPY = 60;
inline constexpr uint32_t SO_TXTIME = 61;
inline constexpr uint32_t SO_BINDTOIFINDEX = 62;
inline constexpr uint32_t SO_TIMESTAMP_NEW = 63;
inline constexpr uint32_t SO_TIMESTAMPNS_NEW = 64;
inline constexpr uint32_t SO_TIMESTAMPING_NEW = 65;
inline constexpr uint32_t SO_RCVTIMEO_NEW = 66;
inline constexpr uint32_t SO_SNDTIMEO_NEW = 67;
inline constexpr uint32_t SO_NETNS_COOKIE = 71;
inline constexpr uint32_t SO_BUF_LOCK = 72;
inline constexpr uint32_t SO_PASSPIDFD = 76;
inline constexpr uint32_t SO_PEERPIDFD = 77;

inline constexpr uint32_t MSG_OOB = 0x01;
inline constexpr uint32_t MSG_PEEK = 0x02;
inline constexpr uint32_t MSG_DONTROUTE = 0x04;
inline constexpr uint32_t MSG_CTRUNC = 0x08;
inline constexpr uint32_t MSG_PROXY = 0x10;
inline constexpr uint32_t MSG_TRUNC = 0x20;
inline constexpr uint32_t MSG_DONTWAIT = 0x40;
inline constexpr uint32_t MSG_EOR = 0x80;
inline constexpr uint32_t MSG_WAITALL = 0x100;
inline constexpr uint32_t MSG_FIN = 0x200;
inline constexpr uint32_t MSG_SYN = 0x400;
inline constexpr uint32_t MSG_CONFIRM = 0x800;
inline constexpr uint32_t MSG_RST = 0x1000;
inline constexpr uint32_t MSG_ERRQUEUE = 0x2000;
inline constexpr uint32_t MSG_NOSIGNAL = 0x4000;
inline constexpr uint32_t MSG_MORE = 0x8000;
inline constexpr uint32_t MSG_WAITFORONE = 0x10000;
inline constexpr uint32_t MSG_ZEROCOPY = 0x4000000;
inline constexpr uint32_t MSG_FASTOPEN = 0x20000000;
inline constexpr uint32_t MSG_CMSG_CLOEXEC = 0x40000000;

inline constexpr uint32_t SCM_RIGHTS = 1;
inline constexpr uint32_t SCM_CREDENTIALS = 2;
inline constexpr uint32_t SCM_SECURITY = 3;
inline constexpr uint32_t SCM_PIDFD = 4;
inline constexpr uint32_t SCM_MAX_FD = 253;
inline constexpr uint32_t SCM_TIMESTAMP = SO_TIMESTAMP;
inline constexpr uint32_t SCM_TIMESTAMPNS = SO_TIMESTAMPNS;

inline constexpr uint32_t SHUT_RD = 0;
inline constexpr uint32_t SHUT_WR = 1;
inline constexpr uint32_t SHUT_RDWR = 2;

struct sockaddr {
    uint16_t sa_family;
    char sa_data[14];
};
static_assert(sizeof(sockaddr) == 16);

struct alignas(8) sockaddr_storage {
    uint16_t ss_family;
    char __data[126];
};
static_assert(sizeof(sockaddr_storage) == 128);

inline constexpr uint32_t UNIX_PATH_MAX = 108;
struct sockaddr_un {
    uint16_t sun_family;
    char sun_path[UNIX_PATH_MAX];
};
static_assert(sizeof(sockaddr_un) == 110);

struct in_addr {
    uint32_t s_addr;  // network order, as sin_port
};
struct sockaddr_in {
    uint16_t sin_family;
    uint16_t sin_port;
    in_addr sin_addr;
    uint8_t sin_zero[8];
};
static_assert(sizeof(sockaddr_in) == 16);

struct in6_addr {
    uint8_t s6_addr[16];
};
struct sockaddr_in6 {
    uint16_t sin6_family;
    uint16_t sin6_port;
    uint32_t sin6_flowinfo;
    in6_addr sin6_addr;
    uint32_t sin6_scope_id;
};
static_assert(sizeof(sockaddr_in6) == 28);

struct iovec {
    uint64_t iov_base;
    uint64_t iov_len;
};
static_assert(sizeof(iovec) == 16);

struct msghdr {
    uint64_t msg_name;
    int32_t msg_namelen;
    uint32_t __pad0;
    uint64_t msg_iov;
    uint64_t msg_iovlen;
    uint64_t msg_control;
    uint64_t msg_controllen;
    uint32_t msg_flags;
    uint32_t __pad1;
};
static_assert(sizeof(msghdr) == 56 && offsetof(msghdr, msg_flags) == 48);

struct mmsghdr {
    msghdr msg_hdr;
    uint32_t msg_len;
    uint32_t __pad0;
};
static_assert(sizeof(mmsghdr) == 64);

struct cmsghdr {
    uint64_t cmsg_len;  // header and data, without the padding that follows
    int32_t cmsg_level;
    int32_t cmsg_type;
};
static_assert(sizeof(cmsghdr) == 16);
constexpr uint64_t CMSG_ALIGN(uint64_t length) { return (length + 7) & ~uint64_t{7}; }
constexpr uint64_t CMSG_LEN(uint64_t data_length) { return sizeof(cmsghdr) + data_length; }
constexpr uint64_t CMSG_SPACE(uint64_t data_length) { return sizeof(cmsghdr) + CMSG_ALIGN(data_length); }

struct ucred {
    int32_t pid;
    uint32_t uid;
    uint32_t gid;
};
static_assert(sizeof(ucred) == 12);

struct linger {
    int32_t l_onoff;
    int32_t l_linger;
};
static_assert(sizeof(linger) == 8);

inline constexpr uint32_t IPPROTO_IP = 0;
inline constexpr uint32_t IPPROTO_ICMP = 1;
inline constexpr uint32_t IPPROTO_IGMP = 2;
inline constexpr uint32_t IPPROTO_TCP = 6;
inline constexpr uint32_t IPPROTO_UDP = 17;
inline constexpr uint32_t IPPROTO_IPV6 = 41;
inline constexpr uint32_t IPPROTO_ICMPV6 = 58;
inline constexpr uint32_t IPPROTO_SCTP = 132;
inline constexpr uint32_t IPPROTO_UDPLITE = 136;
inline constexpr uint32_t IPPROTO_RAW = 255;
inline constexpr uint32_t IPPROTO_MPTCP = 262;
inline constexpr uint32_t INADDR_ANY = 0;
inline constexpr uint32_t INADDR_LOOPBACK = 0x7f000001;
inline constexpr uint32_t INADDR_BROADCAST = 0xffffffff;
inline constexpr uint32_t INADDR_NONE = 0xffffffff;

inline constexpr uint32_t IP_TOS = 1;
inline constexpr uint32_t IP_TTL = 2;
inline constexpr uint32_t IP_HDRINCL = 3;
inline constexpr uint32_t IP_OPTIONS = 4;
inline constexpr uint32_t IP_RECVOPTS = 6;
inline constexpr uint32_t IP_RETOPTS = 7;
inline constexpr uint32_t IP_PKTINFO = 8;
inline constexpr uint32_t IP_MTU_DISCOVER = 10;
inline constexpr uint32_t IP_RECVERR = 11;
inline constexpr uint32_t IP_RECVTTL = 12;
inline constexpr uint32_t IP_RECVTOS = 13;
inline constexpr uint32_t IP_MTU = 14;
inline constexpr uint32_t IP_FREEBIND = 15;
inline constexpr uint32_t IP_TRANSPARENT = 19;
inline constexpr uint32_t IP_BIND_ADDRESS_NO_PORT = 24;
inline constexpr uint32_t IP_MULTICAST_IF = 32;
inline constexpr uint32_t IP_MULTICAST_TTL = 33;
inline constexpr uint32_t IP_MULTICAST_LOOP = 34;
inline constexpr uint32_t IP_ADD_MEMBERSHIP = 35;
inline constexpr uint32_t IP_DROP_MEMBERSHIP = 36;
inline constexpr uint32_t IP_MULTICAST_ALL = 49;
inline constexpr uint32_t IP_UNICAST_IF = 50;
inline constexpr uint32_t IP_PMTUDISC_DONT = 0;
inline constexpr uint32_t IP_PMTUDISC_WANT = 1;
inline constexpr uint32_t IP_PMTUDISC_DO = 2;
inline constexpr uint32_t IP_PMTUDISC_PROBE = 3;

inline constexpr uint32_t IPV6_ADDRFORM = 1;
inline constexpr uint32_t IPV6_CHECKSUM = 7;
inline constexpr uint32_t IPV6_UNICAST_HOPS = 16;
inline constexpr uint32_t IPV6_MULTICAST_IF = 17;
inline constexpr uint32_t IPV6_MULTICAST_HOPS = 18;
inline constexpr uint32_t IPV6_MULTICAST_LOOP = 19;
inline constexpr uint32_t IPV6_JOIN_GROUP = 20;
inline constexpr uint32_t IPV6_LEAVE_GROUP = 21;
inline constexpr uint32_t IPV6_MTU_DISCOVER = 23;
inline constexpr uint32_t IPV6_MTU = 24;
inline constexpr uint32_t IPV6_RECVERR = 25;
inline constexpr uint32_t IPV6_V6ONLY = 26;
inline constexpr uint32_t IPV6_RECVPKTINFO = 49;
inline constexpr uint32_t IPV6_PKTINFO = 50;
inline constexpr uint32_t IPV6_RECVHOPLIMIT = 51;
inline constexpr uint32_t IPV6_HOPLIMIT = 52;
inline constexpr uint32_t IPV6_RECVTCLASS = 66;
inline constexpr uint32_t IPV6_TCLASS = 67;

inline constexpr uint32_t TCP_NODELAY = 1;
inline constexpr uint32_t TCP_MAXSEG = 2;
inline constexpr uint32_t TCP_CORK = 3;
inline constexpr uint32_t TCP_KEEPIDLE = 4;
inline constexpr uint32_t TCP_KEEPINTVL = 5;
inline constexpr uint32_t TCP_KEEPCNT = 6;
inline constexpr uint32_t TCP_SYNCNT = 7;
inline constexpr uint32_t TCP_LINGER2 = 8;
inline constexpr uint32_t TCP_DEFER_ACCEPT = 9;
inline constexpr uint32_t TCP_WINDOW_CLAMP = 10;
inline constexpr uint32_t TCP_INFO = 11;
inline constexpr uint32_t TCP_QUICKACK = 12;
inline constexpr uint32_t TCP_CONGESTION = 13;
inline constexpr uint32_t TCP_USER_TIMEOUT = 18;
inline constexpr uint32_t TCP_FASTOPEN = 23;
inline constexpr uint32_t TCP_NOTSENT_LOWAT = 25;
inline constexpr uint32_t TCP_FASTOPEN_CONNECT = 30;
inline constexpr uint32_t TCP_ULP = 31;
inline constexpr uint32_t TCP_ESTABLISHED = 1;
inline constexpr uint32_t TCP_SYN_SENT = 2;
inline constexpr uint32_t TCP_SYN_RECV = 3;
inline constexpr uint32_t TCP_FIN_WAIT1 = 4;
inline constexpr uint32_t TCP_FIN_WAIT2 = 5;
inline constexpr uint32_t TCP_TIME_WAIT = 6;
inline constexpr uint32_t TCP_CLOSE = 7;
inline constexpr uint32_t TCP_CLOSE_WAIT = 8;
inline constexpr uint32_t TCP_LAST_ACK = 9;
inline constexpr uint32_t TCP_LISTEN = 10;
inline constexpr uint32_t TCP_CLOSING = 11;

struct ip_mreq {
    in_addr imr_multiaddr;
    in_addr imr_interface;
};
static_assert(sizeof(ip_mreq) == 8);
struct ip_mreqn {
    in_addr imr_multiaddr;
    in_addr imr_address;
    int32_t imr_ifindex;
};
static_assert(sizeof(ip_mreqn) == 12);
struct ipv6_mreq {
    in6_addr ipv6mr_multiaddr;
    int32_t ipv6mr_interface;
};
static_assert(sizeof(ipv6_mreq) == 20);

}  // namespace abi
