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
    Nt,      // as the NT host spells them (base/nt_names.hpp): portable trees
};

// A name of 255 bytes with every character in three bytes.
inline constexpr usize kMaxHostName = 765;

// Whether `name` may stand on a host with that rule as it is.
bool is_host_name(NameRule rule, std::string_view name);
// The host's name into `out`; ENAMETOOLONG.
base::Result<usize> encode_host_name(NameRule rule, std::string_view name, char* out, usize capacity);
// The Linux name into `out` (at least as long); its length.
usize decode_host_name(NameRule rule, std::string_view host_name, char* out);

// Whether a name on the host is one that encode_host_name() gives.
bool is_encoded_name(NameRule rule, std::string_view host_name);

} // namespace lxcore
