// Sockets are missing on this host: there is no family to make one of, so that no other call is ever reached with one. Wine's
// winsock takes handles for sockets that it made in the same process alone; sharing them wants WSADuplicateSocket by way of the
// instance host.
#include "host/nt/sockets.hpp"

namespace host {

namespace nt {

u32 socket_readiness(Handle, u32) { return 0; }
HANDLE socket_event(Handle, u32) { return nullptr; }

} // namespace nt

Result<Handle> socket(i32, i32, i32) { return Errno::EAFNOSUPPORT; }
Result<void> bind(Handle, const void*, u32) { return Errno::ENOTSOCK; }
Result<void> connect(Handle, const void*, u32) { return Errno::ENOTSOCK; }
// A named pipe, once programs of Windows are started from inside.
Result<Handle> connect_local(const char*, i32) { return Errno::ECONNREFUSED; }
Result<void> listen(Handle, i32) { return Errno::ENOTSOCK; }
Result<Handle> accept(Handle, void*, u32*) { return Errno::ENOTSOCK; }
Result<void> shutdown(Handle, i32) { return Errno::ENOTSOCK; }
Result<void> local_address(Handle, void*, u32*) { return Errno::ENOTSOCK; }
Result<void> peer_address(Handle, void*, u32*) { return Errno::ENOTSOCK; }
Result<u32> get_option(Handle, i32, i32, void*, u32) { return Errno::ENOTSOCK; }
Result<void> set_option(Handle, i32, i32, const void*, u32) { return Errno::ENOTSOCK; }
Result<usize> send_message(Handle, const abi::msghdr*, i32) { return Errno::ENOTSOCK; }
Result<usize> receive_message(Handle, abi::msghdr*, i32) { return Errno::ENOTSOCK; }
Result<i32> socket_control(Handle, u32, void*) { return Errno::ENOTSOCK; }

} // namespace host
