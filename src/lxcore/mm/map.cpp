// mmap(2): choosing a place, and putting a mapping there.
#include "abi/elf.hpp"
#include "abi/mount.hpp"
#include "abi/prctl.hpp"
#include "lxcore/fs/mount.hpp"
#include "lxcore/mm/editor.hpp"

namespace lxcore {

namespace {

constexpr u64 kHugePage = 2 << 20;
constexpr u64 k32BitLow = 0x4000'0000, k32BitHigh = 0x8000'0000; // what MAP_32BIT means: mmap(2)

bool is_noexec_mount(const File& file) {
    if (!file.path.mount)
        return false;
    return ((file.path.mount->flags | file.path.mount->super_block->flags) & abi::MS_NOEXEC) != 0;
}

// The rules of mmap(2) for files; sets what mprotect may grant later.
Result<void> check_file(File& file, u32& protection, u32 flags, u32& max_protection) {
    if (file.flags.load(std::memory_order_relaxed) & abi::O_PATH)
        return Errno::EBADF;
    max_protection = abi::PROT_READ | abi::PROT_WRITE | abi::PROT_EXEC;
    if (flags & abi::MAP_SHARED) {
        if ((protection & abi::PROT_WRITE) && !file.is_writable())
            return Errno::EACCES;
        if (!file.is_writable())
            max_protection &= ~abi::PROT_WRITE;
    }
    if (!file.is_readable())
        return Errno::EACCES;
    if (is_noexec_mount(file)) {
        if (protection & abi::PROT_EXEC)
            return Errno::EPERM;
        max_protection &= ~abi::PROT_EXEC;
    } else if ((protection & abi::PROT_READ) && (current().personality & abi::READ_IMPLIES_EXEC)) {
        protection |= abi::PROT_EXEC;
    }
    if (file.path && file.inode().is_directory())
        return Errno::ENODEV;
    return {};
}

// Whether the file starts as an ELF image does. The dynamic linker maps a library's whole span by one such call
// without MAP_FIXED; the engine wants room behind it.
bool is_elf(File& file) {
    u8 magic[4];
    const auto length = read_kernel(file, magic, sizeof(magic), 0);
    return length.is_ok() && length.value() == sizeof(magic) && __builtin_memcmp(magic, abi::ELFMAG, 4) == 0;
}

} // namespace

Result<u64> Mm::find_free(u64 length, u64 alignment) {
    LockGuard guard(lock);
    const u64 padding = alignment > base::kPageSize ? alignment - base::kPageSize : 0;
    u64 address = VmaTree::highest_gap(*this, length + padding, base::kGuestLowest, mmap_top);
    if (!address)
        address = VmaTree::highest_gap(*this, length + padding, base::kGuestLowest, base::kGuestEnd);
    if (!address)
        return Errno::ENOMEM;
    return base::align_up(address, base::max<u64>(alignment, base::kPageSize));
}

bool Mm::is_free(u64 address, u64 length) {
    if (length > base::kGuestEnd || address > base::kGuestEnd - length)
        return false;
    LockGuard guard(lock);
    const Vma* vma = VmaTree::find(*this, address);
    return !vma || vma->start >= address + length;
}

void Mm::reserve_slack(u64 address, u64 length) {
    MmEditor editor(*this);
    if (editor.overlaps(address, address + length))
        return;
    auto vma = make<Vma>();
    if (vma.is_error())
        return;
    vma.value()->start = address;
    vma.value()->end = address + length;
    vma.value()->hidden = Hidden::Slack;
    vma.value()->kind = VmaKind::Special;
    editor.insert(*vma.value());
}

namespace {

// Where a shared mapping without MAP_FIXED goes on a host whose shared mappings take whole units: it lies in its units as its
// content does in those of the file, and nothing else is in them.
Result<u64> choose_units(const Mm& mm, MmEditor& editor, u64 hint, u64 length, u64 offset, u32 flags) {
    constexpr u64 kUnit = base::kMappingUnit;
    const u64 within = offset % kUnit;
    const u64 span = base::align_up(within + length, kUnit);
    if (hint && hint % kUnit == within && hint - within >= base::kGuestLowest && hint - within <= base::kGuestEnd - span &&
        !editor.overlaps(hint - within, hint - within + span) &&
        (!(flags & abi::MAP_32BIT) || hint + length <= k32BitHigh))
        return hint;
    u64 address;
    if (flags & abi::MAP_32BIT) {
        address = VmaTree::highest_gap(mm, span + kUnit, k32BitLow, k32BitHigh);
    } else {
        address = VmaTree::highest_gap(mm, span + kUnit, base::kGuestLowest, mm.mmap_top);
        if (!address)
            address = VmaTree::highest_gap(mm, span + kUnit, base::kGuestLowest, base::kGuestEnd);
    }
    if (!address)
        return Errno::ENOMEM;
    return base::align_up(address, kUnit) + within;
}

// Keeps other mappings out of what is left of a shared mapping's units.
void keep_units(MmEditor& editor, const Vma& vma) {
    const auto keep = [&](u64 start, u64 end) {
        if (start >= end || editor.overlaps(start, end))
            return;
        auto room = make<Vma>();
        if (room.is_error())
            return;
        room.value()->start = start;
        room.value()->end = end;
        room.value()->hidden = Hidden::Slack;
        room.value()->kind = VmaKind::Special;
        editor.insert(*room.value());
    };
    keep(base::align_down(vma.start, base::kMappingUnit), vma.start);
    keep(vma.end, base::align_up(vma.end, base::kMappingUnit));
}

// Where a mapping without MAP_FIXED goes.
Result<u64> choose_place(const Mm& mm, MmEditor& editor, u64 hint, u64 length, u64 slack, u32 flags,
                         bool is_anonymous) {
    hint = base::page_floor(hint);
    if (hint && hint >= base::kGuestLowest && length <= base::kGuestEnd - base::kGuestLowest &&
        hint <= base::kGuestEnd - length) {
        const u64 guard = kStackGuardGap;
        const Vma* after = editor.find(hint);
        const bool is_clear =
            !after || (after->start >= hint + length &&
                       (!(after->flags & abi::MAP_GROWSDOWN) || after->start - (hint + length) >= guard));
        if (is_clear && (!(flags & abi::MAP_32BIT) || hint + length <= k32BitHigh))
            return hint;
    }
    const u64 total = length + slack;
    if (flags & abi::MAP_32BIT) {
        const u64 address = VmaTree::highest_gap(mm, total, k32BitLow, k32BitHigh);
        return address ? Result<u64>(address) : Result<u64>(Errno::ENOMEM);
    }
    // As Linux from 6.7 on: whole huge pages lie where the host may use huge pages.
    if (is_anonymous && length % kHugePage == 0 && total <= base::kGuestEnd - kHugePage) {
        if (const u64 address =
                VmaTree::highest_gap(mm, total + kHugePage - base::kPageSize, base::kGuestLowest, mm.mmap_top))
            return base::align_up(address, kHugePage);
    }
    u64 address = VmaTree::highest_gap(mm, total, base::kGuestLowest, mm.mmap_top);
    if (!address)
        address = VmaTree::highest_gap(mm, total, base::kGuestLowest, base::kGuestEnd);
    if (!address)
        return Errno::ENOMEM;
    return address;
}

} // namespace

Result<u64> Mm::map(u64 hint, u64 length, u32 protection, u32 flags, RefPtr<File> file, u64 offset, VmaKind kind,
                    const char* label) {
    if (length == 0)
        return Errno::EINVAL;
    if (length > base::kGuestEnd)
        return Errno::ENOMEM;
    length = base::page_ceil(length);
    if (offset & (base::kPageSize - 1))
        return Errno::EINVAL;
    if (offset + length < offset || offset + length > ~u64{0} >> 1)
        return Errno::EOVERFLOW;
    protection &= abi::PROT_READ | abi::PROT_WRITE | abi::PROT_EXEC;
    u32 max_protection = abi::PROT_READ | abi::PROT_WRITE | abi::PROT_EXEC;
    if (file)
        TRY(check_file(*file, protection, flags, max_protection));
    else if ((protection & abi::PROT_READ) && (current().personality & abi::READ_IMPLIES_EXEC))
        protection |= abi::PROT_EXEC;

    const bool is_fixed = flags & (abi::MAP_FIXED | abi::MAP_FIXED_NOREPLACE);
    u64 slack = 0;
    if (file && !is_fixed && offset == 0 && !(flags & abi::MAP_SHARED) && !(protection & abi::PROT_WRITE) &&
        file->path && file->inode().is_regular() && is_elf(*file))
        slack = engine::kTrampolineSlack;

    Vma* vma = TRY(make<Vma>());
    // Owned here until it is in the tree.
    struct Owner {
        Vma* vma;
        ~Owner() { delete vma; }
    } owner{vma};
    vma->protection = protection;
    vma->max_protection = max_protection;
    vma->flags = flags & (abi::MAP_SHARED | abi::MAP_PRIVATE | abi::MAP_GROWSDOWN | abi::MAP_NORESERVE);
    if (vma->flags & abi::MAP_SHARED)
        vma->flags &= ~abi::MAP_PRIVATE; // MAP_SHARED_VALIDATE sets both bits
    vma->kind = file ? VmaKind::File : kind;
    vma->label = label;
    vma->was_writable = protection & abi::PROT_WRITE;
    vma->offset = offset;
    if (!file && (flags & abi::MAP_SHARED)) {
        vma->shared_object = TRY(make_ref<SharedMemory>());
        vma->offset = 0;
    } else if (!file) {
        vma->offset = 0;
    }
    vma->file = std::move(file);

    MmEditor editor(*this);
    u64 replaced = 0;
    if (is_fixed) {
        if (hint & (base::kPageSize - 1))
            return Errno::EINVAL;
        if (length > base::kGuestEnd || hint > base::kGuestEnd - length)
            return Errno::ENOMEM;
        if (hint < base::kGuestLowest)
            return Errno::EPERM;
        if (editor.overlaps_reserved(hint, hint + length))
            return flags & abi::MAP_FIXED_NOREPLACE ? Errno::EEXIST : Errno::ENOMEM;
        replaced = editor.visible_bytes(hint, hint + length);
        if (replaced && (flags & abi::MAP_FIXED_NOREPLACE))
            return Errno::EEXIST;
        vma->start = hint;
    } else {
        const bool takes_units = base::kMappingUnit > base::kPageSize && (flags & abi::MAP_SHARED);
        vma->start = TRY(takes_units ? choose_units(*this, editor, base::page_floor(hint), length, vma->offset, flags)
                                     : choose_place(*this, editor, hint, length, slack, flags, !vma->file));
    }
    vma->end = vma->start + length;
    const bool wants_lock = (flags & abi::MAP_LOCKED) || (lock_future & abi::MCL_FUTURE);
    if (wants_lock) {
        if (!editor.may_lock(length))
            return current_limit(abi::RLIMIT_MEMLOCK) == 0 && (flags & abi::MAP_LOCKED) ? Errno::EPERM
                                                                                      : Errno::EAGAIN;
        vma->flags |= abi::MAP_LOCKED;
    }
    TRY(editor.check_limits(length - base::min(length, replaced), is_data_mapping(protection, flags, kind), 1));
    // Hidden slack may lie in the way even where nothing visible does.
    if (is_fixed)
        TRY(editor.remove_range(vma->start, vma->end, false));
    if (const auto mapped = editor.map_on_host(*vma); mapped.is_error()) {
        if (is_fixed)
            (void)host::unmap(vma->start, length); // the record says that nothing is there any more
        return mapped.error();
    }
    if (slack && !editor.overlaps(vma->end, vma->end + slack)) {
        if (auto room = make<Vma>(); room.is_ok()) {
            room.value()->start = vma->end;
            room.value()->end = vma->end + slack;
            room.value()->hidden = Hidden::Slack;
            room.value()->kind = VmaKind::Special;
            editor.insert(*room.value());
        }
    }
    if (base::kMappingUnit > base::kPageSize && (flags & abi::MAP_SHARED))
        keep_units(editor, *vma);
    const u64 address = vma->start;
    owner.vma = nullptr;
    editor.insert(*vma);
    if (wants_lock && !(lock_future & abi::MCL_ONFAULT))
        (void)host::lock_memory(address, length, true);
    if ((flags & abi::MAP_POPULATE) && !(flags & abi::MAP_NONBLOCK) && protection)
        (void)host::advise(address, length,
                           static_cast<i32>((protection & abi::PROT_WRITE) && !(flags & abi::MAP_SHARED)
                                                ? abi::MADV_POPULATE_WRITE
                                                : abi::MADV_POPULATE_READ));
    editor.merge(*vma);
    return address;
}

} // namespace lxcore
