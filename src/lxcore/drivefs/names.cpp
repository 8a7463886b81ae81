#include "lxcore/drivefs/names.hpp"

#include "lxcore/drivefs/upcase.hpp"

namespace lxcore {

namespace {

constexpr u32 kEscapeBase = 0xf000;

bool is_illegal(u32 character) {
    return character < 0x20 || character >= kRawByte ||
           (character < 0x80 && std::string_view("<>:\"|?*\\").find(static_cast<char>(character)) != std::string_view::npos);
}

// A last dot or space, which Windows would take off.
bool is_lost_at_end(char character) { return character == '.' || character == ' '; }

// CON, PRN, AUX, NUL, COM1 to COM9 and LPT1 to LPT9 (also with the superscripts 1, 2, 3), with any suffix.
bool is_device_name(std::string_view name) {
    std::string_view stem = name.substr(0, name.find('.'));
    while (!stem.empty() && stem.back() == ' ')
        stem.remove_suffix(1);
    for (std::string_view device : {"CON", "PRN", "AUX", "NUL"})
        if (equal_ignoring_case(stem, device))
            return true;
    if (stem.size() < 4 || (!equal_ignoring_case(stem.substr(0, 3), "COM") && !equal_ignoring_case(stem.substr(0, 3), "LPT")))
        return false;
    std::string_view number = stem.substr(3);
    const u32 digit = next_character(number);
    return number.empty() && ((digit >= '1' && digit <= '9') || digit == 0xb9 || digit == 0xb2 || digit == 0xb3);
}

bool put(HostSpelling& out, std::string_view text) {
    if (out.length + text.size() > 255)
        return false;
    __builtin_memcpy(out.text + out.length, text.data(), text.size());
    out.length += text.size();
    return true;
}

} // namespace

void HostSpelling::assign(std::string_view name) {
    length = name.size() < sizeof(text) ? name.size() : sizeof(text) - 1;
    __builtin_memcpy(text, name.data(), length);
}

bool is_windows_name(std::string_view name) {
    if (name.empty() || is_lost_at_end(name.back()) || is_device_name(name))
        return false;
    while (!name.empty())
        if (is_illegal(next_character(name)))
            return false;
    return true;
}

Result<void> to_host_name(std::string_view name, bool escapes, HostSpelling& out) {
    out.length = 0;
    if (!escapes) {
        if (name.size() > 255)
            return Errno::ENAMETOOLONG;
        out.assign(name);
        return {};
    }
    while (!name.empty()) {
        const std::string_view before = name;
        const u32 character = next_character(name);
        bool fits;
        if (character < 0x80 && (is_illegal(character) || (name.empty() && is_lost_at_end(static_cast<char>(character))))) {
            const u32 escaped = kEscapeBase + character;
            const char bytes[3] = {static_cast<char>(0xe0 | escaped >> 12), static_cast<char>(0x80 | (escaped >> 6 & 0x3f)),
                                   static_cast<char>(0x80 | (escaped & 0x3f))};
            fits = put(out, {bytes, 3});
        } else {
            fits = put(out, before.substr(0, before.size() - name.size()));
        }
        if (!fits)
            return Errno::ENAMETOOLONG;
    }
    return {};
}

void to_guest_name(std::string_view host_name, bool escapes, HostSpelling& out) {
    out.length = 0;
    if (!escapes) {
        out.assign(host_name);
        return;
    }
    while (!host_name.empty()) {
        const std::string_view before = host_name;
        const u32 character = next_character(host_name);
        const u32 plain = character - kEscapeBase;
        const char byte = static_cast<char>(plain);
        if (plain != 0 && plain < 0x80 && (is_illegal(plain) || (host_name.empty() && is_lost_at_end(byte))))
            (void)put(out, {&byte, 1});
        else
            (void)put(out, before.substr(0, before.size() - host_name.size()));
    }
}

} // namespace lxcore
