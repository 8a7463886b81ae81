// Option strings of mount(2): "key=value,flag,...".
#pragma once

#include <string_view>

#include "base/result.hpp"
#include "base/types.hpp"

namespace lxcore {

using base::Errno;
using base::Result;

struct MountOption {
    std::string_view key, value; // no value: empty
};
// Takes the first option off `text`; false at the end. Empty ones are left out.
bool next_mount_option(std::string_view& text, MountOption& option);

// EINVAL for what is no number. radix: 8 or 10.
Result<u64> parse_option_number(std::string_view text, u32 radix);

} // namespace lxcore
