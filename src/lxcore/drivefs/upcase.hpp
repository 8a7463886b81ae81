// Names as NTFS compares them: by the upper case of each character, whatever the locale.
#pragma once

#include <string_view>

#include "base/types.hpp"

namespace lxcore {

// The next character of UTF-8 text, which is cut off its front. A byte that begins none stands for itself, above all
// characters (kRawByte + byte), so that any text can be compared.
inline constexpr u32 kRawByte = 0x20'0000;
u32 next_character(std::string_view& text);

// NTFS's upper case of one character. Above U+FFFF there is none.
u32 upcase(u32 character);

bool equal_ignoring_case(std::string_view left, std::string_view right);
// The same for all spellings of a name.
u32 hash_ignoring_case(std::string_view name);

} // namespace lxcore
