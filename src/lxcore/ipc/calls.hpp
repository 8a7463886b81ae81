// System calls of this folder; listed in syscall/table/ipc.inc.
#pragma once

#include "abi/ipc.hpp"
#include "abi/poll.hpp"
#include "lxcore/syscall/syscall.hpp"

namespace lxcore {

Result<i32> sys_pipe(UserPtr<i32> fds);
Result<i32> sys_pipe2(UserPtr<i32> fds, OpenFlags flags);

Result<i64> sys_splice(Fd in, UserPtr<i64> in_offset, Fd out, UserPtr<i64> out_offset, u64 length, HexFlags flags);
Result<i64> sys_tee(Fd in, Fd out, u64 length, HexFlags flags);
Result<i64> sys_vmsplice(Fd fd, UserPtr<abi::iovec> vectors, u64 count, HexFlags flags);

// The last argument of pselect6.
struct SignalMaskArgument {
    u64 address, size;
};
Result<i32> sys_poll(UserPtr<abi::pollfd> fds, u32 count, i32 timeout_ms);
Result<i32> sys_ppoll(UserPtr<abi::pollfd> fds, u32 count, UserPtr<abi::timespec> timeout, UserPtr<u64> mask,
                      u64 mask_size);
Result<i32> sys_select(i32 count, UserPtr<u64> in, UserPtr<u64> out, UserPtr<u64> except,
                       UserPtr<abi::timeval> timeout);
Result<i32> sys_pselect6(i32 count, UserPtr<u64> in, UserPtr<u64> out, UserPtr<u64> except,
                         UserPtr<abi::timespec> timeout, UserPtr<SignalMaskArgument> mask);

Result<i32> sys_epoll_create(i32 size);
Result<i32> sys_epoll_create1(OpenFlags flags);
Result<i32> sys_epoll_ctl(Fd epoll, i32 operation, Fd fd, UserPtr<abi::epoll_event> event);
Result<i32> sys_epoll_wait(Fd epoll, UserPtr<abi::epoll_event> events, i32 capacity, i32 timeout_ms);
Result<i32> sys_epoll_pwait(Fd epoll, UserPtr<abi::epoll_event> events, i32 capacity, i32 timeout_ms,
                            UserPtr<u64> mask, u64 mask_size);
Result<i32> sys_epoll_pwait2(Fd epoll, UserPtr<abi::epoll_event> events, i32 capacity,
                             UserPtr<abi::timespec> timeout, UserPtr<u64> mask, u64 mask_size);

Result<i32> sys_eventfd(u32 initial);
Result<i32> sys_eventfd2(u32 initial, OpenFlags flags);

Result<i32> sys_shmget(i32 key, u64 size, HexFlags flags);
Result<u64> sys_shmat(i32 id, u64 address, HexFlags flags);
Result<i32> sys_shmdt(u64 address);
Result<i32> sys_shmctl(i32 id, i32 command, u64 user);
Result<i32> sys_semget(i32 key, i32 count, HexFlags flags);
Result<i32> sys_semop(i32 id, UserPtr<abi::sembuf> operations, u64 count);
Result<i32> sys_semtimedop(i32 id, UserPtr<abi::sembuf> operations, u64 count, UserPtr<abi::timespec> timeout);
Result<i32> sys_semctl(i32 id, i32 number, i32 command, u64 argument);
Result<i32> sys_msgget(i32 key, HexFlags flags);
Result<i32> sys_msgsnd(i32 id, u64 user, u64 length, HexFlags flags);
Result<i64> sys_msgrcv(i32 id, u64 user, u64 capacity, i64 type, HexFlags flags);
Result<i32> sys_msgctl(i32 id, i32 command, u64 user);

Result<i32> sys_mq_open(UserCString name, OpenFlags flags, FileMode mode, UserPtr<abi::mq_attr> attributes);
Result<i32> sys_mq_unlink(UserCString name);
Result<i32> sys_mq_timedsend(Fd fd, u64 data, u64 length, u32 priority, UserPtr<abi::timespec> timeout);
Result<i64> sys_mq_timedreceive(Fd fd, u64 data, u64 capacity, UserPtr<u32> priority, UserPtr<abi::timespec> timeout);
Result<i32> sys_mq_notify(Fd fd, UserPtr<abi::sigevent> event);
Result<i32> sys_mq_getsetattr(Fd fd, UserPtr<abi::mq_attr> wanted, UserPtr<abi::mq_attr> old);

} // namespace lxcore
