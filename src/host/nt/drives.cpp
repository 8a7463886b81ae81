// The host's own folders: not there yet on this host. What is in them has names and attributes of Windows, not of VolFs,
// which files.cpp and attributes.cpp serve; see docs/nt-host.md.
#include "abi/fcntl.hpp"
#include "host/nt/files.hpp"

namespace host {

Result<Handle> open_drive(std::string_view) {
    return Errno::ENODEV;
}

u32 user_rights(const FileInfo& info) {
    return abi::R_OK | abi::X_OK | (info.permissions & 0222 ? abi::W_OK : 0);
}

Result<usize> get_attribute_at(Handle directory, std::string_view name, const char* attribute, void* value,
                               usize capacity) {
    const Handle file = TRY(open_at(directory, name, kOpenRead, 0));
    const auto length = get_attribute(file, attribute, value, capacity);
    close(file);
    return length;
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
