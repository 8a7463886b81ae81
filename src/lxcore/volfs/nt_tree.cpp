#include "lxcore/volfs/nt_tree.hpp"

#include "abi/fcntl.hpp"
#include "lxcore/volfs/folder_stack.hpp"
#include "lxcore/volfs/format.hpp"

namespace lxcore {

namespace {

constexpr std::string_view kLogName = "attributes.log"; // in kNtFolderName
// There, once all names have their own bytes.
constexpr std::string_view kNamedName = "named";
// In a folder: names that have their own bytes, but look as if they had not. No name of the NT host's has a ~
// before a letter.
constexpr std::string_view kDoneName = "lxss~raw";
constexpr u32 kIsUnused = 2;              // flag of the log: all is in extended attributes of NTFS
constexpr u32 kDefaultPermissions = 0755; // that are not recorded

Result<host::Handle> open_nt_folder(host::Handle root) {
    return host::open_at(root, kNtFolderName, host::kOpenRead | host::kOpenDirectory, 0);
}

// All names of a folder, since those that are changed while it is read may come again; each after its length.
Result<void> read_names(host::Handle folder, Vector<char>& names) {
    struct Context {
        Vector<char>& names;
        Errno error = Errno::OK;
    } context{names};
    names.clear();
    host::rewind_directory(folder);
    TRY(host::read_directory(
        folder,
        [](void* opaque, const host::DirectoryEntry& entry) {
            auto& into = *static_cast<Context*>(opaque);
            if (entry.name == "." || entry.name == "..")
                return true;
            const usize at = into.names.size();
            const auto length = static_cast<u16>(entry.name.size());
            into.error = into.names.grow(at + 3 + length).error();
            if (into.error != Errno::OK)
                return false;
            __builtin_memcpy(into.names.data() + at, &length, sizeof(length));
            into.names[at + 2] = static_cast<char>(entry.type);
            __builtin_memcpy(into.names.data() + at + 3, entry.name.data(), length);
            return true;
        },
        &context));
    return context.error == Errno::OK ? Result<void>() : Result<void>(context.error);
}

// Calls visit(name, type) -> Result<void> for each.
template <typename Visit>
Result<void> for_each_name(const Vector<char>& names, Visit&& visit) {
    for (usize at = 0; at < names.size();) {
        u16 length;
        __builtin_memcpy(&length, names.data() + at, sizeof(length));
        TRY(visit(std::string_view(names.data() + at + 3, length),
                  static_cast<host::FileType>(names[at + 2])));
        at += 3 + length;
    }
    return {};
}

class NtTree {
public:
    explicit NtTree(host::Handle root) : m_root(root) {}

    // First all names in all folders; those that would be taken for spelled ones when this is done again
    // after a kill wait in a folder of their own, until there is no more to decode.
    Result<void> name_files(host::Handle own) {
        if (host::file_info_at(own, kNamedName).is_ok())
            return walk(&NtTree::bring_out);
        TRY(walk(&NtTree::decode));
        host::close(TRY(host::open_at(own, kNamedName, host::kOpenWrite | host::kOpenCreate, 0600)));
        TRY(host::sync(own, false));
        return walk(&NtTree::bring_out);
    }

    Result<void> set_default_permissions() { return walk(&NtTree::set_permissions); }

private:
    // Calls step(folder, name, type) for all names but VolFs' own; a folder's contents come later, under the
    // name that it leaves in m_now, unless that is empty.
    using Step = Result<void> (NtTree::*)(host::Handle folder, std::string_view name, host::FileType type);
    Result<void> walk(Step step) {
        TRY(m_folders.start());
        while (m_folders.pop()) {
            const host::Handle folder = TRY(open_folder(m_root, m_folders.path()));
            m_is_in_done = m_folders.path().ends_with(kDoneName);
            const Result<host::FileInfo> before = host::file_info(folder);
            m_has_changed = false;
            Result<void> done = before.is_ok() ? read_names(folder, m_names) : Result<void>(before.error());
            if (done.is_ok())
                done =
                    for_each_name(m_names, [&](std::string_view name, host::FileType type) -> Result<void> {
                        if (m_folders.path().empty() && is_reserved_name(name))
                            return {};
                        m_now = name;
                        TRY((this->*step)(folder, name, type));
                        return type == host::FileType::Directory && !m_now.empty() ? m_folders.push(m_now)
                                                                                   : Result<void>();
                    });
            if (done.is_ok() && m_has_changed)
                done = host::set_times(folder, &before.value().accessed, &before.value().modified);
            host::close(folder);
            TRY(done);
        }
        return m_folders.is_empty() ? Result<void>() : Result<void>(Errno::ENOMEM);
    }

