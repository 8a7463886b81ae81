// Names of instances: 1 to 64 letters, digits, '.', '_' and '-', of which the first is a letter or digit.
// They are the same name when they differ by case alone, as on the seed system, so that a registry works on
// every host.
#pragma once

#include <string_view>

namespace lxss {

inline bool is_ascii_letter_or_digit(char character) {
    return (character >= '0' && character <= '9') || (character >= 'a' && character <= 'z') ||
           (character >= 'A' && character <= 'Z');
}

inline bool valid_instance_name(std::string_view name) {
    if (name.empty() || name.size() > 64 || !is_ascii_letter_or_digit(name.front()))
        return false;
    for (const char character : name)
        if (!is_ascii_letter_or_digit(character) && character != '.' && character != '_' && character != '-')
            return false;
    return true;
}

inline constexpr const char* kInstanceNameRule =
    "a name has 1 to 64 letters, digits, '.', '_' or '-', and starts with a letter or digit";

inline bool same_instance_name(std::string_view left, std::string_view right) {
    auto lower = [](char character) {
        return character >= 'A' && character <= 'Z' ? static_cast<char>(character + 32) : character;
    };
    if (left.size() != right.size())
        return false;
    for (size_t i = 0; i < left.size(); ++i)
        if (lower(left[i]) != lower(right[i]))
            return false;
    return true;
}

} // namespace lxss
