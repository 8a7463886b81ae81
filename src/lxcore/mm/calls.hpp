// System calls of this folder, and of exec; listed in syscall/table/mm.inc.
#pragma once

#include "abi/mman.hpp"
#include "abi/socket.hpp"
#include "lxcore/syscall/syscall.hpp"

namespace lxcore {

// mm/calls_map.cpp
Result<u64> sys_mmap(u64 address, u64 length, MapProtection protection, MapFlags flags, Fd fd, u64 offset);
Result<void> sys_munmap(u64 address, u64 length);
Result<void> sys_mprotect(u64 address, u64 length, MapProtection protection);
Result<u64> sys_mremap(u64 old_address, u64 old_length, u64 new_length, HexFlags flags, u64 new_address);
Result<u64> sys_brk(u64 address);
Result<i32> sys_pkey_alloc(u32 flags, u32 rights);
Result<void> sys_pkey_free(i32 key);
Result<void> sys_pkey_mprotect(u64 address, u64 length, MapProtection protection, i32 key);

// mm/calls_advise.cpp
Result<void> sys_madvise(u64 address, u64 length, i32 advice);
Result<i64> sys_process_madvise(Fd pidfd, UserPtr<abi::iovec> vectors, u64 count, i32 advice, u32 flags);
Result<void> sys_mincore(u64 address, u64 length, UserPtr<u8> vector);
Result<void> sys_msync(u64 address, u64 length, i32 flags);

// mm/calls_lock.cpp
Result<void> sys_mlock(u64 address, u64 length);
Result<void> sys_mlock2(u64 address, u64 length, u32 flags);
Result<void> sys_munlock(u64 address, u64 length);
Result<void> sys_mlockall(u32 flags);
Result<void> sys_munlockall();

// mm/calls_other.cpp
Result<i32> sys_membarrier(i32 command, u32 flags, i32 processor);
Result<i64> sys_process_vm_readv(i32 pid, UserPtr<abi::iovec> local, u64 local_count, UserPtr<abi::iovec> remote,
                                 u64 remote_count, HexFlags flags);
Result<i64> sys_process_vm_writev(i32 pid, UserPtr<abi::iovec> local, u64 local_count, UserPtr<abi::iovec> remote,
                                  u64 remote_count, HexFlags flags);
Result<void> sys_get_mempolicy(UserPtr<i32> mode, UserPtr<u64> nodes, u64 max_node, u64 address, u64 flags);
Result<void> sys_set_mempolicy(i32 mode, UserPtr<u64> nodes, u64 max_node);
Result<void> sys_mbind(u64 address, u64 length, i32 mode, UserPtr<u64> nodes, u64 max_node, u32 flags);

// task/exec_calls.cpp
Result<i64> sys_execve(UserCString path, UserPtr<u64> argv, UserPtr<u64> envp);
Result<i64> sys_execveat(DirFd dirfd, UserCString path, UserPtr<u64> argv, UserPtr<u64> envp, AtFlags flags);
Result<i64> sys_personality(HexFlags persona);

} // namespace lxcore
