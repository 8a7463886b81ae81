// What a translating engine asks of an address space.
#include "engine/engine.hpp"
#include "lxcore/mm/vma_tree.hpp"
#include "lxcore/task/life.hpp"

extern "C" bool lxcore_find_code(u64 address, engine::CodeRange* range) {
    using namespace lxcore;
    const Task& task = current();
    if (!task.mm)
        return false;
    LockGuard guard(task.mm->lock);
    const Vma* vma = VmaTree::find(*task.mm, address);
    // What the host keeps can be executed only where the guest is shown it: the vDSO.
    if (!vma || vma->start > address || vma->hidden == Hidden::Slack || !(vma->protection & abi::PROT_EXEC))
        return false;
    *range = {vma->start, vma->end, (vma->protection & abi::PROT_WRITE) || (vma->flags & abi::MAP_SHARED)};
    return true;
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
