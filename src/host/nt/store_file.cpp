#include "host/nt/store_file.hpp"

namespace host::nt {

Result<usize> StoreFile::read(u64 offset, void* buffer, usize length) {
    IO_STATUS_BLOCK io{};
    LARGE_INTEGER at;
    at.QuadPart = static_cast<i64>(offset);
    const NTSTATUS status = NtReadFile(m_object, nullptr, nullptr, nullptr, &io, buffer,
                                       static_cast<ULONG>(length), &at, nullptr);
    if (status == STATUS_END_OF_FILE)
        return usize{0};
    if (status < 0)
        return errno_of(status);
    return io.Information;
}

Result<void> StoreFile::write(u64 offset, const void* data, usize length) {
    IO_STATUS_BLOCK io{};
    LARGE_INTEGER at;
    at.QuadPart = static_cast<i64>(offset);
    const NTSTATUS status = NtWriteFile(m_object, nullptr, nullptr, nullptr, &io, const_cast<void*>(data),
                                        static_cast<ULONG>(length), &at, nullptr);
    if (status < 0)
        return errno_of(status);
    return io.Information == length ? Result<void>() : Result<void>(Errno::ENOSPC);
}

Result<void> StoreFile::truncate(u64 length) {
    if (m_is_read_only)
        return {};
    FILE_END_OF_FILE_INFORMATION end{};
    end.EndOfFile.QuadPart = static_cast<i64>(length);
    IO_STATUS_BLOCK io{};
    return void_result(NtSetInformationFile(m_object, &io, &end, sizeof(end), FileEndOfFileInformation));
}

Result<void> StoreFile::flush() {
    IO_STATUS_BLOCK io{};
    return void_result(NtFlushBuffersFile(m_object, &io));
}

u8* StoreFile::take_buffer() {
    void* memory = nullptr;
    SIZE_T bytes = kSideStoreRecordBytes;
    if (NtAllocateVirtualMemory(this_process(), &memory, 0, &bytes, MEM_RESERVE | MEM_COMMIT,
                                PAGE_READWRITE) < 0)
        return nullptr;
    return static_cast<u8*>(memory);
}

void StoreFile::give_back(u8* buffer) {
    void* memory = buffer;
    SIZE_T bytes = 0;
    NtFreeVirtualMemory(this_process(), &memory, &bytes, MEM_RELEASE);
}

NTSTATUS open_hidden(std::string_view name, ULONG disposition, HANDLE* object, ACCESS_MASK access) {
    HostName host_name(name, nullptr);
    return open_object(object_of(files().hidden), host_name, access, disposition, FILE_NON_DIRECTORY_FILE,
                       object);
}

NTSTATUS rename_hidden(HANDLE object, std::string_view name, FILE_INFORMATION_CLASS how) {
    RenameRequest request{};
    request.replace = TRUE;
    request.directory = object_of(files().hidden);
    HostName host_name(name, nullptr);
    request.name_bytes = static_cast<ULONG>(host_name.length() * sizeof(WCHAR));
    __builtin_memcpy(request.name, host_name.units(), request.name_bytes);
    IO_STATUS_BLOCK io{};
    return NtSetInformationFile(object, &io, &request, sizeof(request), how);
}

u64 length_of(HANDLE object) {
    FILE_STANDARD_INFORMATION information{};
    IO_STATUS_BLOCK io{};
    NtQueryInformationFile(object, &io, &information, sizeof(information), FileStandardInformation);
    return static_cast<u64>(information.EndOfFile.QuadPart);
}

Result<void> open_log(SideStore& store, u64 length, u32& flags, u64 tree) {
    Result<void> opened = store.open(length, flags, tree);
    if (opened.error() == Errno::ESTALE && (flags & kStoreIsUnused))
        opened = store.open(length, flags);
    return opened;
}

u64 tree_of_store(HANDLE log) {
    Identity identity{};
    (void)identify(log, identity);
    return SideStore::tree_of(entry_of(files().root)->file, identity.file);
}

void use_store(Object& log, u64 tree) {
    const Result<Handle> handle = adopt(log.release(), {HandleKind::File, true, 0, 0, 0, true});
    if (handle.is_error())
        fail("the metadata store", "no handle left");
    files().store = handle.value();
    files().store_tree = tree;
}

} // namespace host::nt
