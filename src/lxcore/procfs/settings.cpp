// /proc/sys: proc_sys_kernel(5) and its kin. What somebody writes into a setting is kept and shown; those that lxcore
// acts on have functions of their own.
#include "abi/prctl.hpp"
#include "lxcore/procfs/procfs.hpp"

namespace lxcore {

// A setting that was changed.
struct ProcSetting : ArenaObject {
    ProcSetting* next = nullptr;
    const GeneratedRow* row = nullptr;
    String value;
};

struct ProcState : ArenaObject {
    Mutex lock;
    ProcSetting* settings = nullptr;
    char boot_id[37] = {};
};

namespace proc {

namespace {

ProcState& state() { return *kernel().proc; }

// A random UUID, RFC 4122 version 4.
void make_uuid(char (&text)[37]) {
    u8 bytes[16];
    host::random_bytes(bytes, sizeof(bytes));
    bytes[6] = static_cast<u8>((bytes[6] & 0x0f) | 0x40);
    bytes[8] = static_cast<u8>((bytes[8] & 0x3f) | 0x80);
    base::Writer writer(text, sizeof(text) - 1);
    for (u32 i = 0; i < 16; ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            writer.put('-');
        base::print(writer, "{:02x}", bytes[i]);
    }
    text[36] = 0;
}

// ---- settings that are kept

Result<void> print_setting(base::Writer& writer, const Node& node) {
    LockGuard guard(state().lock);
    for (const ProcSetting* setting = state().settings; setting; setting = setting->next)
        if (setting->row == node.row) {
            base::print(writer, "{}\n", setting->value.view());
            return {};
        }
    base::print(writer, "{}\n", node.row->argument);
    return {};
}

Result<void> keep_setting(std::string_view text, const Node& node) {
    String value = TRY(String::create(text));
    LockGuard guard(state().lock);
    ProcSetting* setting = state().settings;
    while (setting && setting->row != node.row)
        setting = setting->next;
    if (!setting) {
        setting = TRY(make<ProcSetting>());
        setting->row = node.row;
        setting->value = std::move(value);
        setting->next = state().settings;
        state().settings = setting;
        return {};
    }
    setting->value = std::move(value);
    return {};
}

bool is_space(char character) { return character == ' ' || character == '\t' || character == '\n' || character == 0; }

// Takes the next word off `text`.
std::string_view next_word(std::string_view& text) {
    while (!text.empty() && is_space(text.front()))
        text.remove_prefix(1);
    usize length = 0;
    while (length < text.size() && !is_space(text[length]))
        ++length;
    const std::string_view word = text.substr(0, length);
    text.remove_prefix(length);
    return word;
}

bool is_number(std::string_view word) {
    if (word.front() == '-')
        word.remove_prefix(1);
    if (word.empty() || word.size() > 20)
        return false;
    for (char digit : word)
        if (digit < '0' || digit > '9')
            return false;
    return true;
}

// As many numbers as the setting has by itself, or fewer.
Result<void> write_numbers(std::string_view text, const Node& node) {
    std::string_view original = node.row->argument;
    base::FixedWriter<128> kept;
    usize count = 0;
    for (;;) {
        const std::string_view word = next_word(text);
        if (word.empty())
            break;
        if (next_word(original).empty())
            return Errno::EINVAL;
        if (!is_number(word))
            return Errno::EINVAL;
        base::print(kept, "{}{}", count++ ? "\t" : "", word);
    }
    if (count == 0)
        return Errno::EINVAL;
    for (std::string_view word = next_word(original); !word.empty(); word = next_word(original))
        base::print(kept, "\t{}", word);
    return keep_setting(kept.view(), node);
}

Result<void> write_text(std::string_view text, const Node& node) {
    if (text.size() > 127)
        text = text.substr(0, 127);
    return keep_setting(text, node);
}

// ---- names

template <char (abi::new_utsname::*Field)[65]>
Result<void> print_name(base::Writer& writer, const Node&) {
    LockGuard guard(kernel().utsname_lock);
    base::print(writer, "{}\n", static_cast<const char*>(kernel().utsname.*Field));
    return {};
}

template <char (abi::new_utsname::*Field)[65]>
Result<void> write_name(std::string_view text, const Node&) {
    if (!current().credentials->has_capability(abi::CAP_SYS_ADMIN))
        return Errno::EPERM;
    const usize line = text.find('\n');
    text = text.substr(0, base::min<usize>(line, 64));
    LockGuard guard(kernel().utsname_lock);
    char (&field)[65] = kernel().utsname.*Field;
    __builtin_memset(field, 0, sizeof(field));
    __builtin_memcpy(field, text.data(), text.size());
    return {};
}

// ---- random

Result<void> print_boot_id(base::Writer& writer, const Node&) {
    base::print(writer, "{}\n", static_cast<const char*>(state().boot_id));
    return {};
}

Result<void> print_uuid(base::Writer& writer, const Node&) {
    char text[37];
    make_uuid(text);
    base::print(writer, "{}\n", static_cast<const char*>(text));
    return {};
}

// ---- figures

Result<void> print_file_counts(base::Writer& writer, const Node&) {
    writer.put("1024\t0\t2097152\n");
    return {};
}

Result<void> print_dentry_counts(base::Writer& writer, const Node&) {
    const u32 count = dentry_cache().count.load(std::memory_order_relaxed);
    base::print(writer, "{}\t{}\t45\t0\t0\t0\n", count, count);
    return {};
}

Result<void> print_thread_limit(base::Writer& writer, const Node&) {
    base::print(writer, "{}\n", 30000u);
    return {};
}

Result<void> print_last_pid(base::Writer& writer, const Node&) {
    base::print(writer, "{}\n", task_state().last_pid);
    return {};
}

constexpr GeneratedRow number(const char* path, const char* value, u32 permissions = 0644) {
    return {.path = path, .mode = kFile | permissions, .print = print_setting,
            .write = (permissions & 0200) ? write_numbers : nullptr, .argument = value};
}
constexpr GeneratedRow text(const char* path, const char* value) {
    return {.path = path, .mode = kFile | 0644, .print = print_setting, .write = write_text, .argument = value};
}
constexpr GeneratedRow fixed(const char* path, const char* value) { return number(path, value, 0444); }

// Rows of one directory stand together.
constexpr GeneratedRow kRows[] = {
    number("debug/exception-trace", "1"),

    fixed("fs/aio-nr", "0"),
    number("fs/aio-max-nr", "65536"),
    {.path = "fs/binfmt_misc", .mode = kFolder | 0555, .table = &kEmptyTable},
    {.path = "fs/dentry-state", .mode = kFile | 0444, .print = print_dentry_counts},
    number("fs/epoll/max_user_watches", "1048576"),
    number("fs/file-max", "2097152"),
    {.path = "fs/file-nr", .mode = kFile | 0444, .print = print_file_counts},
    fixed("fs/inode-nr", "1024\t0"),
    number("fs/inotify/max_queued_events", "16384"),
    number("fs/inotify/max_user_instances", "128"),
    number("fs/inotify/max_user_watches", "65536"),
    number("fs/lease-break-time", "45"),
    number("fs/leases-enable", "1"),
    number("fs/mount-max", "100000"),
    number("fs/mqueue/msg_default", "10"),
    number("fs/mqueue/msg_max", "10"),
    number("fs/mqueue/msgsize_default", "8192"),
    number("fs/mqueue/msgsize_max", "8192"),
    number("fs/mqueue/queues_max", "256"),
    number("fs/nr_open", "1048576"),
    fixed("fs/overflowgid", "65534"),
    fixed("fs/overflowuid", "65534"),
    number("fs/pipe-max-size", "1048576"),
    number("fs/pipe-user-pages-hard", "0"),
    number("fs/pipe-user-pages-soft", "16384"),
    number("fs/protected_fifos", "0", 0600),
    number("fs/protected_hardlinks", "0", 0600),
    number("fs/protected_regular", "0", 0600),
    number("fs/protected_symlinks", "0", 0600),
    number("fs/suid_dumpable", "0"),

    number("kernel/acct", "4\t2\t30"),
    {.path = "kernel/arch", .mode = kFile | 0444, .print = print_name<&abi::new_utsname::machine>},
    fixed("kernel/auto_msgmni", "0"),
    fixed("kernel/cap_last_cap", "40"),
    text("kernel/core_pattern", "core"),
    number("kernel/core_pipe_limit", "0"),
    number("kernel/core_uses_pid", "0"),
    number("kernel/ctrl-alt-del", "0"),
    number("kernel/dmesg_restrict", "0"),
    {.path = "kernel/domainname", .mode = kFile | 0644, .print = print_name<&abi::new_utsname::domainname>,
     .write = write_name<&abi::new_utsname::domainname>},
    {.path = "kernel/hostname", .mode = kFile | 0644, .print = print_name<&abi::new_utsname::nodename>,
     .write = write_name<&abi::new_utsname::nodename>},
    number("kernel/hung_task_timeout_secs", "120"),
    number("kernel/keys/maxbytes", "20000"),
    number("kernel/keys/maxkeys", "200"),
    number("kernel/kptr_restrict", "1"),
    text("kernel/modprobe", "/sbin/modprobe"),
    number("kernel/modules_disabled", "1"),
    number("kernel/msgmax", "8192"),
    number("kernel/msgmnb", "16384"),
    number("kernel/msgmni", "32000"),
    fixed("kernel/ngroups_max", "65536"),
    {.path = "kernel/ns_last_pid", .mode = kFile | 0444, .print = print_last_pid},
    {.path = "kernel/osrelease", .mode = kFile | 0444, .print = print_name<&abi::new_utsname::release>},
    {.path = "kernel/ostype", .mode = kFile | 0444, .print = print_name<&abi::new_utsname::sysname>},
    number("kernel/overflowgid", "65534"),
    number("kernel/overflowuid", "65534"),
    number("kernel/panic", "0"),
    number("kernel/panic_on_oops", "0"),
    number("kernel/perf_event_paranoid", "4"),
    fixed("kernel/pid_max", "32768"),
    number("kernel/print-fatal-signals", "0"),
    number("kernel/printk", "4\t4\t1\t7"),
    number("kernel/printk_ratelimit", "5"),
    number("kernel/printk_ratelimit_burst", "10"),
    fixed("kernel/pty/max", "1024"),
    fixed("kernel/pty/nr", "0"),
    number("kernel/pty/reserve", "0"),
    {.path = "kernel/random/boot_id", .mode = kFile | 0444, .print = print_boot_id},
    fixed("kernel/random/entropy_avail", "256"),
    fixed("kernel/random/poolsize", "256"),
    number("kernel/random/urandom_min_reseed_secs", "60"),
    {.path = "kernel/random/uuid", .mode = kFile | 0444, .print = print_uuid},
    number("kernel/random/write_wakeup_threshold", "256"),
    number("kernel/randomize_va_space", "2"),
    number("kernel/sched_autogroup_enabled", "0"),
    number("kernel/sched_child_runs_first", "0"),
    number("kernel/sched_rr_timeslice_ms", "100"),
    number("kernel/sched_rt_period_us", "1000000"),
    number("kernel/sched_rt_runtime_us", "950000"),
    text("kernel/seccomp/actions_logged", ""),
    fixed("kernel/seccomp/actions_avail", ""),
    number("kernel/sem", "32000\t1024000000\t500\t32000"),
    number("kernel/shm_rmid_forced", "0"),
    number("kernel/shmall", "18446744073692774399"),
    number("kernel/shmmax", "18446744073692774399"),
    number("kernel/shmmni", "4096"),
    number("kernel/sysrq", "0"),
    number("kernel/tainted", "0"),
    {.path = "kernel/threads-max", .mode = kFile | 0444, .print = print_thread_limit},
    number("kernel/unprivileged_bpf_disabled", "2"),
    number("kernel/unprivileged_userns_clone", "0"),
    {.path = "kernel/version", .mode = kFile | 0444, .print = print_name<&abi::new_utsname::version>},
    number("kernel/watchdog", "0"),
    number("kernel/yama/ptrace_scope", "0"),

    number("net/core/netdev_max_backlog", "1000"),
    number("net/core/optmem_max", "20480"),
    number("net/core/rmem_default", "212992"),
    number("net/core/rmem_max", "212992"),
    number("net/core/somaxconn", "4096"),
    number("net/core/wmem_default", "212992"),
    number("net/core/wmem_max", "212992"),
    text("net/core/default_qdisc", "fq_codel"),
    number("net/ipv4/conf/all/forwarding", "0"),
    number("net/ipv4/conf/all/rp_filter", "0"),
    number("net/ipv4/conf/default/forwarding", "0"),
    number("net/ipv4/conf/default/rp_filter", "0"),
    number("net/ipv4/icmp_echo_ignore_all", "0"),
    number("net/ipv4/icmp_echo_ignore_broadcasts", "1"),
    number("net/ipv4/ip_default_ttl", "64"),
    number("net/ipv4/ip_forward", "0"),
    number("net/ipv4/ip_local_port_range", "32768\t60999"),
    text("net/ipv4/ip_local_reserved_ports", ""),
    number("net/ipv4/ip_nonlocal_bind", "0"),
    number("net/ipv4/ip_unprivileged_port_start", "1024"),
    number("net/ipv4/ping_group_range", "0\t2147483647"),
    text("net/ipv4/tcp_available_congestion_control", "reno cubic"),
    text("net/ipv4/tcp_congestion_control", "cubic"),
    number("net/ipv4/tcp_ecn", "2"),
    number("net/ipv4/tcp_fastopen", "1"),
    number("net/ipv4/tcp_fin_timeout", "60"),
    number("net/ipv4/tcp_keepalive_intvl", "75"),
    number("net/ipv4/tcp_keepalive_probes", "9"),
    number("net/ipv4/tcp_keepalive_time", "7200"),
    number("net/ipv4/tcp_max_syn_backlog", "1024"),
    number("net/ipv4/tcp_mem", "94308\t125747\t188616"),
    number("net/ipv4/tcp_mtu_probing", "0"),
    number("net/ipv4/tcp_no_metrics_save", "0"),
    number("net/ipv4/tcp_rmem", "4096\t131072\t6291456"),
    number("net/ipv4/tcp_sack", "1"),
    number("net/ipv4/tcp_slow_start_after_idle", "1"),
    number("net/ipv4/tcp_syn_retries", "6"),
    number("net/ipv4/tcp_syncookies", "1"),
    number("net/ipv4/tcp_timestamps", "1"),
    number("net/ipv4/tcp_tw_reuse", "2"),
    number("net/ipv4/tcp_window_scaling", "1"),
    number("net/ipv4/tcp_wmem", "4096\t16384\t4194304"),
    number("net/ipv4/udp_mem", "188616\t251491\t377232"),
    number("net/ipv6/bindv6only", "0"),
    number("net/ipv6/conf/all/disable_ipv6", "0"),
    number("net/ipv6/conf/all/forwarding", "0"),
    number("net/ipv6/conf/default/disable_ipv6", "0"),
    number("net/ipv6/conf/default/forwarding", "0"),
    number("net/ipv6/conf/lo/disable_ipv6", "0"),
    number("net/unix/max_dgram_qlen", "512"),

    number("user/max_cgroup_namespaces", "0"),
    number("user/max_inotify_instances", "128"),
    number("user/max_inotify_watches", "65536"),
    number("user/max_ipc_namespaces", "0"),
    number("user/max_mnt_namespaces", "0"),
    number("user/max_net_namespaces", "0"),
    number("user/max_pid_namespaces", "0"),
    number("user/max_time_namespaces", "0"),
    number("user/max_user_namespaces", "0"),
    number("user/max_uts_namespaces", "0"),

    number("vm/admin_reserve_kbytes", "8192"),
    {.path = "vm/compact_memory", .mode = kFile | 0200, .write = write_numbers, .argument = "0"},
    number("vm/dirty_background_bytes", "0"),
    number("vm/dirty_background_ratio", "10"),
    number("vm/dirty_bytes", "0"),
    number("vm/dirty_expire_centisecs", "3000"),
    number("vm/dirty_ratio", "20"),
    number("vm/dirty_writeback_centisecs", "500"),
    number("vm/drop_caches", "0"),
    number("vm/max_map_count", "65530"),
    number("vm/min_free_kbytes", "67584"),
    number("vm/mmap_min_addr", "65536"),
    number("vm/mmap_rnd_bits", "28", 0600),
    number("vm/nr_hugepages", "0"),
    number("vm/nr_overcommit_hugepages", "0"),
    number("vm/oom_dump_tasks", "1"),
    number("vm/oom_kill_allocating_task", "0"),
    number("vm/overcommit_kbytes", "0"),
    number("vm/overcommit_memory", "0"),
    number("vm/overcommit_ratio", "50"),
    number("vm/page-cluster", "3"),
    number("vm/panic_on_oom", "0"),
    number("vm/swappiness", "60"),
    number("vm/unprivileged_userfaultfd", "0"),
    number("vm/user_reserve_kbytes", "131072"),
    number("vm/vfs_cache_pressure", "100"),
    number("vm/watermark_scale_factor", "10"),
    number("vm/zone_reclaim_mode", "0"),
};

} // namespace

const GeneratedTable kSettingsTable{kRows, base::array_size(kRows)};

Result<void> initialize_settings() {
    auto* fresh = TRY(make<ProcState>());
    make_uuid(fresh->boot_id);
    kernel().proc = fresh;
    return {};
}

} // namespace proc
} // namespace lxcore
