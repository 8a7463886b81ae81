// Waiting for handles, and sockets. See README.md.
#include "host/host.hpp"

namespace host {

Result<usize> poll_interruptible(PollItem*, usize, u64) {
    return Errno::ENOSYS;
}
Result<usize> poll_now(PollItem*, usize) {
    return Errno::ENOSYS;
}
Result<Handle> poll_set_create() {
    return Errno::ENOSYS;
}
Result<void> poll_set_add(Handle, Handle, u32, u64) {
    return Errno::ENOSYS;
}
Result<void> poll_set_modify(Handle, Handle, u32, u64) {
    return Errno::ENOSYS;
}
void poll_set_remove(Handle, Handle) {}
Result<usize> poll_set_wait_interruptible(Handle, abi::epoll_event*, usize, u64) {
    return Errno::ENOSYS;
}
Result<Handle> duplicate(Handle) {
    return Errno::ENOSYS;
}
Result<Handle> socket(i32, i32, i32) {
    return Errno::ENOSYS;
}
Result<void> bind(Handle, const void*, u32) {
    return Errno::ENOSYS;
}
Result<void> connect(Handle, const void*, u32) {
    return Errno::ENOSYS;
}
Result<Handle> connect_local(const char*, i32) {
    return Errno::ENOSYS;
}
Result<void> listen(Handle, i32) {
    return Errno::ENOSYS;
}
Result<Handle> accept(Handle, void*, u32*) {
    return Errno::ENOSYS;
}
Result<void> shutdown(Handle, i32) {
    return Errno::ENOSYS;
}
Result<void> local_address(Handle, void*, u32*) {
    return Errno::ENOSYS;
}
Result<void> peer_address(Handle, void*, u32*) {
    return Errno::ENOSYS;
}
Result<u32> get_option(Handle, i32, i32, void*, u32) {
    return Errno::ENOSYS;
}
Result<void> set_option(Handle, i32, i32, const void*, u32) {
    return Errno::ENOSYS;
}
Result<usize> send_message(Handle, const abi::msghdr*, i32) {
    return Errno::ENOSYS;
}
Result<usize> receive_message(Handle, abi::msghdr*, i32) {
    return Errno::ENOSYS;
}
Result<i32> socket_control(Handle, u32, void*) {
    return Errno::ENOSYS;
}

} // namespace host
