#include "lxcore/volfs/whiteout.hpp"

#include "base/format.hpp"
#include "lxcore/volfs/folder_stack.hpp"
#include "lxcore/volfs/volfs_inode.hpp"

namespace lxcore {

namespace {

constexpr usize kPlacePages = 16; // of a path in the tree: one of more than 64 KiB cannot be noted

struct StagedName {
    base::FixedWriter<24> file;
    base::FixedWriter<32> note;
    explicit StagedName(u64 number) {
        base::print(file, "{:x}", number);
        base::print(note, "{:x}{}", number, kWhiteoutNote);
    }
};

// What staging has of a whiteout, and the number in its name.
bool parse_note(std::string_view name, u64& number) {
    if (!name.ends_with(kWhiteoutNote))
        return false;
    name.remove_suffix(kWhiteoutNote.size());
    number = 0;
    for (char digit : name) {
        const bool is_letter = digit >= 'a' && digit <= 'f';
        if (!is_letter && (digit < '0' || digit > '9'))
            return false;
        number = number << 4 | static_cast<u64>(is_letter ? digit - 'a' + 10 : digit - '0');
    }
    return !name.empty() && name.size() <= 16;
}

Result<void> finish_noted(host::Handle root, host::Handle staging, u64 number) {
    const StagedName names(number);
    PageBuffer page(kPlacePages);
    if (!page)
        return Errno::ENOMEM;
    const host::Handle note = TRY(host::open_at(staging, names.note.view(), host::kOpenRead, 0));
    const abi::iovec vector{reinterpret_cast<u64>(page.data()), page.size()};
    Result<usize> length = host::read_at(note, &vector, 1, 0);
    host::close(note);
    const std::string_view path(page.data(), TRY(length));
    std::string_view name;
    const Result<host::Handle> folder = path.empty() ? Errno::ENOENT : open_parent(root, path, name);
    if (folder.is_error()) { // the note was never completed, or its folder has gone since; or it is not ours and leads out of the tree
        (void)host::unlink_at(staging, names.file.view());
        return host::unlink_at(staging, names.note.view());
    }
    const Result<void> done = finish_whiteout(staging, number, folder.value(), name);
    host::close(folder.value());
    return done;
}

} // namespace

Result<void> finish_whiteout(host::Handle staging, u64 staged, host::Handle folder, std::string_view name) {
    const StagedName names(staged);
    const Result<host::FileInfo> present = host::file_info_at(folder, name);
    if (present.is_error() && present.error() != Errno::ENOENT)
        return present.error();
    const Result<void> settled = present.is_ok()
                                     ? host::unlink_at(staging, names.file.view())
                                     : host::rename_at(staging, names.file.view(), folder, name, 0);
    if (settled.is_error() && settled.error() != Errno::ENOENT) // it had gone already, but its note had not
        return settled;
    const Result<void> gone = host::unlink_at(staging, names.note.view());
    return gone.error() == Errno::ENOENT ? Result<void>() : gone;
}

Result<u64> finish_whiteouts(host::Handle root, host::Handle staging, bool only_count) {
    struct Context {
        u64 count = 0, number = 0;
    };
    for (u64 done = 0;; ++done) {
        // One a round: what is found is removed.
        Context found;
        host::rewind_directory(staging);
        TRY(host::read_directory(
            staging,
            [](void* opaque, const host::DirectoryEntry& entry) {
                auto& context = *static_cast<Context*>(opaque);
                u64 number;
                if (parse_note(entry.name, number)) {
                    context.number = number;
                    ++context.count;
                }
                return true;
            },
            &found));
        if (only_count)
            return found.count;
        if (found.count == 0)
            return done;
        TRY(finish_noted(root, staging, found.number));
    }
}

Result<void> VolfsInode::prepare_whiteout(std::string_view name, const Whiteout& whiteout) {
    TRY(settle_whiteout());
    // The place as a path: how the next start finds it.
    PageBuffer page(kPlacePages);
    if (!page)
        return Errno::ENOMEM;
    usize start = page.size();
    const auto put = [&](std::string_view text) {
        if (text.size() + 1 > start)
            return false;
        start -= text.size();
        __builtin_memcpy(page.data() + start, text.data(), text.size());
        return true;
    };
    if (!put(name))
        return Errno::ENAMETOOLONG;
    VolfsSuperBlock::Location location;
    for (RefPtr<VolfsInode> node(this);; node = location.parent) {
        m_volfs->location_of(*node, location);
        if (!location.parent)
            break;
        if (!put("/") || !put(location.view()))
            return Errno::ENAMETOOLONG;
    }
    TRY(mark_has_specials());
    String name_copy = TRY(String::create(name));
    const u64 number = next_unique_id();
    const StagedName names(number);
    const host::Handle staging = TRY(m_volfs->staging());
    m_whiteout_name = std::move(name_copy);
    m_whiteout_keeper = RefPtr<VolfsInode>(this);
    m_whiteout = number; // from here on, whoever looks settles it
    const Result<void> noted = [&]() -> Result<void> {
        TRY(create_staged(names.file.view(), {whiteout.mode, whiteout.uid, whiteout.gid, 0}));
        const host::Handle note = TRY(host::open_at(
            staging, names.note.view(), host::kOpenWrite | host::kOpenCreate | host::kOpenExclusive, 0600));
        const usize length = page.size() - start;
        const abi::iovec vector{reinterpret_cast<u64>(page.data()) + start, length};
        Result<usize> written = host::write_at(note, &vector, 1, 0);
        // Before the rename reaches the disk.
        const Result<void> synced = host::sync(note, false);
        host::close(note);
        return TRY(written) == length ? synced : Result<void>(Errno::ENOSPC);
    }();
    if (noted.is_error())
        (void)settle_whiteout();
    return noted;
}

Result<void> VolfsInode::settle_whiteout() {
    if (m_whiteout == 0) [[likely]]
        return {};
    HandlePin folder = TRY(pin(false));
    const host::Handle staging = TRY(m_volfs->staging());
    names_changing(m_whiteout_name.view());
    TRY(finish_whiteout(staging, m_whiteout, folder.handle(), m_whiteout_name.view()));
    m_whiteout = 0;
    names_changed();
    m_whiteout_name = String();
    RefPtr<VolfsInode> keeper = std::move(m_whiteout_keeper); // the caller has a reference of its own
    return {};
}

} // namespace lxcore
