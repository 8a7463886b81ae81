#include "lxcore/syscall/print.hpp"

#include "abi/fcntl.hpp"
#include "abi/mman.hpp"
#include "abi/sched.hpp"
#include "abi/signal.hpp"
#include "abi/time.hpp"

namespace lxcore {

namespace {

struct FlagName {
    u64 value;
    const char* name;
};

template <usize N>
void print_flags(base::Writer& writer, u64 value, const FlagName (&names)[N], bool started = false) {
    for (const FlagName& flag : names) {
        if (flag.value == 0 || (value & flag.value) != flag.value)
            continue;
        if (started)
            writer.put('|');
        writer.put(flag.name);
        value &= ~flag.value;
        started = true;
    }
    if (value != 0 || !started)
        base::print(writer, started ? "|0x{:x}" : "{:x}", value);
}

#define FLAG(name) {static_cast<u64>(abi::name), #name}

void print_quoted(base::Writer& writer, const char* data, usize length, bool truncated) {
    writer.put('"');
    for (usize i = 0; i < length; ++i) {
        const auto byte = static_cast<u8>(data[i]);
        switch (byte) {
        case '\n': writer.put("\\n"); break;
        case '\t': writer.put("\\t"); break;
        case '\r': writer.put("\\r"); break;
        case '"': writer.put("\\\""); break;
        case '\\': writer.put("\\\\"); break;
        default:
            if (byte >= 32 && byte < 127)
                writer.put(static_cast<char>(byte));
            else
                base::print(writer, "\\{:o}", byte);
        }
    }
    writer.put(truncated ? "\"..." : "\"");
}

} // namespace

void print_argument(base::Writer& writer, i32 value) { base::print(writer, "{}", value); }
void print_argument(base::Writer& writer, u32 value) { base::print(writer, "{}", value); }
void print_argument(base::Writer& writer, i64 value) { base::print(writer, "{}", value); }
void print_argument(base::Writer& writer, u64 value) { base::print(writer, "{}", value); }

void print_pointer(base::Writer& writer, u64 address) {
    if (address == 0)
        writer.put("NULL");
    else
        base::print(writer, "0x{:x}", address);
}

void print_buffer(base::Writer& writer, u64 address, u64 length) {
    char sample[32];
    const usize shown = base::min<u64>(length, sizeof(sample));
    if (address == 0 || copy_from_user(sample, address, shown).is_error()) {
        print_pointer(writer, address);
        return;
    }
    print_quoted(writer, sample, shown, shown < length);
}

void print_argument(base::Writer& writer, UserCString text) {
    if (text.address() == 0) {
        writer.put("NULL");
        return;
    }
    char sample[200];
    auto length = text.copy(sample, sizeof(sample));
    if (length.is_ok()) {
        print_quoted(writer, sample, length.value(), false);
    } else if (length.error() == Errno::ENAMETOOLONG &&
               copy_from_user(sample, text.address(), sizeof(sample)).is_ok()) {
        print_quoted(writer, sample, sizeof(sample), true);
    } else {
        print_pointer(writer, text.address());
    }
}

void print_argument(base::Writer& writer, DirFd directory) {
    if (directory.value == abi::AT_FDCWD)
        writer.put("AT_FDCWD");
    else
        base::print(writer, "{}", directory.value);
}

void print_argument(base::Writer& writer, OpenFlags flags) {
    static constexpr FlagName kNames[] = {
        FLAG(O_TMPFILE), FLAG(O_CREAT),   FLAG(O_EXCL),      FLAG(O_NOCTTY), FLAG(O_TRUNC),   FLAG(O_APPEND),
        FLAG(O_NONBLOCK), FLAG(O_SYNC),   FLAG(O_DSYNC),     FLAG(O_DIRECT), FLAG(O_LARGEFILE), FLAG(O_DIRECTORY),
        FLAG(O_NOFOLLOW), FLAG(O_NOATIME), FLAG(O_CLOEXEC),  FLAG(O_PATH)};
    switch (flags.value & abi::O_ACCMODE) {
    case abi::O_RDONLY: writer.put("O_RDONLY"); break;
    case abi::O_WRONLY: writer.put("O_WRONLY"); break;
    default: writer.put("O_RDWR"); break;
    }
    const u64 rest = flags.value & ~static_cast<u64>(abi::O_ACCMODE);
    if (rest)
        print_flags(writer, rest, kNames, true);
}

void print_argument(base::Writer& writer, FileMode mode) { base::print(writer, "0{:o}", mode.value); }

void print_argument(base::Writer& writer, SignalNumber signal) {
    static constexpr const char* kNames[] = {
        "0",       "SIGHUP",  "SIGINT",    "SIGQUIT", "SIGILL",    "SIGTRAP", "SIGABRT",   "SIGBUS",
        "SIGFPE",  "SIGKILL", "SIGUSR1",   "SIGSEGV", "SIGUSR2",   "SIGPIPE", "SIGALRM",   "SIGTERM",
        "SIGSTKFLT", "SIGCHLD", "SIGCONT", "SIGSTOP", "SIGTSTP",   "SIGTTIN", "SIGTTOU",   "SIGURG",
        "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH",  "SIGIO",   "SIGPWR",    "SIGSYS"};
    if (signal.value >= 0 && static_cast<usize>(signal.value) < base::array_size(kNames))
        writer.put(kNames[signal.value]);
    else
        base::print(writer, "{}", signal.value);
}

void print_argument(base::Writer& writer, MapProtection protection) {
    static constexpr FlagName kNames[] = {FLAG(PROT_READ), FLAG(PROT_WRITE), FLAG(PROT_EXEC)};
    if (protection.value == 0)
        writer.put("PROT_NONE");
    else
        print_flags(writer, protection.value, kNames);
}

void print_argument(base::Writer& writer, MapFlags flags) {
    static constexpr FlagName kNames[] = {FLAG(MAP_SHARED),  FLAG(MAP_PRIVATE),   FLAG(MAP_FIXED),
                                          FLAG(MAP_ANONYMOUS), FLAG(MAP_GROWSDOWN), FLAG(MAP_NORESERVE),
                                          FLAG(MAP_POPULATE), FLAG(MAP_STACK),     FLAG(MAP_FIXED_NOREPLACE)};
    print_flags(writer, flags.value, kNames);
}

void print_argument(base::Writer& writer, HexFlags flags) {
    if (flags.value == 0)
        writer.put('0');
    else
        base::print(writer, "0x{:x}", flags.value);
}

void print_argument(base::Writer& writer, Clock clock) {
    static constexpr const char* kNames[] = {"CLOCK_REALTIME",           "CLOCK_MONOTONIC",
                                             "CLOCK_PROCESS_CPUTIME_ID", "CLOCK_THREAD_CPUTIME_ID",
                                             "CLOCK_MONOTONIC_RAW",      "CLOCK_REALTIME_COARSE",
                                             "CLOCK_MONOTONIC_COARSE",   "CLOCK_BOOTTIME"};
    if (clock.value >= 0 && static_cast<usize>(clock.value) < base::array_size(kNames))
        writer.put(kNames[clock.value]);
    else
        base::print(writer, "{}", clock.value);
}

void print_argument(base::Writer& writer, AtFlags flags) {
    static constexpr FlagName kNames[] = {FLAG(AT_SYMLINK_NOFOLLOW), FLAG(AT_REMOVEDIR), FLAG(AT_SYMLINK_FOLLOW),
                                          FLAG(AT_NO_AUTOMOUNT), FLAG(AT_EMPTY_PATH)};
    if (flags.value == 0)
        writer.put('0');
    else
        print_flags(writer, flags.value, kNames);
}

void print_argument(base::Writer& writer, CloneFlags flags) {
    static constexpr FlagName kNames[] = {
        FLAG(CLONE_VM),      FLAG(CLONE_FS),      FLAG(CLONE_FILES),         FLAG(CLONE_SIGHAND),
        FLAG(CLONE_PIDFD),   FLAG(CLONE_VFORK),   FLAG(CLONE_PARENT),        FLAG(CLONE_THREAD),
        FLAG(CLONE_SYSVSEM), FLAG(CLONE_SETTLS),  FLAG(CLONE_PARENT_SETTID), FLAG(CLONE_CHILD_CLEARTID),
        FLAG(CLONE_CHILD_SETTID)};
    print_flags(writer, flags.value & ~u64{0xff}, kNames);
    if (flags.value & 0xff) {
        writer.put('|');
        print_argument(writer, SignalNumber{static_cast<i32>(flags.value & 0xff)});
    }
}

void print_argument(base::Writer& writer, FutexOperation operation) {
    static constexpr const char* kNames[] = {"FUTEX_WAIT",        "FUTEX_WAKE",            "FUTEX_FD",
                                             "FUTEX_REQUEUE",     "FUTEX_CMP_REQUEUE",     "FUTEX_WAKE_OP",
                                             "FUTEX_LOCK_PI",     "FUTEX_UNLOCK_PI",       "FUTEX_TRYLOCK_PI",
                                             "FUTEX_WAIT_BITSET", "FUTEX_WAKE_BITSET",     "FUTEX_WAIT_REQUEUE_PI",
                                             "FUTEX_CMP_REQUEUE_PI", "FUTEX_LOCK_PI2"};
    const u32 command = static_cast<u32>(operation.value) & 127;
    if (command < base::array_size(kNames))
        writer.put(kNames[command]);
    else
        base::print(writer, "{}", command);
    if (operation.value & 128)
        writer.put("_PRIVATE");
    if (operation.value & 256)
        writer.put("|FUTEX_CLOCK_REALTIME");
}

void print_argument(base::Writer& writer, IoctlRequest request) { base::print(writer, "0x{:x}", request.value); }

} // namespace lxcore
