// Fixed limits of the interface: limits.h(0p), pathconf(3), execve(2).
#pragma once

#include <cstdint>

namespace abi {

inline constexpr uint32_t PAGE_SHIFT = 12;
inline constexpr uint32_t PAGE_SIZE = 4096;
inline constexpr uint32_t PATH_MAX = 4096;
inline constexpr uint32_t NAME_MAX = 255;
inline constexpr uint32_t PIPE_BUF = 4096;
inline constexpr uint32_t IOV_MAX = 1024;
inline constexpr uint32_t NGROUPS_MAX = 65536;
inline constexpr uint32_t LINK_MAX = 127;
inline constexpr uint32_t MAXSYMLINKS = 40;
inline constexpr uint32_t HOST_NAME_MAX = 64;
inline constexpr uint32_t BINPRM_BUF_SIZE = 256;

// execve(2): one string may take 32 pages, all of them a quarter of the stack limit but at least ARG_MAX.
inline constexpr uint32_t MAX_ARG_STRLEN = 131072;
inline constexpr uint32_t MAX_ARG_STRINGS = 0x7fffffff;
inline constexpr uint32_t ARG_MAX = 131072;

// The most bytes that one read or write transfers: INT_MAX rounded down to a page.
inline constexpr uint32_t MAX_RW_COUNT = 0x7ffff000;

// User addresses end below this; the last page of the lower half stays unmapped.
inline constexpr uint64_t TASK_SIZE_MAX = 0x7ffffffff000;

}  // namespace abi
