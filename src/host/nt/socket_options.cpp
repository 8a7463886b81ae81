// Addresses and options of sockets, between Linux's numbers and winsock's. What winsock has no equal of is
// ENOPROTOOPT.
#include "host/nt/socket_service.hpp"

namespace host::nt {

// ---- addresses: the same layouts but for the number of AF_INET6

Result<i32> to_host_address(const ServedSocket& socket, const u8* address, u32 length,
                            sockaddr_storage& out) {
    const bool is_v6 = socket.family == ws::kAfInet6;
    // A scope id may be missing (RFC 2133).
    const u32 least = is_v6 ? offsetof(abi::sockaddr_in6, sin6_scope_id) : sizeof(abi::sockaddr_in);
    const u32 whole = is_v6 ? sizeof(abi::sockaddr_in6) : sizeof(abi::sockaddr_in);
    u16 family = 0;
    if (length < sizeof(family))
        return Errno::EINVAL;
    __builtin_memcpy(&family, address, sizeof(family));
    if (length < least)
        return Errno::EINVAL;
    if (family != (is_v6 ? abi::AF_INET6 : abi::AF_INET))
        return Errno::EAFNOSUPPORT;
    out = {};
    __builtin_memcpy(&out, address, base::min(length, whole));
    out.ss_family = static_cast<ADDRESS_FAMILY>(socket.family);
    return static_cast<i32>(whole);
}

u32 to_guest_address(const sockaddr_storage& address, i32 length, u8* out) {
    // Streams tell no sender.
    if (address.ss_family != ws::kAfInet && address.ss_family != ws::kAfInet6)
        return 0;
    const u16 family = address.ss_family == ws::kAfInet6 ? abi::AF_INET6 : abi::AF_INET;
    const u32 whole =
        address.ss_family == ws::kAfInet6 ? sizeof(abi::sockaddr_in6) : sizeof(abi::sockaddr_in);
    const u32 bytes = base::min(static_cast<u32>(length), whole);
    __builtin_memcpy(out, &address, bytes);
    __builtin_memcpy(out, &family, sizeof(family));
    return bytes;
}

// ---- options

namespace {

// Options whose value is one number on both sides.
struct Row {
    u32 level, option;
    int host_level, host_option;
    bool is_for_streams_only = false;
};
constexpr Row kRows[] = {
    {abi::SOL_SOCKET, abi::SO_REUSEADDR, ws::kSolSocket, ws::kSoReuseaddr}, // of datagrams
    {abi::SOL_SOCKET, abi::SO_BROADCAST, ws::kSolSocket, ws::kSoBroadcast},
    {abi::SOL_SOCKET, abi::SO_DONTROUTE, ws::kSolSocket, ws::kSoDontroute},
    {abi::SOL_SOCKET, abi::SO_KEEPALIVE, ws::kSolSocket, ws::kSoKeepalive, true},
    {abi::SOL_SOCKET, abi::SO_OOBINLINE, ws::kSolSocket, ws::kSoOobinline, true},
    {abi::SOL_SOCKET, abi::SO_SNDBUF, ws::kSolSocket, ws::kSoSndbuf},
    {abi::SOL_SOCKET, abi::SO_RCVBUF, ws::kSolSocket, ws::kSoRcvbuf},
    {abi::SOL_TCP, abi::TCP_NODELAY, ws::kIpprotoTcp, ws::kTcpNodelay, true},
    {abi::SOL_TCP, abi::TCP_KEEPIDLE, ws::kIpprotoTcp, ws::kTcpKeepidle, true},
    {abi::SOL_TCP, abi::TCP_KEEPINTVL, ws::kIpprotoTcp, ws::kTcpKeepintvl, true},
    {abi::SOL_TCP, abi::TCP_KEEPCNT, ws::kIpprotoTcp, ws::kTcpKeepcnt, true},
    {abi::SOL_IP, abi::IP_TOS, ws::kIpprotoIp, ws::kIpTos},
    {abi::SOL_IP, abi::IP_TTL, ws::kIpprotoIp, ws::kIpTtl},
    {abi::SOL_IP, abi::IP_HDRINCL, ws::kIpprotoIp, ws::kIpHdrincl},
    {abi::SOL_IP, abi::IP_MULTICAST_TTL, ws::kIpprotoIp, ws::kIpMulticastTtl},
    {abi::SOL_IP, abi::IP_MULTICAST_LOOP, ws::kIpprotoIp, ws::kIpMulticastLoop},
    {abi::SOL_IPV6, abi::IPV6_V6ONLY, ws::kIpprotoIpv6, ws::kIpv6V6only},
    {abi::SOL_IPV6, abi::IPV6_UNICAST_HOPS, ws::kIpprotoIpv6, ws::kIpv6UnicastHops},
    {abi::SOL_IPV6, abi::IPV6_MULTICAST_IF, ws::kIpprotoIpv6, ws::kIpv6MulticastIf},
    {abi::SOL_IPV6, abi::IPV6_MULTICAST_HOPS, ws::kIpprotoIpv6, ws::kIpv6MulticastHops},
    {abi::SOL_IPV6, abi::IPV6_MULTICAST_LOOP, ws::kIpprotoIpv6, ws::kIpv6MulticastLoop},
};

bool is_option(i32 level, i32 option, u32 wanted_level, u32 wanted) {
    return static_cast<u32>(level) == wanted_level && static_cast<u32>(option) == wanted;
}

bool is_error_report(i32 level, i32 option) {
    return is_option(level, option, abi::SOL_IP, abi::IP_RECVERR) ||
           is_option(level, option, abi::SOL_IPV6, abi::IPV6_RECVERR);
}

const Row* find_row(const ServedSocket& socket, i32 level, i32 option) {
    for (const Row& row : kRows)
        if (is_option(level, option, row.level, row.option) &&
            (!row.is_for_streams_only || socket.is_stream()))
            return &row;
    return nullptr;
}

Result<void> set_host_option(ServedSocket& socket, int level, int option, const void* value, int length) {
    if (g_winsock.setsockopt(socket.handle, level, option, static_cast<const char*>(value), length) != 0)
        return socket_error();
    return {};
}

// Groups of IPv4: the interface is named by its address, or as of Linux 2.2 by its number.
Result<void> set_membership(ServedSocket& socket, bool joins, const u8* value, u32 length) {
    ::ip_mreq request{};
    if (length < sizeof(abi::ip_mreq))
        return Errno::EINVAL;
    __builtin_memcpy(&request.imr_multiaddr, value, 4);
    __builtin_memcpy(&request.imr_interface, value + 4, 4);
    u32 index = 0;
    if (length >= 12) {
        __builtin_memcpy(&index, value + 8, 4);
        if (index != 0) // 0.0.0.N is interface N to winsock
            request.imr_interface.s_addr = __builtin_bswap32(index);
    }
    return set_host_option(socket, ws::kIpprotoIp, joins ? ws::kIpAddMembership : ws::kIpDropMembership,
                           &request, sizeof(request));
}

Result<void> set_multicast_interface(ServedSocket& socket, const u8* value, u32 length) {
    u32 address = 0, index = 0;
    if (length < sizeof(address))
        return Errno::EINVAL;
    __builtin_memcpy(&address, length >= 8 ? value + 4 : value, 4);
    if (length >= 12)
        __builtin_memcpy(&index, value + 8, 4);
    if (index != 0)
        address = __builtin_bswap32(index);
    return set_host_option(socket, ws::kIpprotoIp, ws::kIpMulticastIf, &address, sizeof(address));
}

u32 put_number(u8* value, i32 number) {
    __builtin_memcpy(value, &number, sizeof(number));
    return sizeof(number);
}

} // namespace

Result<void> set_socket_option(ServedSocket& socket, i32 level, i32 option, const u8* value, u32 length) {
    if (is_option(level, option, abi::SOL_SOCKET, abi::SO_LINGER)) {
        abi::linger given;
        if (length < sizeof(given))
            return Errno::EINVAL;
        __builtin_memcpy(&given, value, sizeof(given));
        const ::linger time{static_cast<u_short>(given.l_onoff != 0),
                            static_cast<u_short>(base::min(given.l_linger, 0xffff))};
        return set_host_option(socket, ws::kSolSocket, ws::kSoLinger, &time, sizeof(time));
    }
    if (is_option(level, option, abi::SOL_IP, abi::IP_ADD_MEMBERSHIP) ||
        is_option(level, option, abi::SOL_IP, abi::IP_DROP_MEMBERSHIP))
        return set_membership(socket, option == static_cast<i32>(abi::IP_ADD_MEMBERSHIP), value, length);
    if (is_option(level, option, abi::SOL_IP, abi::IP_MULTICAST_IF))
        return set_multicast_interface(socket, value, length);
    if (is_option(level, option, abi::SOL_IPV6, abi::IPV6_JOIN_GROUP) ||
        is_option(level, option, abi::SOL_IPV6, abi::IPV6_LEAVE_GROUP)) {
        if (length < sizeof(::ipv6_mreq))
            return Errno::EINVAL; // the same layout
        return set_host_option(socket, ws::kIpprotoIpv6,
                               option == static_cast<i32>(abi::IPV6_JOIN_GROUP) ? ws::kIpv6JoinGroup
                                                                                : ws::kIpv6LeaveGroup,
                               value, sizeof(::ipv6_mreq));
    }
    const Row* row = find_row(socket, level, option);
    if (!row && !is_error_report(level, option))
        return Errno::ENOPROTOOPT;
    // ip(7): a byte will do for options of IP.
    i32 number = 0;
    if (length >= sizeof(number))
        __builtin_memcpy(&number, value, sizeof(number));
    else if (length >= 1 && level == static_cast<i32>(abi::SOL_IP))
        number = value[0];
    else
        return Errno::EINVAL;
    if (is_option(level, option, abi::SOL_SOCKET, abi::SO_REUSEADDR) && socket.is_stream()) {
        // Winsock binds to addresses with old connections anyway; its option lets a second listener in.
        socket.reuses_address = number != 0;
        return {};
    }
    if (!row) { // ip(7), IP_RECVERR: also without a peer; the queue of what has come back is not to be had
        socket.reports_errors = number != 0;
        if (!socket.is_stream())
            tell_of_unreachable_ports(socket, socket.reports_errors ||
                                                  socket.phase == ServedSocket::Phase::Connected);
        return {};
    }
    return set_host_option(socket, row->host_level, row->host_option, &number, sizeof(number));
}

Result<u32> get_socket_option(ServedSocket& socket, i32 level, i32 option, u8* value) {
    if (level == static_cast<i32>(abi::SOL_SOCKET)) {
        switch (static_cast<u32>(option)) {
        case abi::SO_TYPE:
            return put_number(value, socket.type);
        case abi::SO_DOMAIN:
            return put_number(value, socket.family == ws::kAfInet6 ? abi::AF_INET6 : abi::AF_INET);
        case abi::SO_PROTOCOL:
            if (socket.protocol == 0 && socket.type != ws::kSockRaw)
                return put_number(value,
                                  static_cast<i32>(socket.is_stream() ? abi::IPPROTO_TCP : abi::IPPROTO_UDP));
            return put_number(value, socket.protocol);
        case abi::SO_ACCEPTCONN:
            return put_number(value, socket.phase == ServedSocket::Phase::Listening);
        case abi::SO_ERROR: {
            // A connection that is being made may have failed by now.
            if (socket.phase == ServedSocket::Phase::Connecting)
                learn_readiness(socket, kOutputGroup, true);
            const i32 error = socket.pending_error;
            socket.pending_error = 0;
            if (error != 0)
                forget_readiness(socket, kErrorGroup);
            return put_number(value, error);
        }
        case abi::SO_REUSEADDR:
            if (socket.is_stream())
                return put_number(value, socket.reuses_address);
            break;
        case abi::SO_LINGER: {
            ::linger time{};
            int length = sizeof(time);
            if (g_winsock.getsockopt(socket.handle, ws::kSolSocket, ws::kSoLinger,
                                     reinterpret_cast<char*>(&time), &length) != 0)
                return socket_error();
            const abi::linger given{time.l_onoff != 0, time.l_linger};
            __builtin_memcpy(value, &given, sizeof(given));
            return u32{sizeof(given)};
        }
        default:
            break;
        }
    }
    if (is_error_report(level, option))
        return put_number(value, socket.reports_errors);
    const Row* row = find_row(socket, level, option);
    if (!row)
        return Errno::ENOPROTOOPT;
    i32 number = 0;
    int length = sizeof(number);
    if (g_winsock.getsockopt(socket.handle, row->host_level, row->host_option,
                             reinterpret_cast<char*>(&number), &length) != 0)
        return socket_error();
    return put_number(value, length >= 4 ? number : number & 0xff); // winsock has bytes for some
}

} // namespace host::nt
