#include "lxcore/volfs/storage.hpp"

#include "base/format.hpp"
#include "lxcore/boot.hpp"
#include "lxcore/memory/arena.hpp"
#include "lxcore/volfs/format.hpp"

namespace lxcore {

using base::Errno;
using base::Result;

namespace {

constexpr std::string_view kFirstLine = "lxss VolFs tree, version 1";
constexpr usize kMaxRecord = 1024;
constexpr std::string_view kNewRecordName = ".lxss-storage.new";

Result<void> write_text(host::Handle file, std::string_view text) {
    const abi::iovec vector{reinterpret_cast<u64>(text.data()), text.size()};
    if (TRY(host::write_at(file, &vector, 1, 0)) != text.size())
        return Errno::ENOSPC;
    return host::sync(file, false);
}

// File systems that number their files anew each time they are mounted: FAT, exFAT, and what FUSE shows, for all that is known.
constexpr bool has_lasting_numbers(i64 file_system) {
    return file_system != 0x4d44 && file_system != 0x2011bab0 && file_system != 0x65735546;
}

constexpr bool is_full(Errno error) {
    return error == Errno::ENOSPC || error == Errno::EDQUOT;
}

// A folder for trials, made and removed by one scope.
class Trial {
public:
    explicit Trial(host::Handle root) : m_root(root) {}
    LXSS_NO_COPY(Trial);
    ~Trial() {
        if (m_folder != host::kNoHandle) {
            for (std::string_view name : {kLower, kWindowsName})
                (void)host::unlink_at(m_folder, name);
            host::close(m_folder);
        }
        (void)host::remove_directory_at(m_root, kName);
    }
    Result<HostAbilities> run() {
        HostAbilities found{};
        Result<void> made = host::make_directory_at(m_root, kName, 0700);
        if (made.is_error() && made.error() != Errno::EEXIST)
            return made.error();
        m_folder = TRY(host::open_at(m_root, kName, host::kOpenRead | host::kOpenDirectory, 0));
        const host::Handle file = TRY(
            host::open_at(m_folder, kLower, host::kOpenRead | host::kOpenWrite | host::kOpenCreate, 0600));
        Result<void> set = host::set_attribute(file, kLxattrbName, "1", 1, 0);
        host::close(file);
        if (is_full(set.error()))
            return set.error();
        found.has_attributes = set.is_ok();
        found.has_lasting_numbers = has_lasting_numbers(static_cast<i64>(TRY(host::file_system_info(m_folder)).f_type));
        found.ignores_case = host::file_info_at(m_folder, kUpper).is_ok();
        // Says "invalid" or "no such file" where the name is none, never another file's.
        Result<host::Handle> odd = host::open_at(
            m_folder, kWindowsName, host::kOpenRead | host::kOpenWrite | host::kOpenCreate, 0600);
        if (is_full(odd.error()))
            return odd.error();
        found.has_windows_names = odd.is_error();
        if (odd.is_ok())
            host::close(odd.value());
        return found;
    }

private:
    static constexpr std::string_view kName = ".lxss-trial";
    static constexpr std::string_view kLower = "case", kUpper = "CASE", kWindowsName = "\"*?";
    host::Handle m_root;
    host::Handle m_folder = host::kNoHandle;
};

Result<bool> is_empty(host::Handle root) {
    const host::Handle own = TRY(host::open_at(root, {}, host::kOpenRead | host::kOpenDirectory, 0));
    bool found = false;
    Result<void> read = host::read_directory(
        own,
        [](void* context, const host::DirectoryEntry& entry) {
            const bool counts = entry.name != "." && entry.name != ".." && !is_reserved_name(entry.name);
            *static_cast<bool*>(context) = counts;
            return !counts;
        },
        &found);
    host::close(own);
    if (read.is_error())
        return read.error();
    return !found;
}

// WSL gives the root an LXATTRB. Nothing else does: here it belongs to 0:0.
bool is_laid_out_by_wsl(host::Handle root) {
    abi::lxattrb stored{};
    Result<usize> got = host::get_attribute(root, kLxattrbName, &stored, sizeof(stored));
    return got.is_ok() && got.value() == sizeof(stored) && stored.flags == 0 &&
           stored.version == abi::LXATTRB_VERSION;
}

// One line of the record.
bool take_setting(std::string_view line, VolfsStorage& storage) {
    if (line == "metadata attributes")
        storage.metadata = VolfsStorage::Metadata::Attributes;
    else if (line == "metadata side-store")
        storage.metadata = VolfsStorage::Metadata::SideStore;
    else if (line == "names raw")
        storage.names = NameRule::Raw;
    else if (line == "names windows")
        storage.names = NameRule::Windows;
    else if (line == "specials marked")
        storage.are_specials_marked = true;
    else if (line == "specials unmarked")
        storage.are_specials_marked = false;
    else
        return line == "case sensitive" || line.empty();
    return true;
}

Result<usize> read_record(host::Handle root, char* out, usize capacity) {
    const host::Handle file = TRY(host::open_at(root, kStorageRecordName, host::kOpenRead, 0));
    const abi::iovec vector{reinterpret_cast<u64>(out), capacity};
    Result<usize> length = host::read_at(file, &vector, 1, 0);
    host::close(file);
    return length;
}

// Why a tree of that kind cannot be on this host, or empty.
std::string_view objection(const VolfsStorage& storage, const HostAbilities& host) {
    if (storage.metadata == VolfsStorage::Metadata::Attributes && !host.has_attributes)
        return "its Linux owners and modes are kept in extended attributes (user.*), which the folder's file system "
               "cannot hold; export the instance where it was and import it here";
    if (storage.metadata == VolfsStorage::Metadata::SideStore && !host.has_lasting_numbers)
        return "the folder's file system can hold no extended attributes (user.*) and gives files other numbers each time it is "
               "mounted, so that there is no place for Linux owners and modes";
    if (host.ignores_case)
        return "the folder's file system does not tell upper from lower case in names, as Linux programs "
               "need it to";
    if (storage.names == NameRule::Raw && host.has_windows_names)
        return "the tree's names are kept as they are, and the folder's file system has no names like a:b; "
               "export the "
               "instance where it was and import it here";
    return {};
}

} // namespace

bool is_kept_by_nt_host(host::Handle root) {
    return host::file_info_at(root, kNtFolderName).is_ok();
}

bool parse_storage(std::string_view text, VolfsStorage& storage, std::string_view& bad_line) {
    for (bool is_first = true; !text.empty(); is_first = false) {
        const usize end = text.find('\n');
        const std::string_view line = text.substr(0, end);
        text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
        if (is_first ? line != kFirstLine : !take_setting(line, storage)) {
            bad_line = line;
            return false;
        }
        if (is_first && text.empty())
            break;
    }
    return true;
}

Result<HostAbilities> probe_host(host::Handle root) {
    return Trial(root).run();
}

Result<void> record_storage(host::Handle root, const VolfsStorage& storage) {
    base::FixedWriter<256> text;
    base::print(text, "{}\nmetadata {}\nnames {}\ncase sensitive\nspecials {}\n", kFirstLine,
                storage.metadata == VolfsStorage::Metadata::SideStore ? "side-store" : "attributes",
                storage.names == NameRule::Windows ? "windows" : "raw",
                storage.are_specials_marked ? "marked" : "unmarked");
    const host::Handle file = TRY(
        host::open_at(root, kNewRecordName,
                      host::kOpenRead | host::kOpenWrite | host::kOpenCreate | host::kOpenTruncate, 0644));
    Result<void> written = write_text(file, text.view());
    host::close(file);
    if (written.is_ok())
        written = host::rename_at(root, kNewRecordName, root, kStorageRecordName, 0);
    if (written.is_error())
        (void)host::unlink_at(root, kNewRecordName);
    return written;
}

Result<VolfsStorage> read_storage(host::Handle root) {
    char text[kMaxRecord / 2];
    const usize length = TRY(read_record(root, text, sizeof(text)));
    VolfsStorage storage;
    std::string_view bad_line;
    if (length == 0 || length == sizeof(text) || !parse_storage({text, length}, storage, bad_line)) {
        base::FixedWriter<200> line;
        base::print(line,
                    "{} in the instance's rootfs is not understood at '{}'; 'lxss --check NAME --repair' "
                    "writes it anew",
                    kStorageRecordName, bad_line.substr(0, 40));
        log_line(line.view());
        return Errno::EINVAL;
    }
    return storage;
}

Result<VolfsStorage> guess_storage(host::Handle root, const HostAbilities& host) {
    VolfsStorage storage;
    storage.metadata = host.has_attributes ? VolfsStorage::Metadata::Attributes : VolfsStorage::Metadata::SideStore;
    storage.are_specials_marked = TRY(is_empty(root));
    const bool is_foreign = !storage.are_specials_marked && is_laid_out_by_wsl(root);
    storage.names = host.has_windows_names || (is_foreign && !host::tree_traits().spells_names) ? NameRule::Windows : NameRule::Raw;
    return storage;
}

Result<void> remove_entries(host::Handle folder) {
    // Many names, and then the files: removing while reading would confuse some hosts, and some begin anew with each reading.
    PageBuffer buffer(16);
    if (!buffer)
        return Errno::ENOMEM;
    struct Names {
        char* text;
        usize capacity, length; // each with a NUL
    };
    for (;;) {
        Names names{buffer.data(), buffer.size(), 0};
        host::rewind_directory(folder);
        TRY(host::read_directory(
            folder,
            [](void* context, const host::DirectoryEntry& entry) {
                if (entry.name == "." || entry.name == "..")
                    return true;
                auto& out = *static_cast<Names*>(context);
                if (entry.name.size() + 1 > out.capacity - out.length)
                    return false;
                __builtin_memcpy(out.text + out.length, entry.name.data(), entry.name.size());
                out.length += entry.name.size() + 1;
                out.text[out.length - 1] = 0;
                return true;
            },
            &names));
        if (names.length == 0)
            return {};
        for (usize at = 0; at < names.length;) {
            const std::string_view name(names.text + at);
            at += name.size() + 1;
            Result<void> removed = host::unlink_at(folder, name);
            if (removed.is_error())
                TRY(host::remove_directory_at(folder, name));
        }
    }
}

Result<VolfsStorage> open_storage(host::Handle root, bool read_only) {
    if (is_kept_by_nt_host(root)) {
        base::FixedWriter<400> line;
        base::print(line, "the instance's rootfs cannot be opened here: {}", kKeptByNtHost);
        log_line(line.view());
        return Errno::EINVAL;
    }
    Result<VolfsStorage> recorded = read_storage(root);
    if (recorded.is_error() && recorded.error() != Errno::ENOENT)
        return recorded.error();
    if (read_only) // nothing can be tried, and nothing will be written
        return recorded.is_ok() ? recorded.value() : VolfsStorage{};
    Result<HostAbilities> abilities = probe_host(root);
    // A full disk is no reason not to start: what it can do is as recorded.
    if (abilities.is_error() && is_full(abilities.error()) && recorded.is_ok())
        return recorded.value();
    if (abilities.is_error()) {
        base::FixedWriter<200> line;
        base::print(line, "cannot write into the instance's rootfs: {}", abi::errno_text(abilities.error()));
        log_line(line.view());
        return abilities.error();
    }
    VolfsStorage storage;
    if (recorded.is_ok()) {
        storage = recorded.value();
    } else {
        storage = TRY(guess_storage(root, abilities.value()));
    }
    const std::string_view reason = objection(storage, abilities.value());
    if (!reason.empty()) {
        base::FixedWriter<400> line;
        base::print(line, "the instance's rootfs cannot be opened here: {}", reason);
        log_line(line.view());
        return Errno::EINVAL;
    }
    if (recorded.is_error())
        TRY(record_storage(root, storage));
    return storage;
}

} // namespace lxcore
