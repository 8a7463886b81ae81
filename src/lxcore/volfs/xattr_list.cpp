#include "lxcore/volfs/xattr_list.hpp"

namespace lxcore {

using base::Errno;
using base::Result;

namespace {

constexpr usize kHeadBytes = sizeof(abi::lxxattr_head);
constexpr usize kNameAt = offsetof(abi::lxxattr_entry, data);

// Puts an entry behind `length` bytes and makes the one before, at `last`, point to it.
struct ListWriter {
    char* out;
    usize capacity;
    usize length = 0;
    usize last = 0;

    Result<void> add(std::string_view name, std::string_view value) {
        if (length == 0) {
            if (capacity < kHeadBytes)
                return Errno::ENOSPC;
            const abi::lxxattr_head head{0, abi::LXXATTR_VERSION};
            __builtin_memcpy(out, &head, sizeof(head));
            length = kHeadBytes;
        }
        // Entries begin at multiples of four from the first.
        const usize at = kHeadBytes + base::align_up(length - kHeadBytes, 4);
        const usize end = at + sizeof(abi::lxxattr_entry) + name.size() + value.size();
        if (name.size() > 255 || value.size() > 65535 || end > capacity)
            return Errno::ENOSPC;
        __builtin_memset(out + length, 0, end - length);
        abi::lxxattr_entry entry{};
        entry.value_length = static_cast<u16>(value.size());
        entry.name_length = static_cast<u8>(name.size());
        __builtin_memcpy(out + at, &entry, kNameAt);
        __builtin_memcpy(out + at + kNameAt, name.data(), name.size());
        if (!value.empty())
            __builtin_memcpy(out + at + kNameAt + name.size(), value.data(), value.size());
        if (last != 0) {
            const auto distance = static_cast<u32>(at - last);
            __builtin_memcpy(out + last, &distance, sizeof(distance));
        }
        last = at;
        length = end;
        return {};
    }
};

} // namespace

bool next_xattr(std::string_view list, usize& at, XattrEntry& out) {
    if (at == 0) {
        abi::lxxattr_head head;
        if (list.size() < kHeadBytes)
            return false;
        __builtin_memcpy(&head, list.data(), sizeof(head));
        if (head.version != abi::LXXATTR_VERSION)
            return false;
        at = kHeadBytes;
    }
    if (at >= list.size() || list.size() - at < kNameAt)
        return false;
    abi::lxxattr_entry entry;
    __builtin_memcpy(&entry, list.data() + at, kNameAt);
    const usize used = kNameAt + entry.name_length + entry.value_length;
    // The free byte at the end may be missing in the last one: nothing depends on it.
    if (entry.name_length == 0 || used > list.size() - at)
        return false;
    if (entry.next != 0 && (entry.next < used || entry.next >= list.size() - at))
        return false;
    out.name = list.substr(at + kNameAt, entry.name_length);
    out.value = list.substr(at + kNameAt + entry.name_length, entry.value_length);
    at = entry.next == 0 ? list.size() : at + entry.next;
    return true;
}

bool is_valid_xattr_list(std::string_view list) {
    usize at = 0;
    XattrEntry entry;
    while (at < list.size())
        if (!next_xattr(list, at, entry))
            return at != 0 && at == list.size(); // nothing behind the head
    return at != 0;
}

bool find_xattr(std::string_view list, std::string_view name, XattrEntry& entry) {
    for (usize at = 0; next_xattr(list, at, entry);)
        if (entry.name == name)
            return true;
    return false;
}

Result<usize> change_xattr_list(std::string_view list, std::string_view name, const std::string_view* value,
                                char* out, usize capacity) {
    ListWriter writer{out, capacity};
    bool is_done = value == nullptr;
    XattrEntry entry;
    for (usize at = 0; next_xattr(list, at, entry);) {
        if (entry.name != name) {
            TRY(writer.add(entry.name, entry.value));
        } else if (!is_done) {
            TRY(writer.add(name, *value));
            is_done = true;
        }
    }
    if (!is_done)
        TRY(writer.add(name, *value));
    return writer.length;
}

} // namespace lxcore
