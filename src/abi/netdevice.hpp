// Interface and socket ioctls: netdevice(7), socket(7).
#pragma once

#include <cstdint>

#include "socket.hpp"

namespace abi {

inline constexpr uint32_t FIOSETOWN = 0x8901;
inline constexpr uint32_t SIOCSPGRP = 0x8902;
inline constexpr uint32_t FIOGETOWN = 0x8903;
inline constexpr uint32_t SIOCGPGRP = 0x8904;
inline constexpr uint32_t SIOCATMARK = 0x8905;
inline constexpr uint32_t SIOCGSTAMP = 0x8906;
inline constexpr uint32_t SIOCGSTAMPNS = 0x8907;
inline constexpr uint32_t SIOCINQ = 0x541b;
inline constexpr uint32_t SIOCOUTQ = 0x5411;
inline constexpr uint32_t SIOCADDRT = 0x890b;
inline constexpr uint32_t SIOCDELRT = 0x890c;
inline constexpr uint32_t SIOCGIFNAME = 0x8910;
inline constexpr uint32_t SIOCGIFCONF = 0x8912;
inline constexpr uint32_t SIOCGIFFLAGS = 0x8913;
inline constexpr uint32_t SIOCSIFFLAGS = 0x8914;
inline constexpr uint32_t SIOCGIFADDR = 0x8915;
inline constexpr uint32_t SIOCSIFADDR = 0x8916;
inline constexpr uint32_t SIOCGIFDSTADDR = 0x8917;
inline constexpr uint32_t SIOCGIFBRDADDR = 0x8919;
inline constexpr uint32_t SIOCGIFNETMASK = 0x891b;
inline constexpr uint32_t SIOCSIFNETMASK = 0x891c;
inline constexpr uint32_t SIOCGIFMETRIC = 0x891d;
inline constexpr uint32_t SIOCGIFMTU = 0x8921;
inline constexpr uint32_t SIOCSIFMTU = 0x8922;
inline constexpr uint32_t SIOCGIFHWADDR = 0x8927;
inline constexpr uint32_t SIOCGIFINDEX = 0x8933;
inline constexpr uint32_t SIOCGIFTXQLEN = 0x8942;
inline constexpr uint32_t SIOCETHTOOL = 0x8946;
inline constexpr uint32_t SIOCGIFMAP = 0x8970;

inline constexpr uint32_t IFF_UP = 0x1;
inline constexpr uint32_t IFF_BROADCAST = 0x2;
inline constexpr uint32_t IFF_DEBUG = 0x4;
inline constexpr uint32_t IFF_LOOPBACK = 0x8;
inline constexpr uint32_t IFF_POINTOPOINT = 0x10;
inline constexpr uint32_t IFF_NOTRAILERS = 0x20;
inline constexpr uint32_t IFF_RUNNING = 0x40;
inline constexpr uint32_t IFF_NOARP = 0x80;
inline constexpr uint32_t IFF_PROMISC = 0x100;
inline constexpr uint32_t IFF_ALLMULTI = 0x200;
inline constexpr uint32_t IFF_MULTICAST = 0x1000;
inline constexpr uint32_t IFF_LOWER_UP = 0x10000;
inline constexpr uint32_t ARPHRD_ETHER = 1;
inline constexpr uint32_t ARPHRD_PPP = 512;
inline constexpr uint32_t ARPHRD_TUNNEL = 768;
inline constexpr uint32_t ARPHRD_LOOPBACK = 772;
inline constexpr uint32_t ARPHRD_IEEE80211 = 801;
inline constexpr uint32_t ARPHRD_NONE = 0xfffe;
inline constexpr uint32_t IFNAMSIZ = 16;

struct ifmap {
    uint64_t mem_start;
    uint64_t mem_end;
    uint16_t base_addr;
    uint8_t irq;
    uint8_t dma;
    uint8_t port;
};
static_assert(sizeof(ifmap) == 24);

struct ifreq {
    char ifr_name[IFNAMSIZ];
    union {
        sockaddr ifr_addr;
        int16_t ifr_flags;
        int32_t ifr_ifindex;
        int32_t ifr_metric;
        int32_t ifr_mtu;
        int32_t ifr_qlen;
        ifmap ifr_map;
        char ifr_newname[IFNAMSIZ];
        uint64_t ifr_data;
    };
};
static_assert(sizeof(ifreq) == 40);

struct ifconf {
    int32_t ifc_len;
    int32_t __pad0;
    uint64_t ifc_req;
};
static_assert(sizeof(ifconf) == 16);

}  // namespace abi
