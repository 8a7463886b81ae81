// Names that go: unlink, rmdir, link and rename on a host that neither removes nor replaces what is open.
//
// A file that some handle of the instance has open is renamed into the hidden folder instead of removed, and
// removed from there with its last handle (FilesState::asides). Where the host can do all this by itself
// (POSIX semantics, Windows 10 1709 and later on NTFS) it does. A rename over something that is open, and an
// exchange, take several steps of the host: a journal (journal.cpp) completes or undoes what a crash cut
// short.
#include "abi/fcntl.hpp"
#include "host/nt/drive_files.hpp"
#include "host/nt/journal.hpp"
#include "host/nt/tree_paths.hpp"

namespace host::nt {

namespace {

constexpr ACCESS_MASK kRemovalAccess = kAttributeAccess | DELETE;

NTSTATUS remove_object(HANDLE object) {
    IO_STATUS_BLOCK io{};
    if (files().has_posix_removal) {
        DispositionEx request{kDispositionDelete | kDispositionPosix | kDispositionIgnoreReadOnly};
        return NtSetInformationFile(object, &io, &request, sizeof(request), kDispositionEx);
    }
    FILE_DISPOSITION_INFORMATION request{TRUE};
    return NtSetInformationFile(object, &io, &request, sizeof(request), FileDispositionInformation);
}

} // namespace

bool is_empty_directory(HANDLE object, std::string_view but) {
    HostName allowed(but, nullptr);
    alignas(8) u8 buffer[1024];
    for (bool restart = true;; restart = false) {
        IO_STATUS_BLOCK io{};
        if (NtQueryDirectoryFile(object, nullptr, nullptr, nullptr, &io, buffer, sizeof(buffer),
                                 kIdFullDirectory, FALSE, nullptr, restart) < 0)
            return true;
        for (const u8* at = buffer;;) {
            const auto& found = *reinterpret_cast<const FILE_ID_FULL_DIR_INFORMATION*>(at);
            const usize length = found.FileNameLength / sizeof(WCHAR);
            const bool is_dot = length <= 2 && found.FileName[0] == '.' && (length == 1 || found.FileName[1] == '.');
            const bool is_allowed = length == allowed.length() &&
                                    __builtin_memcmp(found.FileName, allowed.units(), length * sizeof(WCHAR)) == 0;
            if (!is_dot && !is_allowed)
                return false;
            if (found.NextEntryOffset == 0)
                break;
            at += found.NextEntryOffset;
        }
    }
}

namespace {

// With names_lock. What handles of `file` still need: its name `number` (0: none, the host keeps the file by
// itself).
void note_aside(u64 file, u64 number, bool is_directory) {
    for (AsideName& aside : files().asides) {
        if (aside.file.load() != 0)
            continue;
        aside.number = number;
        aside.is_directory = is_directory;
        files().aside_count.fetch_add(1);
        aside.file.store(file);
        return;
    }
    // More of them than there is room for: the hidden folder is emptied at the next start.
}

// With names_lock. Moves it out of the tree.
Result<void> move_aside(HANDLE object, const Identity& identity, u64 number) {
    OwnName name('d', number);
    TRY(rename_object(object, object_of(files().hidden), name, false));
    note_aside(identity.file, number, identity.is_directory);
    return {};
}

// With names_lock: the name of `object` goes, whoever has it open.
Result<void> remove_name(Object& object, const Identity& identity) {
    const bool is_open = is_open_anywhere(identity.file);
    const bool is_last = identity.is_directory || identity.links <= 1 + aside_links(identity.file);
    if (is_open && !files().has_posix_removal)
        return move_aside(object.get(), identity, files().next_number.fetch_add(1));
    const NTSTATUS status = remove_object(object.get());
    if (status == STATUS_CANNOT_DELETE) // marked read-only by a host program
        return Errno::EACCES;
    if (status < 0)
        return errno_of(status);
    NtClose(object.release());
    if (is_last) {
        if (is_open)
            note_aside(identity.file, 0, identity.is_directory);
        else
            forget_attributes(identity.file);
    }
    return {};
}

} // namespace

Result<void> rename_object(HANDLE object, HANDLE directory, HostName& name, bool replace) {
    RenameRequest request{};
    request.directory = directory;
    request.name_bytes = static_cast<ULONG>(name.length() * sizeof(WCHAR));
    __builtin_memcpy(request.name, name.units(), request.name_bytes);
    IO_STATUS_BLOCK io{};
    NTSTATUS status;
    if (files().has_posix_removal) {
        request.flags = kRenamePosix | kRenameIgnoreReadOnly | (replace ? kRenameReplace : 0);
        status = NtSetInformationFile(object, &io, &request, sizeof(request), kRenameEx);
    } else {
        request.replace = replace;
        status = NtSetInformationFile(object, &io, &request, sizeof(request), FileRenameInformation);
    }
    if (status < 0)
        return name_error(status, name);
    return {};
}

bool is_open_anywhere(u64 file) {
    bool found = false;
    for_each_handle([&](Handle, const HandleEntry& entry) {
        found = entry.file == file && !entry.is_on_drive &&
                (entry.kind == HandleKind::File || entry.kind == HandleKind::Directory);
        return !found;
    });
    return found;
}

u32 aside_links(u64 file) {
    if (files().aside_count.load() == 0)
        return 0;
    u32 count = 0;
    for (const AsideName& aside : files().asides)
        count += aside.file.load() == file && aside.number != 0;
    return count;
}

void remove_asides_of(u64 file) {
    SharedGuard guard(files().names_lock);
    if (is_open_anywhere(file))
        return;
    bool is_gone = false;
    for (AsideName& aside : files().asides) {
        if (aside.file.load() != file)
            continue;
        is_gone = true;
        if (aside.number != 0) {
            OwnName name('d', aside.number);
            Object object;
            Identity identity{};
            if (open_object(object_of(files().hidden), name, kRemovalAccess, FILE_OPEN, 0,
                            object.receive()) >= 0) {
                is_gone =
                    identify(object.get(), identity) < 0 || identity.is_directory || identity.links <= 1;
                (void)remove_object(object.get());
            }
        }
        aside.file.store(0);
        files().aside_count.fetch_sub(1);
    }
    if (is_gone)
        forget_attributes(file);
}

void forget_aside(u64 number) {
    for (AsideName& aside : files().asides) {
        if (aside.file.load() == 0 || aside.number != number)
            continue;
        aside.file.store(0);
        files().aside_count.fetch_sub(1);
    }
}

void visit_hidden_folder(char kind, bool (*visit)(void* context, u64 number), void* context) {
    HANDLE hidden = object_of(files().hidden);
    alignas(8) u8 buffer[2048];
    for (bool was_changed = true; was_changed;) {
        was_changed = false;
        for (bool restart = true; !was_changed; restart = false) {
            IO_STATUS_BLOCK io{};
            if (NtQueryDirectoryFile(hidden, nullptr, nullptr, nullptr, &io, buffer, sizeof(buffer),
                                     kIdFullDirectory, FALSE, nullptr, restart) < 0)
                return;
            for (const u8* at = buffer;;) {
                const auto& entry = *reinterpret_cast<const FILE_ID_FULL_DIR_INFORMATION*>(at);
                const usize length = entry.FileNameLength / sizeof(WCHAR);
                u64 number = 0;
                bool is_one = length > 1 && length <= 17 && entry.FileName[0] == kind;
                for (usize i = 1; i < length && is_one; ++i) {
                    const WCHAR digit = entry.FileName[i];
                    is_one = (digit >= '0' && digit <= '9') || (digit >= 'a' && digit <= 'f');
                    number = number << 4 | (digit <= '9' ? digit - u64{'0'} : digit - u64{'a'} + 10);
                }
                if (is_one)
                    was_changed = visit(context, number) || was_changed;
                if (entry.NextEntryOffset == 0)
                    break;
                at += entry.NextEntryOffset;
            }
        }
    }
}

void empty_hidden_folder() {
    visit_hidden_folder('d', [](void*, u64 number) {
        OwnName name('d', number);
        Object object;
        Identity identity{};
        if (open_object(object_of(files().hidden), name, kRemovalAccess, FILE_OPEN, 0, object.receive()) <
                0 ||
            identify(object.get(), identity) < 0 || remove_object(object.get()) < 0)
            return false;
        if (identity.is_directory || identity.links <= 1)
            forget_attributes(identity.file);
        return true;
    }, nullptr);
}

} // namespace host::nt

