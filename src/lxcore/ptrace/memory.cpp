// A tracee's memory, read and written by the tracee for its tracer.
#include "abi/mman.hpp"
#include "lxcore/mm/mm.hpp"
#include "lxcore/ptrace/internal.hpp"

namespace lxcore {

namespace {

// Moves within one page. EIO.
Result<void> move_within_page(Mm& mm, u64 address, char* buffer, usize length, bool is_write) {
    LockGuard guard(mm.lock);
    auto* const there = reinterpret_cast<char*>(address);
    const Vma* vma = mm.find(address);
    if (!vma || vma->start > address) {
        // What the host maps in every process (the vDSO) can be read.
        if (is_write || !base::is_guest_range(address, length))
            return Errno::EIO;
        return host::copy_guarded(buffer, there, length) == 0 ? Result<void>() : Result<void>(Errno::EIO);
    }
    const u32 needed = is_write ? abi::PROT_READ | abi::PROT_WRITE : abi::PROT_READ;
    const bool is_lent = (vma->protection & needed) != needed;
    // What is written into a private mapping stays with the process; a shared one has other owners.
    if (is_lent && is_write && (vma->flags & abi::MAP_SHARED))
        return Errno::EIO;
    const u64 page = address & ~u64{base::kPageSize - 1};
    if (is_lent && host::protect(page, base::kPageSize, vma->protection | needed).is_error())
        return Errno::EIO;
    const usize left = is_write ? host::copy_guarded(there, buffer, length) : host::copy_guarded(buffer, there, length);
    if (is_lent)
        (void)host::protect(page, base::kPageSize, vma->protection);
    return left == 0 ? Result<void>() : Result<void>(Errno::EIO);
}

} // namespace

void serve_memory_request(Tracee& tracee) {
    const MemoryRequest request = tracee.request.load(std::memory_order_acquire);
    if (request != MemoryRequest::Read && request != MemoryRequest::Write)
        return;
    u32 done = 0;
    if (Mm* mm = current().mm.get()) {
        while (done < tracee.request_length) {
            const u64 address = tracee.request_address + done;
            const u64 in_page = base::kPageSize - (address & (base::kPageSize - 1));
            const auto part = static_cast<u32>(base::min<u64>(tracee.request_length - done, in_page));
            if (move_within_page(*mm, address, tracee.transfer + done, part, request == MemoryRequest::Write).is_error())
                break;
            done += part;
        }
    }
    tracee.request_done = done;
    tracee.request.store(MemoryRequest::Done, std::memory_order_release);
    LockGuard tree(task_state().tree_lock);
    if (tracee.tracer)
        tracee.tracer->child_wait.wake_all();
}

Result<usize> ptrace_access_memory(Process& process, u64 address, void* buffer, usize length, bool is_write) {
    Task& me = current();
    length = base::min<usize>(length, base::kPageSize);
    Waiter waiter(me);
    waiter.attach(me.process->child_wait);
    Task* task = nullptr;
    i32 tid = 0;
    for (;;) {
        {
            LockGuard tree(task_state().tree_lock);
            if (!task) {
                for (Task& thread : process.threads)
                    if (thread.tracee.tracer == me.process && thread.tracee.is_stopped.load())
                        task = &thread;
                if (!task)
                    return Errno::ESRCH;
                tid = task->tid;
            }
            Tracee& tracee = task->tracee;
            if (task->tid != tid || tracee.tracer != me.process || !tracee.is_stopped.load())
                return Errno::ESRCH; // killed
            // Requests of other threads of the tracer take their turns.
            if (tracee.request.load() == MemoryRequest::None) {
                tracee.request_address = address;
                tracee.request_length = static_cast<u32>(length);
                tracee.request_by = me.tid;
                if (is_write)
                    __builtin_memcpy(tracee.transfer, buffer, length);
                tracee.request.store(is_write ? MemoryRequest::Write : MemoryRequest::Read);
                wake_carrier(*task);
            } else if (tracee.request.load(std::memory_order_acquire) == MemoryRequest::Done && tracee.request_by == me.tid) {
                const u32 done = tracee.request_done;
                if (!is_write)
                    __builtin_memcpy(buffer, tracee.transfer, done);
                tracee.request.store(MemoryRequest::None);
                me.process->child_wait.wake_all();
                if (done == 0)
                    return Errno::EIO;
                return usize{done};
            }
        }
        if (must_exit(me))
            return Errno::EINTR;
        // The tracee answers at once; signals to the tracer can wait.
        me.sleep(host::monotonic_ns() + 1'000'000'000, false);
    }
}

void wake_carrier(Task& task) {
    if (Task* carrier = task.tracee.carrier)
        carrier->kick(host::kWorkStop);
    else
        task.unpark();
}

} // namespace lxcore