    Result<void> decode(host::Handle folder, std::string_view name, host::FileType) {
        if (m_is_in_done || name == kDoneName || !has_nt_escapes(name))
            return {};
        const std::string_view own{m_decoded, decode_nt_name(name, m_decoded)};
        if (own == kDoneName)
            return Errno::EEXIST; // nobody calls a file so
        m_has_changed = true;
        if (!has_nt_escapes(own)) {
            m_now = own;
            return host::rename_at(folder, name, folder, own, abi::RENAME_NOREPLACE);
        }
        const Result<void> made = host::make_directory_at(folder, kDoneName, 0700);
        if (made.is_error() && made.error() != Errno::EEXIST)
            return made.error();
        const host::Handle done =
            TRY(host::open_at(folder, kDoneName, host::kOpenRead | host::kOpenDirectory, 0));
        const Result<void> moved = host::rename_at(folder, name, done, own, abi::RENAME_NOREPLACE);
        host::close(done);
        // Where it is now, it is found with the others there; this folder may have been read before they
        // came.
        m_now = kDoneName;
        return moved;
    }

    Result<void> bring_out(host::Handle folder, std::string_view name, host::FileType) {
        if (name != kDoneName)
            return {};
        const host::Handle done = TRY(host::open_at(folder, name, host::kOpenRead | host::kOpenDirectory, 0));
        Vector<char> names;
        Result<void> moved = read_names(done, names);
        if (moved.is_ok())
            moved = for_each_name(names, [&](std::string_view inner, host::FileType type) -> Result<void> {
                TRY(host::rename_at(done, inner, folder, inner, abi::RENAME_NOREPLACE));
                return type == host::FileType::Directory ? m_folders.push(inner) : Result<void>();
            });
        host::close(done);
        TRY(moved);
        m_now = {};
        m_has_changed = true;
        return host::remove_directory_at(folder, name);
    }

    Result<void> set_permissions(host::Handle folder, std::string_view name, host::FileType type) {
        if (type != host::FileType::Directory && type != host::FileType::Regular)
            return {};
        return host::set_permissions_at(folder, name, kDefaultPermissions);
    }