namespace host {

using namespace nt;

namespace {

Result<void> link_object(HANDLE object, Handle directory, std::string_view to) {
    HANDLE folder = TRY(directory_object(directory));
    HostName name(to, files().escapes_case);
    if (!name.is_valid())
        return Errno::ENAMETOOLONG;
    RenameRequest request{};
    request.directory = folder;
    request.name_bytes = static_cast<ULONG>(name.length() * sizeof(WCHAR));
    __builtin_memcpy(request.name, name.units(), request.name_bytes);
    IO_STATUS_BLOCK io{};
    const NTSTATUS status = NtSetInformationFile(object, &io, &request, sizeof(request), FileLinkInformation);
    if (status < 0)
        return name_error(status, name);
    return {};
}

// A name that is about to change.
struct Place {
    Place(HANDLE folder, std::string_view text) : directory(folder), name(text, files().escapes_case) {}
    HANDLE directory;
    HostName name;
    Object object;
    Identity identity{};

    // ENOENT and the like.
    Result<void> open(ACCESS_MASK access, ULONG options = 0) {
        if (!name.is_valid())
            return Errno::ENAMETOOLONG;
        NTSTATUS status = open_object(directory, name, access, FILE_OPEN, options, object.receive());
        if (status >= 0)
            status = identify(object.get(), identity);
        if (status < 0)
            return name_error(status, name);
        return {};
    }
};

bool is_dots(std::string_view name) {
    return name.empty() || name == "." || name == "..";
}

// With names_lock. `to` is there and goes, whether it is open or not.
Result<void> replace(Place& from, Place& to) {
    if (to.identity.is_directory && !is_empty_directory(to.object.get()))
        return Errno::ENOTEMPTY;
    const bool is_open = is_open_anywhere(to.identity.file);
    if (!to.identity.is_directory && (!is_open || files().has_posix_removal)) {
        const bool is_last = to.identity.links <= 1 + aside_links(to.identity.file);
        NtClose(to.object.release());
        TRY(rename_object(from.object.get(), to.directory, to.name, true));
        if (is_last && is_open)
            note_aside(to.identity.file, 0, false);
        else if (is_last)
            forget_attributes(to.identity.file);
        return {};
    }
    const u64 number = files().next_number.fetch_add(1);
    Journal journal;
    TRY(journal.begin(Journal::Kind::Replace, from.directory, from.name, to.directory, to.name, number));
    TRY(move_aside(to.object.get(), to.identity, number));
    const Result<void> renamed = rename_object(from.object.get(), to.directory, to.name, false);
    if (renamed.is_error()) {
        (void)rename_object(to.object.get(), to.directory, to.name, false);
        forget_aside(number);
    }
    journal.end();
    return renamed;
}

// With names_lock.
Result<void> exchange(Place& from, Place& to) {
    const u64 number = files().next_number.fetch_add(1);
    OwnName temporary('d', number);
    Journal journal;
    TRY(journal.begin(Journal::Kind::Exchange, from.directory, from.name, to.directory, to.name, number));
    TRY(rename_object(from.object.get(), object_of(files().hidden), temporary, false));
    Result<void> moved = rename_object(to.object.get(), from.directory, from.name, false);
    if (moved.is_ok())
        moved = rename_object(from.object.get(), to.directory, to.name, false);
    else
        (void)rename_object(from.object.get(), from.directory, from.name, false);
    journal.end();
    return moved;
}

} // namespace

Result<void> make_symlink_at(Handle directory, std::string_view, std::string_view) {
    if (is_on_drive(directory))
        return Errno::EPERM;  // symlink(2): the file system has none
    return Errno::EOPNOTSUPP; // VolFs keeps the target as a file's data, as WSL 1 does
}

Result<usize> read_symlink_at(Handle directory, std::string_view name, char* buffer, usize capacity) {
    if (is_on_drive(directory))
        return drive::read_symlink_at(directory, name, buffer, capacity);
    Place place(TRY(directory_object(directory)), name);
    TRY(place.open(kAttributeAccess));
    return Errno::EINVAL;
}

Result<void> link_at(Handle from_directory, std::string_view from, Handle to_directory, std::string_view to) {
    if (is_on_drive(from_directory) != is_on_drive(to_directory))
        return Errno::EXDEV;
    if (is_on_drive(from_directory))
        return drive::link_at(from_directory, from, to_directory, to);
    Place source(TRY(directory_object(from_directory)), from);
    TRY(source.open(kAttributeAccess));
    if (source.identity.is_directory)
        return Errno::EPERM;
    return link_object(source.object.get(), to_directory, to);
}

Result<void> link_handle_at(Handle file, Handle to_directory, std::string_view to) {
    HANDLE object = object_of(file);
    const HandleEntry* entry = entry_of(file);
    if (!entry || !object)
        return Errno::EBADF;
    if (entry->kind == HandleKind::Directory)
        return Errno::EPERM;
    return link_object(object, to_directory, to);
}

Result<void> unlink_at(Handle directory, std::string_view name) {
    if (is_on_drive(directory))
        return drive::unlink_at(directory, name, false);
    if (is_dots(name))
        return Errno::EISDIR;
    Place place(TRY(directory_object(directory)), name);
    TRY(place.open(kRemovalAccess));
    if (place.identity.is_directory)
        return Errno::EISDIR;
    SharedGuard guard(files().names_lock);
    return remove_name(place.object, place.identity);
}

Result<void> remove_directory_at(Handle directory, std::string_view name) {
    if (is_on_drive(directory))
        return drive::unlink_at(directory, name, true);
    if (is_dots(name))
        return name == ".." ? Errno::ENOTEMPTY : Errno::EINVAL;
    Place place(TRY(directory_object(directory)), name);
    TRY(place.open(kRemovalAccess | FILE_LIST_DIRECTORY, FILE_DIRECTORY_FILE));
    if (!is_empty_directory(place.object.get()))
        return Errno::ENOTEMPTY;
    SharedGuard guard(files().names_lock);
    return remove_name(place.object, place.identity);
}

Result<void> rename_at(Handle from_directory, std::string_view from, Handle to_directory, std::string_view to,
                       u32 flags) {
    if (is_on_drive(from_directory) != is_on_drive(to_directory))
        return Errno::EXDEV;
    if (is_on_drive(from_directory))
        return drive::rename_at(from_directory, from, to_directory, to, flags);
    if (is_dots(from) || is_dots(to))
        return Errno::EBUSY;
    if (flags & ~(abi::RENAME_NOREPLACE | abi::RENAME_EXCHANGE))
        return Errno::EINVAL;
    Place source(TRY(directory_object(from_directory)), from);
    Place target(TRY(directory_object(to_directory)), to);
    TRY(source.open(kRemovalAccess));
    const Result<void> opened = target.open(kRemovalAccess | FILE_READ_DATA);
    if (opened.is_error() && opened.error() != Errno::ENOENT)
        return opened.error();
    const bool is_there = opened.is_ok();
    const bool is_exchange = (flags & abi::RENAME_EXCHANGE) != 0;
    NameKeeper source_names(source.object.get()), target_names(is_exchange ? target.object.get() : nullptr);
    const auto rename = [&]() -> Result<void> {
        SharedGuard guard(files().names_lock);
        if (is_exchange)
            return is_there ? exchange(source, target) : Result<void>(Errno::ENOENT);
        if (!is_there)
            return rename_object(source.object.get(), target.directory, target.name, false);
        if (flags & abi::RENAME_NOREPLACE)
            return Errno::EEXIST;
        if (source.identity.file == target.identity.file)
            return {}; // two names of one file: rename(2) does nothing
        if (source.identity.is_directory != target.identity.is_directory)
            return target.identity.is_directory ? Errno::EISDIR : Errno::ENOTDIR;
        return replace(source, target);
    };
    TRY(rename());
    // Without the lock: other processes may have to close handles for it, and must not wait for this one meanwhile.
    source_names.renamed();
    target_names.renamed();
    return {};
}

} // namespace host
