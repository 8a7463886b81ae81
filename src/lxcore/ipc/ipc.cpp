#include "lxcore/ipc/ipc.hpp"

#include "lxcore/ipc/posix_queues.hpp"
#include "lxcore/ipc/system_v.hpp"

namespace lxcore {

Result<void> initialize_ipc() {
    kernel().ipc = TRY(make<IpcState>());
    kernel().ipc->system_v = TRY(make<SystemVState>());
    kernel().ipc->posix_queues = TRY(make<PosixQueueState>());
    return {};
}

} // namespace lxcore
