// Attributes of the NT host's files. Size, times and links are the host file's. Extended attributes are NTFS's own, and permission
// bits there are none; or both are in the side store (docs/decisions/metadata-side-store.md). Which of the two, the store's header says.
#include "abi/stat.hpp"
#include "host/nt/drive_files.hpp"
#include "host/nt/extended_attributes.hpp"
#include "host/nt/store_file.hpp"

namespace host::nt {

namespace {

constexpr i64 kEpoch = 11'644'473'600; // seconds from 1601 to 1970

// The store for the length of a call.
struct Store {
    Store() : file(object_of(files().store)), store(file, store_index()) {}
    StoreFile file;
    SideStore store;
};

// Writes the log anew and puts it in the old one's place. A failure leaves the old one.
void compact_store(Object& log, u32 flags, u64& now) {
    Object fresh;
    if (open_hidden(kNewStoreName, FILE_OVERWRITE_IF, fresh.receive()) < 0)
        return;
    StoreFile from(log.get()), to(fresh.get());
    SideStore store(from, store_index());
    const u64 old_bytes = store_index().end.load(), tree = tree_of_store(fresh.get());
    if (store.compact(to, flags, tree).is_error())
        return; // the next start tries again
    NtClose(log.release()); // the host replaces no open file
    const NTSTATUS status = rename_hidden(fresh.get(), kStoreName);
    if (status < 0)
        fail("the metadata store", "cannot be replaced", static_cast<u32>(status));
    *log.receive() = fresh.release();
    now = tree;
    base::FixedWriter<120> text;
    base::print(text, "metadata store: written anew, {} bytes instead of {}", store_index().end.load(), old_bytes);
    host::log(text.view());
}

} // namespace

void open_store() {
    Object log;
    const bool is_new = is_new_tree() || is_laid_out_by_wsl();
    const NTSTATUS status = open_hidden(kStoreName, is_new ? FILE_OPEN_IF : FILE_OPEN, log.receive());
    if (status == STATUS_OBJECT_NAME_NOT_FOUND)
        fail("the instance's rootfs cannot be opened here", kLostStore);
    if (status < 0)
        fail("the metadata store", "cannot be opened", static_cast<u32>(status));
    store_index().capacity = kStoreSlots;
    StoreFile file(log.get());
    SideStore store(file, store_index());
    const u64 length = length_of(log.get());
    u64 tree = tree_of_store(log.get());
    if (length == 0 && !is_new)
        fail("the instance's rootfs cannot be opened here", kLostStore);
    const bool can_do_without = extended::can_hold(log.get());
    u32 flags = (files().escapes_case ? kStoreEscapesCase : 0) | (can_do_without ? kStoreIsUnused : 0);
    const Result<void> opened = open_log(store, length, flags, tree);
    if (opened.error() == Errno::ESTALE)
        fail("the instance's rootfs cannot be opened here", kCopiedTree);
    if (opened.error() == Errno::EIO)
        fail("the instance's rootfs cannot be opened here", kDamagedStore);
    if (opened.is_error())
        fail("the metadata store", "has too many files", static_cast<u32>(opened.error()));
    if ((flags & kStoreIsUnused) && !can_do_without)
        fail("the instance's rootfs cannot be opened here", kNoAttributes);
    files().has_extended_attributes = (flags & kStoreIsUnused) != 0;
    // WSL's folders tell case apart.
    if (length == 0 && files().has_extended_attributes && files().escapes_case && is_laid_out_by_wsl())
        fail("the tree", "is WSL's, whose names tell upper and lower case apart, which this volume cannot");
    if (length == 0)
        host::log(files().has_extended_attributes ? "the tree's metadata are kept in extended attributes"
                                                  : "the tree's metadata are kept in a side store");
    if (store_index().end.load() < length)
        host::log("metadata store: an unfinished record at its end was dropped");
    // The store says how the names of its tree are spelled; a host that cannot do it so must not touch the tree.
    const bool wants_escapes = (flags & kStoreEscapesCase) != 0;
    if (!wants_escapes && files().escapes_case)
        fail("the tree", "tells upper and lower case apart, which this host cannot");
    files().escapes_case = wants_escapes;
    const Result<u64> recorded = SideStore::recorded_tree(file);
    if (recorded.is_ok() && recorded.value() == 0) // by an earlier version
        (void)SideStore::record_tree(file, tree);
    if (store.is_worth_compacting())
        compact_store(log, flags, tree);
    use_store(log, tree);
}

void forget_attributes(u64 file) {
    if (files().has_extended_attributes)
        return; // they went with the file
    Store store;
    SharedGuard guard(files().store_lock);
    (void)store.store.forget(file); // what stays is corrected when the id is used again
}

u32 permissions_of(u64 file) {
    if (files().has_extended_attributes)
        return kFixedPermissions;
    Store store;
    const i32 recorded = store.store.permissions(file);
    return recorded >= 0 ? static_cast<u32>(recorded) : kFixedPermissions; // what is not recorded
}

Result<void> record_permissions(u64 file, u32 permissions) {
    if (files().has_extended_attributes || permissions_of(file) == permissions)
        return {};
    Store store;
    SharedGuard guard(files().store_lock);
    return store.store.set_permissions(file, permissions == kFixedPermissions ? -1 : static_cast<i32>(permissions));
}

Result<void> flush_store() {
    if (files().has_extended_attributes)
        return {};
    Store store;
    return store.store.flush();
}

abi::timespec to_timespec(i64 time) {
    i64 seconds = time / 10'000'000, rest = time % 10'000'000;
    if (rest < 0) {
        rest += 10'000'000;
        --seconds;
    }
    return {seconds - kEpoch, rest * 100};
}

i64 to_host_time(const abi::timespec& time) {
    if (time.tv_nsec == static_cast<i64>(abi::UTIME_NOW)) {
        LARGE_INTEGER now;
        NtQuerySystemTime(&now);
        return now.QuadPart;
    }
    i64 result = 0;
    if (__builtin_mul_overflow(time.tv_sec + kEpoch, 10'000'000, &result) ||
        __builtin_add_overflow(result, time.tv_nsec / 100, &result))
        result = time.tv_sec < 0 ? 1 : 0x7fff'ffff'ffff'ffff;
    return result <= 0 ? 1 : result; // 0 and below mean something else to the host
}

namespace {

Result<FileInfo> info_of(HANDLE object, u64 device) {
    alignas(8) u8 buffer[sizeof(FILE_ALL_INFORMATION) + 32];
    IO_STATUS_BLOCK io{};
    const NTSTATUS status = NtQueryInformationFile(object, &io, buffer, sizeof(buffer), FileAllInformation);
    if (status < 0 && status != STATUS_BUFFER_OVERFLOW)
        return errno_of(status);
    const auto& all = *reinterpret_cast<const FILE_ALL_INFORMATION*>(buffer);
    FileInfo info{};
    info.device = device;
    info.inode = static_cast<u64>(all.InternalInformation.IndexNumber.QuadPart);
    const bool is_directory = all.StandardInformation.Directory;
    info.type = is_directory ? FileType::Directory : FileType::Regular;
    if (all.BasicInformation.FileAttributes & FILE_ATTRIBUTE_REPARSE_POINT)
        info.type = FileType::Symlink;
    info.permissions = permissions_of(info.inode);
    const u32 aside = aside_links(info.inode);
    info.links = all.StandardInformation.NumberOfLinks > aside ? all.StandardInformation.NumberOfLinks - aside : 0;
    info.size = is_directory ? 4096 : static_cast<u64>(all.StandardInformation.EndOfFile.QuadPart);
    info.blocks = static_cast<u64>(all.StandardInformation.AllocationSize.QuadPart) / 512;
    info.block_size = 4096;
    info.accessed = to_timespec(all.BasicInformation.LastAccessTime.QuadPart);
    info.modified = to_timespec(all.BasicInformation.LastWriteTime.QuadPart);
    info.changed = to_timespec(all.BasicInformation.ChangeTime.QuadPart);
    return info;
}

Result<void> set_times_of(HANDLE object, const abi::timespec* accessed, const abi::timespec* modified) {
    FILE_BASIC_INFORMATION basic{};
    if (accessed)
        basic.LastAccessTime.QuadPart = to_host_time(*accessed);
    if (modified)
        basic.LastWriteTime.QuadPart = to_host_time(*modified);
    IO_STATUS_BLOCK io{};
    return void_result(NtSetInformationFile(object, &io, &basic, sizeof(basic), FileBasicInformation));
}

// What the side store holds of a file has changed, of which the host knows nothing; of extended attributes NTFS notes it when
// the handle is closed. Writing the time of access anew, as it is, moves the
// time of change where that cannot be set (Wine).
void move_change_time(Handle file) {
    HANDLE object = object_of(file);
    FILE_BASIC_INFORMATION basic{};
    IO_STATUS_BLOCK io{};
    if (!object || NtQueryInformationFile(object, &io, &basic, sizeof(basic), FileBasicInformation) < 0)
        return;
    FILE_BASIC_INFORMATION change{};
    change.LastAccessTime = basic.LastAccessTime;
    NtQuerySystemTime(&change.ChangeTime);
    (void)NtSetInformationFile(object, &io, &change, sizeof(change), FileBasicInformation);
}

// The file behind a handle, for its attributes; its Windows handle is in `object`.
Result<const HandleEntry*> attribute_entry(Handle file) {
    const HandleEntry* entry = entry_of(file);
    if (!entry)
        return Errno::EBADF;
    if (entry->kind != HandleKind::File && entry->kind != HandleKind::Directory)
        return Errno::EOPNOTSUPP;
    preserve_vectors();
    return entry;
}

Result<void> open_for_attributes(Handle directory, std::string_view name, Object& object) {
    HANDLE folder = TRY(directory_object(directory));
    HostName host_name(name, files().escapes_case);
    if (!host_name.is_valid())
        return Errno::ENAMETOOLONG;
    const NTSTATUS status = open_object(folder, host_name, kAttributeAccess, FILE_OPEN, 0, object.receive());
    if (status < 0)
        return name_error(status, host_name);
    return {};
}

} // namespace

} // namespace host::nt

