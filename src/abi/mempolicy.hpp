// Memory policy: set_mempolicy(2), get_mempolicy(2), mbind(2).
#pragma once

#include <cstdint>

namespace abi {

inline constexpr uint32_t MPOL_DEFAULT = 0;
inline constexpr uint32_t MPOL_PREFERRED = 1;
inline constexpr uint32_t MPOL_BIND = 2;
inline constexpr uint32_t MPOL_INTERLEAVE = 3;
inline constexpr uint32_t MPOL_LOCAL = 4;
inline constexpr uint32_t MPOL_PREFERRED_MANY = 5;
inline constexpr uint32_t MPOL_WEIGHTED_INTERLEAVE = 6;
inline constexpr uint32_t MPOL_MAX = 7;

inline constexpr uint32_t MPOL_F_STATIC_NODES = 1u << 15;
inline constexpr uint32_t MPOL_F_RELATIVE_NODES = 1u << 14;
inline constexpr uint32_t MPOL_F_NUMA_BALANCING = 1u << 13;
inline constexpr uint32_t MPOL_MODE_FLAGS = MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES | MPOL_F_NUMA_BALANCING;

inline constexpr uint32_t MPOL_F_NODE = 1;
inline constexpr uint32_t MPOL_F_ADDR = 2;
inline constexpr uint32_t MPOL_F_MEMS_ALLOWED = 4;

inline constexpr uint32_t MPOL_MF_STRICT = 1;
inline constexpr uint32_t MPOL_MF_MOVE = 2;
inline constexpr uint32_t MPOL_MF_MOVE_ALL = 4;

}  // namespace abi
