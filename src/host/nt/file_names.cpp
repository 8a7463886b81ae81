#include "host/nt/file_names.hpp"

#include "base/nt_names.hpp"

extern "C" {
NTSYSAPI WCHAR NTAPI RtlUpcaseUnicodeChar(WCHAR character);
NTSYSAPI WCHAR NTAPI RtlDowncaseUnicodeChar(WCHAR character);
}

namespace host::nt {

namespace {

// The host compares names by their capital letters. Of all that have the same one, the small letter stands
// for itself.
bool stands_for_itself(u32 code) {
    if (code < 0x80)
        return !(code >= 'A' && code <= 'Z');
    if (code > 0xffff)
        return true; // the host compares surrogates as they are
    const auto unit = static_cast<WCHAR>(code);
    return RtlDowncaseUnicodeChar(RtlUpcaseUnicodeChar(unit)) == unit;
}

} // namespace

void HostName::put(u32 unit) {
    m_units[m_length++] = static_cast<WCHAR>(unit);
}

void HostName::put_text(std::string_view name, bool escapes_case) {
    base::spell_nt_name(
        name, [escapes_case](u32 code) { return !escapes_case || stands_for_itself(code); },
        [this](u32 code) {
            if (code > 0xffff) {
                put(0xd800 + ((code - 0x10000) >> 10));
                put(0xdc00 + ((code - 0x10000) & 0x3ff));
            } else {
                put(code);
            }
        });
}

void HostName::finish() {
    m_string.Buffer = m_units;
    m_string.Length = m_string.MaximumLength = static_cast<USHORT>(m_length < 0 ? 0 : m_length * 2);
}

HostName::HostName(std::string_view name, bool escapes_case) {
    if (name.size() > kMaxNameBytes)
        m_length = -1;
    else if (name != ".")
        put_text(name, escapes_case);
    finish();
}

isize plain_units(std::string_view text, WCHAR* out, usize capacity) {
    const auto* bytes = reinterpret_cast<const u8*>(text.data());
    usize used = 0;
    for (usize at = 0; at < text.size();) {
        u32 code = 0;
        const usize length = base::decode_utf8(bytes + at, text.size() - at, code);
        at += length == 0 ? 1 : length;
        if (used + (code > 0xffff ? 2 : 1) > capacity)
            return -1;
        if (length == 0) {
            out[used++] = '?';
        } else if (code > 0xffff) {
            out[used++] = static_cast<WCHAR>(0xd800 + ((code - 0x10000) >> 10));
            out[used++] = static_cast<WCHAR>(0xdc00 + ((code - 0x10000) & 0x3ff));
        } else {
            out[used++] = static_cast<WCHAR>(code);
        }
    }
    return static_cast<isize>(used);
}

HostName::HostName(std::string_view name, Plain) {
    m_length = name == "." ? 0 : static_cast<i32>(plain_units(name, m_units, kMaxNameBytes));
    finish();
}

HostName::HostName(std::string_view own_name, std::nullptr_t) {
    for (char character : own_name)
        put(static_cast<u8>(character));
    finish();
}

HostName::HostName(const WCHAR* units, usize length) {
    for (usize i = 0; i < length && i < kMaxNameBytes; ++i)
        put(units[i]);
    finish();
}

namespace {

// In UTF-8; with `unescapes`, escapes become the bytes that they stand for. -1 when it is too long.
isize to_bytes(const WCHAR* units, usize length, bool unescapes, char* out) {
    isize used = 0;
    const auto put = [&](u32 byte) {
        if (used >= 0 && used < static_cast<isize>(kMaxNameBytes))
            out[used++] = static_cast<char>(byte);
        else
            used = -1;
    };
    for (usize at = 0; at < length && used >= 0; ++at) {
        u32 code = units[at];
        if (unescapes && base::is_nt_escape(code)) {
            put(code - base::kNtEscape);
            continue;
        }
        if (code >= 0xd800 && code < 0xdc00 && at + 1 < length && units[at + 1] >= 0xdc00 &&
            units[at + 1] < 0xe000)
            code = 0x10000 + ((code - 0xd800) << 10) + (units[++at] - 0xdc00u);
        base::encode_utf8(code, put);
    }
    return used;
}

} // namespace

isize plain_name(const WCHAR* units, usize length, char* out) {
    return to_bytes(units, length, false, out);
}

isize guest_name(const WCHAR* units, usize length, bool escapes_case, char* out) {
    if (length > kMaxNameBytes)
        return -1;
    const isize used = to_bytes(units, length, true, out);
    if (used <= 0)
        return -1;
    const HostName again(std::string_view(out, static_cast<usize>(used)), escapes_case);
    if (again.length() != length || __builtin_memcmp(again.units(), units, length * 2) != 0)
        return -1;
    return used;
}

} // namespace host::nt