    host::Handle m_root;
    FolderStack m_folders;
    Vector<char> m_names;
    std::string_view m_now;
    char m_decoded[kMaxHostName];
    bool m_is_in_done = false, m_has_changed = false;
};

// What the NT host's store knows of a file, into this host's.
class Taker final : public PlaceTaker {
public:
    Taker(VolfsAttributes& from, VolfsAttributes& to) : m_from(from), m_to(to) {}
    Result<void> take(u64 before, const Place& place) override {
        const bool is_directory = place.info.type == host::FileType::Directory;
        if (!is_directory && place.info.type != host::FileType::Regular)
            return {}; // no copy of the NT host's files
        const host::Handle file = TRY(
            host::open_at(place.folder, place.name,
                          is_directory ? host::kOpenRead | host::kOpenDirectory : u32{host::kOpenRead}, 0));
        Result<void> done = copy(file, before, place.info.inode);
        const i32 recorded = m_from.permissions(before);
        const u32 least = is_directory ? 0700 : 0600;
        if (done.is_ok())
            done = host::set_permissions(
                file, ((recorded < 0 ? kDefaultPermissions : static_cast<u32>(recorded)) & 0777) | least);
        host::close(file);
        return done;
    }

private:
    Result<void> copy(host::Handle file, u64 before, u64 number) {
        if (!m_names || !m_value)
            return Errno::ENOMEM;
        const usize length = TRY(m_from.list(host::kNoHandle, before, m_names.data(), m_names.size()));
        for (usize at = 0; at < length;) {
            const char* name = m_names.data() + at;
            at += std::string_view(name).size() + 1;
            const usize bytes =
                TRY(m_from.get(host::kNoHandle, before, name, m_value.data(), m_value.size()));
            TRY(m_to.set(file, number, name, m_value.data(), bytes));
        }
        return {};
    }
    VolfsAttributes &m_from, &m_to;
    PageBuffer m_names{16}, m_value{16};
};

struct Work : ArenaObject {
    explicit Work(host::Handle root) : tree(root), taker(before, now) {}
    NtTree tree;
    VolfsAttributes before, now;
    Taker taker;
};

// With what has been done already, the tree is one of this host's from the rename on.
Result<void> leave_nt_folder(host::Handle root, host::Handle own) {
    const Result<void> kept = host::rename_at(own, kLogName, root, kBrokenSideStoreName, 0);
    if (kept.is_error() && kept.error() != Errno::ENOENT)
        return kept.error();
    TRY(remove_entries(own)); // an empty one beside the log that was kept is understood as well
    return host::remove_directory_at(root, kNtFolderName);
}

} // namespace

std::string_view objection_to_nt_tree(host::Handle root) {
    const Result<host::Handle> own = open_nt_folder(root);
    if (own.is_error())
        return "the Windows host's folder in it, lxss~host, cannot be opened";
    std::string_view objection;
    VolfsAttributes store;
    const Result<void> opened = store.open_copied(own.value(), kLogName);
    if (opened.error() == Errno::ENOENT && host::file_info_at(root, kBrokenSideStoreName).is_ok())
        objection = {}; // all is done but to remove the folder
    else if (opened.is_error())
        objection = "it comes from a Windows host, and its metadata store, lxss~host/attributes.log, is "
                    "missing or damaged: export the "
                    "instance there and import it here";
    else if (store.flags() & kIsUnused)
        objection = "it comes from a Windows host, and its owners and modes are in attributes of NTFS that "
                    "the copy does not have: "
                    "export the instance there and import it here";
    else if (!has_places(root, store.tree()))
        objection = "it comes from a Windows host, and has no whole list of its files (.lxss-places): it was "
                    "copied while the instance ran, "
                    "or after a crash. Start and end the instance there, and copy it again";
    host::close(own.value());
    return objection;
}

Result<void> adopt_nt_tree(host::Handle root, AdoptedFiles& adopted) {
    const host::Handle own = TRY(open_nt_folder(root));
    Work* work = TRY(make<Work>(root));
    const Result<void> done = [&]() -> Result<void> {
        if (host::file_info_at(own, kLogName).is_error())
            return leave_nt_folder(root, own);
        (void)host::unlink_at(root, kBrokenSideStoreName); // another's
        const HostAbilities abilities = TRY(probe_host(root));
        if (abilities.ignores_case || abilities.has_windows_names ||
            (!abilities.has_attributes && !abilities.has_lasting_numbers))
            return Errno::EOPNOTSUPP;
        TRY(work->before.open_copied(own, kLogName));
        TRY(work->tree.name_files(own));
        TRY(work->tree.set_default_permissions());
        VolfsStorage storage;
        if (const Result<VolfsStorage> recorded = read_storage(root); recorded.is_ok())
            storage.are_specials_marked = recorded.value().are_specials_marked;
        storage.metadata =
            abilities.has_attributes ? VolfsStorage::Metadata::Attributes : VolfsStorage::Metadata::SideStore;
        if (!abilities.has_attributes) {
            (void)host::unlink_at(root, kSideStoreName); // what an adoption that was cut short has begun
            TRY(work->now.open(root, storage, false));
        }
        adopted = TRY(adopt_by_places(root, work->before.tree(), work->taker));
        TRY(work->now.flush());
        TRY(record_storage(root, storage));
        TRY(host::sync_file_system(root));
        TRY(leave_nt_folder(root, own));
        return forget_places(root);
    }();
    delete work;
    host::close(own);
    return done;
}

} // namespace lxcore
