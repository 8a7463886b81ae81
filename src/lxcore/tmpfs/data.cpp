// The bytes of tmpfs files: pages of the arena, read and written without a host call.
#include "lxcore/tmpfs/tmpfs_inode.hpp"

namespace lxcore {

namespace {

inline constexpr u64 kMaxFileBytes = PageTree::kIndexLimit * base::kPageSize;
inline constexpr usize kLongestRun = 512; // pages allocated at a time

u64 page_of(u64 offset) { return offset / base::kPageSize; }

} // namespace

Result<usize> TmpfsInode::read_data(IoBuffer& buffer, u64 offset) {
    if (offset >= size)
        return usize{0};
    u64 left = base::min<u64>(size - offset, buffer.left());
    usize done = 0;
    while (left != 0) {
        const u64 within = offset % base::kPageSize;
        const usize length = base::min<u64>(left, base::kPageSize - within);
        const char* page = m_pages.find(page_of(offset));
        Result<usize> copied = page ? buffer.copy_in(page + within, length) : buffer.fill(0, length);
        if (copied.is_error())
            return done ? Result<usize>(done) : copied;
        done += copied.value();
        offset += copied.value();
        left -= copied.value();
        if (copied.value() < length)
            break;
    }
    return done;
}

Result<usize> TmpfsInode::write_data(IoBuffer& buffer, u64 offset) {
    if (buffer.left() == 0)
        return usize{0};
    if (seals & (abi::F_SEAL_WRITE | abi::F_SEAL_FUTURE_WRITE))
        return Errno::EPERM;
    if (offset + buffer.left() > static_cast<u64>(~u64{0} >> 1))
        return Errno::EINVAL;
    if (offset >= kMaxFileBytes)
        return Errno::EFBIG;
    u64 left = base::min<u64>(buffer.left(), kMaxFileBytes - offset);
    if ((seals & abi::F_SEAL_GROW) && offset + left > size) {
        if (offset >= size)
            return Errno::EPERM;
        left = size - offset;
    }
    usize done = 0;
    Errno error = Errno::OK;
    while (left != 0) {
        const u64 within = offset % base::kPageSize;
        const usize length = base::min<u64>(left, base::kPageSize - within);
        char* page = m_pages.find(page_of(offset));
        if (!page) {
            // What this write will need beyond, too, in one piece.
            const u64 last = page_of(offset + base::min<u64>(left, kLongestRun * base::kPageSize) - 1) + 1;
            Result<void> populated = populate(page_of(offset), last);
            page = m_pages.find(page_of(offset));
            if (!page) {
                error = populated.error();
                break;
            }
        }
        Result<usize> copied = buffer.copy_out(page + within, length);
        if (copied.is_error()) {
            error = copied.error();
            break;
        }
        done += copied.value();
        offset += copied.value();
        left -= copied.value();
        if (copied.value() < length)
            break;
    }
    if (offset > size && done != 0)
        size = offset;
    if (done != 0)
        touch();
    // Pages that a fault in the guest's buffer left without data beyond the end are of no use.
    if (error != Errno::OK && m_mappings.load(std::memory_order_acquire) == 0)
        release_pages_from(base::page_ceil(size) / base::kPageSize);
    return done != 0 || error == Errno::OK ? Result<usize>(done) : Result<usize>(error);
}

Result<void> TmpfsInode::populate(u64 first, u64 last) {
    while (first < last) {
        if (m_pages.find(first)) {
            ++first;
            continue;
        }
        u64 end = first + 1;
        while (end < last && end - first < kLongestRun && !m_pages.find(end))
            ++end;
        usize run = end - first;
        // Near the limit a shorter run still fits: a write takes what there is.
        for (Result<void> charged = m_tmpfs->charge_pages(run); charged.is_error();) {
            if (run == 1)
                return charged.error();
            run /= 2;
            charged = m_tmpfs->charge_pages(run);
        }
        void* memory = nullptr;
        usize got = run;
        while (!(memory = allocate_pages(got))) {
            if (got == 1)
                break;
            got /= 2;
        }
        if (!memory)
            got = 0;
        m_tmpfs->uncharge_pages(run - got);
        if (!memory)
            return Errno::ENOSPC;
        for (usize i = 0; i < got; ++i) {
            Result<void> inserted = m_pages.insert(first + i, static_cast<char*>(memory) + i * base::kPageSize);
            if (inserted.is_error()) {
                release_pages(static_cast<char*>(memory) + i * base::kPageSize, got - i);
                m_tmpfs->uncharge_pages(got - i);
                return inserted.error();
            }
            blocks += base::kPageSize / 512;
        }
        first += got;
    }
    return {};
}

Result<void> TmpfsInode::populate_units(u64 first, u64 last) {
    constexpr u64 kUnitPages = base::kMappingUnit / base::kPageSize;
    if (kUnitPages == 1)
        return populate(first, last);
    for (u64 unit = base::align_down(first, kUnitPages); unit < last; unit += kUnitPages) {
        const char* const start = m_pages.find(unit);
        u64 in_place = 0, present = 0;
        for (u64 i = 0; i < kUnitPages; ++i) {
            const char* page = m_pages.find(unit + i);
            present += page != nullptr;
            in_place += page && page == start + i * base::kPageSize;
        }
        if (in_place == kUnitPages && reinterpret_cast<u64>(start) % base::kMappingUnit == 0)
            continue;
        // Nobody has mapped these pages: mappings keep a unit whole.
        TRY(m_tmpfs->charge_pages(kUnitPages - present));
        auto* memory = static_cast<char*>(allocate_pages(kUnitPages, kUnitPages));
        if (!memory) {
            m_tmpfs->uncharge_pages(kUnitPages - present);
            return Errno::ENOSPC;
        }
        for (u64 i = 0; i < kUnitPages; ++i) {
            char* const page = memory + i * base::kPageSize;
            if (const char* old = m_pages.find(unit + i)) {
                __builtin_memcpy(page, old, base::kPageSize);
                release_pages(m_pages.replace(unit + i, page), 1);
                continue;
            }
            if (const auto inserted = m_pages.insert(unit + i, page); inserted.is_error()) {
                release_pages(page, kUnitPages - i);
                m_tmpfs->uncharge_pages(kUnitPages - present);
                return inserted.error();
            }
            ++present;
            blocks += base::kPageSize / 512;
        }
    }
    return {};
}

void TmpfsInode::release_pages_from(u64 first) {
    const u64 released = m_pages.release_from(first);
    m_tmpfs->uncharge_pages(released);
    blocks -= released * (base::kPageSize / 512);
}

void TmpfsInode::clear_pages(u64 first, u64 last) {
    for (u64 index = m_pages.next_present(first); index < last; index = m_pages.next_present(index + 1))
        __builtin_memset(m_pages.find(index), 0, base::kPageSize);
}

Result<void> TmpfsInode::set_size(u64 length) {
    if (length > kMaxFileBytes)
        return Errno::EFBIG;
    if (length < size) {
        if (seals & abi::F_SEAL_SHRINK)
            return Errno::EPERM;
        const u64 tail = length % base::kPageSize;
        if (tail != 0)
            if (char* page = m_pages.find(page_of(length)))
                __builtin_memset(page + tail, 0, base::kPageSize - tail);
        const u64 first = base::page_ceil(length) / base::kPageSize;
        // A mapped page stays in its place for as long as somebody may touch it; it just reads as zeros.
        if (m_mappings.load(std::memory_order_acquire) == 0)
            release_pages_from(first);
        else
            clear_pages(first, PageTree::kIndexLimit);
    } else if (length > size && (seals & abi::F_SEAL_GROW)) {
        return Errno::EPERM;
    }
    size = length;
    touch();
    return {};
}

Result<void> TmpfsInode::punch_hole(u64 offset, u64 length) {
    if (seals & (abi::F_SEAL_WRITE | abi::F_SEAL_FUTURE_WRITE))
        return Errno::EPERM;
    const u64 end = offset + length;
    const auto clear_part = [&](u64 from, u64 to) { // within one page
        if (char* page = from < to ? m_pages.find(page_of(from)) : nullptr)
            __builtin_memset(page + from % base::kPageSize, 0, to - from);
    };
    const u64 first = base::page_ceil(offset);
    const u64 last = base::page_floor(end);
    if (first > last) { // inside one page
        clear_part(offset, end);
    } else {
        clear_part(offset, first);
        clear_part(last, end);
        if (m_mappings.load(std::memory_order_acquire) == 0) {
            const u64 released = m_pages.release_range(page_of(first), page_of(last));
            m_tmpfs->uncharge_pages(released);
            blocks -= released * (base::kPageSize / 512);
        } else {
            clear_pages(page_of(first), page_of(last));
        }
    }
    touch();
    return {};
}

void TmpfsInode::mapping_added(bool writable) {
    m_mappings.fetch_add(1, std::memory_order_acq_rel);
    if (writable)
        m_writable_mappings.fetch_add(1, std::memory_order_acq_rel);
}

void TmpfsInode::mapping_removed(bool writable) {
    MaybeLockGuard guard(lock);
    if (writable)
        m_writable_mappings.fetch_sub(1, std::memory_order_acq_rel);
    if (m_mappings.fetch_sub(1, std::memory_order_acq_rel) == 1)
        release_pages_from(base::page_ceil(size) / base::kPageSize);
}

Result<void> TmpfsInode::set_attributes(const AttributeChange& change) {
    if ((change.valid & kChangeMode) && (seals & abi::F_SEAL_EXEC) && ((change.mode ^ mode) & 0111))
        return Errno::EPERM;
    if (change.valid & kChangeSize)
        TRY(set_size(change.size));
    return Inode::set_attributes(change);
}

} // namespace lxcore
