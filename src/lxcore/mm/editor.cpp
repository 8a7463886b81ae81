#include "lxcore/mm/editor.hpp"

#include "abi/prctl.hpp"
#include "lxcore/fs/namei.hpp"

namespace lxcore {

u64 current_limit(u32 which) {
    Task& task = current();
    return task.process && !task.is_kernel_thread ? task.process->limits[which].rlim_cur : abi::RLIM_INFINITY;
}

MmEditor::~MmEditor() {
    Vma* dead = std::exchange(m_mm.m_dead, nullptr);
    m_mm.lock.unlock();
    while (dead) {
        Vma* vma = dead;
        dead = vma->right;
        // A shared view may have changed the file without a write that lxcore saw.
        if (vma->file && (vma->flags & abi::MAP_SHARED) && (vma->protection & abi::PROT_WRITE) &&
            vma->file->path && vma->file->inode().is_regular())
            note_modified(*vma->file);
        delete vma;
    }
}

bool MmEditor::overlaps(u64 start, u64 end) const {
    const Vma* vma = find(start);
    return vma && vma->start < end;
}

bool MmEditor::overlaps_reserved(u64 start, u64 end) const {
    for (const Vma* vma = find(start); vma && vma->start < end; vma = next(*vma))
        if (vma->is_kept())
            return true;
    return false;
}

bool MmEditor::is_whole(u64 start, u64 end) const {
    for (const Vma* vma = find(start); vma && vma->start <= start && vma->hidden == Hidden::No; vma = next(*vma)) {
        if (vma->end >= end)
            return true;
        start = vma->end;
    }
    return false;
}

u64 MmEditor::visible_bytes(u64 start, u64 end) const {
    u64 bytes = 0;
    for (const Vma* vma = find(start); vma && vma->start < end; vma = next(*vma))
        if (vma->hidden == Hidden::No)
            bytes += base::min(vma->end, end) - base::max(vma->start, start);
    return bytes;
}

Result<void> MmEditor::split_at(u64 address) {
    Vma* vma = find(address);
    if (!vma || vma->start >= address || vma->is_kept())
        return {};
    if (m_mm.m_count >= kMaxMapCount)
        return Errno::ENOMEM;
    Vma* upper = TRY(copy_vma(*vma));
    upper->start = address;
    if (upper->file || upper->shared_object)
        upper->offset += address - vma->start;
    vma->end = address;
    VmaTree::insert(m_mm, *upper);
    return {};
}

void MmEditor::account(i64 bytes, bool locked) {
    m_mm.total_bytes += static_cast<u64>(bytes);
    m_mm.peak_bytes = base::max(m_mm.peak_bytes, m_mm.total_bytes);
    if (locked)
        m_mm.locked_bytes += static_cast<u64>(bytes);
}

void MmEditor::take_out(Vma& vma) {
    VmaTree::remove(m_mm, vma);
    if (vma.hidden == Hidden::No)
        account(-static_cast<i64>(vma.length()), vma.flags & abi::MAP_LOCKED);
    vma.right = m_mm.m_dead;
    m_mm.m_dead = &vma;
}

// Room for trampolines goes with the image before it.
void MmEditor::remove_orphan_slack(u64 start) {
    Vma* vma = find(start);
    if (!vma || vma->start != start || vma->hidden != Hidden::Slack)
        return;
    const Vma* before = VmaTree::previous(m_mm, *vma);
    if (before && before->end == start && before->hidden == Hidden::No)
        return;
    (void)host::unmap(vma->start, vma->length());
    take_out(*vma);
}

Result<void> MmEditor::remove_range(u64 start, u64 end, bool unmap_host) {
    if (!overlaps(start, end))
        return {};
    restore_cut_texts(start, end);
    TRY(split_at(start));
    TRY(split_at(end));
    // The host first: it may refuse, and then the record must still tell what is there.
    u64 run_start = 0, run_end = 0;
    for (Vma* vma = find(start); unmap_host && vma && vma->start < end; vma = next(*vma)) {
        if (vma->is_kept())
            continue;
        if (vma->start != run_end) {
            if (run_end)
                TRY(host::unmap(run_start, run_end - run_start));
            run_start = vma->start;
        }
        run_end = vma->end;
    }
    if (run_end)
        TRY(host::unmap(run_start, run_end - run_start));
    for (Vma* vma = find(start); vma && vma->start < end;) {
        Vma* after = next(*vma);
        if (!vma->is_kept())
            take_out(*vma);
        vma = after;
    }
    if (unmap_host) {
        remove_orphan_slack(end);
        // What a shared mapping kept of its first unit.
        if (base::kMappingUnit > base::kPageSize && start % base::kMappingUnit != 0)
            if (Vma* before = find(start - 1);
                before && before->hidden == Hidden::Slack && before->end == start && before->length() < base::kMappingUnit)
                take_out(*before);
    }
    return {};
}

void MmEditor::insert(Vma& vma) {
    VmaTree::insert(m_mm, vma);
    if (vma.hidden == Hidden::No)
        account(static_cast<i64>(vma.length()), vma.flags & abi::MAP_LOCKED);
}

namespace {

bool can_merge(const Vma& low, const Vma& high) {
    if (low.end != high.start || low.protection != high.protection || low.flags != high.flags ||
        low.max_protection != high.max_protection || low.kind != high.kind || low.hidden != Hidden::No ||
        high.hidden != Hidden::No || low.text != high.text ||
        low.text_start != high.text_start || low.was_writable != high.was_writable || low.advice != high.advice ||
        low.label != high.label || low.file.get() != high.file.get() ||
        low.shared_object.get() != high.shared_object.get() || (low.flags & abi::MAP_GROWSDOWN))
        return false;
    return (!low.file && !low.shared_object) || low.offset + low.length() == high.offset;
}

} // namespace

Vma& MmEditor::merge(Vma& vma) {
    Vma* low = &vma;
    if (Vma* before = VmaTree::previous(m_mm, vma); before && can_merge(*before, vma))
        low = before;
    // Twice at most: into the one before, and the one after into that.
    for (Vma* high = next(*low); high && can_merge(*low, *high); high = next(*low)) {
        const u64 end = high->end;
        VmaTree::remove(m_mm, *high);
        high->right = m_mm.m_dead;
        m_mm.m_dead = high;
        low->end = end;
        VmaTree::resized(m_mm, *low);
    }
    return *low;
}

Result<void> MmEditor::check_limits(u64 bytes, bool is_data, u32 more_mappings) const {
    if (m_mm.m_count + more_mappings > kMaxMapCount)
        return Errno::ENOMEM;
    const u64 limit = current_limit(abi::RLIMIT_AS);
    if (limit != abi::RLIM_INFINITY && (bytes > limit || m_mm.total_bytes > limit - bytes))
        return Errno::ENOMEM;
    const u64 data_limit = is_data ? current_limit(abi::RLIMIT_DATA) : abi::RLIM_INFINITY;
    if (data_limit != abi::RLIM_INFINITY) {
        u64 data = bytes;
        for (const Vma* vma = VmaTree::first(m_mm); vma; vma = next(*vma))
            if (vma->hidden == Hidden::No && is_data_mapping(vma->protection, vma->flags, vma->kind))
                data += vma->length();
        if (data > data_limit)
            return Errno::ENOMEM;
    }
    return {};
}

bool MmEditor::may_lock(u64 bytes) const {
    const u64 limit = current_limit(abi::RLIMIT_MEMLOCK);
    if (limit == abi::RLIM_INFINITY || current().credentials->has_capability(abi::CAP_IPC_LOCK))
        return true;
    return bytes <= limit && m_mm.locked_bytes <= limit - bytes;
}

} // namespace lxcore
