// Process controls: prctl(2), arch_prctl(2), capabilities(7), personality(2), seccomp(2).
#pragma once

#include <cstddef>
#include <cstdint>

namespace abi {

inline constexpr uint32_t PR_SET_PDEATHSIG = 1;
inline constexpr uint32_t PR_GET_PDEATHSIG = 2;
inline constexpr uint32_t PR_GET_DUMPABLE = 3;
inline constexpr uint32_t PR_SET_DUMPABLE = 4;
inline constexpr uint32_t PR_GET_UNALIGN = 5;
inline constexpr uint32_t PR_SET_UNALIGN = 6;
inline constexpr uint32_t PR_GET_KEEPCAPS = 7;
inline constexpr uint32_t PR_SET_KEEPCAPS = 8;
inline constexpr uint32_t PR_GET_FPEMU = 9;
inline constexpr uint32_t PR_SET_FPEMU = 10;
inline constexpr uint32_t PR_GET_FPEXC = 11;
inline constexpr uint32_t PR_SET_FPEXC = 12;
inline constexpr uint32_t PR_GET_TIMING = 13;
inline constexpr uint32_t PR_SET_TIMING = 14;
inline constexpr uint32_t PR_SET_NAME = 15;
inline constexpr uint32_t PR_GET_NAME = 16;
inline constexpr uint32_t PR_GET_ENDIAN = 19;
inline constexpr uint32_t PR_SET_ENDIAN = 20;
inline constexpr uint32_t PR_GET_SECCOMP = 21;
inline constexpr uint32_t PR_SET_SECCOMP = 22;
inline constexpr uint32_t PR_CAPBSET_READ = 23;
inline constexpr uint32_t PR_CAPBSET_DROP = 24;
inline constexpr uint32_t PR_GET_TSC = 25;
inline constexpr uint32_t PR_SET_TSC = 26;
inline constexpr uint32_t PR_GET_SECUREBITS = 27;
inline constexpr uint32_t PR_SET_SECUREBITS = 28;
inline constexpr uint32_t PR_SET_TIMERSLACK = 29;
inline constexpr uint32_t PR_GET_TIMERSLACK = 30;
inline constexpr uint32_t PR_TASK_PERF_EVENTS_DISABLE = 31;
inline constexpr uint32_t PR_TASK_PERF_EVENTS_ENABLE = 32;
inline constexpr uint32_t PR_MCE_KILL = 33;
inline constexpr uint32_t PR_MCE_KILL_GET = 34;
inline constexpr uint32_t PR_SET_MM = 35;
inline constexpr uint32_t PR_SET_CHILD_SUBREAPER = 36;
inline constexpr uint32_t PR_GET_CHILD_SUBREAPER = 37;
inline constexpr uint32_t PR_SET_NO_NEW_PRIVS = 38;
inline constexpr uint32_t PR_GET_NO_NEW_PRIVS = 39;
inline constexpr uint32_t PR_GET_TID_ADDRESS = 40;
inline constexpr uint32_t PR_SET_THP_DISABLE = 41;
inline constexpr uint32_t PR_GET_THP_DISABLE = 42;
inline constexpr uint32_t PR_CAP_AMBIENT = 47;
inline constexpr uint32_t PR_GET_SPECULATION_CTRL = 52;
inline constexpr uint32_t PR_SET_SPECULATION_CTRL = 53;
inline constexpr uint32_t PR_SET_IO_FLUSHER = 57;
inline constexpr uint32_t PR_GET_IO_FLUSHER = 58;
inline constexpr uint32_t PR_SET_SYSCALL_USER_DISPATCH = 59;
inline constexpr uint32_t PR_SCHED_CORE = 62;
inline constexpr uint32_t PR_SET_MDWE = 65;
inline constexpr uint32_t PR_GET_MDWE = 66;
inline constexpr uint32_t PR_SET_MEMORY_MERGE = 67;
inline constexpr uint32_t PR_GET_MEMORY_MERGE = 68;
inline constexpr uint32_t PR_SET_VMA = 0x53564d41;
inline constexpr uint32_t PR_SET_VMA_ANON_NAME = 0;
inline constexpr uint32_t PR_SET_PTRACER = 0x59616d61;
inline constexpr uint64_t PR_SET_PTRACER_ANY = ~uint64_t{0};
inline constexpr uint32_t PR_CAP_AMBIENT_IS_SET = 1;
inline constexpr uint32_t PR_CAP_AMBIENT_RAISE = 2;
inline constexpr uint32_t PR_CAP_AMBIENT_LOWER = 3;
inline constexpr uint32_t PR_CAP_AMBIENT_CLEAR_ALL = 4;
inline constexpr uint32_t PR_SET_MM_START_CODE = 1;
inline constexpr uint32_t PR_SET_MM_END_CODE = 2;
inline constexpr uint32_t PR_SET_MM_START_DATA = 3;
inline constexpr uint32_t PR_SET_MM_END_DATA = 4;
inline constexpr uint32_t PR_SET_MM_START_STACK = 5;
inline constexpr uint32_t PR_SET_MM_START_BRK = 6;
inline constexpr uint32_t PR_SET_MM_BRK = 7;
inline constexpr uint32_t PR_SET_MM_ARG_START = 8;
inline constexpr uint32_t PR_SET_MM_ARG_END = 9;
inline constexpr uint32_t PR_SET_MM_ENV_START = 10;
inline constexpr uint32_t PR_SET_MM_ENV_END = 11;
inline constexpr uint32_t PR_SET_MM_AUXV = 12;
inline constexpr uint32_t PR_SET_MM_EXE_FILE = 13;
inline constexpr uint32_t PR_SET_MM_MAP = 14;
inline constexpr uint32_t PR_SET_MM_MAP_SIZE = 15;
inline constexpr uint32_t PR_TSC_ENABLE = 1;
inline constexpr uint32_t PR_TSC_SIGSEGV = 2;
inline constexpr uint32_t TASK_COMM_LEN = 16;

inline constexpr uint32_t ARCH_SET_GS = 0x1001;
inline constexpr uint32_t ARCH_SET_FS = 0x1002;
inline constexpr uint32_t ARCH_GET_FS = 0x1003;
inline constexpr uint32_t ARCH_GET_GS = 0x1004;
inline constexpr uint32_t ARCH_GET_CPUID = 0x1011;
inline constexpr uint32_t ARCH_SET_CPUID = 0x1012;
inline constexpr uint32_t ARCH_GET_XCOMP_SUPP = 0x1021;
inline constexpr uint32_t ARCH_GET_XCOMP_PERM = 0x1022;
inline constexpr uint32_t ARCH_REQ_XCOMP_PERM = 0x1023;
inline constexpr uint32_t ARCH_MAP_VDSO_X32 = 0x2001;
inline constexpr uint32_t ARCH_MAP_VDSO_32 = 0x2002;
inline constexpr uint32_t ARCH_MAP_VDSO_64 = 0x2003;
inline constexpr uint32_t ARCH_SHSTK_ENABLE = 0x5001;
inline constexpr uint32_t ARCH_SHSTK_DISABLE = 0x5002;
inline constexpr uint32_t ARCH_SHSTK_LOCK = 0x5003;
inline constexpr uint32_t ARCH_SHSTK_UNLOCK = 0x5004;
inline constexpr uint32_t ARCH_SHSTK_STATUS = 0x5005;

// Capability numbers: a bit each in a set.
inline constexpr uint32_t CAP_CHOWN = 0;
inline constexpr uint32_t CAP_DAC_OVERRIDE = 1;
inline constexpr uint32_t CAP_DAC_READ_SEARCH = 2;
inline constexpr uint32_t CAP_FOWNER = 3;
inline constexpr uint32_t CAP_FSETID = 4;
inline constexpr uint32_t CAP_KILL = 5;
inline constexpr uint32_t CAP_SETGID = 6;
inline constexpr uint32_t CAP_SETUID = 7;
inline constexpr uint32_t CAP_SETPCAP = 8;
inline constexpr uint32_t CAP_LINUX_IMMUTABLE = 9;
inline constexpr uint32_t CAP_NET_BIND_SERVICE = 10;
inline constexpr uint32_t CAP_NET_BROADCAST = 11;
inline constexpr uint32_t CAP_NET_ADMIN = 12;
inline constexpr uint32_t CAP_NET_RAW = 13;
inline constexpr uint32_t CAP_IPC_LOCK = 14;
inline constexpr uint32_t CAP_IPC_OWNER = 15;
inline constexpr uint32_t CAP_SYS_MODULE = 16;
inline constexpr uint32_t CAP_SYS_RAWIO = 17;
inline constexpr uint32_t CAP_SYS_CHROOT = 18;
inline constexpr uint32_t CAP_SYS_PTRACE = 19;
inline constexpr uint32_t CAP_SYS_PACCT = 20;
inline constexpr uint32_t CAP_SYS_ADMIN = 21;
inline constexpr uint32_t CAP_SYS_BOOT = 22;
inline constexpr uint32_t CAP_SYS_NICE = 23;
inline constexpr uint32_t CAP_SYS_RESOURCE = 24;
inline constexpr uint32_t CAP_SYS_TIME = 25;
inline constexpr uint32_t CAP_SYS_TTY_CONFIG = 26;
inline constexpr uint32_t CAP_MKNOD = 27;
inline constexpr uint32_t CAP_LEASE = 28;
inline constexpr uint32_t CAP_AUDIT_WRITE = 29;
inline constexpr uint32_t CAP_AUDIT_CONTROL = 30;
inline constexpr uint32_t CAP_SETFCAP = 31;
inline constexpr uint32_t CAP_MAC_OVERRIDE = 32;
inline constexpr uint32_t CAP_MAC_ADMIN = 33;
inline constexpr uint32_t CAP_SYSLOG = 34;
inline constexpr uint32_t CAP_WAKE_ALARM = 35;
inline constexpr uint32_t CAP_BLOCK_SUSPEND = 36;
inline constexpr uint32_t CAP_AUDIT_READ = 37;
inline constexpr uint32_t CAP_PERFMON = 38;
inline constexpr uint32_t CAP_BPF = 39;
inline constexpr uint32_t CAP_CHECKPOINT_RESTORE = 40;
inline constexpr uint32_t CAP_LAST_CAP = CAP_CHECKPOINT_RESTORE;
constexpr uint64_t cap_mask(uint32_t capability) { return uint64_t{1} << capability; }
inline constexpr uint64_t CAP_FULL_SET = (uint64_t{1} << (CAP_LAST_CAP + 1)) - 1;

struct __user_cap_header_struct {
    uint32_t version;
    int32_t pid;
};
static_assert(sizeof(__user_cap_header_struct) == 8);

// Versions 2 and 3 pass two of these, low 32 capabilities first.
struct __user_cap_data_struct {
    uint32_t effective;
    uint32_t permitted;
    uint32_t inheritable;
};
static_assert(sizeof(__user_cap_data_struct) == 12);
inline constexpr uint32_t _LINUX_CAPABILITY_VERSION_1 = 0x19980330;
inline constexpr uint32_t _LINUX_CAPABILITY_U32S_1 = 1;
inline constexpr uint32_t _LINUX_CAPABILITY_VERSION_2 = 0x20071026;
inline constexpr uint32_t _LINUX_CAPABILITY_U32S_2 = 2;
inline constexpr uint32_t _LINUX_CAPABILITY_VERSION_3 = 0x20080522;
inline constexpr uint32_t _LINUX_CAPABILITY_U32S_3 = 2;

// The security.capability attribute.
inline constexpr uint32_t VFS_CAP_REVISION_MASK = 0xff000000;
inline constexpr uint32_t VFS_CAP_REVISION_1 = 0x01000000;
inline constexpr uint32_t VFS_CAP_REVISION_2 = 0x02000000;
inline constexpr uint32_t VFS_CAP_REVISION_3 = 0x03000000;
inline constexpr uint32_t VFS_CAP_FLAGS_EFFECTIVE = 1;
struct vfs_ns_cap_data {
    uint32_t magic_etc;
    struct {
        uint32_t permitted;
        uint32_t inheritable;
    } data[2];
    uint32_t rootid;  // revision 3 only
};
static_assert(sizeof(vfs_ns_cap_data) == 24);

inline constexpr uint32_t SECBIT_NOROOT = 0x01;
inline constexpr uint32_t SECBIT_NOROOT_LOCKED = 0x02;
inline constexpr uint32_t SECBIT_NO_SETUID_FIXUP = 0x04;
inline constexpr uint32_t SECBIT_NO_SETUID_FIXUP_LOCKED = 0x08;
inline constexpr uint32_t SECBIT_KEEP_CAPS = 0x10;
inline constexpr uint32_t SECBIT_KEEP_CAPS_LOCKED = 0x20;
inline constexpr uint32_t SECBIT_NO_CAP_AMBIENT_RAISE = 0x40;
inline constexpr uint32_t SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED = 0x80;

inline constexpr uint32_t PER_LINUX = 0;
inline constexpr uint32_t PER_LINUX32 = 8;
inline constexpr uint32_t PER_MASK = 0xff;
inline constexpr uint32_t UNAME26 = 0x0020000;
inline constexpr uint32_t ADDR_NO_RANDOMIZE = 0x0040000;
inline constexpr uint32_t FDPIC_FUNCPTRS = 0x0080000;
inline constexpr uint32_t MMAP_PAGE_ZERO = 0x0100000;
inline constexpr uint32_t ADDR_COMPAT_LAYOUT = 0x0200000;
inline constexpr uint32_t READ_IMPLIES_EXEC = 0x0400000;
inline constexpr uint32_t ADDR_LIMIT_32BIT = 0x0800000;
inline constexpr uint32_t SHORT_INODE = 0x1000000;
inline constexpr uint32_t WHOLE_SECONDS = 0x2000000;
inline constexpr uint32_t STICKY_TIMEOUTS = 0x4000000;
inline constexpr uint32_t ADDR_LIMIT_3GB = 0x8000000;

inline constexpr uint32_t SECCOMP_MODE_DISABLED = 0;
inline constexpr uint32_t SECCOMP_MODE_STRICT = 1;
inline constexpr uint32_t SECCOMP_MODE_FILTER = 2;
inline constexpr uint32_t SECCOMP_SET_MODE_STRICT = 0;
inline constexpr uint32_t SECCOMP_SET_MODE_FILTER = 1;
inline constexpr uint32_t SECCOMP_GET_ACTION_AVAIL = 2;
inline constexpr uint32_t SECCOMP_GET_NOTIF_SIZES = 3;
inline constexpr uint32_t SECCOMP_FILTER_FLAG_TSYNC = 0x01;
inline constexpr uint32_t SECCOMP_FILTER_FLAG_LOG = 0x02;
inline constexpr uint32_t SECCOMP_FILTER_FLAG_SPEC_ALLOW = 0x04;
inline constexpr uint32_t SECCOMP_FILTER_FLAG_NEW_LISTENER = 0x08;
inline constexpr uint32_t SECCOMP_FILTER_FLAG_TSYNC_ESRCH = 0x10;
inline constexpr uint32_t SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV = 0x20;
inline constexpr uint32_t SECCOMP_RET_KILL_PROCESS = 0x80000000;
inline constexpr uint32_t SECCOMP_RET_KILL_THREAD = 0x00000000;
inline constexpr uint32_t SECCOMP_RET_TRAP = 0x00030000;
inline constexpr uint32_t SECCOMP_RET_ERRNO = 0x00050000;
inline constexpr uint32_t SECCOMP_RET_USER_NOTIF = 0x7fc00000;
inline constexpr uint32_t SECCOMP_RET_TRACE = 0x7ff00000;
inline constexpr uint32_t SECCOMP_RET_LOG = 0x7ffc0000;
inline constexpr uint32_t SECCOMP_RET_ALLOW = 0x7fff0000;
inline constexpr uint32_t SECCOMP_RET_ACTION_FULL = 0xffff0000;
inline constexpr uint32_t SECCOMP_RET_DATA = 0x0000ffff;
inline constexpr uint32_t AUDIT_ARCH_X86_64 = 0xc000003e;
struct seccomp_data {
    int32_t nr;
    uint32_t arch;
    uint64_t instruction_pointer;
    uint64_t args[6];
};
static_assert(sizeof(seccomp_data) == 64);

}  // namespace abi
