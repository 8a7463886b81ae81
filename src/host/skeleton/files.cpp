// Files, directories, names, attributes. See README.md.
#include "host/host.hpp"

namespace host {

Handle root_folder() {
    return kNoHandle;
}
Handle guest_tools_folder() {
    return kNoHandle;
}
Result<Handle> open_at(Handle, std::string_view, u32, u32) {
    return Errno::ENOSYS;
}
Result<Handle> reopen(Handle, u32) {
    return Errno::ENOSYS;
}
Result<FileInfo> file_info(Handle) {
    return Errno::ENOSYS;
}
Result<FileInfo> file_info_at(Handle, std::string_view) {
    return Errno::ENOSYS;
}
Result<usize> read_at(Handle, const abi::iovec*, usize, u64) {
    return Errno::ENOSYS;
}
Result<usize> write_at(Handle, const abi::iovec*, usize, u64) {
    return Errno::ENOSYS;
}
Result<usize> append(Handle, const abi::iovec*, usize) {
    return Errno::ENOSYS;
}
Result<void> truncate(Handle, u64) {
    return Errno::ENOSYS;
}
Result<void> allocate(Handle, i32, u64, u64) {
    return Errno::ENOSYS;
}
Result<u64> seek_data(Handle, u64) {
    return Errno::ENOSYS;
}
Result<u64> seek_hole(Handle, u64) {
    return Errno::ENOSYS;
}
Result<usize> copy_range(Handle, u64, Handle, u64, usize) {
    return Errno::ENOSYS;
}
Result<void> sync(Handle, bool) {
    return Errno::ENOSYS;
}
Result<void> sync_file_system(Handle) {
    return Errno::ENOSYS;
}
void rewind_directory(Handle) {}
Result<void> read_directory(Handle, bool (*)(void* context, const DirectoryEntry& entry), void*) {
    return Errno::ENOSYS;
}
Result<void> make_directory_at(Handle, std::string_view, u32) {
    return Errno::ENOSYS;
}
Result<void> make_symlink_at(Handle, std::string_view, std::string_view) {
    return Errno::ENOSYS;
}
Result<usize> read_symlink_at(Handle, std::string_view, char*, usize) {
    return Errno::ENOSYS;
}
Result<void> link_at(Handle, std::string_view, Handle, std::string_view) {
    return Errno::ENOSYS;
}
Result<void> link_handle_at(Handle, Handle, std::string_view) {
    return Errno::ENOSYS;
}
Result<void> unlink_at(Handle, std::string_view) {
    return Errno::ENOSYS;
}
Result<void> remove_directory_at(Handle, std::string_view) {
    return Errno::ENOSYS;
}
Result<void> rename_at(Handle, std::string_view, Handle, std::string_view, u32) {
    return Errno::ENOSYS;
}
Result<void> set_permissions_at(Handle, std::string_view, u32) {
    return Errno::ENOSYS;
}
Result<void> set_permissions(Handle, u32) {
    return Errno::ENOSYS;
}
Result<void> set_times(Handle, const abi::timespec*, const abi::timespec*) {
    return Errno::ENOSYS;
}
Result<void> set_times_at(Handle, std::string_view, const abi::timespec*, const abi::timespec*) {
    return Errno::ENOSYS;
}
Result<usize> get_attribute(Handle, const char*, void*, usize) {
    return Errno::ENOSYS;
}
Result<void> set_attribute(Handle, const char*, const void*, usize, i32) {
    return Errno::ENOSYS;
}
Result<Handle> create_with_attribute(Handle, std::string_view, bool, const char*, const void*, usize) {
    return Errno::ENOSYS;
}
TreeTraits tree_traits() {
    return {true, false, false};
}
Result<usize> list_attributes(Handle, char*, usize) {
    return Errno::ENOSYS;
}
u64 attribute_store() {
    return 0;
}
bool is_in_attribute_store(u64) {
    return false;
}
Result<void> remove_attribute(Handle, const char*) {
    return Errno::ENOSYS;
}
Result<abi::statfs> file_system_info(Handle) {
    return Errno::ENOSYS;
}

u64 handle_limit() {
    return 0;
}

Result<Handle> open_drive(std::string_view) {
    return Errno::ENODEV;
}
u32 user_rights(const FileInfo&) {
    return 0;
}
Result<usize> get_attribute_at(Handle, std::string_view, const char*, void*, usize) {
    return Errno::ENODATA;
}
WatchedEvents watched_events() {
    return {0, 0};
}
Result<Handle> create_watcher() {
    return Errno::EOPNOTSUPP;
}
Result<i32> watch(Handle, Handle, u32) {
    return Errno::EOPNOTSUPP;
}
void unwatch(Handle, i32) {}
Result<void> read_watcher(Handle, void (*)(void*, const WatchEvent&), void*) {
    return Errno::EOPNOTSUPP;
}

} // namespace host
