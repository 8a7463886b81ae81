// What a translating engine asks of an address space.
#include "engine/engine.hpp"
#include "lxcore/mm/editor.hpp"
#include "lxcore/task/life.hpp"

extern "C" bool lxcore_find_code(u64 address, engine::CodeRange* range) {
    using namespace lxcore;
    const Task& task = current();
    if (!task.mm)
        return false;
    LockGuard guard(task.mm->lock);
    const Vma* vma = VmaTree::find(*task.mm, address);
    // What the host keeps can be executed only where the guest is shown it: the vDSO.
    if (!vma || vma->start > address || vma->hidden == Hidden::Slack || vma->hidden == Hidden::EngineCode || !(vma->protection & abi::PROT_EXEC))
        return false;
    *range = {vma->start, vma->end, (vma->protection & abi::PROT_WRITE) || (vma->flags & abi::MAP_SHARED)};
    return true;
}

extern "C" bool lxcore_is_constant(u64 address, u64 length) {
    using namespace lxcore;
    const Task& task = current();
    if (!task.mm)
        return false;
    LockGuard guard(task.mm->lock);
    const Vma* vma = VmaTree::find(*task.mm, address);
    return vma && vma->start <= address && length <= vma->end - address && vma->hidden == Hidden::No && (vma->protection & abi::PROT_READ) &&
           !(vma->protection & abi::PROT_WRITE) && !(vma->flags & abi::MAP_SHARED);
}

extern "C" u64 lxcore_reserve_code_space(u64 near, u64 length, u64 reach) {
    using namespace lxcore;
    Mm& mm = *current().mm;
    MmEditor editor(mm);
    // Below: heaps grow upwards.
    const u64 low = near > reach + base::kGuestLowest ? near - reach : base::kGuestLowest;
    const u64 address = VmaTree::highest_gap(mm, length, low, near);
    if (!address)
        return 0;
    auto made = make<Vma>();
    if (made.is_error())
        return 0;
    Vma& vma = *made.value();
    vma.start = address;
    vma.end = address + length;
    vma.hidden = Hidden::EngineCode;
    vma.kind = VmaKind::Special;
    if (host::map_code(address, length).is_error()) {
        delete &vma;
        return 0;
    }
    editor.insert(vma);
    return address;
}

extern "C" void lxcore_visit_other_threads(void (*visit)(void* context, host::ThreadBlock& block), void* context) {
    using namespace lxcore;
    Task& self = current();
    TaskState& state = task_state();
    // A vfork child has the address space of another process, hence all tasks.
    LockGuard guard(state.tree_lock);
    for (auto& bucket : state.tasks)
        for (Task& task : bucket)
            if (&task != &self && task.mm.get() == self.mm.get())
                visit(context, task);
}
