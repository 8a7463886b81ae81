// The values of abi_values.inc as the headers of src/abi give them.
#include "abi_values.hpp"

#include "../../src/abi/dirent.hpp"
#include "../../src/abi/elf.hpp"
#include "../../src/abi/errno.hpp"
#include "../../src/abi/fcntl.hpp"
#include "../../src/abi/futex.hpp"
#include "../../src/abi/ioctl.hpp"
#include "../../src/abi/ipc.hpp"
#include "../../src/abi/limits.hpp"
#include "../../src/abi/mman.hpp"
#include "../../src/abi/mount.hpp"
#include "../../src/abi/netdevice.hpp"
#include "../../src/abi/netlink.hpp"
#include "../../src/abi/poll.hpp"
#include "../../src/abi/prctl.hpp"
#include "../../src/abi/resource.hpp"
#include "../../src/abi/sched.hpp"
#include "../../src/abi/signal.hpp"
#include "../../src/abi/signal_frame.hpp"
#include "../../src/abi/socket.hpp"
#include "../../src/abi/stat.hpp"
#include "../../src/abi/syscall_numbers.hpp"
#include "../../src/abi/termios.hpp"
#include "../../src/abi/time.hpp"
#include "../../src/abi/utsname.hpp"
#include "../../src/abi/xattr.hpp"

#define LXSS_ERRNO(name) {#name, static_cast<int64_t>(abi::Errno::name)},
#define LXSS_VALUE(name) {#name, static_cast<int64_t>(abi::name)},
#define LXSS_SIZE(type) {"sizeof " #type, static_cast<int64_t>(sizeof(struct abi::type))},
#define LXSS_OFFSET(type, field) {#type "." #field, static_cast<int64_t>(offsetof(struct abi::type, field))},

const std::vector<AbiValue>& our_abi_values() {
    static const std::vector<AbiValue> values = {
#include "abi_values.inc"
    };
    return values;
}
