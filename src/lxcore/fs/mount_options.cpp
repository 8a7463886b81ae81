#include "lxcore/fs/mount_options.hpp"

namespace lxcore {

bool next_mount_option(std::string_view& text, MountOption& option) {
    while (!text.empty()) {
        const usize comma = text.find(',');
        const std::string_view one = text.substr(0, comma);
        text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
        if (one.empty())
            continue;
        const usize equals = one.find('=');
        option.key = one.substr(0, equals);
        option.value = equals == std::string_view::npos ? std::string_view() : one.substr(equals + 1);
        return true;
    }
    return false;
}

Result<u64> parse_option_number(std::string_view text, u32 radix) {
    if (text.empty())
        return Errno::EINVAL;
    u64 value = 0;
    for (char character : text) {
        const auto digit = static_cast<u32>(character - '0');
        if (digit >= radix || value > ~u64{0} / 16)
            return Errno::EINVAL;
        value = value * radix + digit;
    }
    return value;
}

} // namespace lxcore
