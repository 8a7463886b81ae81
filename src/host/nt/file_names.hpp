// Names of the guest's files as the host spells them, and back.
//
// A Linux name is up to 255 bytes; the host takes UTF-16 and spells them by base/nt_names.hpp, with capitals escaped where it ignores case
// (FilesState::escapes_case). Names of lxss's own in the tree have a ~ before a letter, which no guest's name has.
#pragma once

#include "host/nt/internal.hpp"

namespace host::nt {

inline constexpr usize kMaxNameBytes = 255;

class HostName {
public:
    // "" and "." stand for the directory itself.
    explicit HostName(std::string_view name, bool escapes_case);
    struct Plain {}; // a drive's, spelled as the host does
    HostName(std::string_view name, Plain);
    HostName(std::string_view own_name, std::nullptr_t); // ASCII, as it is
    HostName(const WCHAR* units, usize length);          // spelled already; kMaxNameBytes at most
    bool is_valid() const { return m_length >= 0; }      // otherwise: too long
    bool is_empty() const { return m_length == 0; }
    UNICODE_STRING* string() {
        m_string.Buffer = m_units; // it may have been copied
        return &m_string;
    }
    const WCHAR* units() const { return m_units; }
    usize length() const { return static_cast<usize>(m_length); }

private:
    void put(u32 unit);
    void put_text(std::string_view name, bool escapes_case);
    void finish();
    WCHAR m_units[kMaxNameBytes + 1];
    i32 m_length = 0;
    UNICODE_STRING m_string;
};

// Length of the Linux name in `out` (kMaxNameBytes), or -1 for a name that no guest's name is spelled like: one of lxss's own,
// or one that a host program has made.
isize guest_name(const WCHAR* units, usize length, bool escapes_case, char* out);

// The same of a drive's name, as it is: -1 when it is too long.
isize plain_name(const WCHAR* units, usize length, char* out);
// The way back, with ? (which no name has) for what is not UTF-8. The length, or -1 when there is no room.
isize plain_units(std::string_view text, WCHAR* out, usize capacity);

} // namespace host::nt
