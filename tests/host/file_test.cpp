// Files, directories, names and attributes, in a fresh directory of the root folder.
#include "abi/fcntl.hpp"
#include "abi/poll.hpp"
#include "abi/xattr.hpp"
#include "host_test.hpp"

namespace host_test {

namespace {

constexpr u32 kReadWrite = host::kOpenRead | host::kOpenWrite;
constexpr u32 kNew = kReadWrite | host::kOpenCreate | host::kOpenExclusive;

abi::iovec vector(const void* data, usize length) {
    return {reinterpret_cast<u64>(data), length};
}

usize write_text(host::Handle file, std::string_view text, u64 offset) {
    const abi::iovec one = vector(text.data(), text.size());
    const auto written = host::write_at(file, &one, 1, offset);
    return written.is_ok() ? written.value() : 0;
}

bool reads_as(host::Handle file, std::string_view text, u64 offset) {
    char buffer[128] = {};
    const abi::iovec one = vector(buffer, sizeof(buffer));
    const auto got = host::read_at(file, &one, 1, offset);
    return got.is_ok() && std::string_view(buffer, got.value()) == text;
}

// A directory of its own for each test.
struct Folder {
    explicit Folder(const char* test) : name(test) {
        CHECK_OK(host::make_directory_at(host::root_folder(), name, 0755));
        const auto opened =
            host::open_at(host::root_folder(), name, host::kOpenRead | host::kOpenDirectory, 0);
        CHECK_OK(opened);
        handle = opened.is_ok() ? opened.value() : host::kNoHandle;
    }
    ~Folder() { host::close(handle); }
    host::Handle file(std::string_view file_name, u32 mode = kNew) const {
        const auto opened = host::open_at(handle, file_name, mode, 0640);
        CHECK_OK(opened);
        return opened.is_ok() ? opened.value() : host::kNoHandle;
    }
    std::string_view name;
    host::Handle handle;
};

// Hosts without symbolic links say so: VolFs keeps the target as a file's data.
bool has_symlinks(const base::Result<void>& made) {
    CHECK(made.is_ok() || made.error() == Errno::EOPNOTSUPP);
    return made.is_ok();
}

void open_modes() {
    const Folder folder("open_modes");
    CHECK_ERROR(host::open_at(folder.handle, "a", host::kOpenRead, 0), ENOENT);
    const host::Handle file = folder.file("a");
    CHECK_ERROR(host::open_at(folder.handle, "a", kNew, 0600), EEXIST);
    const auto info = host::file_info(file);
    CHECK(info.value().type == host::FileType::Regular);
    CHECK(info.value().permissions == 0640);
    CHECK(info.value().links == 1 && info.value().size == 0);
    CHECK(write_text(file, "hello", 0) == 5);
    host::close(folder.file("a", kReadWrite | host::kOpenTruncate));
    CHECK(host::file_info(file).value().size == 0);
    CHECK_ERROR(host::open_at(folder.handle, "a", host::kOpenRead | host::kOpenDirectory, 0), ENOTDIR);
    if (has_symlinks(host::make_symlink_at(folder.handle, "link", "a")))
        CHECK_ERROR(host::open_at(folder.handle, "link", host::kOpenRead, 0), ELOOP);
    char long_name[300];
    __builtin_memset(long_name, 'x', sizeof(long_name));
    CHECK_ERROR(host::open_at(folder.handle, {long_name, 256}, host::kOpenRead, 0), ENAMETOOLONG);
    const auto reader = host::reopen(file, host::kOpenRead);
    CHECK_OK(reader);
    CHECK(write_text(reader.value(), "x", 0) == 0);
    host::close(reader.value());
    host::close(file);
}

void reading_and_writing() {
    const Folder folder("reading_and_writing");
    const host::Handle file = folder.file("a");
    CHECK(write_text(file, "hello", 0) == 5);
    CHECK(write_text(file, "J", 0) == 1);
    CHECK(write_text(file, "end", 8) == 3);
    CHECK(reads_as(file, std::string_view("Jello\0\0\0end", 11), 0));
    CHECK(reads_as(file, "", 11));
    const abi::iovec parts[] = {vector("12", 2), vector("", 0), vector("345", 3)};
    CHECK(host::append(file, parts, 3).value() == 5);
    CHECK(reads_as(file, "12345", 11));
    CHECK(host::write_at(file, parts, 3, 0).value() == 5);
    CHECK(reads_as(file, std::string_view("12345\0\0\0end12345", 16), 0));
    // A buffer that cannot be accessed.
    const abi::iovec bad = {kGuest, 4};
    CHECK_ERROR(host::read_at(file, &bad, 1, 0), EFAULT);
    CHECK_ERROR(host::write_at(file, &bad, 1, 0), EFAULT);
    CHECK_ERROR(host::read_at(folder.handle, parts, 1, 0), EISDIR);
    CHECK_OK(host::truncate(file, 3));
    CHECK(reads_as(file, "123", 0));
    CHECK_OK(host::truncate(file, 5));
    CHECK(reads_as(file, std::string_view("123\0\0", 5), 0));
    const host::Handle copy = folder.file("b");
    const auto copied = host::copy_range(file, 1, copy, 0, 100);
    if (copied.is_ok())
        CHECK(copied.value() == 4 && reads_as(copy, std::string_view("23\0\0", 4), 0));
    CHECK_OK(host::sync(file, false));
    CHECK_OK(host::sync(file, true));
    host::close(copy);
    host::close(file);
}

void space() {
    const Folder folder("space");
    const host::Handle file = folder.file("a");
    const auto allocated = host::allocate(file, 0, 0, 64 * 1024);
    CHECK(allocated.is_ok() || allocated.error() == Errno::EOPNOTSUPP);
    CHECK_OK(host::truncate(file, 0));
    CHECK_OK(host::truncate(file, 1024 * 1024));
    CHECK(write_text(file, "data", 512 * 1024) == 4);
    // A host without holes takes everything for data.
    const auto data = host::seek_data(file, 0);
    CHECK(data.is_ok() && data.value() <= 512 * 1024);
    const auto hole = host::seek_hole(file, 512 * 1024);
    CHECK(hole.is_ok() && hole.value() > 512 * 1024 && hole.value() <= 1024 * 1024);
    CHECK_ERROR(host::seek_data(file, 2 * 1024 * 1024), ENXIO);
    CHECK_OK(host::file_system_info(file));
    host::close(file);
}

void names() {
    const Folder folder("names");
    const host::Handle file = folder.file("a");
    CHECK_OK(host::link_at(folder.handle, "a", folder.handle, "b"));
    CHECK(host::file_info(file).value().links == 2);
    CHECK(host::file_info_at(folder.handle, "b").value().inode == host::file_info(file).value().inode);
    CHECK_ERROR(host::link_at(folder.handle, "a", folder.handle, "b"), EEXIST);
    CHECK_OK(host::unlink_at(folder.handle, "a"));
    CHECK_ERROR(host::unlink_at(folder.handle, "a"), ENOENT);
    CHECK_OK(host::rename_at(folder.handle, "b", folder.handle, "c", 0));
    host::close(folder.file("d"));
    CHECK_ERROR(host::rename_at(folder.handle, "c", folder.handle, "d", abi::RENAME_NOREPLACE), EEXIST);
    const u64 c = host::file_info_at(folder.handle, "c").value().inode;
    const u64 d = host::file_info_at(folder.handle, "d").value().inode;
    CHECK_OK(host::rename_at(folder.handle, "c", folder.handle, "d", abi::RENAME_EXCHANGE));
    CHECK(host::file_info_at(folder.handle, "d").value().inode == c);
    CHECK(host::file_info_at(folder.handle, "c").value().inode == d);
    CHECK_OK(host::rename_at(folder.handle, "d", folder.handle, "c", 0));
    CHECK_ERROR(host::file_info_at(folder.handle, "d"), ENOENT);
    CHECK_OK(host::unlink_at(folder.handle, "c"));
    // Open files outlive their names.
    CHECK(host::file_info(file).value().links == 0);
    CHECK(write_text(file, "still here", 0) == 10);
    CHECK(reads_as(file, "still here", 0));
    host::close(file);
    CHECK_ERROR(host::unlink_at(folder.handle, ".."), EISDIR);
}

// Names that differ by case alone, reserved characters of other hosts, bytes that are no text, and 255 of them.
void odd_names() {
    const Folder folder("odd_names");
    char all[255];
    for (usize i = 0; i < sizeof(all); ++i)
        all[i] = 'a';
    const std::string_view odd[] = {"Makefile",   "makefile",  "MAKEFILE",  "a:b",        "a*?<>|\"\\",   "dot.",
                                    "space ",     "con",       "nul.txt",   "pro~1",      "\x01\x1f\x7f", "\xff\xfe\x80",
                                    "\xc3\xa9",   "\xc3\x89",  "\xef\x80\xaa", "\xf0\x9f\x98\x80", "\xed\xa0\x80", "...",
                                    "lxss~host",  "LXSS~host", {all, 255}};
    for (std::string_view name : odd) {
        const host::Handle file = folder.file(name);
        CHECK(write_text(file, name.substr(0, 20), 0) == base::min<usize>(name.size(), 20));
        host::close(file);
    }
    struct Seen {
        const std::string_view* odd;
        u32 count;
        u32 mask = 0;
    } seen{odd, base::array_size(odd)};
    CHECK_OK(host::read_directory(
        folder.handle,
        [](void* context, const host::DirectoryEntry& entry) {
            auto& state = *static_cast<Seen*>(context);
            for (u32 i = 0; i < state.count; ++i)
                if (state.odd[i] == entry.name)
                    state.mask ^= 1u << i;
            return true;
        },
        &seen));
    CHECK(seen.mask == (1u << base::array_size(odd)) - 1);
    for (std::string_view name : odd) {
        const host::Handle file = folder.file(name, host::kOpenRead);
        CHECK(reads_as(file, name.substr(0, 20), 0));
        host::close(file);
        CHECK_OK(host::unlink_at(folder.handle, name));
    }
    CHECK_OK(host::remove_directory_at(host::root_folder(), "odd_names"));
}

// What is open is removed and replaced like anything else.
void open_files() {
    const Folder folder("open_files");
    const host::Handle old = folder.file("a");
    CHECK(write_text(old, "old", 0) == 3);
    const host::Handle fresh = folder.file("b");
    CHECK(write_text(fresh, "new", 0) == 3);
    CHECK_OK(host::rename_at(folder.handle, "b", folder.handle, "a", 0));
    CHECK(reads_as(old, "old", 0));
    CHECK(host::file_info(old).value().links == 0);
    const host::Handle found = folder.file("a", host::kOpenRead);
    CHECK(reads_as(found, "new", 0));
    const auto again = host::reopen(old, kReadWrite); // without a name
    CHECK_OK(again);
    CHECK(write_text(again.value(), "!", 3) == 1);
    host::close(old);
    CHECK(reads_as(again.value(), "old!", 0));
    host::close(again.value());
    // Removed and made anew under the same name while it is open.
    CHECK_OK(host::unlink_at(folder.handle, "a"));
    CHECK_ERROR(host::open_at(folder.handle, "a", host::kOpenRead, 0), ENOENT);
    host::close(folder.file("a"));
    CHECK(reads_as(found, "new", 0));
    host::close(found);
    host::close(fresh);
    CHECK_OK(host::unlink_at(folder.handle, "a"));
    // A directory that is open goes, too, and its name is free.
    CHECK_OK(host::make_directory_at(folder.handle, "sub", 0755));
    const auto sub = host::open_at(folder.handle, "sub", host::kOpenRead | host::kOpenDirectory, 0);
    CHECK_OK(sub);
    CHECK_OK(host::make_directory_at(folder.handle, "other", 0755));
    CHECK_OK(host::rename_at(folder.handle, "other", folder.handle, "sub", 0));
    CHECK_OK(host::remove_directory_at(folder.handle, "sub"));
    host::close(sub.value());
    CHECK_OK(host::remove_directory_at(host::root_folder(), "open_files"));
}

void anonymous_files() {
    const Folder folder("anonymous_files");
    const auto opened = host::open_at(folder.handle, "", kReadWrite | host::kOpenAnonymous, 0600);
    if (opened.is_error()) {
        CHECK(opened.error() == Errno::EOPNOTSUPP);
        return;
    }
    CHECK(write_text(opened.value(), "named later", 0) == 11);
    CHECK_OK(host::link_handle_at(opened.value(), folder.handle, "name"));
    host::close(opened.value());
    const host::Handle file = folder.file("name", host::kOpenRead);
    CHECK(reads_as(file, "named later", 0));
    host::close(file);
}

void symlinks() {
    const Folder folder("symlinks");
    host::close(folder.file("file"));
    char buffer[64];
    CHECK_ERROR(host::read_symlink_at(folder.handle, "file", buffer, 3), EINVAL);
    if (!has_symlinks(host::make_symlink_at(folder.handle, "link", "/no/such/../target")))
        return;
    CHECK_ERROR(host::make_symlink_at(folder.handle, "link", "x"), EEXIST);
    const auto length = host::read_symlink_at(folder.handle, "link", buffer, sizeof(buffer));
    CHECK(length.is_ok() && std::string_view(buffer, length.value()) == "/no/such/../target");
    CHECK(host::read_symlink_at(folder.handle, "link", buffer, 3).value() == 3);
    const auto info = host::file_info_at(folder.handle, "link");
    CHECK(info.value().type == host::FileType::Symlink && info.value().size == 18);
}

struct Listing {
    u32 seen = 0, stop_after = ~0u;
    bool dots = false;
    u64 mask = 0;
};
bool take(void* context, const host::DirectoryEntry& entry) {
    auto& listing = *static_cast<Listing*>(context);
    if (listing.stop_after == 0)
        return false;
    --listing.stop_after;
    if (entry.name == "." || entry.name == "..") {
        listing.dots = true;
        return true;
    }
    ++listing.seen;
    u32 number = 0;
    for (char digit : entry.name.substr(1))
        number = number * 10 + static_cast<u32>(digit - '0');
    listing.mask ^= u64{1} << number % 64;
    return true;
}

void directories() {
    const Folder folder("directories");
    for (u32 i = 0; i < 256; ++i) {
        base::FixedWriter<8> name;
        base::print(name, "n{}", i);
        host::close(folder.file(name.view()));
    }
    Listing all;
    CHECK_OK(host::read_directory(folder.handle, take, &all));
    CHECK(all.seen == 256 && all.dots && all.mask == 0);
    CHECK_OK(host::read_directory(folder.handle, take, &all)); // at the end
    CHECK(all.seen == 256);
    host::rewind_directory(folder.handle);
    // In pieces: an entry that was refused comes again.
    Listing pieces;
    for (u32 i = 0; i < 300 && pieces.seen < 256; ++i) {
        pieces.stop_after = 5;
        CHECK_OK(host::read_directory(folder.handle, take, &pieces));
    }
    CHECK(pieces.seen == 256 && pieces.mask == 0);
    CHECK_OK(host::make_directory_at(folder.handle, "sub", 0700));
    CHECK_ERROR(host::make_directory_at(folder.handle, "sub", 0700), EEXIST);
    CHECK(host::file_info_at(folder.handle, "sub").value().type == host::FileType::Directory);
    CHECK_ERROR(host::unlink_at(folder.handle, "sub"), EISDIR);
    CHECK_ERROR(host::remove_directory_at(host::root_folder(), "directories"), ENOTEMPTY);
    CHECK_ERROR(host::remove_directory_at(folder.handle, "n1"), ENOTDIR);
    CHECK_OK(host::remove_directory_at(folder.handle, "sub"));
}

void times_and_permissions() {
    const Folder folder("times_and_permissions");
    const host::Handle file = folder.file("a");
    CHECK_OK(host::set_permissions(file, 04755));
    CHECK(host::file_info(file).value().permissions == 04755);
    const abi::timespec accessed{1'000'000'000, 500'000'000}, modified{-5, 0};
    CHECK_OK(host::set_times(file, &accessed, &modified));
    host::FileInfo info = host::file_info(file).value();
    CHECK(info.accessed.tv_sec == 1'000'000'000 && info.accessed.tv_nsec == 500'000'000);
    CHECK(info.modified.tv_sec == -5);
    const abi::timespec now{0, abi::UTIME_NOW};
    CHECK_OK(host::set_times(file, nullptr, &now));
    info = host::file_info(file).value();
    CHECK(info.accessed.tv_sec == 1'000'000'000);
    CHECK(info.modified.tv_sec > 1'600'000'000);
    if (has_symlinks(host::make_symlink_at(folder.handle, "link", "a"))) {
        CHECK_OK(host::set_times_at(folder.handle, "link", &accessed, nullptr));
        CHECK(host::file_info_at(folder.handle, "link").value().accessed.tv_sec == 1'000'000'000);
    }
    host::close(file);
}

void attributes() {
    const Folder folder("attributes");
    const host::Handle file = folder.file("a");
    const auto set = host::set_attribute(file, "user.test", "value", 5, 0);
    if (set.is_error()) { // hosts without them: volfs keeps its metadata elsewhere
        CHECK(set.error() == Errno::EOPNOTSUPP);
        host::close(file);
        return;
    }
    char buffer[64];
    CHECK(host::get_attribute(file, "user.test", buffer, sizeof(buffer)).value() == 5);
    CHECK(std::string_view(buffer, 5) == "value");
    CHECK(host::get_attribute(file, "user.test", nullptr, 0).value() == 5);
    CHECK_ERROR(host::get_attribute(file, "user.test", buffer, 3), ERANGE);
    CHECK_ERROR(host::get_attribute(file, "user.none", buffer, 3), ENODATA);
    CHECK_ERROR(host::set_attribute(file, "user.test", "x", 1, abi::XATTR_CREATE), EEXIST);
    CHECK_ERROR(host::set_attribute(file, "user.none", "x", 1, abi::XATTR_REPLACE), ENODATA);
    const auto listed = host::list_attributes(file, buffer, sizeof(buffer));
    CHECK(listed.is_ok() &&
          std::string_view(buffer, listed.value()).find("user.test") != std::string_view::npos);
    CHECK_OK(host::remove_attribute(file, "user.test"));
    CHECK_ERROR(host::remove_attribute(file, "user.test"), ENODATA);
    host::close(file);
}

// Drives: the folder by the name that the host's user has for it.
void drives() {
    const Folder folder("drives");
    const host::Handle file = folder.file("a");
    CHECK_ERROR(host::open_drive("5:"), ENODEV);
    CHECK_ERROR(host::open_drive(""), ENODEV);
    CHECK_ERROR(host::open_drive("relative"), ENODEV);
    const auto drive = host::open_drive("C:");
    if (drive.is_ok()) { // a host may be without
        CHECK(host::file_info(drive.value()).value().type == host::FileType::Directory);
        CHECK_ERROR(host::open_drive("C:\\no such folder\\at all"), ENOENT);
        host::close(drive.value());
    }
    const host::FileInfo info = host::file_info(file).value();
    CHECK((host::user_rights(info) & (abi::R_OK | abi::W_OK)) == (abi::R_OK | abi::W_OK));
    CHECK((host::user_rights(host::file_info(folder.handle).value()) & abi::X_OK) != 0);
    if (host::set_attribute(file, "user.test", "value", 5, 0).is_ok()) {
        char buffer[16];
        CHECK(host::get_attribute_at(folder.handle, "a", "user.test", buffer, sizeof(buffer)).value() == 5);
        CHECK(std::string_view(buffer, 5) == "value");
        CHECK_ERROR(host::get_attribute_at(folder.handle, "a", "user.test", buffer, 3), ERANGE);
    }
    char small[4];
    CHECK_ERROR(host::get_attribute_at(folder.handle, "a", "user.none", small, sizeof(small)), ENODATA);
    CHECK_ERROR(host::get_attribute_at(folder.handle, "b", "user.none", small, sizeof(small)), ENOENT);
    host::close(file);
}

struct Seen {
    u32 events = 0;
    i32 number = 0;
    bool has_name = false;
};

void watching() {
    const Folder folder("watching");
    const auto watcher = host::create_watcher();
    if (watcher.is_error()) {
        CHECK(watcher.error() == Errno::EOPNOTSUPP);
        return;
    }
    const auto number = host::watch(watcher.value(), folder.handle, abi::IN_CREATE | abi::IN_DELETE);
    CHECK_OK(number);
    const auto again = host::watch(watcher.value(), folder.handle, abi::IN_CREATE | abi::IN_DELETE);
    CHECK(again.is_ok() && again.value() == number.value());
    host::close(folder.file("new"));
    CHECK_OK(host::unlink_at(folder.handle, "new"));
    Seen seen;
    while (!(seen.events & abi::IN_DELETE))
        if (host::read_watcher(
                    watcher.value(),
                    [](void* context, const host::WatchEvent& event) {
                        auto& into = *static_cast<Seen*>(context);
                        into.events |= event.events;
                        into.number = event.number;
                        into.has_name = event.name == "new";
                    },
                    &seen)
                .is_error())
            break;
    CHECK((seen.events & abi::IN_CREATE) != 0 && (seen.events & abi::IN_DELETE) != 0);
    CHECK(seen.number == number.value() && seen.has_name);
    host::unwatch(watcher.value(), number.value());
    host::close(watcher.value());
}

} // namespace

extern const Test kFileTests[] = {{"files.open_modes", open_modes},
                                  {"files.reading_and_writing", reading_and_writing},
                                  {"files.space", space},
                                  {"files.names", names},
                                  {"files.odd_names", odd_names},
                                  {"files.open_files", open_files},
                                  {"files.anonymous_files", anonymous_files},
                                  {"files.symlinks", symlinks},
                                  {"files.directories", directories},
                                  {"files.times_and_permissions", times_and_permissions},
                                  {"files.attributes", attributes},
                                  {"files.drives", drives},
                                  {"files.watching", watching},
                                  {}};

} // namespace host_test
