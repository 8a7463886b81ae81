// The calls of the host interface that change the calling pico process's address space; see memory.hpp.
#include "abi/mman.hpp"
#include "engine/engine.hpp"
#include "host/nt/ranges.hpp"

namespace host {

using namespace nt;

static u64 size_of_file(Handle file) {
    const auto info = host::file_info(file);
    return info.is_ok() ? info.value().size : 0;
}

static Result<void> do_map_anonymous(u64 address, u64 length, u32 protection) {
    preserve_vectors();
    MemoryGuard guard;
    return map_private(address, address + length, protection);
}

static Result<void> do_map_shared_anonymous(u64 address, u64 length, u32 protection) {
    preserve_vectors();
    MemoryGuard guard;
    TRY(make_room(address, address + length));
    const u64 offset = address % kGranule;
    const u32 section = TRY(create_section(granule_ceil(offset + length)));
    ++g_space.sections[section].views; // kept until the views hold it
    const auto mapped = map_shared_view(address, address + length, protection, section, offset, ViewKind::Shared, false, ~u64{0});
    drop_section(section);
    return mapped;
}

static Result<void> do_map_file(u64 address, u64 length, u32 protection, Handle file, u64 offset, bool shared) {
    preserve_vectors();
    const u64 size = size_of_file(file);
    MemoryGuard guard;
    if (shared)
        return map_shared_file(address, length, protection, file, offset, size);
    TRY(map_private(address, address + length, abi::PROT_READ | abi::PROT_WRITE));
    const u64 end = address + length;
    const u64 content = offset >= size ? 0 : base::min(length, size - offset);
    for (u64 done = 0; done < content;) {
        const abi::iovec vector{address + done, content - done};
        const auto got = read_at(file, &vector, 1, offset + done);
        if (got.is_error()) {
            unmap_range(address, end);
            return got.error();
        }
        if (got.value() == 0)
            break;
        done += got.value();
    }
    for_each_part(address, end, [&](View& view, u64 first, u64 count) {
        const u8 marks = marks_of(view, protection);
        for (u64 page = first; page < first + count; ++page) {
            const u64 at = view.start + page * base::kPageSize;
            const u8 beyond = at - address >= base::page_ceil(content) ? kPageBeyondEnd : 0;
            view.pages[page] = static_cast<u8>((view.pages[page] & (kPageDirty | kPageChanged)) | protection | kPageUsed |
                                               kPageOfFile | marks | beyond);
        }
        apply_protection(view, first, count);
    });
    return {};
}

static Result<void> do_map_arena(u64 address, u64 length, u32 protection, u64 arena_address, bool shared) {
    preserve_vectors();
    MemoryGuard guard;
    if (!shared) {
        TRY(map_private(address, address + length, abi::PROT_READ | abi::PROT_WRITE));
        __builtin_memcpy(pointer(address), pointer(arena_address), length);
        return protect_range(address, address + length, protection);
    }
    const u32 section = TRY(arena_section());
    TRY(remove_shared_parts(address, address + length));
    return map_shared_view(address, address + length, protection, section, arena_address - base::kArenaBase,
                           ViewKind::Arena, false, ~u64{0});
}

Result<void> discard_arena(u64, u64) { return Errno::EOPNOTSUPP; }

static Result<void> do_unmap(u64 address, u64 length) {
    preserve_vectors();
    MemoryGuard guard;
    unmap_range(address, address + length);
    return {};
}

static Result<void> do_protect(u64 address, u64 length, u32 protection) {
    preserve_vectors();
    MemoryGuard guard;
    return protect_range(address, address + length, protection & kPageProtection);
}

namespace {

// Copies the pages of private memory, with their protection, to a range that was just mapped.
void copy_private(u64 from, u64 to, u64 length) {
    for_each_part(from, from + length, [&](View& view, u64 first, u64 count) {
        for (u64 page = first; page < first + count; ++page) {
            const u64 source = view.start + page * base::kPageSize;
            if (view.pages[page] & kPageDirty || view.kind != ViewKind::Private) {
                open_pages(view, page, 1);
                __builtin_memcpy(pointer(to + (source - from)), pointer(source), base::kPageSize);
            }
        }
    });
}

} // namespace

static Result<void> do_move_mapping(u64 old_address, u64 old_length, u64 new_address, u64 new_length) {
    preserve_vectors();
    MemoryGuard guard;
    const u64 old_end = old_address + old_length;
    // Shared views are mapped a second time, where they lie alike within a granule.
    bool is_shared = false;
    for_each_part(old_address, old_end, [&](View& view, u64, u64) { is_shared = is_shared || view.kind != ViewKind::Private; });
    if (is_shared) {
        for (u64 address = old_address; address < old_end;) {
            const u64 index = first_view_after(address);
            if (index == g_space.views.count || g_space.views[index].start > address)
                return Errno::EINVAL;
            const View view = g_space.views[index];
            const u64 end = base::min(view.end(), old_end);
            const u64 to = new_address + (address - old_address);
            const u8 bits = view.pages[(address - view.start) / base::kPageSize];
            // Only a section that reaches so far can be seen further.
            const u64 last = end == old_end && new_length > old_length ? new_address + new_length : to + (end - address);
            TRY(map_shared_view(to, last, bits & kPageProtection, view.section, view.offset + (address - view.start),
                                view.kind, view.is_read_only, ~u64{0}));
            address = end;
        }
        unmap_range(old_address, old_end);
        return {};
    }
    // Growth has the protection of the last page.
    u32 protection = 0;
    for_each_part(old_end - base::kPageSize, old_end,
                  [&](View& view, u64 first, u64) { protection = view.pages[first] & kPageProtection; });
    TRY(map_private(new_address, new_address + new_length, abi::PROT_READ | abi::PROT_WRITE));
    copy_private(old_address, new_address, base::min(old_length, new_length));
    for (u64 offset = 0; offset < base::min(old_length, new_length);) {
        // Runs of equal protection; what has no view has none.
        u64 run = base::kPageSize;
        const auto bits_at = [](u64 address) -> u32 {
            const u64 index = first_view_after(address);
            if (index == g_space.views.count || g_space.views[index].start > address)
                return 0;
            const View& view = g_space.views[index];
            return view.pages[(address - view.start) / base::kPageSize] & (kPageProtection | kPageBeyondEnd | kPageOfFile);
        };
        const u32 bits = bits_at(old_address + offset);
        while (offset + run < base::min(old_length, new_length) && bits_at(old_address + offset + run) == bits)
            run += base::kPageSize;
        TRY(protect_range(new_address + offset, new_address + offset + run, bits & kPageProtection));
        if (bits & (kPageBeyondEnd | kPageOfFile))
            for_each_part(new_address + offset, new_address + offset + run, [&](View& view, u64 first, u64 count) {
                for (u64 page = first; page < first + count; ++page)
                    view.pages[page] |= bits & (kPageBeyondEnd | kPageOfFile);
                apply_protection(view, first, count);
            });
        offset += run;
    }
    if (new_length > old_length)
        TRY(protect_range(new_address + old_length, new_address + new_length, protection));
    unmap_range(old_address, old_end);
    return {};
}

static Result<void> do_advise(u64 address, u64 length, i32 advice) {
    preserve_vectors();
    if (advice != static_cast<i32>(abi::MADV_DONTNEED) && advice != static_cast<i32>(abi::MADV_REMOVE))
        return {}; // hints; MADV_FREE may keep what is there
    MemoryGuard guard;
    bool has_file_pages = false;
    for_each_part(address, address + length, [&](View& view, u64 first, u64 count) {
        if (view.kind != ViewKind::Private) {
            if (advice == static_cast<i32>(abi::MADV_REMOVE)) {
                open_pages(view, first, count);
                __builtin_memset(pointer(view.start + first * base::kPageSize), 0, count * base::kPageSize);
                apply_protection(view, first, count);
            }
            return;
        }
        for (u64 page = first; page < first + count; ++page)
            has_file_pages = has_file_pages || (view.pages[page] & kPageOfFile);
    });
    // What was read from a file cannot be had anew here.
    if (has_file_pages)
        return Errno::EOPNOTSUPP;
    for_each_part(address, address + length, [&](View& view, u64 first, u64 count) {
        if (view.kind != ViewKind::Private)
            return;
        zero_pages(view, first, count);
        if (!view.is_copy)
            for (u64 page = first; page < first + count; ++page)
                if (!(view.pages[page] & abi::PROT_WRITE))
                    view.pages[page] &= static_cast<u8>(~kPageDirty);
        apply_protection(view, first, count);
    });
    return {};
}

// The engine is told when memory has changed, without the memory lock.
Result<void> map_anonymous(u64 address, u64 length, u32 protection) {
    const auto result = do_map_anonymous(address, length, protection);
    engine::code_changed(address, length);
    return result;
}

Result<void> map_shared_anonymous(u64 address, u64 length, u32 protection) {
    const auto result = do_map_shared_anonymous(address, length, protection);
    engine::code_changed(address, length);
    return result;
}

Result<void> map_file(u64 address, u64 length, u32 protection, Handle file, u64 offset, bool shared) {
    const auto result = do_map_file(address, length, protection, file, offset, shared);
    engine::code_changed(address, length);
    return result;
}

Result<void> map_arena(u64 address, u64 length, u32 protection, u64 arena_address, bool shared) {
    const auto result = do_map_arena(address, length, protection, arena_address, shared);
    engine::code_changed(address, length);
    return result;
}

Result<void> unmap(u64 address, u64 length) {
    const auto result = do_unmap(address, length);
    engine::code_changed(address, length);
    return result;
}

Result<void> protect(u64 address, u64 length, u32 protection) {
    const auto result = do_protect(address, length, protection);
    engine::code_changed(address, length);
    return result;
}

Result<void> advise(u64 address, u64 length, i32 advice) {
    const auto result = do_advise(address, length, advice);
    engine::code_changed(address, length);
    return result;
}

Result<void> move_mapping(u64 old_address, u64 old_length, u64 new_address, u64 new_length) {
    const auto result = do_move_mapping(old_address, old_length, new_address, new_length);
    engine::code_changed(old_address, old_length);
    engine::code_changed(new_address, new_length);
    return result;
}

Result<void> sync_mapping(u64 address, u64 length, i32 flags) {
    preserve_vectors();
    if (flags & static_cast<i32>(abi::MS_ASYNC))
        return {};
    MemoryGuard guard;
    Result<void> result;
    for_each_part(address, address + length, [&](View& view, u64 first, u64 count) {
        if (view.kind != ViewKind::Shared)
            return;
        LPCVOID base = pointer(view.start + first * base::kPageSize);
        SIZE_T size = count * base::kPageSize;
        IO_STATUS_BLOCK status;
        (void)NtFlushVirtualMemory(this_process(), &base, &size, reinterpret_cast<ULONG_PTR>(&status));
    });
    return result;
}

Result<void> residency(u64 address, u64 length, u8* vector) {
    MemoryGuard guard;
    if (fill_guarded(vector, 0, length / base::kPageSize) != 0)
        return Errno::EFAULT;
    bool is_bad = false;
    for_each_part(address, address + length, [&](View& view, u64 first, u64 count) {
        const u64 index = (view.start + first * base::kPageSize - address) / base::kPageSize;
        is_bad = is_bad || fill_guarded(vector + index, 1, count) != 0;
    });
    if (is_bad)
        return Errno::EFAULT;
    return {};
}

Result<void> lock_memory(u64 address, u64 length, bool lock) {
    preserve_vectors();
    MemoryGuard guard;
    bool failed = false;
    for_each_part(address, address + length, [&](View& view, u64 first, u64 count) {
        void* base = pointer(view.start + first * base::kPageSize);
        const SIZE_T size = count * base::kPageSize;
        failed = (lock ? !VirtualLock(base, size) : !VirtualUnlock(base, size)) || failed;
    });
    // What was not locked may be unlocked all the same.
    if (lock && failed)
        return Errno::ENOMEM;
    return {};
}

namespace {

// What Windows, and Wine on Linux, use in every process, with room for what lies elsewhere in each: stacks, heaps, and the
// images of the system. See docs/nt-host.md.
constexpr AddressRange kReserved[] = {
    {0x1'0000, kLowWindow},
    {kLowWindowEnd, 0x400'0000'0000},
    {0x5500'0000'0000, 0x5700'0000'0000},
};

} // namespace

// Code stays in the one region that prepare_engine() takes.
Result<void> map_code(u64, u64) { return Errno::EOPNOTSUPP; }

// Windows has no call that provides pages of zeros.
void populate(u64, u64) {}

usize reserved_ranges(AddressRange* ranges, usize capacity) {
    for (usize i = 0; i < base::min(capacity, base::array_size(kReserved)); ++i)
        ranges[i] = kReserved[i];
    return base::array_size(kReserved);
}

u64 vdso_address() { return 0; }

void barrier_of_process(bool) {
    preserve_vectors();
    FlushProcessWriteBuffers();
}
// Windows has no such call for other processes; each thread passes a barrier when it is next scheduled.
void barrier_everywhere() {
    preserve_vectors();
    FlushProcessWriteBuffers();
}

} // namespace host
