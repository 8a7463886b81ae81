// In place of src/host/nt/ea_calls.cpp: extended attributes by the rules that Microsoft documents for NTFS
// ([MS-FSA] 2.1.5.12.12 and 2.1.5.15, [MS-FSCC] 2.4.15, ZwQueryEaFile, ZwSetEaFile), as strict as they are
// known there, since Wine 8 has none.
//
// The attributes of a file are the file "ea-double\ID" beside this program, ID its number in hexadecimal (on
// the tests' one file system: volumes are not told apart): FILE_FULL_EA_INFORMATION entries as they are
// queried. Where there is a file "ea-double\case", files are opened by names whose case counts; renames still
// take names that differ by case alone for one.
#include <atomic>

#include "base/format.hpp"
#include "host/nt/ea_calls.hpp"
#include "host/nt/files.hpp"

namespace host::nt::ea {

namespace {

constexpr usize kNameAt = offsetof(FILE_FULL_EA_INFORMATION, EaName);
constexpr UCHAR kNeedEa = 0x80;           // FILE_NEED_EA
constexpr usize kMostPacked = 0xffff - 4; // of all of a file, as the host counts them
constexpr usize kListBytes = 2 << 16;     // enough for the longest list, with what its entries are aligned by

struct AskedName { // FILE_GET_EA_INFORMATION
    ULONG next;
    UCHAR name_length;
    CHAR name[1];
};
constexpr usize kAskedNameAt = offsetof(AskedName, name);

std::atomic<u64> g_folder; // this process's handle of "ea-double"

char capital(char letter) {
    return letter >= 'a' && letter <= 'z' ? static_cast<char>(letter - 32) : letter;
}

bool is_legal(const char* name, usize length) {
    if (length == 0)
        return false;
    for (usize i = 0; i < length; ++i)
        if (name[i] < 0x20 || std::string_view("\"*+,/:;<=>?[\\]|").find(name[i]) != std::string_view::npos)
            return false;
    return true;
}

bool is_granted(HANDLE file, ACCESS_MASK wanted) {
    struct {
        ULONG attributes;
        ACCESS_MASK access;
        ULONG rest[12];
    } basic{};
    return NtQueryObject(file, ObjectBasicInformation, &basic, sizeof(basic), nullptr) >= 0 &&
           (basic.access & wanted) == wanted;
}

NTSTATUS open_own(HANDLE folder, UNICODE_STRING& name, ACCESS_MASK access, ULONG share, ULONG disposition,
                  ULONG options, HANDLE* object) {
    OBJECT_ATTRIBUTES attributes;
    InitializeObjectAttributes(&attributes, &name, 0, folder, nullptr);
    IO_STATUS_BLOCK io{};
    return NtCreateFile(object, access | SYNCHRONIZE, &attributes, &io, nullptr, FILE_ATTRIBUTE_NORMAL, share,
                        disposition, options | FILE_SYNCHRONOUS_IO_NONALERT, nullptr, 0);
}

HANDLE own_folder() {
    if (const u64 known = g_folder.load())
        return reinterpret_cast<HANDLE>(known);
    constexpr std::string_view kSystem = "\\??\\", kName = "ea-double";
    WCHAR path[1024];
    usize used = 0;
    for (const char letter : kSystem)
        path[used++] = static_cast<WCHAR>(letter);
    used += GetModuleFileNameW(nullptr, path + used, 900);
    while (path[used - 1] != '\\')
        --used;
    for (const char letter : kName)
        path[used++] = static_cast<WCHAR>(letter);
    UNICODE_STRING name{static_cast<USHORT>(used * 2), static_cast<USHORT>(used * 2), path};
    HANDLE folder = nullptr;
    const NTSTATUS status =
        open_own(nullptr, name, FILE_LIST_DIRECTORY, kShareAll, FILE_OPEN_IF, FILE_DIRECTORY_FILE, &folder);
    LXSS_ASSERT(status >= 0);
    u64 none = 0;
    if (!g_folder.compare_exchange_strong(none, address_of(folder))) {
        NtClose(folder);
        return reinterpret_cast<HANDLE>(none);
    }
    return folder;
}

// The record of a file, for one user at a time. Null without one, unless it `creates` it.
class Record {
public:
    Record(HANDLE file, bool creates) {
        FILE_INTERNAL_INFORMATION id{};
        IO_STATUS_BLOCK io{};
        NTSTATUS status = NtQueryInformationFile(file, &io, &id, sizeof(id), FileInternalInformation);
        LXSS_ASSERT(status >= 0);
        base::FixedWriter<20> text;
        base::print(text, "{:x}", static_cast<u64>(id.IndexNumber.QuadPart));
        WCHAR units[20];
        USHORT length = 0;
        for (const char letter : text.view())
            units[length++] = static_cast<WCHAR>(letter);
        UNICODE_STRING name{static_cast<USHORT>(length * 2), static_cast<USHORT>(length * 2), units};
        while ((status = open_own(own_folder(), name, FILE_READ_DATA | FILE_WRITE_DATA, 0,
                                  creates ? FILE_OPEN_IF : FILE_OPEN, FILE_NON_DIRECTORY_FILE,
                                  m_object.receive())) == STATUS_SHARING_VIOLATION)
            NtYieldExecution();
        LXSS_ASSERT(status >= 0 || status == STATUS_OBJECT_NAME_NOT_FOUND);
    }
    usize read(u8* out, usize capacity) {
        IO_STATUS_BLOCK io{};
        LARGE_INTEGER at{};
        if (!m_object.get() || NtReadFile(m_object.get(), nullptr, nullptr, nullptr, &io, out,
                                          static_cast<ULONG>(capacity), &at, nullptr) < 0)
            return 0;
        return io.Information;
    }
    void write(const u8* list, usize length) {
        if (!m_object.get())
            return;
        IO_STATUS_BLOCK io{};
        LARGE_INTEGER at{};
        FILE_END_OF_FILE_INFORMATION end{};
        end.EndOfFile.QuadPart = static_cast<i64>(length);
        NTSTATUS status = STATUS_SUCCESS;
        if (length != 0)
            status = NtWriteFile(m_object.get(), nullptr, nullptr, nullptr, &io, const_cast<u8*>(list),
                                 static_cast<ULONG>(length), &at, nullptr);
        LXSS_ASSERT(status >= 0);
        status = NtSetInformationFile(m_object.get(), &io, &end, sizeof(end), FileEndOfFileInformation);
        LXSS_ASSERT(status >= 0);
    }

private:
    Object m_object;
};

class Memory {
public:
    Memory() {
        SIZE_T bytes = kListBytes;
        const NTSTATUS status = NtAllocateVirtualMemory(this_process(), &m_data, 0, &bytes,
                                                        MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
        LXSS_ASSERT(status >= 0);
    }
    LXSS_NO_COPY(Memory);
    ~Memory() {
        SIZE_T bytes = 0;
        NtFreeVirtualMemory(this_process(), &m_data, &bytes, MEM_RELEASE);
    }
    u8* data() { return static_cast<u8*>(m_data); }

private:
    void* m_data = nullptr;
};

// A list that entries are put behind.
struct Entries {
    u8* data;
    usize capacity;
    usize length = 0, packed = 0;
    FILE_FULL_EA_INFORMATION* last = nullptr;

