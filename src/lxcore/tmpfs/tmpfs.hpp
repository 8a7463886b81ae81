// tmpfs(5), and memfd_create(2), which is built on it.
#pragma once

#include "lxcore/fs/file.hpp"
#include "lxcore/fs/inode.hpp"

namespace lxcore {

// Allocates kernel().memory_files; called by boot() after the arena is there.
Result<void> initialize_tmpfs();

// options: "size=64m,nr_inodes=4k,mode=1777,uid=0,gid=0" (and nr_blocks=); sizes may end in k, m, g or %.
// EINVAL for one that is unknown or malformed.
Result<RefPtr<SuperBlock>> create_tmpfs(std::string_view options);

// memfd_create(2): `name` without its "memfd:" prefix, flags: abi::MFD_*.
Result<RefPtr<File>> create_memfd(std::string_view name, u32 flags);

// fcntl(2) F_ADD_SEALS, F_GET_SEALS: EINVAL for a file without seals, EPERM, EBUSY.
Result<void> add_seals(File& file, u32 seals);
Result<u32> get_seals(File& file);

} // namespace lxcore
