// System calls on files that stand apart from the generic layer: extended attributes, flock, inotify, memfd.
// Listed in syscall/table/files_extra.inc.
#pragma once

#include "lxcore/syscall/syscall.hpp"

namespace lxcore {

// xattr(7), setxattr(2), getxattr(2), listxattr(2), removexattr(2)
Result<void> sys_setxattr(UserCString path, UserCString name, InBuffer value, u64 size, HexFlags flags);
Result<void> sys_lsetxattr(UserCString path, UserCString name, InBuffer value, u64 size, HexFlags flags);
Result<void> sys_fsetxattr(Fd fd, UserCString name, InBuffer value, u64 size, HexFlags flags);
Result<u64> sys_getxattr(UserCString path, UserCString name, OutBuffer value, u64 size);
Result<u64> sys_lgetxattr(UserCString path, UserCString name, OutBuffer value, u64 size);
Result<u64> sys_fgetxattr(Fd fd, UserCString name, OutBuffer value, u64 size);
Result<u64> sys_listxattr(UserCString path, OutBuffer list, u64 size);
Result<u64> sys_llistxattr(UserCString path, OutBuffer list, u64 size);
Result<u64> sys_flistxattr(Fd fd, OutBuffer list, u64 size);
Result<void> sys_removexattr(UserCString path, UserCString name);
Result<void> sys_lremovexattr(UserCString path, UserCString name);
Result<void> sys_fremovexattr(Fd fd, UserCString name);

// flock(2)
Result<void> sys_flock(Fd fd, u32 operation);

// inotify_init(2), inotify_add_watch(2), inotify_rm_watch(2)
Result<i32> sys_inotify_init();
Result<i32> sys_inotify_init1(OpenFlags flags);
Result<i32> sys_inotify_add_watch(Fd fd, UserCString path, HexFlags mask);
Result<void> sys_inotify_rm_watch(Fd fd, i32 wd);

// memfd_create(2)
Result<i32> sys_memfd_create(UserCString name, HexFlags flags);

} // namespace lxcore
