// System calls of this folder; listed in syscall/table/fs.inc.
#pragma once

#include "abi/fcntl.hpp"
#include "abi/stat.hpp"
#include "abi/time.hpp"
#include "lxcore/syscall/syscall.hpp"

namespace lxcore {

// -- calls_io.cpp: read(2), write(2), pread(2), readv(2), lseek(2)
Result<u64> sys_read(Fd fd, OutBuffer buffer, u64 count);
Result<u64> sys_write(Fd fd, InBuffer buffer, u64 count);
Result<u64> sys_pread64(Fd fd, OutBuffer buffer, u64 count, i64 offset);
Result<u64> sys_pwrite64(Fd fd, InBuffer buffer, u64 count, i64 offset);
Result<u64> sys_readv(Fd fd, UserPtr<abi::iovec> vectors, i64 count);
Result<u64> sys_writev(Fd fd, UserPtr<abi::iovec> vectors, i64 count);
Result<u64> sys_preadv(Fd fd, UserPtr<abi::iovec> vectors, i64 count, i64 offset, u64 unused);
Result<u64> sys_pwritev(Fd fd, UserPtr<abi::iovec> vectors, i64 count, i64 offset, u64 unused);
Result<u64> sys_preadv2(Fd fd, UserPtr<abi::iovec> vectors, i64 count, i64 offset, u64 unused, HexFlags flags);
Result<u64> sys_pwritev2(Fd fd, UserPtr<abi::iovec> vectors, i64 count, i64 offset, u64 unused, HexFlags flags);
Result<u64> sys_lseek(Fd fd, i64 offset, i32 whence);

// -- calls_copy.cpp: sendfile(2), copy_file_range(2)
Result<u64> sys_sendfile(Fd out, Fd in, UserPtr<i64> offset, u64 count);
Result<u64> sys_copy_file_range(Fd in, UserPtr<i64> in_offset, Fd out, UserPtr<i64> out_offset, u64 length,
                                HexFlags flags);

// -- calls_space.cpp: truncate(2), fallocate(2), fsync(2), posix_fadvise(2)
Result<void> sys_truncate(UserCString path, i64 length);
Result<void> sys_ftruncate(Fd fd, i64 length);
Result<void> sys_fallocate(Fd fd, i32 mode, i64 offset, i64 length);
Result<void> sys_fadvise64(Fd fd, i64 offset, i64 length, u32 advice);
Result<void> sys_readahead(Fd fd, i64 offset, u64 count);
Result<void> sys_fsync(Fd fd);
Result<void> sys_fdatasync(Fd fd);
Result<void> sys_sync();
Result<void> sys_syncfs(Fd fd);
Result<void> sys_sync_file_range(Fd fd, i64 offset, i64 length, HexFlags flags);

// -- calls_open.cpp: open(2), openat2(2), close(2), access(2), chdir(2)
Result<i32> sys_open(UserCString path, OpenFlags flags, FileMode mode);
Result<i32> sys_openat(DirFd dirfd, UserCString path, OpenFlags flags, FileMode mode);
Result<i32> sys_openat2(DirFd dirfd, UserCString path, UserPtr<abi::open_how> how, u64 size);
Result<i32> sys_creat(UserCString path, FileMode mode);
Result<void> sys_access(UserCString path, FileMode mode);
Result<void> sys_faccessat(DirFd dirfd, UserCString path, FileMode mode);
Result<void> sys_faccessat2(DirFd dirfd, UserCString path, FileMode mode, AtFlags flags);
Result<void> sys_chdir(UserCString path);
Result<void> sys_fchdir(Fd fd);
Result<void> sys_chroot(UserCString path);
Result<u64> sys_getcwd(UserPtr<char> buffer, u64 size);
Result<u32> sys_umask(FileMode mask);

// -- calls_fd.cpp: close(2), dup(2), fcntl(2), ioctl(2)
Result<void> sys_close(Fd fd);
Result<void> sys_close_range(u32 first, u32 last, HexFlags flags);
Result<i32> sys_dup(Fd fd);
Result<i32> sys_dup2(Fd old_fd, Fd new_fd);
Result<i32> sys_dup3(Fd old_fd, Fd new_fd, OpenFlags flags);
Result<i64> sys_fcntl(Fd fd, u32 command, u64 argument);
Result<i64> sys_ioctl(Fd fd, IoctlRequest request, u64 argument);

// -- calls_stat.cpp: stat(2), statx(2), statfs(2), getdents(2), readlink(2)
Result<void> sys_stat(UserCString path, UserPtr<abi::stat> out);
Result<void> sys_lstat(UserCString path, UserPtr<abi::stat> out);
Result<void> sys_fstat(Fd fd, UserPtr<abi::stat> out);
Result<void> sys_newfstatat(DirFd dirfd, UserCString path, UserPtr<abi::stat> out, AtFlags flags);
Result<void> sys_statx(DirFd dirfd, UserCString path, AtFlags flags, HexFlags mask, UserPtr<abi::statx> out);
Result<void> sys_statfs(UserCString path, UserPtr<abi::statfs> out);
Result<void> sys_fstatfs(Fd fd, UserPtr<abi::statfs> out);
Result<u64> sys_getdents(Fd fd, UserPtr<void> buffer, u32 size);
Result<u64> sys_getdents64(Fd fd, UserPtr<void> buffer, u32 size);
Result<u64> sys_readlink(UserCString path, OutBuffer buffer, i32 size);
Result<u64> sys_readlinkat(DirFd dirfd, UserCString path, OutBuffer buffer, i32 size);

// -- calls_names.cpp: mkdir(2), mknod(2), link(2), symlink(2), unlink(2), rename(2)
Result<void> sys_mkdir(UserCString path, FileMode mode);
Result<void> sys_mkdirat(DirFd dirfd, UserCString path, FileMode mode);
Result<void> sys_mknod(UserCString path, FileMode mode, u32 device);
Result<void> sys_mknodat(DirFd dirfd, UserCString path, FileMode mode, u32 device);
Result<void> sys_rmdir(UserCString path);
Result<void> sys_unlink(UserCString path);
Result<void> sys_unlinkat(DirFd dirfd, UserCString path, AtFlags flags);
Result<void> sys_link(UserCString old_path, UserCString new_path);
Result<void> sys_linkat(DirFd old_dirfd, UserCString old_path, DirFd new_dirfd, UserCString new_path, AtFlags flags);
Result<void> sys_symlink(UserCString target, UserCString path);
Result<void> sys_symlinkat(UserCString target, DirFd dirfd, UserCString path);

// -- calls_rename.cpp: rename(2)
Result<void> sys_rename(UserCString old_path, UserCString new_path);
Result<void> sys_renameat(DirFd old_dirfd, UserCString old_path, DirFd new_dirfd, UserCString new_path);
Result<void> sys_renameat2(DirFd old_dirfd, UserCString old_path, DirFd new_dirfd, UserCString new_path,
                           HexFlags flags);

// -- calls_attributes.cpp: chmod(2), chown(2), utimensat(2)
Result<void> sys_chmod(UserCString path, FileMode mode);
Result<void> sys_fchmod(Fd fd, FileMode mode);
Result<void> sys_fchmodat(DirFd dirfd, UserCString path, FileMode mode);
Result<void> sys_fchmodat2(DirFd dirfd, UserCString path, FileMode mode, AtFlags flags);
Result<void> sys_chown(UserCString path, i32 uid, i32 gid);
Result<void> sys_lchown(UserCString path, i32 uid, i32 gid);
Result<void> sys_fchown(Fd fd, i32 uid, i32 gid);
Result<void> sys_fchownat(DirFd dirfd, UserCString path, i32 uid, i32 gid, AtFlags flags);
Result<void> sys_utime(UserCString path, UserPtr<abi::utimbuf> times);
Result<void> sys_utimes(UserCString path, UserPtr<abi::timeval> times);
Result<void> sys_futimesat(DirFd dirfd, UserCString path, UserPtr<abi::timeval> times);
Result<void> sys_utimensat(DirFd dirfd, UserCString path, UserPtr<abi::timespec> times, AtFlags flags);

// -- calls_mount.cpp: mount(2), umount2(2), pivot_root(2)
Result<void> sys_mount(UserCString source, UserCString target, UserCString type, HexFlags flags, UserCString data);
Result<void> sys_umount2(UserCString target, HexFlags flags);
Result<void> sys_pivot_root(UserCString new_root, UserCString put_old);

} // namespace lxcore