namespace host {

using namespace nt;

u64 attribute_store() { return files().has_extended_attributes ? 0 : files().store_tree; }

bool is_in_attribute_store(u64 inode) {
    Store store;
    return store.store.permissions(inode) >= 0 || store.store.has_attributes(inode);
}

TreeTraits tree_traits() { return {!files().has_extended_attributes, true, files().has_extended_attributes}; }

Result<FileInfo> file_info(Handle file) {
    HANDLE object = object_of(file);
    const HandleEntry* entry = entry_of(file);
    if (!entry || (entry->original != 0 && !object))
        return Errno::EBADF;
    if (entry->kind == HandleKind::Stream || entry->kind == HandleKind::Socket) {
        FileInfo info{};
        info.type = entry->kind == HandleKind::Socket ? FileType::Socket : FileType::Fifo;
        if (entry->kind == HandleKind::Stream && entry->extra == 0)
            return info_of(object, 0);
        info.permissions = 0600;
        info.links = 1;
        info.block_size = 4096;
        info.inode = static_cast<u64>(file) + 1;
        return info;
    }
    if (!object)
        return Errno::EBADF;
    return entry->is_on_drive ? drive::file_info(object, entry->device) : info_of(object, entry->device);
}

Result<FileInfo> file_info_at(Handle directory, std::string_view name) {
    if (is_on_drive(directory))
        return drive::file_info_at(directory, name);
    Object object;
    TRY(open_for_attributes(directory, name, object));
    return info_of(object.get(), entry_of(directory)->device);
}

Result<void> set_permissions(Handle file, u32 permissions) {
    const HandleEntry* entry = TRY(attribute_entry(file));
    if (entry->is_on_drive)
        return drive::set_permissions(file, permissions);
    TRY(record_permissions(entry->file, permissions & 07777));
    move_change_time(file);
    return {};
}

Result<void> set_permissions_at(Handle directory, std::string_view name, u32 permissions) {
    const Handle file = TRY(open_at(directory, name, kOpenRead, 0));
    const Result<void> set = set_permissions(file, permissions);
    close(file);
    return set;
}

Result<void> set_times(Handle file, const abi::timespec* accessed, const abi::timespec* modified) {
    HANDLE object = object_of(file);
    if (!object)
        return Errno::EBADF;
    return set_times_of(object, accessed, modified);
}

Result<void> set_times_at(Handle directory, std::string_view name, const abi::timespec* accessed,
                          const abi::timespec* modified) {
    if (is_on_drive(directory))
        return drive::set_times_at(directory, name, accessed, modified);
    Object object;
    TRY(open_for_attributes(directory, name, object));
    return set_times_of(object.get(), accessed, modified);
}

// The values' buffers may be guest memory that cannot be accessed, and the store copies by itself: through a buffer.

Result<usize> get_attribute(Handle file, const char* name, void* value, usize capacity) {
    const HandleEntry* entry = TRY(attribute_entry(file));
    if (entry->is_on_drive)
        return drive::get_attribute(object_of(file), name, value, capacity);
    if (files().has_extended_attributes)
        return extended::get(object_of(file), TRY(extended::host_name(name)), value, capacity);
    Store store;
    char small[64];
    if (capacity <= sizeof(small)) {
        const usize length = TRY(store.store.get(entry->file, name, small, capacity));
        if (capacity != 0 && copy_guarded(value, small, length) != 0)
            return Errno::EFAULT;
        return length;
    }
    u8* buffer = store.file.take_buffer();
    if (!buffer)
        return Errno::ENOMEM;
    const auto get = [&]() -> Result<usize> {
        const usize length =
            TRY(store.store.get(entry->file, name, buffer, base::min<usize>(capacity, kSideStoreRecordBytes)));
        if (copy_guarded(value, buffer, length) != 0)
            return Errno::EFAULT;
        return length;
    };
    const Result<usize> result = get();
    store.file.give_back(buffer);
    return result;
}

Result<void> set_attribute(Handle file, const char* name, const void* value, usize length, i32 flags) {
    const HandleEntry* entry = TRY(attribute_entry(file));
    if (entry->is_on_drive)
        return drive::set_attribute(object_of(file), name, value, length, flags);
    if (files().has_extended_attributes) {
        TRY(extended::set(object_of(file), TRY(extended::host_name(name)), value, length, flags));
        move_change_time(file);
        return {};
    }
    if (length > kSideStoreRecordBytes)
        return Errno::ENOSPC;
    Store store;
    u8* buffer = store.file.take_buffer();
    if (!buffer)
        return Errno::ENOMEM;
    const auto set = [&]() -> Result<void> {
        if (copy_guarded(buffer, value, length) != 0)
            return Errno::EFAULT;
        SharedGuard guard(files().store_lock);
        return store.store.set(entry->file, name, buffer, length, flags);
    };
    const Result<void> result = set();
    store.file.give_back(buffer);
    if (result.is_ok())
        move_change_time(file);
    return result;
}

Result<usize> list_attributes(Handle file, char* names, usize capacity) {
    const HandleEntry* entry = TRY(attribute_entry(file));
    if (entry->is_on_drive)
        return drive::list_attributes(object_of(file), names, capacity);
    if (files().has_extended_attributes)
        return extended::list(object_of(file), names, capacity);
    Store store;
    if (!store.store.has_attributes(entry->file))
        return usize{0};
    return store.store.list(entry->file, names, capacity);
}

Result<void> remove_attribute(Handle file, const char* name) {
    const HandleEntry* entry = TRY(attribute_entry(file));
    if (entry->is_on_drive)
        return drive::remove_attribute(object_of(file), name);
    if (files().has_extended_attributes) {
        TRY(extended::remove(object_of(file), TRY(extended::host_name(name))));
    } else {
        Store store;
        SharedGuard guard(files().store_lock);
        TRY(store.store.remove(entry->file, name));
    }
    move_change_time(file);
    return {};
}

Result<usize> get_attribute_at(Handle directory, std::string_view name, const char* attribute, void* value, usize capacity) {
    if (is_on_drive(directory))
        return drive::get_attribute_at(directory, name, attribute, value, capacity);
    const Handle file = TRY(open_at(directory, name, kOpenRead, 0));
    const auto length = get_attribute(file, attribute, value, capacity);
    close(file);
    return length;
}

} // namespace host
