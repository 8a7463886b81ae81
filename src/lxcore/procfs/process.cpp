// The directory of a process and of each of its threads.
#include "abi/prctl.hpp"
#include "lxcore/mm/mm.hpp"
#include "lxcore/procfs/procfs.hpp"

namespace lxcore::proc {

namespace {

// ---- small files

Result<void> print_name(base::Writer& writer, const Node& node) {
    TaskInformation info{};
    TRY(thread_information(node, info));
    base::print(writer, "{}\n", static_cast<const char*>(info.name));
    return {};
}

Result<void> write_name(std::string_view text, const Node& node) {
    if (current().process != node.process.get())
        return Errno::EINVAL;
    return with_task(node, [&](Task& task) {
        const usize length = base::min(text.size(), sizeof(task.name) - 1);
        __builtin_memset(task.name, 0, sizeof(task.name));
        __builtin_memcpy(task.name, text.data(), length);
    });
}

Result<void> print_personality(base::Writer& writer, const Node& node) {
    u32 personality = 0;
    TRY(with_task(node, [&](Task& task) { personality = task.personality; }));
    base::print(writer, "{:08x}\n", personality);
    return {};
}

Result<void> print_timer_slack(base::Writer& writer, const Node& node) {
    u64 slack = 0;
    TRY(with_task(node, [&](Task& task) { slack = task.timer_slack_ns; }));
    base::print(writer, "{}\n", slack);
    return {};
}

Result<void> write_timer_slack(std::string_view text, const Node& node) {
    const i64 slack = TRY(parse_integer(text));
    if (slack < 0)
        return Errno::EINVAL;
    TRY(may_inspect(*node.process));
    return with_task(node, [&](Task& task) { task.timer_slack_ns = slack ? static_cast<u64>(slack) : 50'000; });
}

// ---- the choice of a victim when memory runs out: recorded only

i32 oom_adjustment(const Node& node) {
    i32 value = 0;
    LockGuard guard(task_state().tree_lock);
    if (const Task* leader = node.process->leader)
        value = static_cast<i32>(leader->oom_score_adjust);
    return value;
}

Result<void> print_oom_score(base::Writer& writer, const Node& node) {
    const i32 score = 666 + oom_adjustment(node) * 2 / 3;
    base::print(writer, "{}\n", base::max(score, 0));
    return {};
}

Result<void> print_oom_score_adjust(base::Writer& writer, const Node& node) {
    base::print(writer, "{}\n", oom_adjustment(node));
    return {};
}

Result<void> print_oom_adjust(base::Writer& writer, const Node& node) {
    const i32 value = oom_adjustment(node);
    base::print(writer, "{}\n", value == 1000 ? 15 : value * 17 / 1000);
    return {};
}

Result<void> set_oom_adjustment(i64 value, const Node& node) {
    if (value < oom_adjustment(node) && !current().credentials->has_capability(abi::CAP_SYS_RESOURCE))
        return Errno::EACCES;
    LockGuard guard(task_state().tree_lock);
    for (Task& task : node.process->threads)
        task.oom_score_adjust = static_cast<u32>(static_cast<i32>(value));
    return {};
}

Result<void> write_oom_score_adjust(std::string_view text, const Node& node) {
    const i64 value = TRY(parse_integer(text));
    if (value < -1000 || value > 1000)
        return Errno::EINVAL;
    return set_oom_adjustment(value, node);
}

Result<void> write_oom_adjust(std::string_view text, const Node& node) {
    const i64 value = TRY(parse_integer(text));
    if (value < -17 || value > 15)
        return Errno::EINVAL;
    return set_oom_adjustment(value == 15 ? 1000 : value * 1000 / 17, node);
}

// ---- audit: the user that a login was for

Result<void> print_login_user(base::Writer& writer, const Node& node) {
    base::print(writer, "{}", node.process->login_uid);
    return {};
}

Result<void> write_login_user(std::string_view text, const Node& node) {
    const i64 value = TRY(parse_integer(text));
    if (value < 0 || value > 0xffff'ffff)
        return Errno::EINVAL;
    if (current().process != node.process.get())
        return Errno::EPERM;
    if (node.process->login_uid != ~0u && !current().credentials->has_capability(abi::CAP_AUDIT_CONTROL))
        return Errno::EPERM;
    node.process->login_uid = static_cast<u32>(value);
    return {};
}

// ---- ids in user namespaces: there is the first one only

Result<void> print_wait_channel(base::Writer& writer, const Node&) {
    writer.put('0');
    return {};
}

Result<void> refuse_write(std::string_view, const Node&) { return Errno::EPERM; }
Result<void> ignore_write(std::string_view, const Node&) { return {}; }

// ---- namespaces: one of each, whose numbers are Linux's own for the first ones

constexpr u32 kUserNamespace = 4026531837u;

// ioctl_ns(2). All are the first of their kind, so that there are no parents.
class NamespaceFile final : public File {
public:
    Result<i64> control(u32 request, u64 argument) override {
        constexpr u32 kGetUserNamespace = 0xb701, kGetParent = 0xb702, kGetType = 0xb703, kGetOwner = 0xb704;
        static constexpr struct {
            u32 number;
            u64 type;
        } kTypes[] = {{4026531834u, abi::CLONE_NEWTIME}, {4026531835u, abi::CLONE_NEWCGROUP},
                      {4026531836u, abi::CLONE_NEWPID},  {kUserNamespace, abi::CLONE_NEWUSER},
                      {4026531838u, abi::CLONE_NEWUTS},  {4026531839u, abi::CLONE_NEWIPC},
                      {4026531840u, abi::CLONE_NEWNS},   {4026531992u, abi::CLONE_NEWNET}};
        const u64 number = inode().number;
        switch (request) {
        case kGetUserNamespace: return Errno::EPERM; // the first user namespace is nobody's to have
        case kGetParent: return number == kUserNamespace || number == 4026531836u ? Errno::EPERM : Errno::EINVAL;
        case kGetType:
            for (const auto& row : kTypes)
                if (row.number == number)
                    return static_cast<i64>(row.type);
            return Errno::EINVAL;
        case kGetOwner:
            if (number != kUserNamespace)
                return Errno::EINVAL;
            TRY(UserPtr<u32>(argument).write(0u));
            return i64{0};
        default: return Errno::ENOTTY;
        }
    }
};

class NamespaceInode final : public Inode {
public:
    Result<RefPtr<File>> open(const Path&, u32) override { return RefPtr<File>(TRY(make_ref<NamespaceFile>())); }
    bool is_same_file(const Inode& other) const override { return number == other.number; }
};

// row->argument: "pid:[4026531836]".
Result<Path> follow_namespace(const Node& node) {
    const std::string_view name = node.row->argument;
    const usize start = name.find('[') + 1;
    SuperBlock& super_block = *dentry_cache().anonymous;
    RefPtr<Inode> inode = TRY(make_ref<NamespaceInode>());
    inode->super_block = RefPtr<SuperBlock>(&super_block);
    inode->number = static_cast<u64>(TRY(parse_integer(name.substr(start, name.size() - start - 1))));
    inode->mode = abi::S_IFREG | 0444;
    inode->accessed = inode->modified = inode->changed = node.changed;
    RefPtr<Dentry> dentry = TRY(make_detached_dentry(super_block, std::move(inode), name));
    return Path(mount_state().anonymous, std::move(dentry));
}

// ---- threads

i32 next_thread_entry(const Node& directory, i32 from) {
    TaskInformation info{};
    return next_thread(*directory.process, from - 1, info) ? info.tid : -1;
}

Result<void> enter_thread(const Node& directory, i32 tid, Node& entry) {
    TaskInformation info{};
    if (!next_thread(*directory.process, tid - 1, info) || info.tid != tid)
        return Errno::ENOENT;
    entry.thread = tid;
    return {};
}

constexpr NumberedEntries kThreads{
    next_thread_entry, enter_thread, {.path = "", .mode = kFolder | 0555, .table = &kThreadTable}};
constexpr GeneratedTable kThreadsTable{nullptr, 0, &kThreads};

constexpr char kIdentityMap[] = "         0          0 4294967295\n";

constexpr u32 kNamespaceLink = kLink | 0777;

// Rows of one directory stand together. Those from kForProcessOnly on are not in a thread's directory.
constexpr GeneratedRow kRows[] = {
    {.path = "attr/current", .mode = kFile | 0666, .print = print_constant, .write = refuse_write, .argument = "unconfined\n"},
    {.path = "attr/exec", .mode = kFile | 0666, .print = print_constant, .write = refuse_write, .argument = ""},
    {.path = "attr/fscreate", .mode = kFile | 0666, .print = print_constant, .write = refuse_write, .argument = ""},
    {.path = "attr/keycreate", .mode = kFile | 0666, .print = print_constant, .write = refuse_write, .argument = ""},
    {.path = "attr/prev", .mode = kFile | 0444, .print = print_constant, .argument = "unconfined\n"},
    {.path = "attr/sockcreate", .mode = kFile | 0666, .print = print_constant, .write = refuse_write, .argument = ""},
    {.path = "auxv", .mode = kFile | 0400, .print = print_auxiliary_vector, .is_private = true},
    {.path = "cgroup", .mode = kFile | 0444, .print = print_constant, .argument = "0::/\n"},
    {.path = "children", .mode = kFile | 0444, .print = print_children},
    {.path = "clear_refs", .mode = kFile | 0200, .write = ignore_write},
    {.path = "cmdline", .mode = kFile | 0444, .print = print_command_line},
    {.path = "comm", .mode = kFile | 0644, .print = print_name, .write = write_name},
    {.path = "cpuset", .mode = kFile | 0444, .print = print_constant, .argument = "/\n"},
    {.path = "cwd", .mode = kLink | 0777, .follow = directory_of, .is_private = true},
    {.path = "environ", .mode = kFile | 0400, .print = print_environment, .is_private = true},
    {.path = "exe", .mode = kLink | 0777, .follow = executable_of, .is_private = true},
    {.path = "fd", .mode = kFolder | 0500, .table = &kDescriptorTable},
    {.path = "fdinfo", .mode = kFolder | 0555, .table = &kDescriptorInformationTable},
    {.path = "gid_map", .mode = kFile | 0644, .print = print_constant, .write = refuse_write, .argument = kIdentityMap},
    {.path = "io", .mode = kFile | 0400, .print = print_io, .is_private = true},
    {.path = "limits", .mode = kFile | 0644, .print = print_limits},
    {.path = "loginuid", .mode = kFile | 0644, .print = print_login_user, .write = write_login_user},
    {.path = "maps", .mode = kFile | 0444, .print = print_maps, .is_private = true},
    {.path = "mem", .mode = kFile | 0600, .open = open_memory, .is_private = true},
    {.path = "mountinfo", .mode = kFile | 0444, .print = print_mounts, .argument = "mountinfo", .open = open_mounts},
    {.path = "mounts", .mode = kFile | 0444, .print = print_mounts, .argument = "mounts", .open = open_mounts},
    {.path = "net/arp", .mode = kFile | 0444, .print = print_net_page, .argument = "arp"},
    {.path = "net/dev", .mode = kFile | 0444, .print = print_net_page, .argument = "dev"},
    {.path = "net/fib_trie", .mode = kFile | 0444, .print = print_net_page, .argument = "fib_trie"},
    {.path = "net/if_inet6", .mode = kFile | 0444, .print = print_net_page, .argument = "if_inet6"},
    {.path = "net/igmp", .mode = kFile | 0444, .print = print_net_page, .argument = "igmp"},
    {.path = "net/ipv6_route", .mode = kFile | 0444, .print = print_net_page, .argument = "ipv6_route"},
    {.path = "net/netlink", .mode = kFile | 0444, .print = print_net_page, .argument = "netlink"},
    {.path = "net/netstat", .mode = kFile | 0444, .print = print_net_page, .argument = "netstat"},
    {.path = "net/packet", .mode = kFile | 0444, .print = print_net_page, .argument = "packet"},
    {.path = "net/protocols", .mode = kFile | 0444, .print = print_net_page, .argument = "protocols"},
    {.path = "net/psched", .mode = kFile | 0444, .print = print_net_page, .argument = "psched"},
    {.path = "net/raw", .mode = kFile | 0444, .print = print_net_page, .argument = "raw"},
    {.path = "net/raw6", .mode = kFile | 0444, .print = print_net_page, .argument = "raw6"},
    {.path = "net/route", .mode = kFile | 0444, .print = print_net_page, .argument = "route"},
    {.path = "net/rt_cache", .mode = kFile | 0444, .print = print_net_page, .argument = "rt_cache"},
    {.path = "net/snmp", .mode = kFile | 0444, .print = print_net_page, .argument = "snmp"},
    {.path = "net/snmp6", .mode = kFile | 0444, .print = print_net_page, .argument = "snmp6"},
    {.path = "net/sockstat", .mode = kFile | 0444, .print = print_net_page, .argument = "sockstat"},
    {.path = "net/sockstat6", .mode = kFile | 0444, .print = print_net_page, .argument = "sockstat6"},
    {.path = "net/tcp", .mode = kFile | 0444, .print = print_net_page, .argument = "tcp"},
    {.path = "net/tcp6", .mode = kFile | 0444, .print = print_net_page, .argument = "tcp6"},
    {.path = "net/udp", .mode = kFile | 0444, .print = print_net_page, .argument = "udp"},
    {.path = "net/udp6", .mode = kFile | 0444, .print = print_net_page, .argument = "udp6"},
    {.path = "net/unix", .mode = kFile | 0444, .print = print_unix_sockets},
    {.path = "net/wireless", .mode = kFile | 0444, .print = print_net_page, .argument = "wireless"},
    {.path = "ns/cgroup", .mode = kNamespaceLink, .argument = "cgroup:[4026531835]", .follow = follow_namespace, .is_private = true},
    {.path = "ns/ipc", .mode = kNamespaceLink, .argument = "ipc:[4026531839]", .follow = follow_namespace, .is_private = true},
    {.path = "ns/mnt", .mode = kNamespaceLink, .argument = "mnt:[4026531840]", .follow = follow_namespace, .is_private = true},
    {.path = "ns/net", .mode = kNamespaceLink, .argument = "net:[4026531992]", .follow = follow_namespace, .is_private = true},
    {.path = "ns/pid", .mode = kNamespaceLink, .argument = "pid:[4026531836]", .follow = follow_namespace, .is_private = true},
    {.path = "ns/pid_for_children", .mode = kNamespaceLink, .argument = "pid:[4026531836]", .follow = follow_namespace, .is_private = true},
    {.path = "ns/time", .mode = kNamespaceLink, .argument = "time:[4026531834]", .follow = follow_namespace, .is_private = true},
    {.path = "ns/time_for_children", .mode = kNamespaceLink, .argument = "time:[4026531834]", .follow = follow_namespace, .is_private = true},
    {.path = "ns/user", .mode = kNamespaceLink, .argument = "user:[4026531837]", .follow = follow_namespace, .is_private = true},
    {.path = "ns/uts", .mode = kNamespaceLink, .argument = "uts:[4026531838]", .follow = follow_namespace, .is_private = true},
    {.path = "oom_adj", .mode = kFile | 0644, .print = print_oom_adjust, .write = write_oom_adjust},
    {.path = "oom_score", .mode = kFile | 0444, .print = print_oom_score},
    {.path = "oom_score_adj", .mode = kFile | 0644, .print = print_oom_score_adjust, .write = write_oom_score_adjust},
    {.path = "personality", .mode = kFile | 0400, .print = print_personality, .is_private = true},
    {.path = "projid_map", .mode = kFile | 0644, .print = print_constant, .write = refuse_write, .argument = kIdentityMap},
    {.path = "root", .mode = kLink | 0777, .follow = root_of, .is_private = true},
    {.path = "sched", .mode = kFile | 0644, .print = print_schedstat},
    {.path = "schedstat", .mode = kFile | 0444, .print = print_schedstat},
    {.path = "sessionid", .mode = kFile | 0444, .print = print_constant, .argument = "4294967295"},
    {.path = "setgroups", .mode = kFile | 0644, .print = print_constant, .write = refuse_write, .argument = "allow\n"},
    {.path = "smaps", .mode = kFile | 0444, .print = print_smaps, .is_private = true},
    {.path = "smaps_rollup", .mode = kFile | 0444, .print = print_smaps_rollup, .is_private = true},
    {.path = "stat", .mode = kFile | 0444, .print = print_stat},
    {.path = "statm", .mode = kFile | 0444, .print = print_statm},
    {.path = "status", .mode = kFile | 0444, .print = print_status},
    {.path = "uid_map", .mode = kFile | 0644, .print = print_constant, .write = refuse_write, .argument = kIdentityMap},
    {.path = "wchan", .mode = kFile | 0444, .print = print_wait_channel},
    // -- of the process alone
    {.path = "autogroup", .mode = kFile | 0644, .print = print_constant, .write = ignore_write, .argument = "/autogroup-1 nice 0\n"},
    {.path = "coredump_filter", .mode = kFile | 0644, .print = print_constant, .write = ignore_write, .argument = "00000033\n"},
    {.path = "mountstats", .mode = kFile | 0400, .print = print_mounts, .argument = "mountstats", .open = open_mounts},
    {.path = "task", .mode = kFolder | 0555, .table = &kThreadsTable},
    {.path = "timerslack_ns", .mode = kFile | 0666, .print = print_timer_slack, .write = write_timer_slack},
};
constexpr usize kForProcessOnly = 5;

// ---- processes

i32 next_process_entry(const Node&, i32 from) {
    const RefPtr<Process> process = next_process(from - 1);
    return process ? process->pid : -1;
}

Result<void> enter_process(const Node&, i32 number, Node& entry) {
    if (RefPtr<Process> process = process_by_pid(number)) {
        entry.process = std::move(process);
        return {};
    }
    // A thread that leads no group is found too, though not listed.
    LockGuard guard(task_state().tree_lock);
    const Task* task = find_task(number);
    if (!task || !task->process || task->process->pid == 0)
        return Errno::ENOENT;
    entry.process = RefPtr<Process>(task->process);
    entry.thread = number;
    return {};
}

} // namespace

const GeneratedTable kEmptyTable{nullptr, 0};
const GeneratedTable kProcessTable{kRows, base::array_size(kRows)};
const GeneratedTable kThreadTable{kRows, base::array_size(kRows) - kForProcessOnly};
const NumberedEntries kProcesses{
    next_process_entry, enter_process, {.path = "", .mode = kFolder | 0555, .table = &kProcessTable}};

} // namespace lxcore::proc
