// pipe(2).
#include "lxcore/fs/fd_table.hpp"
#include "lxcore/ipc/calls.hpp"
#include "lxcore/ipc/pipe.hpp"
#include "lxcore/task/task.hpp"

namespace lxcore {

Result<i32> sys_pipe2(UserPtr<i32> user, OpenFlags flags) {
    if (flags & ~(abi::O_CLOEXEC | abi::O_NONBLOCK | abi::O_DIRECT))
        return Errno::EINVAL;
    auto pair = TRY(make_pipe(flags));
    FdTable& table = *current().files;
    const bool close_on_exec = (flags & abi::O_CLOEXEC) != 0;
    i32 fds[2];
    fds[0] = TRY(table.install(pair.read_end, close_on_exec));
    auto second = table.install(pair.write_end, close_on_exec);
    if (second.is_error()) {
        (void)table.close(fds[0]).is_ok();
        return second.error();
    }
    fds[1] = second.value();
    if (auto written = user.write_array(fds, 2); written.is_error()) {
        (void)table.close(fds[0]).is_ok();
        (void)table.close(fds[1]).is_ok();
        return written.error();
    }
    return 0;
}

Result<i32> sys_pipe(UserPtr<i32> user) { return sys_pipe2(user, {0}); }

} // namespace lxcore
