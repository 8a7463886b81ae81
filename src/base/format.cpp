#include "base/format.hpp"

namespace base {

namespace {

struct Spec {
    bool zero = false;
    bool left = false;
    u32 width = 0;
    char letter = 0;
};

Spec parse_spec(std::string_view text) {
    Spec spec;
    usize at = 0;
    if (at < text.size() && text[at] == '-')
        spec.left = true, ++at;
    if (at < text.size() && text[at] == '0')
        spec.zero = true, ++at;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at)
        spec.width = spec.width * 10 + static_cast<u32>(text[at] - '0');
    if (at < text.size())
        spec.letter = text[at];
    return spec;
}

void put_padded(Writer& writer, std::string_view text, const Spec& spec) {
    const usize padding = spec.width > text.size() ? spec.width - text.size() : 0;
    if (!spec.left)
        for (usize i = 0; i < padding; ++i)
            writer.put(spec.zero ? '0' : ' ');
    writer.put(text);
    if (spec.left)
        for (usize i = 0; i < padding; ++i)
            writer.put(' ');
}

void put_number(Writer& writer, const FormatArgument& argument, const Spec& spec) {
    u64 magnitude = argument.number;
    const u32 radix = spec.letter == 'x' ? 16 : spec.letter == 'o' ? 8 : 10;
    const bool negative =
        argument.kind == FormatArgument::Kind::Signed && radix == 10 && static_cast<i64>(magnitude) < 0;
    if (negative)
        magnitude = 0 - magnitude;
    char digits[72];
    usize start = sizeof(digits);
    do {
        digits[--start] = "0123456789abcdef"[magnitude % radix];
        magnitude /= radix;
    } while (magnitude != 0);
    if (negative && !spec.zero) {
        digits[--start] = '-';
    } else if (negative) {
        writer.put('-');
    }
    put_padded(writer, {digits + start, sizeof(digits) - start}, spec);
}

} // namespace

void print_arguments(Writer& writer, std::string_view format, const FormatArgument* arguments, usize count) {
    usize used = 0;
    for (usize at = 0; at < format.size(); ++at) {
        if (format[at] != '{') {
            writer.put(format[at]);
            continue;
        }
        if (at + 1 < format.size() && format[at + 1] == '{') {
            writer.put('{');
            ++at;
            continue;
        }
        usize end = at;
        while (end < format.size() && format[end] != '}')
            ++end;
        std::string_view inside = format.substr(at + 1, end - at - 1);
        if (!inside.empty() && inside[0] == ':')
            inside.remove_prefix(1);
        const Spec spec = parse_spec(inside);
        at = end;
        if (used == count)
            continue;
        const FormatArgument& argument = arguments[used++];
        if (argument.kind == FormatArgument::Kind::Text)
            put_padded(writer, argument.text, spec);
        else if (spec.letter == 'c')
            writer.put(static_cast<char>(argument.number));
        else
            put_number(writer, argument, spec);
    }
}

} // namespace base
