// membarrier(2), process_vm_readv(2), and the memory policy of a machine with one node: set_mempolicy(2).
#include "abi/limits.hpp"
#include "abi/mempolicy.hpp"
#include "abi/prctl.hpp"
#include "lxcore/mm/calls.hpp"
#include "lxcore/mm/editor.hpp"
#include "lxcore/ptrace/ptrace.hpp"
#include "lxcore/task/life.hpp"

namespace lxcore {

// ---- membarrier ----------------------------------------------------------------------------------------------------

namespace {

constexpr u32 kRegistrations =
    abi::MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED | abi::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED |
    abi::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE;
constexpr u32 kBarriers = abi::MEMBARRIER_CMD_GLOBAL | abi::MEMBARRIER_CMD_GLOBAL_EXPEDITED |
                          abi::MEMBARRIER_CMD_PRIVATE_EXPEDITED |
                          abi::MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE;

} // namespace

Result<i32> sys_membarrier(i32 command, u32 flags, i32) {
    const u32 wanted = static_cast<u32>(command);
    if (flags)
        return Errno::EINVAL; // MEMBARRIER_CMD_FLAG_CPU goes with the rseq commands only
    Mm& mm = *current().mm;
    if (wanted == abi::MEMBARRIER_CMD_QUERY)
        return static_cast<i32>(kRegistrations | kBarriers | abi::MEMBARRIER_CMD_GET_REGISTRATIONS);
    if (wanted == abi::MEMBARRIER_CMD_GET_REGISTRATIONS)
        return static_cast<i32>(mm.barrier_registrations.load(std::memory_order_relaxed));
    if (wanted & kRegistrations) {
        if (wanted & (wanted - 1))
            return Errno::EINVAL;
        mm.barrier_registrations.fetch_or(wanted, std::memory_order_relaxed);
        return 0;
    }
    switch (wanted) {
    case abi::MEMBARRIER_CMD_GLOBAL:
    case abi::MEMBARRIER_CMD_GLOBAL_EXPEDITED: host::barrier_everywhere(); return 0;
    case abi::MEMBARRIER_CMD_PRIVATE_EXPEDITED:
    case abi::MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE: {
        const bool is_core = wanted == abi::MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE;
        const u32 needed = is_core ? abi::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE
                                   : abi::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED;
        if (!(mm.barrier_registrations.load(std::memory_order_relaxed) & needed))
            return Errno::EPERM;
        host::barrier_of_process(is_core);
        return 0;
    }
    default: return Errno::EINVAL;
    }
}

// ---- process_vm_readv, process_vm_writev ---------------------------------------------------------------------------

namespace {

// One remote range; the bytes moved, short at the first page that cannot be had. 0 and an error in `error` when
// nothing could be moved.
u64 transfer_range(i32 host_process, u64 address, u64 length, IoBuffer& local, PageBuffer& page, bool is_write,
                   Errno& error) {
    u64 done = 0;
    length = base::min<u64>(length, local.left());
    if (!base::is_guest_range(address, length)) {
        error = Errno::EFAULT;
        return 0;
    }
    while (done < length) {
        const usize part = base::min<u64>(length - done, page.size());
        usize moved = 0;
        if (is_write) {
            const auto taken = local.peek(page.data(), part);
            if (taken.is_error() || taken.value() == 0) {
                error = Errno::EFAULT;
                break;
            }
            const auto written =
                host::write_process_memory(host_process, address + done, page.data(), taken.value());
            if (written.is_error()) {
                error = written.error();
                break;
            }
            moved = written.value();
            local.advance(moved);
        } else {
            const auto read = host::read_process_memory(host_process, address + done, page.data(), part);
            if (read.is_error()) {
                error = read.error();
                break;
            }
            const auto placed = local.copy_in(page.data(), read.value());
            if (placed.is_error()) {
                error = placed.error();
                break;
            }
            moved = placed.value();
        }
        done += moved;
        if (moved < part) {
            error = Errno::EFAULT;
            break;
        }
    }
    return done;
}

Result<i64> transfer(i32 pid, UserPtr<abi::iovec> local, u64 local_count, UserPtr<abi::iovec> remote,
                     u64 remote_count, u64 flags, bool is_write) {
    if (flags || local_count > abi::IOV_MAX || remote_count > abi::IOV_MAX)
        return Errno::EINVAL;
    UserVectors vectors = TRY(UserVectors::copy(local, static_cast<i64>(local_count)));
    if (vectors.total() == 0 || remote_count == 0)
        return 0;
    IoBuffer buffer = vectors.buffer();
    i32 host_process;
    {
        RefPtr<Process> process;
        {
            LockGuard guard(task_state().tree_lock);
            Task* task = find_task(pid);
            if (!task || !task->process)
                return Errno::ESRCH;
            process = RefPtr<Process>(task->process);
        }
        if (!may_trace(*process))
            return Errno::EPERM;
        if (process->state == ProcessState::Zombie || process->state == ProcessState::Dead)
            return Errno::ESRCH;
        host_process = process->host_process;
    }
    PageBuffer page(4);
    if (!page)
        return Errno::ENOMEM;
    i64 total = 0;
    for (u64 i = 0; i < remote_count && buffer.left(); ++i) {
        const auto part = remote.offset(i).read();
        if (part.is_error())
            return total ? Result<i64>(total) : Result<i64>(part.error());
        if (static_cast<i64>(part.value().iov_len) < 0)
            return total ? Result<i64>(total) : Result<i64>(Errno::EINVAL);
        Errno error = Errno::OK;
        total += static_cast<i64>(transfer_range(host_process, reinterpret_cast<u64>(part.value().iov_base),
                                                 part.value().iov_len, buffer, page, is_write, error));
        if (error != Errno::OK)
            return total ? Result<i64>(total) : Result<i64>(error);
    }
    return total;
}

} // namespace

Result<i64> sys_process_vm_readv(i32 pid, UserPtr<abi::iovec> local, u64 local_count, UserPtr<abi::iovec> remote,
                                 u64 remote_count, HexFlags flags) {
    return transfer(pid, local, local_count, remote, remote_count, flags, false);
}

Result<i64> sys_process_vm_writev(i32 pid, UserPtr<abi::iovec> local, u64 local_count, UserPtr<abi::iovec> remote,
                                  u64 remote_count, HexFlags flags) {
    return transfer(pid, local, local_count, remote, remote_count, flags, true);
}

// ---- memory policy -------------------------------------------------------------------------------------------------
// One node, number 0: every valid policy has the same effect, so none needs to be kept.

namespace {

// Checks a mode and its node mask.
Result<void> check_policy(i32 mode, UserPtr<u64> nodes, u64 max_node) {
    const u32 flags = static_cast<u32>(mode) & abi::MPOL_MODE_FLAGS;
    const u32 policy = static_cast<u32>(mode) & ~abi::MPOL_MODE_FLAGS;
    if (policy >= abi::MPOL_MAX || flags == (abi::MPOL_F_STATIC_NODES | abi::MPOL_F_RELATIVE_NODES))
        return Errno::EINVAL;
    bool has_node = false;
    if (nodes && max_node > 1) {
        if (max_node - 1 > base::kPageSize * 8)
            return Errno::EINVAL;
        const u64 bits = max_node - 1;
        for (u64 i = 0; i < (bits + 63) / 64; ++i) {
            u64 word = TRY(nodes.offset(i).read());
            if (bits - i * 64 < 64)
                word &= (u64{1} << (bits - i * 64)) - 1;
            if (word & ~u64{i == 0})
                return Errno::EINVAL; // a node that is not there
            has_node |= word != 0;
        }
    }
    switch (policy) {
    case abi::MPOL_DEFAULT:
    case abi::MPOL_LOCAL: return has_node || flags ? Result<void>(Errno::EINVAL) : Result<void>{};
    case abi::MPOL_PREFERRED: return {};
    default: return has_node ? Result<void>{} : Result<void>(Errno::EINVAL);
    }
}

} // namespace

Result<void> sys_get_mempolicy(UserPtr<i32> mode, UserPtr<u64> nodes, u64 max_node, u64 address, u64 flags) {
    if (flags & ~u64{abi::MPOL_F_NODE | abi::MPOL_F_ADDR | abi::MPOL_F_MEMS_ALLOWED})
        return Errno::EINVAL;
    if (nodes && max_node < 1)
        return Errno::EINVAL;
    const bool asks_allowed = flags & abi::MPOL_F_MEMS_ALLOWED;
    if (asks_allowed && (flags & (abi::MPOL_F_NODE | abi::MPOL_F_ADDR)))
        return Errno::EINVAL;
    if (flags & abi::MPOL_F_ADDR) {
        MmEditor editor(*current().mm);
        if (!editor.is_whole(base::page_floor(address), base::page_floor(address) + 1))
            return Errno::EFAULT;
    } else if (address || (flags & abi::MPOL_F_NODE)) {
        return Errno::EINVAL; // the node is told for an address, or with an interleave policy
    }
    if (mode)
        TRY(mode.write(static_cast<i32>(abi::MPOL_DEFAULT))); // also the number of the only node
    if (nodes) {
        const u64 words = base::min<u64>((max_node + 63) / 64, base::kPageSize);
        for (u64 i = 0; i < words; ++i)
            TRY(nodes.offset(i).write(i == 0 && asks_allowed ? 1 : 0));
    }
    return {};
}

Result<void> sys_set_mempolicy(i32 mode, UserPtr<u64> nodes, u64 max_node) {
    return check_policy(mode, nodes, max_node);
}

Result<void> sys_mbind(u64 address, u64 length, i32 mode, UserPtr<u64> nodes, u64 max_node, u32 flags) {
    constexpr u32 kKnown = abi::MPOL_MF_STRICT | abi::MPOL_MF_MOVE | abi::MPOL_MF_MOVE_ALL;
    if ((flags & ~kKnown) || (address & (base::kPageSize - 1)))
        return Errno::EINVAL;
    if ((flags & abi::MPOL_MF_MOVE_ALL) && !current().credentials->has_capability(abi::CAP_SYS_NICE))
        return Errno::EPERM;
    TRY(check_policy(mode, nodes, max_node));
    const u64 rounded = base::page_ceil(length);
    if (address + rounded < address)
        return Errno::EINVAL;
    if (rounded == 0)
        return {};
    MmEditor editor(*current().mm);
    return editor.is_whole(address, address + rounded) ? Result<void>{} : Result<void>(Errno::EFAULT);
}

} // namespace lxcore