    // False when it does not fit.
    bool add(UCHAR flags, const char* name, usize name_length, const char* value, usize value_length) {
        const usize at = base::align_up(length, 4), bytes = kNameAt + name_length + 1 + value_length;
        if (at > capacity || bytes > capacity - at)
            return false;
        __builtin_memset(data + length, 0, at - length);
        if (last)
            last->NextEntryOffset = static_cast<ULONG>(data + at - reinterpret_cast<u8*>(last));
        last = reinterpret_cast<FILE_FULL_EA_INFORMATION*>(data + at);
        *last = {0, flags, static_cast<UCHAR>(name_length), static_cast<USHORT>(value_length), {}};
        char* out = last->EaName;
        for (usize i = 0; i < name_length; ++i)
            *out++ = capital(name[i]);
        *out++ = 0;
        __builtin_memcpy(out, value, value_length);
        length = at + bytes;
        packed += kNameAt - sizeof(ULONG) + name_length + 1 + value_length;
        return true;
    }
    bool add(const FILE_FULL_EA_INFORMATION& entry) {
        return add(entry.Flags, entry.EaName, entry.EaNameLength, entry.EaName + entry.EaNameLength + 1,
                   entry.EaValueLength);
    }
};

bool is_named(const FILE_FULL_EA_INFORMATION& entry, const char* name, usize length) {
    if (entry.EaNameLength != length)
        return false;
    for (usize i = 0; i < length; ++i)
        if (capital(entry.EaName[i]) != capital(name[i]))
            return false;
    return true;
}

// Calls visit(entry) for all of a list of ours.
template <typename Visit>
void for_each(const u8* list, usize length, Visit&& visit) {
    for (usize at = 0; at < length;) {
        const auto& entry = *reinterpret_cast<const FILE_FULL_EA_INFORMATION*>(list + at);
        visit(entry);
        if (entry.NextEntryOffset == 0)
            return;
        at += entry.NextEntryOffset;
    }
}

// What IoCheckEaBufferValidity asks of a list that is set; the offset of the entry that is wrong, or -1.
isize wrong_entry(const u8* list, usize length) {
    for (usize at = 0;;) {
        const usize left = length - at;
        const auto& entry = *reinterpret_cast<const FILE_FULL_EA_INFORMATION*>(list + at);
        if (left < kNameAt)
            return static_cast<isize>(at);
        const usize bytes = kNameAt + entry.EaNameLength + 1 + entry.EaValueLength;
        if (bytes > left || entry.EaName[entry.EaNameLength] != 0)
            return static_cast<isize>(at);
        if (entry.NextEntryOffset == 0)
            return -1;
        if (entry.NextEntryOffset != base::align_up(bytes, 4) || entry.NextEntryOffset > left)
            return static_cast<isize>(at);
        at += entry.NextEntryOffset;
    }
}

isize wrong_name(const u8* names, usize length) {
    for (usize at = 0;;) {
        const usize left = length - at;
        const auto& name = *reinterpret_cast<const AskedName*>(names + at);
        if (left < kAskedNameAt)
            return static_cast<isize>(at);
        const usize bytes = kAskedNameAt + name.name_length + 1;
        if (bytes > left || name.name[name.name_length] != 0)
            return static_cast<isize>(at);
        if (name.next == 0)
            return -1;
        if (name.next != base::align_up(bytes, 4) || name.next > left)
            return static_cast<isize>(at);
        at += name.next;
    }
}

bool tells_case_apart() {
    WCHAR units[] = {'c', 'a', 's', 'e'};
    UNICODE_STRING name{sizeof(units), sizeof(units), units};
    Object object;
    return open_own(own_folder(), name, FILE_READ_ATTRIBUTES, kShareAll, FILE_OPEN, 0, object.receive()) >= 0;
}

// A file's name as Wine takes it for one of Linux: drive Z: is its root.
struct ExactName {
    bool set(HANDLE folder, const UNICODE_STRING& name) {
        ULONG got = 0;
        auto* const place = reinterpret_cast<UNICODE_STRING*>(memory.data());
        constexpr std::string_view kDrive = "\\??\\Z:\\", kExact = "\\??\\unix\\";
        if (!folder || NtQueryObject(folder, ObjectNameInformation, place, kListBytes / 2, &got) < 0)
            return false;
        const auto begins_with = [&](std::string_view start) {
            usize at = 0;
            while (at < start.size() && at < place->Length / 2u &&
                   capital(static_cast<char>(place->Buffer[at])) == capital(start[at]))
                ++at;
            return at == start.size();
        };
        const bool is_exact = begins_with(kExact);
        if (!is_exact && !begins_with(kDrive))
            return false;
        auto* const out = reinterpret_cast<WCHAR*>(memory.data() + kListBytes / 2);
        usize length = 0;
        const auto put = [&](const WCHAR* units, usize count) {
            __builtin_memcpy(out + length, units, count * 2);
            length += count;
        };
        for (const char letter : kExact)
            out[length++] = static_cast<WCHAR>(letter);
        const usize skip = is_exact ? kExact.size() : kDrive.size();
        put(place->Buffer + skip, place->Length / 2 - skip);
        if (name.Length != 0) {
            out[length++] = '\\';
            put(name.Buffer, name.Length / 2);
        }
        string = {static_cast<USHORT>(length * 2), static_cast<USHORT>(length * 2), out};
        return true;
    }
    UNICODE_STRING string{};

private:
    Memory memory;
};

NTSTATUS end_with(IO_STATUS_BLOCK* io, NTSTATUS status, usize information = 0) {
    io->Status = status;
    io->Information = information;
    return status;
}

bool is_misaligned(const void* buffer) {
    return address_of(buffer) % 4 != 0;
}

// The names that are asked for, each with the value that it has, or with none.
NTSTATUS query_names(IO_STATUS_BLOCK* io, u8* eas, usize length, Entries& out, const u8* names) {
    for (usize at = 0;;) {
        const auto& name = *reinterpret_cast<const AskedName*>(names + at);
        if (!is_legal(name.name, name.name_length))
            return end_with(io, STATUS_INVALID_EA_NAME, at);
        const FILE_FULL_EA_INFORMATION* found = nullptr;
        for_each(eas, length, [&](const FILE_FULL_EA_INFORMATION& entry) {
            if (is_named(entry, name.name, name.name_length))
                found = &entry;
        });
        if (!(found ? out.add(*found) : out.add(0, name.name, name.name_length, nullptr, 0)))
            return end_with(io, out.last ? STATUS_BUFFER_OVERFLOW : STATUS_BUFFER_TOO_SMALL, out.length);
        if (name.next == 0)
            return end_with(io, STATUS_SUCCESS, out.length);
        at += name.next;
    }
}

NTSTATUS query_all(IO_STATUS_BLOCK* io, u8* eas, usize length, Entries& out) {
    if (length == 0)
        return end_with(io, STATUS_NO_EAS_ON_FILE);
    bool fits = true;
    for_each(eas, length, [&](const FILE_FULL_EA_INFORMATION& entry) { fits = fits && out.add(entry); });
    return end_with(io,
                    fits       ? STATUS_SUCCESS
                    : out.last ? STATUS_BUFFER_OVERFLOW
                               : STATUS_BUFFER_TOO_SMALL,
                    out.length);
}

// Changes the attributes of a file as a list says that is in order.
NTSTATUS apply(HANDLE file, IO_STATUS_BLOCK* io, const u8* changes, usize length) {
    NTSTATUS status = STATUS_SUCCESS;
    usize wrong = 0;
    Memory before, after;
    Record record(file, true);
    usize old_length = record.read(before.data(), kListBytes);
    for_each(changes, length, [&](const FILE_FULL_EA_INFORMATION& change) {
        if (status < 0)
            return;
        if (!is_legal(change.EaName, change.EaNameLength) || (change.Flags & ~kNeedEa) != 0) {
            status = STATUS_INVALID_EA_NAME;
            wrong = static_cast<usize>(reinterpret_cast<const u8*>(&change) - changes);
            return;
        }
        // What has a new value goes behind the others; what has none goes.
        Entries list{after.data(), kListBytes};
        bool fits = true;
        for_each(before.data(), old_length, [&](const FILE_FULL_EA_INFORMATION& entry) {
            if (!is_named(entry, change.EaName, change.EaNameLength))
                fits = fits && list.add(entry);
        });
        if (change.EaValueLength != 0)
            fits = fits && list.add(change);
        if (!fits || list.packed > kMostPacked)
            status = STATUS_EA_TOO_LARGE;
        __builtin_memcpy(before.data(), after.data(), list.length);
        old_length = list.length;
    });
    if (status >= 0)
        record.write(before.data(), old_length);
    return end_with(io, status, wrong);
}

} // namespace

NTSTATUS create_file(HANDLE* file, ACCESS_MASK access, OBJECT_ATTRIBUTES* attributes, IO_STATUS_BLOCK* io,
                     ULONG disposition, ULONG options, const List& list) {
    if (is_misaligned(list.data))
        return STATUS_DATATYPE_MISALIGNMENT;
    if (list.data)
        if (const isize at = wrong_entry(static_cast<u8*>(list.data), list.length); at >= 0)
            return end_with(io, STATUS_EA_LIST_INCONSISTENT, static_cast<usize>(at));
    OBJECT_ATTRIBUTES exact = *attributes;
    ExactName name;
    if (tells_case_apart() && name.set(attributes->RootDirectory, *attributes->ObjectName)) {
        exact.RootDirectory = nullptr;
        exact.ObjectName = &name.string;
    }
    const NTSTATUS status =
        NtCreateFile(file, access | SYNCHRONIZE, &exact, io, nullptr, FILE_ATTRIBUTE_NORMAL, kShareAll,
                     disposition, options | FILE_SYNCHRONOUS_IO_NONALERT, nullptr, 0);
    // Numbers come again here.
    if (status >= 0 && io->Information != FILE_OPENED) {
        Record(*file, false).write(nullptr, 0);
        IO_STATUS_BLOCK change{};
        const NTSTATUS made =
            list.data ? apply(*file, &change, static_cast<u8*>(list.data), list.length) : STATUS_SUCCESS;
        LXSS_ASSERT(made >= 0); // NTFS would make no file
    }
    return status;
}

NTSTATUS query(HANDLE file, IO_STATUS_BLOCK* io, void* buffer, ULONG length, void* names,
               ULONG names_length) {
    if (is_misaligned(buffer) || is_misaligned(names))
        return STATUS_DATATYPE_MISALIGNMENT;
    if (names)
        if (const isize at = wrong_name(static_cast<u8*>(names), names_length); at >= 0)
            return end_with(io, STATUS_EA_LIST_INCONSISTENT, static_cast<usize>(at));
    if (!is_granted(file, FILE_READ_EA))
        return STATUS_ACCESS_DENIED;
    Memory eas;
    const usize found = Record(file, false).read(eas.data(), kListBytes);
    Entries out{static_cast<u8*>(buffer), length};
    return names ? query_names(io, eas.data(), found, out, static_cast<u8*>(names))
                 : query_all(io, eas.data(), found, out);
}

NTSTATUS set(HANDLE file, IO_STATUS_BLOCK* io, void* buffer, ULONG length) {
    if (is_misaligned(buffer))
        return STATUS_DATATYPE_MISALIGNMENT;
    if (const isize at = wrong_entry(static_cast<u8*>(buffer), length); at >= 0)
        return end_with(io, STATUS_EA_LIST_INCONSISTENT, static_cast<usize>(at));
    if (!is_granted(file, FILE_WRITE_EA))
        return STATUS_ACCESS_DENIED;
    return apply(file, io, static_cast<u8*>(buffer), length);
}

bool are_supported(HANDLE) {
    return true;
}

NTSTATUS set_case_sensitive(HANDLE, bool) {
    return tells_case_apart() ? STATUS_SUCCESS : STATUS_NOT_SUPPORTED;
}

NTSTATUS is_case_sensitive(HANDLE, bool& is_sensitive) {
    is_sensitive = tells_case_apart();
    return STATUS_SUCCESS;
}

} // namespace host::nt::ea
