// What names Windows takes, and how others are kept.
#pragma once

#include <string_view>

#include "base/result.hpp"
#include "base/types.hpp"

namespace lxcore {

using base::Errno;
using base::Result;

// A name in the host's spelling.
struct HostSpelling {
    char text[256];
    usize length = 0;
    std::string_view view() const { return {text, length}; }
    void assign(std::string_view name);
};

// Whether Windows would make a file of this name: text, none of <>:"|?*\ and control characters, no dot or space at
// the end, no name of a device (CON, NUL.txt, COM1...).
bool is_windows_name(std::string_view name);

// The host's spelling of a guest's name. With `escapes`, characters that Windows does not take are kept as U+F000 + their
// code, as WSL, Cygwin and Services for Macintosh keep them. ENAMETOOLONG: more than 255 bytes.
Result<void> to_host_name(std::string_view name, bool escapes, HostSpelling& out);
// The way back, for directory listings.
void to_guest_name(std::string_view host_name, bool escapes, HostSpelling& out);

} // namespace lxcore
