// Start of the kernel.
#include "lxcore/boot.hpp"

#include "abi/fcntl.hpp"
#include "abi/mount.hpp"
#include "engine/engine.hpp"
#include "lxcore/devfs/device.hpp"
#include "lxcore/drivefs/drivefs.hpp"
#include "lxcore/fs/file_locks.hpp"
#include "lxcore/fs/init.hpp"
#include "lxcore/fs/inotify.hpp"
#include "lxcore/fs/mount.hpp"
#include "lxcore/fs/namei.hpp"
#include "lxcore/ipc/ipc.hpp"
#include "lxcore/net/host_connection.hpp"
#include "lxcore/net/sockets.hpp"
#include "lxcore/procfs/procfs.hpp"
#include "lxcore/session/session.hpp"
#include "lxcore/syscall/trace.hpp"
#include "lxcore/sysfs/sysfs.hpp"
#include "lxcore/task/exec.hpp"
#include "lxcore/task/futex.hpp"
#include "lxcore/task/life.hpp"
#include "lxcore/time/timer.hpp"
#include "lxcore/tmpfs/tmpfs.hpp"
#include "lxcore/tty/tty.hpp"
#include "lxcore/volfs/volfs.hpp"

namespace lxcore {

namespace {

// The version that programs see. Distributions' C libraries refuse kernels older than they were built for (glibc 2.36: 3.2);
// newer features that are missing here are found out by ENOSYS, as everywhere.
constexpr char kRelease[] = "5.15.0-lxss";
constexpr char kVersion[] = "#1 SMP lxss";

// A file may have two; what remains is for sockets, standard streams and whatever else needs a handle of the host.
constexpr u32 kRootHandleBudget = 1000;
constexpr u32 kToolsHandleBudget = 32;

template <usize N>
void copy_text(char (&field)[N], std::string_view text) {
    const usize length = base::min(text.size(), N - 1);
    __builtin_memcpy(field, text.data(), length);
    field[length] = 0;
}

// What init writes goes to the instance log, line by line.
class LogFile final : public File {
public:
    Result<usize> read(IoBuffer&, i64) override { return usize{0}; }
    Result<usize> write(IoBuffer& buffer, i64) override {
        const usize total = buffer.left();
        char text[256];
        while (buffer.left() > 0) {
            const usize length = TRY(buffer.copy_out(text, sizeof(text)));
            std::string_view rest{text, length};
            while (!rest.empty()) {
                const usize end = rest.find('\n');
                log_line(rest.substr(0, end));
                rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
            }
        }
        return total;
    }
    u32 poll(PollTable*) override { return abi::POLLIN | abi::POLLOUT; }
};

// Held by init alone; its end says that the mounts are in place (or that init has died).
class ReadyFile final : public File {
public:
    ~ReadyFile() override {
        kernel().init_ready.store(1, std::memory_order_release);
        host::wake(reinterpret_cast<u32*>(&kernel().init_ready), 1);
    }
};

constexpr u64 kInitPatienceNs = 10'000'000'000;

} // namespace

void log_line(std::string_view text) { host::log(text); }

namespace {

// mount -t lxsstools: the programs shipped into instances, for those that users call by name.
Result<RefPtr<SuperBlock>> create_tools(std::string_view, std::string_view, u32) {
    return RefPtr<SuperBlock>(kernel().guest_tools->super_block);
}

constexpr FileSystemType kTools{"lxsstools", false, create_tools};

} // namespace

Result<void> initialize_guest_tools() {
    RefPtr<SuperBlock> tools = TRY(create_volfs(host::guest_tools_folder(), kToolsHandleBudget, true));
    RefPtr<Mount> mount = TRY(make_ref<Mount>());
    mount->super_block = tools;
    mount->root = tools->root;
    mount->flags = abi::MS_RDONLY;
    mount->is_attached = false;
    kernel().guest_tools = mount.leak();
    return register_file_system_type(kTools);
}

Result<Path> guest_tool(std::string_view name) {
    if (name.empty() || name.size() > 255 || name.find('/') != std::string_view::npos || name == "." || name == "..")
        return Errno::EINVAL;
    Mount* mount = kernel().guest_tools;
    RefPtr<Dentry> dentry = TRY(lookup_dentry(*mount->root, name));
    if (dentry->is_negative())
        return Errno::ENOENT;
    return Path(RefPtr<Mount>(mount), std::move(dentry));
}

Result<void> boot(const BootOptions& options, host::ThreadBlock& first_thread) {
    KernelState& state = kernel();
    state.boot_monotonic_ns = host::monotonic_ns();
    const auto now = host::clock_time(abi::CLOCK_REALTIME);
    state.boot_realtime_seconds = now.is_ok() ? now.value().tv_sec : 0;
    copy_text(state.utsname.sysname, "Linux");
    copy_text(state.utsname.nodename, options.hostname);
    copy_text(state.utsname.release, kRelease);
    copy_text(state.utsname.version, kVersion);
    copy_text(state.utsname.machine, "x86_64");
    copy_text(state.utsname.domainname, "(none)");

    TRY(initialize_tasks(first_thread));
    TRY(engine::initialize());
    TRY(initialize_fs());
    TRY(initialize_file_locks());
    TRY(initialize_inotify());
    TRY(initialize_futexes());
    TRY(initialize_timers());
    TRY(initialize_tmpfs());
    TRY(initialize_ipc());
    TRY(initialize_sockets());
    if (options.has_host_sockets)
        TRY(register_host_socket_type());
    TRY(initialize_devices());
    TRY(initialize_procfs());
    TRY(initialize_sysfs());
    TRY(initialize_drivefs());
    TRY(initialize_ttys());
    TRY(initialize_sessions());
    const u64 budget = base::min<u64>(kRootHandleBudget, host::handle_limit() / 4);
    RefPtr<SuperBlock> root = TRY(create_volfs(host::root_folder(), static_cast<u32>(budget), false, options.wants_portable_tree));
    kernel().root_file_system = RefPtr<SuperBlock>(root).leak();
    TRY(mount_root(std::move(root), "lxss"));
    TRY(initialize_guest_tools());
    return {};
}

Result<void> start_kernel_threads() {
    TRY(create_kernel_thread(timer_thread));
    TRY(create_kernel_thread(cleaner_thread));
    TRY(create_kernel_thread(drive_watch_thread));
    return {};
}

Result<void> start_init(std::string_view hostname, char** environment) {
    PageBuffer page(8);
    if (!page)
        return Errno::ENOMEM;
    base::Writer strings(page.data(), page.size());
    const auto add = [&](std::string_view text) {
        strings.put(text);
        strings.put('\0');
    };
    add("init");
    add("--boot");
    base::print(strings, "--hostname={}", hostname);
    strings.put('\0');
    add("--ready-fd=3");
    u32 variables = 1;
    add("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    for (char** variable = environment; variable && *variable; ++variable) {
        const std::string_view text = *variable;
        if (!text.starts_with("LXSS_") && !text.starts_with("WSL_"))
            continue;
        add(text);
        ++variables;
    }
    if (strings.is_truncated())
        return Errno::E2BIG;
    const Path program = TRY(guest_tool("init"));
    SpawnRequest request;
    request.files = TRY(make_ref<FdTable>());
    RefPtr<File> log = TRY(make_ref<LogFile>());
    TRY(attach_anonymous_inode(*log, "[lxss-log]", abi::S_IFCHR | 0600));
    log->flags.store(abi::O_RDWR);
    for (i32 fd = 0; fd < 3; ++fd)
        TRY(request.files->install_at(fd, log, false));
    {
        RefPtr<File> ready = TRY(make_ref<ReadyFile>());
        TRY(attach_anonymous_inode(*ready, "[lxss-ready]", abi::S_IFCHR | 0600));
        TRY(request.files->install_at(3, std::move(ready), false));
    }
    request.image = TRY(prepare_exec_kernel(program, "/init", strings.view(), 4, variables));
    TRY(spawn_user_process(request));
    request.files = nullptr;
    const u64 deadline = host::monotonic_ns() + kInitPatienceNs;
    while (kernel().init_ready.load(std::memory_order_acquire) == 0 && host::monotonic_ns() < deadline)
        (void)host::wait(reinterpret_cast<u32*>(&kernel().init_ready), 0, deadline);
    if (kernel().init_ready.load() == 0)
        log_line("init has not finished its start after 10 s; going on without it");
    return {};
}

} // namespace lxcore
