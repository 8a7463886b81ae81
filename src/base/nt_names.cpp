#include "base/nt_names.hpp"

namespace base {

namespace {

bool is_letter_or_digit(u8 byte) {
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

// An escape's three bytes.
bool is_escape_at(std::string_view name, usize at) {
    return at + 2 < name.size() && static_cast<u8>(name[at]) == 0xef && static_cast<u8>(name[at + 1]) >= 0x80 &&
           static_cast<u8>(name[at + 1]) <= 0x83 && (static_cast<u8>(name[at + 2]) & 0xc0) == 0x80;
}

constexpr bool is_any_case(u32) { return true; }

} // namespace

usize decode_utf8(const u8* bytes, usize left, u32& code) {
    const u8 first = bytes[0];
    if (first < 0x80) {
        code = first;
        return 1;
    }
    const usize length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || length > left)
        return 0;
    code = first & (0x7fu >> length);
    for (usize i = 1; i < length; ++i) {
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (bytes[i] & 0x3fu);
    }
    const bool is_overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
    if (is_overlong || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
        return 0;
    return length;
}

bool is_nt_reserved(const u8* bytes, usize left) {
    switch (bytes[0]) {
    case '"':
    case '*':
    case ':':
    case '<':
    case '>':
    case '?':
    case '\\':
    case '|':
        return true;
    case '.':
    case ' ':
        return left == 1;
    case '~':
        return left != 1 && is_letter_or_digit(bytes[1]);
    default:
        return bytes[0] < 32;
    }
}

usize spell_nt_name(std::string_view name, char* out) {
    usize length = 0;
    spell_nt_name(name, is_any_case,
                  [&](u32 code) { encode_utf8(code, [&](u32 byte) { out[length++] = static_cast<char>(byte); }); });
    return length;
}

bool is_nt_name(std::string_view name) {
    bool is_itself = true;
    spell_nt_name(name, is_any_case, [&](u32 code) { is_itself = is_itself && !is_nt_escape(code); });
    return is_itself;
}

usize decode_nt_name(std::string_view spelled, char* out) {
    usize length = 0;
    for (usize at = 0; at < spelled.size(); ++at) {
        if (!is_escape_at(spelled, at)) {
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
        if (is_escape_at(name, at))
            return true;
    return false;
}

} // namespace base
