// How names of Linux files are spelled on NTFS: the NT host's spelling, and that of portable trees, which are made on Linux to be copied
// there (docs/decisions/metadata-side-store.md, "Names"). A Linux name is up to 255 bytes but / and NUL. What NTFS cannot hold becomes
// U+F000 + byte, as in WSL; every name has one spelling and every spelling one name, and none is longer in UTF-16 units than in bytes:
//  - control characters, " * : < > ? \ |, a final dot or space, and ~ before a letter or digit (short names of Windows);
//  - bytes that are not part of valid UTF-8, and those of U+F000..U+F0FF themselves;
//  - where folders cannot tell case apart, letters that are not the small one of their pair.
#pragma once

#include <string_view>

#include "base/types.hpp"

namespace base {

inline constexpr u32 kNtEscape = 0xf000; // + byte

constexpr bool is_nt_escape(u32 code) { return code >= kNtEscape && code <= kNtEscape + 0xff; }

// The code point at the start of `bytes` and its length; 0 for what is not valid UTF-8 (Unicode, table 3-7). `left` > 0.
usize decode_utf8(const u8* bytes, usize left, u32& code);

// Calls put(byte) for the bytes of a code point.
template <typename Put>
constexpr void encode_utf8(u32 code, Put&& put) {
    if (code < 0x80) {
        put(code);
    } else if (code < 0x800) {
        put(0xc0 | code >> 6);
        put(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        put(0xe0 | code >> 12);
        put(0x80 | (code >> 6 & 0x3f));
        put(0x80 | (code & 0x3f));
    } else {
        put(0xf0 | code >> 18);
        put(0x80 | (code >> 12 & 0x3f));
        put(0x80 | (code >> 6 & 0x3f));
        put(0x80 | (code & 0x3f));
    }
}

// Whether the character of one byte at the start of `bytes` may not stand there in a name on NTFS; `left`: up to the name's end.
bool is_nt_reserved(const u8* bytes, usize left);

// Calls put(code) for each code point of the spelling. stands_for_itself(code) -> bool: false for letters that are escaped for their case.
template <typename StandsForItself, typename Put>
void spell_nt_name(std::string_view name, StandsForItself&& stands_for_itself, Put&& put) {
    const auto* bytes = reinterpret_cast<const u8*>(name.data());
    for (usize at = 0; at < name.size();) {
        u32 code = 0;
        const usize left = name.size() - at, length = decode_utf8(bytes + at, left, code);
        const bool is_plain = length != 0 && !is_nt_escape(code) && stands_for_itself(code) &&
                              !(length == 1 && is_nt_reserved(bytes + at, left));
        const usize end = at + (length == 0 ? 1 : length);
        if (is_plain)
            put(code);
        for (; at < end; ++at)
            if (!is_plain)
                put(kNtEscape + bytes[at]);
    }
}

// The spelling in UTF-8, where case is told apart. Into `out` (at least three times as long); its length.
usize spell_nt_name(std::string_view name, char* out);
// Whether a name is spelled as itself there.
bool is_nt_name(std::string_view name);

// The name that is spelled so, in UTF-8: U+F000 to U+F0FF each stand for a byte. Into `out` (at least as long, may be the same); its
// length.
usize decode_nt_name(std::string_view spelled, char* out);
// Whether the name has such a character: decoding it (again) would change it.
bool has_nt_escapes(std::string_view name);

} // namespace base
