// Names of files as the host keeps them. Most hosts keep any name; on those with Windows' rules the
// characters that a name may not have there stand at U+F000 plus their code, as WSL keeps them.
#pragma once

#include <string_view>

#include "base/result.hpp"
#include "base/types.hpp"

namespace lxcore {

enum class NameRule : u8 {
    Raw,     // every byte but '/' and NUL
    Windows, // not " * : < > ? \ | nor U+0001 to U+001F, and neither '.' nor a space at the end
};

// A name of 255 bytes with every character in three bytes.
inline constexpr usize kMaxHostName = 765;

// Whether `name` may stand on a host with that rule as it is.
bool is_host_name(NameRule rule, std::string_view name);
// The host's name into `out`; ENAMETOOLONG.
base::Result<usize> encode_host_name(NameRule rule, std::string_view name, char* out, usize capacity);
// The Linux name into `out` (at least as long); its length.
usize decode_host_name(NameRule rule, std::string_view host_name, char* out);

// A name as the NT host spells it (host/nt/file_names.hpp), in UTF-8: U+F000 to U+F0FF each stand for a byte. Into `out` (at least as
// long); its length.
usize decode_nt_name(std::string_view spelled, char* out);
// Whether the name has such a character: decoding it (again) would change it.
bool has_nt_escapes(std::string_view name);

} // namespace lxcore
