#include "host/nt/tree_paths.hpp"

#include "host/nt/journal.hpp"

namespace host::nt {

PathBuffer::PathBuffer() {
    SIZE_T bytes = kBytes;
    if (NtAllocateVirtualMemory(this_process(), &m_memory, 0, &bytes, MEM_RESERVE | MEM_COMMIT,
                                PAGE_READWRITE) < 0)
        m_memory = nullptr;
}

PathBuffer::~PathBuffer() {
    SIZE_T bytes = 0;
    if (m_memory)
        NtFreeVirtualMemory(this_process(), &m_memory, &bytes, MEM_RELEASE);
}

namespace {

// The path of an open file within its volume, into `out`; its length in units, or 0.
usize path_of(HANDLE object, WCHAR* out, usize capacity) {
    PathBuffer buffer;
    if (!buffer.bytes())
        return 0;
    IO_STATUS_BLOCK io{};
    if (NtQueryInformationFile(object, &io, buffer.bytes(), PathBuffer::kBytes, FileNameInformation) < 0)
        return 0;
    const auto& name = *reinterpret_cast<const FILE_NAME_INFORMATION*>(buffer.bytes());
    const usize length = name.FileNameLength / sizeof(WCHAR);
    if (length > capacity)
        return 0;
    __builtin_memcpy(out, name.FileName, name.FileNameLength);
    return length;
}

} // namespace

bool tree_path(HANDLE object, WCHAR* out, usize capacity, usize& length) {
    PathBuffer root;
    if (!root.bytes())
        return false;
    const usize root_length = path_of(object_of(files().root), root.units(), kLargestPath);
    length = path_of(object, out, capacity);
    if (root_length == 0 || length < root_length)
        return false;
    const usize skip = length > root_length ? root_length + 1 : length;
    length -= skip;
    __builtin_memmove(out, out + skip, length * sizeof(WCHAR));
    return true;
}

NTSTATUS open_in_tree(const WCHAR* path, usize length, ACCESS_MASK access, ULONG options, HANDLE* object) {
    UNICODE_STRING name{static_cast<USHORT>(length * 2), static_cast<USHORT>(length * 2),
                        const_cast<WCHAR*>(path)};
    OBJECT_ATTRIBUTES attributes;
    InitializeObjectAttributes(&attributes, &name, 0, object_of(files().root), nullptr);
    IO_STATUS_BLOCK io{};
    return NtCreateFile(object, access, &attributes, &io, nullptr, 0, kShareAll, FILE_OPEN,
                        options | FILE_SYNCHRONOUS_IO_NONALERT | FILE_OPEN_REPARSE_POINT |
                            FILE_OPEN_FOR_BACKUP_INTENT,
                        nullptr, 0);
}

NameKeeper::NameKeeper(HANDLE object) : m_object(object), m_is_needed(!files().handles_follow_renames) {
    m_is_needed = m_is_needed && m_old.bytes() && identify(object, m_identity) >= 0 &&
                  (m_identity.is_directory || is_open_anywhere(m_identity.file)) &&
                  tree_path(object, m_old.units(), kLargestPath, m_old_length);
}

void NameKeeper::renamed() {
    PathBuffer path, fresh;
    usize fresh_length = 0;
    if (!m_is_needed || !path.bytes() || !fresh.bytes() ||
        !tree_path(m_object, fresh.units(), kLargestPath, fresh_length))
        return;
    for_each_handle([&](Handle handle, const HandleEntry& entry) {
        if (entry.kind != HandleKind::File && entry.kind != HandleKind::Directory)
            return true;
        if (!m_identity.is_directory && entry.file != m_identity.file)
            return true;
        usize length = 0;
        HANDLE object = object_of(handle);
        if (!object || !tree_path(object, path.units(), kLargestPath, length) || length < m_old_length ||
            (length > m_old_length && path.units()[m_old_length] != '\\') ||
            __builtin_memcmp(path.units(), m_old.units(), m_old_length * sizeof(WCHAR)) != 0)
            return true;
        const usize rest = length - m_old_length;
        if (fresh_length + rest > kLargestPath)
            return true;
        __builtin_memcpy(fresh.units() + fresh_length, path.units() + m_old_length, rest * sizeof(WCHAR));
        Object opened;
        Identity identity{};
        const ULONG options =
            entry.kind == HandleKind::Directory ? FILE_DIRECTORY_FILE : FILE_NON_DIRECTORY_FILE;
        const ACCESS_MASK access = entry.has_write_access ? kWriteAccess : kReadAccess;
        if (open_in_tree(fresh.units(), fresh_length + rest, access, options, opened.receive()) >= 0 &&
            identify(opened.get(), identity) >= 0 && identity.file == entry.file)
            replace_object(handle, opened.release());
        return true;
    });
}

bool do_handles_follow_renames(HANDLE hidden) {
    OwnName before('d', 0), after('d', 1);
    Object first, second;
    constexpr ULONG kOptions = FILE_NON_DIRECTORY_FILE;
    if (open_object(hidden, before, kAttributeAccess, FILE_OPEN_IF, kOptions, first.receive()) < 0 ||
        open_object(hidden, before, kAttributeAccess | DELETE, FILE_OPEN, kOptions, second.receive()) < 0)
        return false;
    const bool is_renamed = rename_object(second.get(), hidden, after, true).is_ok();
    WCHAR path[512];
    const usize length = path_of(first.get(), path, base::array_size(path));
    FILE_DISPOSITION_INFORMATION request{TRUE};
    IO_STATUS_BLOCK io{};
    NtSetInformationFile(second.get(), &io, &request, sizeof(request), FileDispositionInformation);
    return is_renamed && length != 0 && path[length - 1] == '1';
}

} // namespace host::nt
