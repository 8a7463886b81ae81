#include "lxcore/volfs/host_name.hpp"

namespace lxcore {

using base::Errno;
using base::Result;

namespace {

constexpr bool is_forbidden(char character) {
    const auto code = static_cast<u8>(character);
    return code < 0x20 || character == '"' || character == '*' || character == ':' || character == '<' ||
           character == '>' || character == '?' || character == '\\' || character == '|';
}

// At the end of a name; "." and ".." are no names of files.
constexpr bool is_forbidden_last(char character) {
    return character == '.' || character == ' ';
}

bool must_escape(std::string_view name, usize at) {
    return is_forbidden(name[at]) || (at + 1 == name.size() && is_forbidden_last(name[at]));
}

constexpr bool is_special_entry(std::string_view name) {
    return name == "." || name == "..";
}

// U+F000 to U+F0FF.
bool is_nt_escape(std::string_view name, usize at) {
    return at + 2 < name.size() && static_cast<u8>(name[at]) == 0xef && static_cast<u8>(name[at + 1]) >= 0x80 &&
           static_cast<u8>(name[at + 1]) <= 0x83 && (static_cast<u8>(name[at + 2]) & 0xc0) == 0x80;
}

} // namespace

usize decode_nt_name(std::string_view spelled, char* out) {
    usize length = 0;
    for (usize at = 0; at < spelled.size(); ++at) {
        if (!is_nt_escape(spelled, at)) {
            out[length++] = spelled[at];
            continue;
        }
        out[length++] = static_cast<char>((spelled[at + 1] & 3) << 6 | (spelled[at + 2] & 0x3f));
        at += 2;
    }
    return length;
}

bool has_nt_escapes(std::string_view name) {
    for (usize at = 0; at < name.size(); ++at)
        if (is_nt_escape(name, at))
            return true;
    return false;
}

bool is_host_name(NameRule rule, std::string_view name) {
    if (rule == NameRule::Raw || is_special_entry(name))
        return true;
    for (usize at = 0; at < name.size(); ++at)
        if (must_escape(name, at))
            return false;
    return true;
}

Result<usize> encode_host_name(NameRule rule, std::string_view name, char* out, usize capacity) {
    usize length = 0;
    for (usize at = 0; at < name.size(); ++at) {
        const bool escape = rule == NameRule::Windows && must_escape(name, at) && !is_special_entry(name);
        if (length + (escape ? 3 : 1) > capacity)
            return Errno::ENAMETOOLONG;
        if (!escape) {
            out[length++] = name[at];
            continue;
        }
        // U+F000 to U+F07F in UTF-8.
        const auto code = static_cast<u8>(name[at]);
        out[length++] = static_cast<char>(0xef);
        out[length++] = static_cast<char>(0x80 | (code >> 6));
        out[length++] = static_cast<char>(0x80 | (code & 0x3f));
    }
    return length;
}

usize decode_host_name(NameRule rule, std::string_view host_name, char* out) {
    usize length = 0;
    for (usize at = 0; at < host_name.size(); ++at) {
        if (rule == NameRule::Windows && static_cast<u8>(host_name[at]) == 0xef &&
            at + 2 < host_name.size()) {
            const auto high = static_cast<u8>(host_name[at + 1]), low = static_cast<u8>(host_name[at + 2]);
            const auto code = static_cast<char>(((high & 0x3f) << 6) | (low & 0x3f));
            const bool is_private = (high == 0x80 || high == 0x81) && (low & 0xc0) == 0x80 && code != 0;
            // Only what an escape can stand for: other characters of that area are themselves.
            if (is_private &&
                (is_forbidden(code) || (at + 3 == host_name.size() && is_forbidden_last(code)))) {
                out[length++] = code;
                at += 2;
                continue;
            }
        }
        out[length++] = host_name[at];
    }
    return length;
}

} // namespace lxcore
