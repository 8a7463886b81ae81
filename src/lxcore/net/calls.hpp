// System calls of this folder; listed in syscall/table/net.inc.
#pragma once

#include "abi/socket.hpp"
#include "abi/time.hpp"
#include "lxcore/syscall/syscall.hpp"

namespace lxcore {

Result<i32> sys_socket(i32 family, i32 type, i32 protocol);
Result<i32> sys_socketpair(i32 family, i32 type, i32 protocol, UserPtr<i32> fds);
Result<i32> sys_bind(Fd fd, UserPtr<abi::sockaddr> address, i32 length);
Result<i32> sys_connect(Fd fd, UserPtr<abi::sockaddr> address, i32 length);
Result<i32> sys_listen(Fd fd, i32 backlog);
Result<i32> sys_accept(Fd fd, UserPtr<abi::sockaddr> address, UserPtr<i32> length);
Result<i32> sys_accept4(Fd fd, UserPtr<abi::sockaddr> address, UserPtr<i32> length, i32 flags);
Result<i32> sys_getsockname(Fd fd, UserPtr<abi::sockaddr> address, UserPtr<i32> length);
Result<i32> sys_getpeername(Fd fd, UserPtr<abi::sockaddr> address, UserPtr<i32> length);
Result<i32> sys_shutdown(Fd fd, i32 how);
Result<i32> sys_setsockopt(Fd fd, i32 level, i32 option, u64 value, i32 length);
Result<i32> sys_getsockopt(Fd fd, i32 level, i32 option, u64 value, UserPtr<i32> length);

Result<i64> sys_sendto(Fd fd, InBuffer data, u64 length, HexFlags flags, UserPtr<abi::sockaddr> address,
                       i32 address_length);
Result<i64> sys_recvfrom(Fd fd, OutBuffer data, u64 length, HexFlags flags, UserPtr<abi::sockaddr> address,
                         UserPtr<i32> address_length);
Result<i64> sys_sendmsg(Fd fd, UserPtr<abi::msghdr> message, HexFlags flags);
Result<i64> sys_recvmsg(Fd fd, UserPtr<abi::msghdr> message, HexFlags flags);
Result<i32> sys_sendmmsg(Fd fd, UserPtr<abi::mmsghdr> messages, u32 count, HexFlags flags);
Result<i32> sys_recvmmsg(Fd fd, UserPtr<abi::mmsghdr> messages, u32 count, HexFlags flags,
                         UserPtr<abi::timespec> timeout);

} // namespace lxcore
