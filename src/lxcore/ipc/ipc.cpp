#include "lxcore/ipc/ipc.hpp"

namespace lxcore {

Result<void> initialize_ipc() {
    kernel().ipc = TRY(make<IpcState>());
    return {};
}

} // namespace lxcore
