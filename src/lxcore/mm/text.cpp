// Executable file mappings and the engine's patched copies of them: when a copy is mapped in the file's place, when the
// file comes back, and how the engine finds its texts.
#include "lxcore/mm/editor.hpp"

#include "abi/mman.hpp"

namespace lxcore {

namespace {

// Whether `vma` shows a file's own instructions, and nothing that the guest could have written.
bool is_plain_text(const Mm& mm, const Vma& vma) {
    return !mm.shows_plain_text && vma.file && !(vma.flags & abi::MAP_SHARED) && !vma.was_writable && !vma.text && !vma.is_unfit_text &&
           (vma.protection & (abi::PROT_EXEC | abi::PROT_WRITE)) == abi::PROT_EXEC && vma.kind == VmaKind::File;
}

// Whether no other thread can run in the current task's address space now. A vfork child's parent waits for it.
bool is_alone(const Task& task) {
    const u32 users = task.mm->users.load(std::memory_order_acquire);
    return users == 1 || (users == 2 && task.vfork_parent && task.vfork_parent->mm == task.mm);
}

Result<void> map_plain_file(Vma& vma) {
    MapRequest request{vma.start, vma.length(), vma.protection, vma.flags, vma.offset, &vma};
    const Result<void> own = vma.file->map(request);
    if (own.is_ok() || own.error() != Errno::ENODEV)
        return own;
    const host::Handle handle = vma.file->host_handle();
    if (handle == host::kNoHandle)
        return Errno::ENODEV;
    return host::map_file(vma.start, vma.length(), vma.protection, handle, vma.offset, vma.flags & abi::MAP_SHARED);
}

} // namespace

engine::TextIdentity text_identity(const Inode& inode) {
    engine::TextIdentity identity{};
    identity.device = inode.super_block ? inode.super_block->device : 0;
    identity.inode = inode.number;
    identity.size = inode.size;
    identity.modified_seconds = inode.modified.tv_sec;
    identity.modified_nanoseconds = static_cast<u32>(inode.modified.tv_nsec);
    return identity;
}

Result<void> MmEditor::map_on_host(Vma& vma) {
    if (!vma.file)
        return vma.flags & abi::MAP_SHARED ? host::map_shared_anonymous(vma.start, vma.length(), vma.protection)
                                           : host::map_anonymous(vma.start, vma.length(), vma.protection);
    if (is_plain_text(m_mm, vma)) {
        const engine::Text* text =
            engine::find_text(vma.offset, vma.length(), text_identity(vma.file->inode()));
        if (text && map_text(vma, *text))
            return {};
    }
    return map_plain_file(vma);
}

Result<void> MmEditor::map_anew(const Vma& vma, u64 start, u64 end) {
    Vma part;
    part.start = start;
    part.end = end;
    part.protection = vma.protection;
    part.flags = vma.flags;
    part.kind = vma.kind;
    part.file = vma.file;
    part.offset = vma.offset + (start - vma.start);
    return map_on_host(part);
}

// The slack at `address` for a text at `text_start`, made if the place is free; null when it is taken.
Vma* MmEditor::claim_slack(u64 address, u64 text_start) {
    const u64 end = address + engine::kTrampolineSlack;
    if (!base::is_guest_range(address, engine::kTrampolineSlack))
        return nullptr;
    Vma* there = find(address);
    if (!there || there->start >= end) {
        auto made = make<Vma>();
        if (made.is_error())
            return nullptr;
        there = made.value();
        there->start = address;
        there->end = end;
        there->hidden = Hidden::Slack;
        there->kind = VmaKind::Special;
        insert(*there);
        return there;
    }
    if (there->hidden != Hidden::Slack || there->start != address || there->end != end)
        return nullptr;
    // An image with two executable segments has room for the trampolines of one.
    if (there->text && there->text_start != text_start) {
        const Vma* owner = find(there->text_start);
        if (owner && owner->text == there->text && owner->text_start == there->text_start)
            return nullptr;
    }
    return there;
}

bool MmEditor::map_text(Vma& vma, const engine::Text& text) {
    Vma* slack = claim_slack(engine::trampoline_address(text, vma.start), vma.start);
    if (!slack || engine::map_text(text, vma.start, vma.protection).is_error())
        return false;
    slack->text = vma.text = &text;
    slack->text_start = vma.text_start = vma.start;
    return true;
}

void MmEditor::restore_text(Vma& vma) {
    const engine::Text* text = vma.text;
    const u64 text_start = vma.text_start;
    // All parts lie between the text's start and its trampolines.
    const u64 end = engine::trampoline_address(*text, text_start);
    for (Vma* part = find(text_start); part && part->start < end; part = next(*part)) {
        if (part->text != text || part->text_start != text_start || part->hidden != Hidden::No)
            continue;
        (void)map_plain_file(*part);
        part->text = nullptr;
        part->text_start = 0;
        part->is_unfit_text = true;
    }
}

void MmEditor::restore_cut_texts(u64 start, u64 end) {
    // A patch may lie across a page boundary: what is left of a text that loses pages must be whole by itself.
    for (Vma* vma = find(start); vma && vma->start < end; vma = next(*vma)) {
        if (!vma->text)
            continue;
        if (vma->hidden == Hidden::Slack) {
            Vma* owner = find(vma->text_start);
            if (owner && owner->text == vma->text && owner->text_start == vma->text_start && owner->start < start)
                restore_text(*owner);
            continue;
        }
        const Vma* before = VmaTree::previous(m_mm, *vma);
        const Vma* after = next(*vma);
        const auto is_part = [&](const Vma* other) {
            return other && other->text == vma->text && other->text_start == vma->text_start &&
                   other->hidden == Hidden::No;
        };
        if (vma->start < start || vma->end > end || (vma->start == start && is_part(before)) ||
            (vma->end == end && is_part(after)))
            restore_text(*vma);
    }
}

} // namespace lxcore

extern "C" bool lxcore_find_text(u64 address, engine::TextPlace* place) {
    using namespace lxcore;
    Task& task = current();
    if (!task.mm)
        return false;
    LockGuard guard(task.mm->lock);
    const Vma* vma = VmaTree::find(*task.mm, address);
    if (!vma || vma->start > address || !vma->text)
        return false;
    *place = {vma->text, vma->text_start};
    return true;
}

extern "C" void lxcore_improve_text(u64 address) {
    using namespace lxcore;
    Task& task = current();
    if (!task.mm || task.mm->shows_plain_text)
        return;
    const u64 site = address - 2;
    MmEditor editor(*task.mm);
    Vma* vma = editor.find(site);
    if (!vma || vma->start > site || vma->hidden != Hidden::No || (!vma->text && !is_plain_text(*task.mm, *vma)))
        return;
    const host::Handle handle = vma->file->host_handle();
    if (handle == host::kNoHandle)
        return;
    const engine::Text* text = engine::learn_site(handle, vma->offset, vma->length(),
                                                  text_identity(vma->file->inode()), site - vma->start);
    if (text && text != vma->text && is_alone(task) && !editor.map_text(*vma, *text) && !vma->text)
        vma->is_unfit_text = true;
}

extern "C" void lxcore_abandon_texts() {
    using namespace lxcore;
    Mm& mm = *current().mm;
    MmEditor editor(mm);
    mm.shows_plain_text = true;
    for (Vma* vma = editor.find(0); vma; vma = editor.next(*vma))
        if (vma->text && vma->hidden == Hidden::No)
            editor.restore_text(*vma);
}
