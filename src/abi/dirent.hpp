// Directory records as getdents(2) and getdents64(2) lay them out.
#pragma once

#include <cstddef>
#include <cstdint>

namespace abi {

// The record of the old call keeps d_type in its last byte, at d_reclen - 1, after the name's terminator.
struct linux_dirent {
    uint64_t d_ino;
    uint64_t d_off;
    uint16_t d_reclen;
    char d_name[];
};
static_assert(offsetof(linux_dirent, d_name) == 18);

struct linux_dirent64 {
    uint64_t d_ino;
    int64_t d_off;
    uint16_t d_reclen;
    uint8_t d_type;
    char d_name[];
};
static_assert(offsetof(linux_dirent64, d_type) == 18 && offsetof(linux_dirent64, d_name) == 19);

inline constexpr uint8_t DT_UNKNOWN = 0;
inline constexpr uint8_t DT_FIFO = 1;
inline constexpr uint8_t DT_CHR = 2;
inline constexpr uint8_t DT_DIR = 4;
inline constexpr uint8_t DT_BLK = 6;
inline constexpr uint8_t DT_REG = 8;
inline constexpr uint8_t DT_LNK = 10;
inline constexpr uint8_t DT_SOCK = 12;
inline constexpr uint8_t DT_WHT = 14;

// The type bits of st_mode, shifted down, are the DT_ value.
constexpr uint8_t mode_to_dt(uint32_t mode) { return static_cast<uint8_t>((mode >> 12) & 15); }

}  // namespace abi
