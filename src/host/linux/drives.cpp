// Drives of the Linux host: C: is the root of its tree, others are folders that --drive=LETTER=FOLDER names. Watching is
// inotify(7).
#include "abi/poll.hpp"
#include "abi/syscall_numbers.hpp"
#include "base/format.hpp"
#include "host/linux/drives.hpp"
#include "host/linux/file_calls.hpp"
#include "host/linux/internal.hpp"

namespace host {

using namespace linux_host;

namespace linux_host {

namespace {

constexpr u32 kLetters = 26;
constexpr usize kMostGroups = 64;

// Set up by the instance host before the first clone, and constant afterwards, as State is.
struct Drives {
    char folders[4096] = {}; // one after the other, each with its NUL
    usize used = 0;
    const char* by_letter[kLetters] = {};
    u32 uid = 0, gid = 0, groups[kMostGroups] = {}, group_count = 0;
} g_drives;

u32 index_of(char letter) {
    const u32 index = static_cast<u32>((letter | 0x20) - 'a');
    return index < kLetters ? index : kLetters;
}

} // namespace

bool add_drive(char letter, std::string_view folder) {
    const u32 index = index_of(letter);
    if (index == kLetters || folder.empty() || folder[0] != '/' ||
        g_drives.used + folder.size() + 1 > sizeof(g_drives.folders))
        return false;
    char* at = g_drives.folders + g_drives.used;
    __builtin_memcpy(at, folder.data(), folder.size());
    g_drives.used += folder.size() + 1;
    g_drives.by_letter[index] = at;
    return true;
}

void prepare_drives() {
    if (!g_drives.by_letter[index_of('c')])
        (void)add_drive('c', "/");
    g_drives.uid = static_cast<u32>(host_call(abi::SYS_geteuid));
    g_drives.gid = static_cast<u32>(host_call(abi::SYS_getegid));
    const i64 count = host_call(abi::SYS_getgroups, kMostGroups, address_of(g_drives.groups));
    g_drives.group_count = count > 0 ? static_cast<u32>(count) : 0;
}

} // namespace linux_host

Result<Handle> open_drive(std::string_view place) {
    char path[4096];
    base::Writer writer(path, sizeof(path));
    if (place.size() >= 2 && place[1] == ':') {
        const u32 index = index_of(place[0]);
        if (index == kLetters || !g_drives.by_letter[index])
            return Errno::ENODEV;
        writer.put(std::string_view(g_drives.by_letter[index]));
        writer.put('/');
        for (char character : place.substr(2))
            writer.put(character == '\\' ? '/' : character);
    } else if (!place.empty() && place[0] == '/' && !place.starts_with("//")) {
        writer.put(place);
    } else {
        return Errno::ENODEV; // shares have no names of their own on this host: they are mounted somewhere
    }
    writer.put('\0');
    if (writer.is_truncated())
        return Errno::ENAMETOOLONG;
    const u64 opened = TRY(checked_call(abi::SYS_openat, number(abi::AT_FDCWD), address(path),
                                        abi::O_RDONLY | abi::O_DIRECTORY | abi::O_CLOEXEC, 0));
    return static_cast<Handle>(opened);
}

u32 user_rights(const FileInfo& info) {
    if (g_drives.uid == 0) {
        const bool runs = info.type == FileType::Directory || (info.permissions & 0111);
        return abi::R_OK | abi::W_OK | (runs ? u32{abi::X_OK} : 0);
    }
    if (info.uid == g_drives.uid)
        return (info.permissions >> 6) & 7;
    bool is_in_group = info.gid == g_drives.gid;
    for (u32 i = 0; i < g_drives.group_count; ++i)
        is_in_group = is_in_group || info.gid == g_drives.groups[i];
    return (is_in_group ? info.permissions >> 3 : info.permissions) & 7;
}

Result<usize> get_attribute_at(Handle directory, std::string_view name, const char* attribute, void* value,
                               usize capacity) {
    base::FixedWriter<300> path;
    base::print(path, "/proc/self/fd/{}/{}", directory, name);
    path.put('\0');
    if (path.is_truncated())
        return Errno::ENAMETOOLONG;
    Result<u64> got = checked_call(abi::SYS_lgetxattr, address(path.data()), address(attribute), address(value), capacity);
    if (got.is_error() && (got.error() == Errno::EACCES || got.error() == Errno::EOPNOTSUPP))
        return Errno::ENODATA;
    return got;
}

// ---- watching

Result<Handle> create_watcher() {
    const u64 made = TRY(checked_call(abi::SYS_inotify_init1, abi::O_CLOEXEC));
    return static_cast<Handle>(made);
}

WatchedEvents watched_events() { return {abi::IN_ALL_EVENTS, abi::IN_ALL_EVENTS}; }

Result<i32> watch(Handle watcher, Handle file, u32 events) {
    base::FixedWriter<32> path;
    base::print(path, "/proc/self/fd/{}", file);
    path.put('\0');
    const u64 added = TRY(checked_call(abi::SYS_inotify_add_watch, number(watcher), address(path.data()), events));
    return static_cast<i32>(added);
}

void unwatch(Handle watcher, i32 number_of_watch) {
    (void)host_call(abi::SYS_inotify_rm_watch, number(watcher), number(number_of_watch));
}

Result<void> read_watcher(Handle watcher, void (*visit)(void* context, const WatchEvent& event), void* context) {
    alignas(8) char buffer[4096];
    const usize length = TRY(checked_call(abi::SYS_read, number(watcher), address(buffer), sizeof(buffer)));
    for (usize at = 0; at < length;) {
        const auto* head = reinterpret_cast<const abi::inotify_event*>(buffer + at);
        const char* name = buffer + at + sizeof(*head);
        visit(context, {head->wd, head->mask, head->cookie, head->len ? std::string_view(name) : std::string_view()});
        at += sizeof(*head) + head->len;
    }
    return {};
}

} // namespace host
