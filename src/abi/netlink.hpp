// Netlink and its routing family: netlink(7), rtnetlink(7).
#pragma once

#include <cstdint>

namespace abi {

struct sockaddr_nl {
    uint16_t nl_family;
    uint16_t nl_pad;
    uint32_t nl_pid;
    uint32_t nl_groups;
};
static_assert(sizeof(sockaddr_nl) == 12);

inline constexpr uint32_t NETLINK_ROUTE = 0;
inline constexpr uint32_t NETLINK_USERSOCK = 2;
inline constexpr uint32_t NETLINK_SOCK_DIAG = 4;
inline constexpr uint32_t NETLINK_NFLOG = 5;
inline constexpr uint32_t NETLINK_XFRM = 6;
inline constexpr uint32_t NETLINK_SELINUX = 7;
inline constexpr uint32_t NETLINK_AUDIT = 9;
inline constexpr uint32_t NETLINK_NETFILTER = 12;
inline constexpr uint32_t NETLINK_KOBJECT_UEVENT = 15;
inline constexpr uint32_t NETLINK_GENERIC = 16;
inline constexpr uint32_t NETLINK_ADD_MEMBERSHIP = 1;
inline constexpr uint32_t NETLINK_DROP_MEMBERSHIP = 2;
inline constexpr uint32_t NETLINK_PKTINFO = 3;
inline constexpr uint32_t NETLINK_BROADCAST_ERROR = 4;
inline constexpr uint32_t NETLINK_NO_ENOBUFS = 5;
inline constexpr uint32_t NETLINK_LIST_MEMBERSHIPS = 9;
inline constexpr uint32_t NETLINK_CAP_ACK = 10;
inline constexpr uint32_t NETLINK_EXT_ACK = 11;
inline constexpr uint32_t NETLINK_GET_STRICT_CHK = 12;

struct nlmsghdr {
    uint32_t nlmsg_len;
    uint16_t nlmsg_type;
    uint16_t nlmsg_flags;
    uint32_t nlmsg_seq;
    uint32_t nlmsg_pid;
};
static_assert(sizeof(nlmsghdr) == 16);
struct nlmsgerr {
    int32_t error;
    nlmsghdr msg;
};
static_assert(sizeof(nlmsgerr) == 20);
constexpr uint32_t NLMSG_ALIGN(uint32_t length) { return (length + 3) & ~3u; }

inline constexpr uint16_t NLMSG_NOOP = 1;
inline constexpr uint16_t NLMSG_ERROR = 2;
inline constexpr uint16_t NLMSG_DONE = 3;
inline constexpr uint16_t NLMSG_OVERRUN = 4;
inline constexpr uint16_t NLMSG_MIN_TYPE = 16;
inline constexpr uint16_t NLM_F_REQUEST = 0x01;
inline constexpr uint16_t NLM_F_MULTI = 0x02;
inline constexpr uint16_t NLM_F_ACK = 0x04;
inline constexpr uint16_t NLM_F_ECHO = 0x08;
inline constexpr uint16_t NLM_F_DUMP_INTR = 0x10;
inline constexpr uint16_t NLM_F_DUMP_FILTERED = 0x20;
inline constexpr uint16_t NLM_F_ROOT = 0x100;
inline constexpr uint16_t NLM_F_MATCH = 0x200;
inline constexpr uint16_t NLM_F_ATOMIC = 0x400;
inline constexpr uint16_t NLM_F_DUMP = 0x300;
inline constexpr uint16_t NLM_F_REPLACE = 0x100;
inline constexpr uint16_t NLM_F_EXCL = 0x200;
inline constexpr uint16_t NLM_F_CREATE = 0x400;
inline constexpr uint16_t NLM_F_APPEND = 0x800;
inline constexpr uint16_t NLM_F_CAPPED = 0x100;
inline constexpr uint16_t NLM_F_ACK_TLVS = 0x200;

inline constexpr uint16_t RTM_NEWLINK = 16;
inline constexpr uint16_t RTM_DELLINK = 17;
inline constexpr uint16_t RTM_GETLINK = 18;
inline constexpr uint16_t RTM_SETLINK = 19;
inline constexpr uint16_t RTM_NEWADDR = 20;
inline constexpr uint16_t RTM_DELADDR = 21;
inline constexpr uint16_t RTM_GETADDR = 22;
inline constexpr uint16_t RTM_NEWROUTE = 24;
inline constexpr uint16_t RTM_DELROUTE = 25;
inline constexpr uint16_t RTM_GETROUTE = 26;
inline constexpr uint16_t RTM_NEWNEIGH = 28;
inline constexpr uint16_t RTM_DELNEIGH = 29;
inline constexpr uint16_t RTM_GETNEIGH = 30;
inline constexpr uint16_t RTM_NEWRULE = 32;
inline constexpr uint16_t RTM_DELRULE = 33;
inline constexpr uint16_t RTM_GETRULE = 34;
inline constexpr uint16_t RTM_GETQDISC = 38;

struct rtattr {
    uint16_t rta_len;
    uint16_t rta_type;
};
static_assert(sizeof(rtattr) == 4);
constexpr uint32_t RTA_ALIGN(uint32_t length) { return (length + 3) & ~3u; }

struct rtgenmsg {
    uint8_t rtgen_family;
};
struct ifinfomsg {
    uint8_t ifi_family;
    uint8_t __ifi_pad;
    uint16_t ifi_type;
    int32_t ifi_index;
    uint32_t ifi_flags;
    uint32_t ifi_change;
};
static_assert(sizeof(ifinfomsg) == 16);
struct ifaddrmsg {
    uint8_t ifa_family;
    uint8_t ifa_prefixlen;
    uint8_t ifa_flags;
    uint8_t ifa_scope;
    uint32_t ifa_index;
};
static_assert(sizeof(ifaddrmsg) == 8);
struct ifa_cacheinfo {
    uint32_t ifa_prefered;
    uint32_t ifa_valid;
    uint32_t cstamp;
    uint32_t tstamp;
};
static_assert(sizeof(ifa_cacheinfo) == 16);
struct rtmsg {
    uint8_t rtm_family;
    uint8_t rtm_dst_len;
    uint8_t rtm_src_len;
    uint8_t rtm_tos;
    uint8_t rtm_table;
    uint8_t rtm_protocol;
    uint8_t rtm_scope;
    uint8_t rtm_type;
    uint32_t rtm_flags;
};
static_assert(sizeof(rtmsg) == 12);

inline constexpr uint16_t IFA_ADDRESS = 1;
inline constexpr uint16_t IFA_LOCAL = 2;
inline constexpr uint16_t IFA_LABEL = 3;
inline constexpr uint16_t IFA_BROADCAST = 4;
inline constexpr uint16_t IFA_ANYCAST = 5;
inline constexpr uint16_t IFA_CACHEINFO = 6;
inline constexpr uint16_t IFA_MULTICAST = 7;
inline constexpr uint16_t IFA_FLAGS = 8;
inline constexpr uint16_t IFA_F_SECONDARY = 0x01;
inline constexpr uint16_t IFA_F_TENTATIVE = 0x40;
inline constexpr uint16_t IFA_F_PERMANENT = 0x80;
inline constexpr uint16_t IFLA_ADDRESS = 1;
inline constexpr uint16_t IFLA_BROADCAST = 2;
inline constexpr uint16_t IFLA_IFNAME = 3;
inline constexpr uint16_t IFLA_MTU = 4;
inline constexpr uint16_t IFLA_LINK = 5;
inline constexpr uint16_t IFLA_QDISC = 6;
inline constexpr uint16_t IFLA_STATS = 7;
inline constexpr uint16_t IFLA_MASTER = 10;
inline constexpr uint16_t IFLA_TXQLEN = 13;
inline constexpr uint16_t IFLA_MAP = 14;
inline constexpr uint16_t IFLA_OPERSTATE = 16;
inline constexpr uint16_t IFLA_LINKMODE = 17;
inline constexpr uint16_t IFLA_LINKINFO = 18;
inline constexpr uint16_t IFLA_STATS64 = 23;
inline constexpr uint16_t IFLA_AF_SPEC = 26;
inline constexpr uint16_t IFLA_GROUP = 27;
inline constexpr uint16_t IFLA_EXT_MASK = 29;
inline constexpr uint16_t IFLA_PROMISCUITY = 30;
inline constexpr uint16_t IFLA_NUM_TX_QUEUES = 31;
inline constexpr uint16_t IFLA_NUM_RX_QUEUES = 32;
inline constexpr uint16_t IFLA_CARRIER = 33;
inline constexpr uint16_t RTA_DST = 1;
inline constexpr uint16_t RTA_SRC = 2;
inline constexpr uint16_t RTA_IIF = 3;
inline constexpr uint16_t RTA_OIF = 4;
inline constexpr uint16_t RTA_GATEWAY = 5;
inline constexpr uint16_t RTA_PRIORITY = 6;
inline constexpr uint16_t RTA_PREFSRC = 7;
inline constexpr uint16_t RTA_METRICS = 8;
inline constexpr uint16_t RTA_MULTIPATH = 9;
inline constexpr uint16_t RTA_CACHEINFO = 12;
inline constexpr uint16_t RTA_TABLE = 15;
inline constexpr uint16_t RT_TABLE_UNSPEC = 0;
inline constexpr uint16_t RT_TABLE_DEFAULT = 253;
inline constexpr uint16_t RT_TABLE_MAIN = 254;
inline constexpr uint16_t RT_TABLE_LOCAL = 255;
inline constexpr uint16_t RTPROT_UNSPEC = 0;
inline constexpr uint16_t RTPROT_REDIRECT = 1;
inline constexpr uint16_t RTPROT_KERNEL = 2;
inline constexpr uint16_t RTPROT_BOOT = 3;
inline constexpr uint16_t RTPROT_STATIC = 4;
inline constexpr uint16_t RT_SCOPE_UNIVERSE = 0;
inline constexpr uint16_t RT_SCOPE_SITE = 200;
inline constexpr uint16_t RT_SCOPE_LINK = 253;
inline constexpr uint16_t RT_SCOPE_HOST = 254;
inline constexpr uint16_t RT_SCOPE_NOWHERE = 255;
inline constexpr uint16_t RTN_UNSPEC = 0;
inline constexpr uint16_t RTN_UNICAST = 1;
inline constexpr uint16_t RTN_LOCAL = 2;
inline constexpr uint16_t RTN_BROADCAST = 3;
inline constexpr uint16_t RTN_ANYCAST = 4;
inline constexpr uint16_t RTN_MULTICAST = 5;
inline constexpr uint16_t RTN_BLACKHOLE = 6;
inline constexpr uint16_t RTN_UNREACHABLE = 7;
inline constexpr uint16_t RTMGRP_LINK = 0x01;
inline constexpr uint16_t RTMGRP_NEIGH = 0x04;
inline constexpr uint16_t RTMGRP_IPV4_IFADDR = 0x10;
inline constexpr uint16_t RTMGRP_IPV4_ROUTE = 0x40;
inline constexpr uint16_t RTMGRP_IPV6_IFADDR = 0x100;
inline constexpr uint16_t RTMGRP_IPV6_ROUTE = 0x400;
inline constexpr uint16_t IF_OPER_UNKNOWN = 0;
inline constexpr uint16_t IF_OPER_DOWN = 2;
inline constexpr uint16_t IF_OPER_UP = 6;

}  // namespace abi
