// The values of abi_values.inc as the host's system headers give them. It must not include src/abi: the
// host's macros have the same names.
#include <asm/prctl.h>
#include <asm/termbits.h>
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <linux/if_link.h>
#include <linux/kcmp.h>
#include <linux/limits.h>
#include <linux/magic.h>
#include <linux/membarrier.h>
#include <linux/netlink.h>
#include <linux/nsfs.h>
#include <linux/openat2.h>
#include <linux/random.h>
#include <linux/rseq.h>
#include <linux/rtnetlink.h>
#include <linux/seccomp.h>
#include <linux/audit.h>
#include <linux/sockios.h>
#include <linux/utsname.h>
#include <mqueue.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/times.h>
#include <sys/timex.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <syscall.h>
#include <time.h>
#include <unistd.h>

#include <cstddef>

#include "abi_values.hpp"

#define LXSS_ERRNO(name) {#name, static_cast<int64_t>(name)},
#define LXSS_VALUE(name) {#name, static_cast<int64_t>(name)},
#define LXSS_SIZE(type) {"sizeof " #type, static_cast<int64_t>(sizeof(struct type))},
#define LXSS_OFFSET(type, field) {#type "." #field, static_cast<int64_t>(offsetof(struct type, field))},

const std::vector<AbiValue>& system_abi_values() {
    static const std::vector<AbiValue> values = {
#include "abi_values.inc"
    };
    return values;
}
