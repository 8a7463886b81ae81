// FILE_FULL_EA_INFORMATION and FILE_GET_EA_INFORMATION as [MS-FSCC] 2.4.15 has them: each entry at a multiple
// of four.
#include "host/nt/extended_attributes.hpp"

#include "abi/xattr.hpp"
#include "host/nt/ea_calls.hpp"

namespace host::nt::extended {

namespace {

constexpr std::string_view kPrefix = "user.";
constexpr usize kLongestName = 64, kLongestValue = 0xffff;
constexpr usize kNameAt = offsetof(FILE_FULL_EA_INFORMATION, EaName);
constexpr usize kLargestList = kNameAt + kLongestName + 1 + kLongestValue;
constexpr usize kSmallList = 512; // on the stack: enough for a file without Linux attributes of its own

struct GetRequest { // FILE_GET_EA_INFORMATION with room for a name
    ULONG next;
    UCHAR name_length;
    CHAR name[kLongestName + 1];
};

constexpr char to_capital(char letter) {
    return letter >= 'a' && letter <= 'z' ? static_cast<char>(letter - 'a' + 'A') : letter;
}
constexpr char to_small(char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}

// Bytes for a list: on the stack, and from the host where that is too little.
class Buffer {
public:
    Buffer() = default;
    LXSS_NO_COPY(Buffer);
    ~Buffer() {
        SIZE_T bytes = 0;
        if (m_large)
            NtFreeVirtualMemory(this_process(), &m_large, &bytes, MEM_RELEASE);
    }
    bool grow() {
        SIZE_T bytes = m_size = kLargestList;
        return NtAllocateVirtualMemory(this_process(), &m_large, 0, &bytes, MEM_RESERVE | MEM_COMMIT,
                                       PAGE_READWRITE) >= 0;
    }
    u8* data() { return m_large ? static_cast<u8*>(m_large) : m_small; }
    ULONG size() const { return static_cast<ULONG>(m_size); }
    bool is_small() const { return m_large == nullptr; }

private:
    alignas(8) u8 m_small[kSmallList];
    void* m_large = nullptr;
    usize m_size = kSmallList;
};

// Reads the attributes that `request` names, or all. OK with no bytes: there are none.
Result<usize> read(HANDLE file, GetRequest* request, Buffer& buffer) {
    for (;;) {
        IO_STATUS_BLOCK io{};
        const NTSTATUS status =
            ea::query(file, &io, buffer.data(), buffer.size(), request, request ? sizeof(*request) : 0);
        if (status >= 0)
            return io.Information;
        if (status == STATUS_NO_EAS_ON_FILE || status == STATUS_NONEXISTENT_EA_ENTRY)
            return usize{0};
        if ((status != STATUS_BUFFER_OVERFLOW && status != STATUS_BUFFER_TOO_SMALL) || !buffer.is_small())
            return errno_of(status);
        if (!buffer.grow())
            return Errno::ENOMEM;
    }
}

std::string_view name_of(const FILE_FULL_EA_INFORMATION& entry) {
    return {reinterpret_cast<const char*>(&entry) + kNameAt, entry.EaNameLength};
}

// Calls visit(entry) for each that lies in the `length` bytes as a whole, until it returns false.
template <typename Visit>
void for_each(Buffer& buffer, usize length, Visit&& visit) {
    for (usize at = 0; at + kNameAt <= length;) {
        const auto& entry = *reinterpret_cast<const FILE_FULL_EA_INFORMATION*>(buffer.data() + at);
        if (kNameAt + entry.EaNameLength + 1 + entry.EaValueLength > length - at || !visit(entry))
            return;
        if (entry.NextEntryOffset == 0)
            return;
        at += entry.NextEntryOffset;
    }
}

// A value of no bytes removes it.
Result<void> write(HANDLE file, std::string_view name, const void* value, usize length) {
    Buffer buffer;
    if (kNameAt + name.size() + 1 + length > buffer.size() && length <= kLongestValue && !buffer.grow())
        return Errno::ENOMEM;
    const usize bytes = TRY(encode(name, value, length, buffer.data(), buffer.size()));
    IO_STATUS_BLOCK io{};
    const NTSTATUS status = ea::set(file, &io, buffer.data(), static_cast<ULONG>(bytes));
    return status < 0 ? Result<void>(errno_of(status)) : Result<void>();
}

} // namespace

Result<usize> encode(std::string_view name, const void* value, usize length, u8* out, usize capacity) {
    const usize bytes = kNameAt + name.size() + 1 + length;
    if (length > kLongestValue || bytes > capacity)
        return Errno::ENOSPC;
    FILE_FULL_EA_INFORMATION head{};
    head.EaNameLength = static_cast<UCHAR>(name.size());
    head.EaValueLength = static_cast<USHORT>(length);
    __builtin_memcpy(out, &head, kNameAt);
    char* at = reinterpret_cast<char*>(out) + kNameAt;
    for (char letter : name)
        *at++ = to_capital(letter);
    *at++ = 0;
    if (length != 0 && copy_guarded(at, value, length) != 0)
        return Errno::EFAULT;
    return bytes;
}

bool can_hold(HANDLE file) {
    constexpr std::string_view kTrial = "LXSS.TRIAL", kValue = "a trial";
    char found[kValue.size()];
    if (!ea::are_supported(file) || write(file, kTrial, kValue.data(), kValue.size()).is_error())
        return false;
    const Result<usize> got = get(file, kTrial, found, sizeof(found));
    const bool is_same = got.is_ok() && std::string_view(found, got.value()) == kValue;
    return write(file, kTrial, nullptr, 0).is_ok() && is_same &&
           get(file, kTrial, nullptr, 0).error() == Errno::ENODATA;
}

Result<std::string_view> host_name(std::string_view name) {
    if (!name.starts_with(kPrefix) || name.size() == kPrefix.size() ||
        name.size() - kPrefix.size() > kLongestName)
        return Errno::EOPNOTSUPP;
    return name.substr(kPrefix.size());
}

Result<usize> get(HANDLE file, std::string_view name, void* value, usize capacity) {
    GetRequest request{0, static_cast<UCHAR>(name.size()), {}};
    for (usize i = 0; i < name.size(); ++i)
        request.name[i] = to_capital(name[i]);
    Buffer buffer;
    const usize length = TRY(read(file, &request, buffer));
    const FILE_FULL_EA_INFORMATION* found = nullptr;
    for_each(buffer, length, [&](const FILE_FULL_EA_INFORMATION& entry) {
        if (name_of(entry) == std::string_view(request.name, name.size()))
            found = &entry;
        return !found;
    });
    if (!found || found->EaValueLength == 0)
        return Errno::ENODATA; // one that is not there is told without a value
    const usize bytes = found->EaValueLength;
    if (capacity == 0)
        return bytes;
    if (bytes > capacity)
        return Errno::ERANGE;
    if (copy_guarded(value, name_of(*found).data() + name.size() + 1, bytes) != 0)
        return Errno::EFAULT;
    return bytes;
}

Result<void> set(HANDLE file, std::string_view name, const void* value, usize length, i32 flags) {
    if (length == 0)
        return Errno::EINVAL; // to the host it would be none
    if (flags != 0) {
        const Result<usize> found = get(file, name, nullptr, 0);
        if (found.is_ok() && (flags & static_cast<i32>(abi::XATTR_CREATE)))
            return Errno::EEXIST;
        if (found.is_error() && (flags & static_cast<i32>(abi::XATTR_REPLACE)))
            return found.error();
    }
    return write(file, name, value, length);
}

Result<void> remove(HANDLE file, std::string_view name) {
    TRY(get(file, name, nullptr, 0));
    return write(file, name, nullptr, 0);
}

Result<usize> list(HANDLE file, char* names, usize capacity) {
    Buffer buffer;
    const usize length = TRY(read(file, nullptr, buffer));
    usize used = 0;
    for_each(buffer, length, [&](const FILE_FULL_EA_INFORMATION& entry) {
        const std::string_view name = name_of(entry);
        const usize at = used;
        used += kPrefix.size() + name.size() + 1;
        if (used > capacity)
            return true;
        __builtin_memcpy(names + at, kPrefix.data(), kPrefix.size());
        for (usize i = 0; i < name.size(); ++i)
            names[at + kPrefix.size() + i] = to_small(name[i]);
        names[used - 1] = 0;
        return true;
    });
    return capacity != 0 && used > capacity ? Result<usize>(Errno::ERANGE) : Result<usize>(used);
}

} // namespace host::nt::extended
