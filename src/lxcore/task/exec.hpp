// execve(2).
#pragma once

#include "lxcore/fs/file.hpp"
#include "lxcore/task/task.hpp"

namespace lxcore {

// Everything that exec needs, in the arena, so that the process that loads it need not be the one that asked.
struct ExecImage;

// Prepares (all errors that execve reports happen here): opens and checks the file, follows #! and PT_INTERP, copies
// arguments and environment. E2BIG, ENOEXEC, EACCES, ETXTBSY, ELIBBAD, ENOENT...
Result<ExecImage*> prepare_exec(const Path* known_path, i32 dirfd, std::string_view path, UserPtr<u64> argv,
                                UserPtr<u64> envp, u32 flags);
// From kernel memory: `strings` are argument_count + environment_count texts, each NUL-terminated.
Result<ExecImage*> prepare_exec_kernel(const Path& program, std::string_view display_name, std::string_view strings,
                                       u32 argument_count, u32 environment_count);
void discard_exec(ExecImage* image);
// Point of no return: replaces the current task's program; the frame is set to the entry point. Errors kill the task.
void commit_exec(Task& task, ExecImage* image);

} // namespace lxcore
