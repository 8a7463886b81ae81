#include "lxcore/drivefs/upcase.hpp"

namespace lxcore {

namespace {

struct Run {
    u16 first, last, step;
    i32 delta;
};
constexpr Run kRuns[] = {
#include "lxcore/drivefs/upcase_table.inc"
};

} // namespace

u32 upcase(u32 character) {
    if (character < 0x80)
        return character >= 'a' && character <= 'z' ? character - 32 : character;
    if (character > 0xffff)
        return character;
    // Runs overlap where two alternate: the last that begins at or before the character need not be the one.
    for (const Run& run : kRuns) {
        if (run.first > character)
            break;
        if (character <= run.last && (character - run.first) % run.step == 0)
            return static_cast<u32>(static_cast<i32>(character) + run.delta);
    }
    return character;
}

u32 next_character(std::string_view& text) {
    const auto byte = [&](usize index) { return static_cast<u32>(static_cast<u8>(text[index])); };
    const u32 first = byte(0);
    usize length = 1;
    u32 character = first;
    if (first >= 0xc2 && first < 0xe0) {
        length = 2;
        character = first & 0x1f;
    } else if (first >= 0xe0 && first < 0xf0) {
        length = 3;
        character = first & 0x0f;
    } else if (first >= 0xf0 && first < 0xf5) {
        length = 4;
        character = first & 0x07;
    } else if (first >= 0x80) {
        text.remove_prefix(1);
        return kRawByte + first;
    }
    bool is_valid = length <= text.size();
    for (usize i = 1; is_valid && i < length; ++i) {
        is_valid = (byte(i) & 0xc0) == 0x80;
        character = character << 6 | (byte(i) & 0x3f);
    }
    constexpr u32 kLeast[] = {0, 0, 0x80, 0x800, 0x1'0000};
    if (!is_valid || character < kLeast[length] || character > 0x10'ffff || (character >= 0xd800 && character < 0xe000)) {
        text.remove_prefix(1);
        return kRawByte + first;
    }
    text.remove_prefix(length);
    return character;
}

bool equal_ignoring_case(std::string_view left, std::string_view right) {
    while (!left.empty() && !right.empty())
        if (upcase(next_character(left)) != upcase(next_character(right)))
            return false;
    return left.empty() && right.empty();
}

u32 hash_ignoring_case(std::string_view name) {
    u32 hash = 0x811c'9dc5;
    while (!name.empty())
        hash = (hash ^ upcase(next_character(name))) * 0x0100'0193;
    return hash;
}

} // namespace lxcore
