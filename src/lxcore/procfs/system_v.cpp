// /proc/sysvipc: sysvipc(7).
#include "lxcore/ipc/system_v.hpp"

#include "lxcore/procfs/procfs.hpp"

namespace lxcore::proc {

Result<void> print_system_v(base::Writer& writer, const Node& node) {
    SystemVState& state = system_v_state();
    SystemVTable* table = &state.segments;
    const std::string_view kind = node.row->argument;
    if (kind == "msg") {
        table = &state.queues;
        writer.put("       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid      stime"
                   "      rtime      ctime\n");
    } else if (kind == "sem") {
        table = &state.semaphores;
        writer.put("       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n");
    } else {
        writer.put("       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid"
                   "      atime      dtime      ctime                   rss                  swap\n");
    }
    LockGuard guard(table->lock);
    table->each([&](SystemVObject& object) {
        LockGuard object_guard(object.lock);
        object.print_line(writer);
    });
    return {};
}

} // namespace lxcore::proc
