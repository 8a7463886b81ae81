#include "host/nt/journal.hpp"

#include "host/nt/tree_paths.hpp"

namespace host::nt {

namespace {

// In the file: this, then the four names in UTF-16. The directories' are relative to the root of the tree.
struct JournalHead {
    u32 magic;
    u32 kind;
    u64 number;
    u32 units[4]; // lengths: from's directory, from, to's directory, to
};
constexpr u32 kMagic = 0x4c4e524a;

// One of the places that a rename moves a file between.
struct Spot {
    Object folder;
    HostName name{std::string_view(), nullptr};
    HANDLE directory = nullptr;

    bool has_file() {
        Object object;
        return open_object(directory, name, kAttributeAccess, FILE_OPEN, 0, object.receive()) >= 0;
    }
    void move_to(Spot& other) {
        Object object;
        if (open_object(directory, name, kAttributeAccess | DELETE, FILE_OPEN, 0, object.receive()) >= 0)
            (void)rename_object(object.get(), other.directory, other.name, false);
    }
};

void remove_journal(HANDLE object) {
    IO_STATUS_BLOCK io{};
    FILE_DISPOSITION_INFORMATION request{TRUE};
    NtSetInformationFile(object, &io, &request, sizeof(request), FileDispositionInformation);
}

// Completes or undoes what a journal tells. One that was not written whole was not acted on.
bool finish(u64 number) {
    OwnName journal_name('j', number);
    Object journal;
    if (open_object(object_of(files().hidden), journal_name, kAttributeAccess | FILE_READ_DATA | DELETE, FILE_OPEN, 0,
                    journal.receive()) < 0)
        return false;
    PathBuffer pages;
    IO_STATUS_BLOCK io{};
    LARGE_INTEGER at{};
    if (!pages.bytes())
        return false;
    const auto& head = *reinterpret_cast<const JournalHead*>(pages.bytes());
    const NTSTATUS status =
        NtReadFile(journal.get(), nullptr, nullptr, nullptr, &io, pages.bytes(), PathBuffer::kBytes, &at, nullptr);
    usize needed = 0;
    for (u32 units : head.units)
        needed += units > kLargestPath ? PathBuffer::kBytes : units * sizeof(WCHAR);
    if (status >= 0 && io.Information >= sizeof(head) && head.magic == kMagic && io.Information == sizeof(head) + needed) {
        const auto* names = reinterpret_cast<const WCHAR*>(&head + 1);
        Spot from, to, aside;
        bool is_known = true;
        for (Spot* spot : {&from, &to}) {
            const u32* units = head.units + (spot == &to ? 2 : 0);
            is_known = is_known && open_in_tree(names, units[0], SYNCHRONIZE | FILE_READ_DATA | FILE_READ_ATTRIBUTES, FILE_DIRECTORY_FILE,
                                                 spot->folder.receive()) >= 0 && units[1] <= kMaxNameBytes;
            if (!is_known)
                break;
            spot->directory = spot->folder.get();
            spot->name = HostName(names + units[0], units[1]);
            names += units[0] + units[1];
        }
        aside.directory = object_of(files().hidden);
        aside.name = OwnName('d', head.number);
        if (is_known && aside.has_file()) {
            // The first step was taken, and perhaps the second.
            Spot* back = nullptr;
            if (static_cast<Journal::Kind>(head.kind) == Journal::Kind::Replace)
                back = to.has_file() ? nullptr : &to;
            else
                back = !from.has_file() ? &from : !to.has_file() ? &to : nullptr;
            if (back) {
                aside.move_to(*back);
                forget_aside(head.number);
            }
        }
        host::log("a rename that was cut short was completed or undone");
    }
    remove_journal(journal.get());
    return true;
}

} // namespace

Result<void> Journal::begin(Kind kind, HANDLE from_directory, const HostName& from, HANDLE to_directory,
                            const HostName& to, u64 number) {
    PathBuffer pages;
    if (!pages.bytes())
        return Errno::ENOMEM;
    auto& head = *reinterpret_cast<JournalHead*>(pages.bytes());
    auto* names = reinterpret_cast<WCHAR*>(&head + 1);
    usize left = kLargestPath;
    const struct {
        HANDLE directory;
        const HostName& name;
    } places[] = {{from_directory, from}, {to_directory, to}};
    for (usize i = 0; i < 2; ++i) {
        usize length = 0;
        if (!tree_path(places[i].directory, names, left, length) || length + places[i].name.length() > left)
            return Errno::ENAMETOOLONG;
        head.units[2 * i] = static_cast<u32>(length);
        head.units[2 * i + 1] = static_cast<u32>(places[i].name.length());
        __builtin_memcpy(names + length, places[i].name.units(), places[i].name.length() * sizeof(WCHAR));
        names += length + places[i].name.length();
        left -= length + places[i].name.length();
    }
    head.kind = static_cast<u32>(kind);
    head.number = number;
    head.magic = kMagic;
    OwnName name('j', number);
    const NTSTATUS status = open_object(object_of(files().hidden), name, kAttributeAccess | FILE_WRITE_DATA | DELETE,
                                        FILE_CREATE, FILE_NON_DIRECTORY_FILE, m_object.receive());
    if (status < 0)
        return errno_of(status);
    for (RenameSlot& slot : files().renames) {
        // (names_lock is held: nobody else takes one.)
        if (slot.owner.load() != 0)
            continue;
        slot.number = number;
        slot.owner.store(g_process.index + 1);
        m_slot = &slot;
        break;
    }
    IO_STATUS_BLOCK io{};
    LARGE_INTEGER at{};
    const auto bytes = static_cast<ULONG>(reinterpret_cast<u8*>(names) - pages.bytes());
    const NTSTATUS written =
        NtWriteFile(m_object.get(), nullptr, nullptr, nullptr, &io, pages.bytes(), bytes, &at, nullptr);
    if (written < 0 || io.Information != bytes) {
        end();
        return written < 0 ? errno_of(written) : Errno::ENOSPC;
    }
    NtFlushBuffersFile(m_object.get(), &io);
    return {};
}

void Journal::end() {
    remove_journal(m_object.get());
    NtClose(m_object.release());
    if (m_slot)
        m_slot->owner.store(0);
}

void finish_all_renames() {
    visit_hidden_folder('j', [](void*, u64 number) { return finish(number); }, nullptr);
}

void finish_renames_of(u32 process_index) {
    for (RenameSlot& slot : files().renames) {
        if (slot.owner.load() != process_index + 1)
            continue;
        SharedGuard guard(files().names_lock);
        (void)finish(slot.number);
        slot.owner.store(0);
    }
}

} // namespace host::nt
