// Memory mappings: mmap(2), mprotect(2), madvise(2), mremap(2), msync(2), mlock(2), membarrier(2), pkeys(7).
#pragma once

#include <cstdint>

namespace abi {

inline constexpr uint32_t PROT_NONE = 0;
inline constexpr uint32_t PROT_READ = 1;
inline constexpr uint32_t PROT_WRITE = 2;
inline constexpr uint32_t PROT_EXEC = 4;
inline constexpr uint32_t PROT_SEM = 8;
inline constexpr uint32_t PROT_GROWSDOWN = 0x01000000;
inline constexpr uint32_t PROT_GROWSUP = 0x02000000;

inline constexpr uint32_t MAP_SHARED = 0x01;
inline constexpr uint32_t MAP_PRIVATE = 0x02;
inline constexpr uint32_t MAP_SHARED_VALIDATE = 0x03;
inline constexpr uint32_t MAP_DROPPABLE = 0x08;
inline constexpr uint32_t MAP_TYPE = 0x0f;
inline constexpr uint32_t MAP_FIXED = 0x10;
inline constexpr uint32_t MAP_ANONYMOUS = 0x20;
inline constexpr uint32_t MAP_32BIT = 0x40;
inline constexpr uint32_t MAP_ABOVE4G = 0x80;
inline constexpr uint32_t MAP_GROWSDOWN = 0x0100;
inline constexpr uint32_t MAP_DENYWRITE = 0x0800;
inline constexpr uint32_t MAP_EXECUTABLE = 0x1000;
inline constexpr uint32_t MAP_LOCKED = 0x2000;
inline constexpr uint32_t MAP_NORESERVE = 0x4000;
inline constexpr uint32_t MAP_POPULATE = 0x8000;
inline constexpr uint32_t MAP_NONBLOCK = 0x10000;
inline constexpr uint32_t MAP_STACK = 0x20000;
inline constexpr uint32_t MAP_HUGETLB = 0x40000;
inline constexpr uint32_t MAP_SYNC = 0x80000;
inline constexpr uint32_t MAP_FIXED_NOREPLACE = 0x100000;
inline constexpr uint32_t MAP_UNINITIALIZED = 0x4000000;
inline constexpr uint32_t MAP_HUGE_SHIFT = 26;
inline constexpr uint32_t MAP_HUGE_MASK = 0x3f;
inline constexpr uint64_t MAP_FAILED = ~uint64_t{0};

inline constexpr uint32_t MREMAP_MAYMOVE = 1;
inline constexpr uint32_t MREMAP_FIXED = 2;
inline constexpr uint32_t MREMAP_DONTUNMAP = 4;

inline constexpr uint32_t MS_ASYNC = 1;
inline constexpr uint32_t MS_INVALIDATE = 2;
inline constexpr uint32_t MS_SYNC = 4;

inline constexpr uint32_t MCL_CURRENT = 1;
inline constexpr uint32_t MCL_FUTURE = 2;
inline constexpr uint32_t MCL_ONFAULT = 4;
inline constexpr uint32_t MLOCK_ONFAULT = 1;

inline constexpr uint32_t MADV_NORMAL = 0;
inline constexpr uint32_t MADV_RANDOM = 1;
inline constexpr uint32_t MADV_SEQUENTIAL = 2;
inline constexpr uint32_t MADV_WILLNEED = 3;
inline constexpr uint32_t MADV_DONTNEED = 4;
inline constexpr uint32_t MADV_FREE = 8;
inline constexpr uint32_t MADV_REMOVE = 9;
inline constexpr uint32_t MADV_DONTFORK = 10;
inline constexpr uint32_t MADV_DOFORK = 11;
inline constexpr uint32_t MADV_MERGEABLE = 12;
inline constexpr uint32_t MADV_UNMERGEABLE = 13;
inline constexpr uint32_t MADV_HUGEPAGE = 14;
inline constexpr uint32_t MADV_NOHUGEPAGE = 15;
inline constexpr uint32_t MADV_DONTDUMP = 16;
inline constexpr uint32_t MADV_DODUMP = 17;
inline constexpr uint32_t MADV_WIPEONFORK = 18;
inline constexpr uint32_t MADV_KEEPONFORK = 19;
inline constexpr uint32_t MADV_COLD = 20;
inline constexpr uint32_t MADV_PAGEOUT = 21;
inline constexpr uint32_t MADV_POPULATE_READ = 22;
inline constexpr uint32_t MADV_POPULATE_WRITE = 23;
inline constexpr uint32_t MADV_DONTNEED_LOCKED = 24;
inline constexpr uint32_t MADV_COLLAPSE = 25;
inline constexpr uint32_t MADV_HWPOISON = 100;
inline constexpr uint32_t MADV_SOFT_OFFLINE = 101;
inline constexpr uint32_t MADV_GUARD_INSTALL = 102;
inline constexpr uint32_t MADV_GUARD_REMOVE = 103;

inline constexpr uint32_t PKEY_DISABLE_ACCESS = 1;
inline constexpr uint32_t PKEY_DISABLE_WRITE = 2;

inline constexpr uint32_t MEMBARRIER_CMD_QUERY = 0;
inline constexpr uint32_t MEMBARRIER_CMD_GLOBAL = 1;
inline constexpr uint32_t MEMBARRIER_CMD_GLOBAL_EXPEDITED = 2;
inline constexpr uint32_t MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED = 4;
inline constexpr uint32_t MEMBARRIER_CMD_PRIVATE_EXPEDITED = 8;
inline constexpr uint32_t MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED = 16;
inline constexpr uint32_t MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE = 32;
inline constexpr uint32_t MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE = 64;
inline constexpr uint32_t MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ = 128;
inline constexpr uint32_t MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ = 256;
inline constexpr uint32_t MEMBARRIER_CMD_GET_REGISTRATIONS = 512;
inline constexpr uint32_t MEMBARRIER_CMD_FLAG_CPU = 1;

}  // namespace abi
