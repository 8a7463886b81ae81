// The system's name, uname(2).
#pragma once

#include <cstdint>

namespace abi {

inline constexpr uint32_t __NEW_UTS_LEN = 64;
struct new_utsname {
    char sysname[65];
    char nodename[65];
    char release[65];
    char version[65];
    char machine[65];
    char domainname[65];
};
static_assert(sizeof(new_utsname) == 390);

}  // namespace abi
