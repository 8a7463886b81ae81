// File descriptor tables, shared by tasks created with CLONE_FILES.
#pragma once

#include "lxcore/fs/file.hpp"
#include "lxcore/task/task.hpp"

namespace lxcore {

class FdTable final : public SharedObject {
public:
    ~FdTable() override;
    // EBADF. The file is listed in the current task for the time of its use.
    Result<HeldFile> get(i32 fd);
    // As get(), but O_PATH descriptors count too (fstat, dup, close, *at).
    Result<HeldFile> get_any(i32 fd);
    // Lowest free descriptor from `lowest` on; EMFILE at the current process's RLIMIT_NOFILE.
    Result<i32> install(RefPtr<File> file, bool close_on_exec, i32 lowest = 0);
    // dup2/dup3: replaces what is there. EBADF beyond the limit.
    Result<i32> install_at(i32 fd, RefPtr<File> file, bool close_on_exec);
    Result<void> close(i32 fd);
    void close_range(u32 first, u32 last, bool set_cloexec_only);
    void close_on_exec_all(); // exec
    Result<bool> close_on_exec(i32 fd);
    Result<void> set_close_on_exec(i32 fd, bool value);
    Result<RefPtr<FdTable>> clone();
    // Without the current task's list, for other tasks' tables (/proc/<pid>/fd, SCM_RIGHTS, pidfd_getfd).
    RefPtr<File> peek(i32 fd);
    i32 next_open(i32 from); // -1 at the end
    u32 capacity() const { return m_capacity; }
    // Number of tasks that use the table. Set before a task joins: one user needs no lock to look up.
    std::atomic<u32> users{1};
    void join() { users.fetch_add(1, std::memory_order_acq_rel); }
    // A task leaves (exit, exec, unshare): the last one closes everything. Also called by the reaper.
    void leave();

private:
    File* slot(i32 fd) const { return static_cast<u32>(fd) < m_capacity ? m_files[fd] : nullptr; }
    bool is_single() const { return users.load(std::memory_order_relaxed) == 1; }
    Result<void> grow(u32 capacity);
    Result<i32> find_free(u32 lowest); // lock held
    void set_cloexec_bit(u32 fd, bool value);
    void finish_close(File* file);
    void close_all();
    Mutex m_lock;
    File** m_files = nullptr; // each holds a reference
    u64* m_close_on_exec = nullptr; // bit per descriptor
    u32 m_capacity = 0;
    u32 m_first_free_hint = 0; // no free descriptor below it
};

// In the current task's table.
Result<HeldFile> get_file(i32 fd);
Result<HeldFile> get_file_any(i32 fd);

} // namespace lxcore
