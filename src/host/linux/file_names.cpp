// Names on the Linux host: create, link, rename and remove. See openat(2) and its relatives.
#include "base/format.hpp"
#include "host/linux/file_calls.hpp"

namespace host {

using namespace linux_host;

namespace {

// One call with a directory and a name in it.
Result<u64> name_call(u64 call, Handle directory, std::string_view name, u64 c = 0, u64 d = 0) {
    HostName host_name(name);
    if (!host_name.is_valid())
        return Errno::ENAMETOOLONG;
    return checked_call(call, number(directory), host_name.address(), c, d);
}

} // namespace

Result<void> make_directory_at(Handle directory, std::string_view name, u32 permissions) {
    TRY(name_call(abi::SYS_mkdirat, directory, name, permissions));
    return {};
}

Result<void> make_symlink_at(Handle directory, std::string_view name, std::string_view target) {
    HostName host_name(name);
    if (!host_name.is_valid())
        return Errno::ENAMETOOLONG;
    // Targets are up to 4,095 bytes and come from kernel text that a NUL follows more often than not; this copy is
    // the price of a string_view.
    char text[4096];
    if (target.size() >= sizeof(text))
        return Errno::ENAMETOOLONG;
    __builtin_memcpy(text, target.data(), target.size());
    text[target.size()] = 0;
    TRY(checked_call(abi::SYS_symlinkat, address(text), number(directory), host_name.address()));
    return {};
}

Result<usize> read_symlink_at(Handle directory, std::string_view name, char* buffer, usize capacity) {
    return name_call(abi::SYS_readlinkat, directory, name, address(buffer), capacity);
}

Result<void> link_at(Handle from_directory, std::string_view from, Handle to_directory, std::string_view to) {
    HostName from_name(from);
    HostName to_name(to);
    if (!from_name.is_valid() || !to_name.is_valid())
        return Errno::ENAMETOOLONG;
    TRY(checked_call(abi::SYS_linkat, number(from_directory), from_name.address(), number(to_directory),
                     to_name.address(), 0));
    return {};
}

Result<void> link_handle_at(Handle file, Handle to_directory, std::string_view to) {
    HostName to_name(to);
    if (!to_name.is_valid())
        return Errno::ENAMETOOLONG;
    // AT_EMPTY_PATH needs a capability on most kernels; the way through /proc does not.
    base::FixedWriter<32> path;
    base::print(path, "/proc/self/fd/{}", file);
    path.put('\0');
    TRY(checked_call(abi::SYS_linkat, number(abi::AT_FDCWD), address(path.data()), number(to_directory),
                     to_name.address(), abi::AT_SYMLINK_FOLLOW));
    return {};
}

Result<void> unlink_at(Handle directory, std::string_view name) {
    TRY(name_call(abi::SYS_unlinkat, directory, name, 0));
    return {};
}

Result<void> remove_directory_at(Handle directory, std::string_view name) {
    TRY(name_call(abi::SYS_unlinkat, directory, name, abi::AT_REMOVEDIR));
    return {};
}

Result<void> rename_at(Handle from_directory, std::string_view from, Handle to_directory, std::string_view to,
                       u32 flags) {
    HostName from_name(from);
    HostName to_name(to);
    if (!from_name.is_valid() || !to_name.is_valid())
        return Errno::ENAMETOOLONG;
    TRY(checked_call(abi::SYS_renameat2, number(from_directory), from_name.address(), number(to_directory),
                     to_name.address(), flags));
    return {};
}

} // namespace host
