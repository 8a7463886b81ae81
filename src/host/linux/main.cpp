// lxkernel: the instance host. It builds the arena, boots lxcore in it, and stays as the host parent of every pico
// process: spawner, reaper and control socket. Started by lxssd.
#include "abi/signal.hpp"
#include "abi/sched.hpp"
#include "engine/engine.hpp"
#include "host/control/control.hpp"
#include "host/linux/control.hpp"
#include "host/linux/drives.hpp"
#include "host/linux/internal.hpp"
#include "host/linux/start.hpp"
#include "lxcore/boot.hpp"
#include "lxcore/memory/arena.hpp"
#include "lxcore/task/life.hpp"
#include "lxcore/volfs/check.hpp"

namespace host::linux_host {

namespace {

struct Options {
    std::string_view name = "instance";
    std::string_view hostname;
    i32 control = -1;
    bool no_init = false;
    bool is_work = false; // on a tree at rest
    lxcore::TreeWork work = lxcore::TreeWork::Check;
    bool host_sockets = false;
    char** environment = nullptr;
};

Options g_options;
ThreadBlock* g_first_block;

i32 parse_number(std::string_view text) {
    i32 value = 0;
    if (text.empty())
        return -1;
    for (char digit : text) {
        if (digit < '0' || digit > '9' || value > 100'000'000)
            return -1;
        value = value * 10 + (digit - '0');
    }
    return value;
}

constexpr char kUsage[] =
    "Usage: lxkernel --root=DIR --guest-dir=DIR --control-fd=N [--log-fd=N] [--name=NAME] [--hostname=NAME] [--no-init]\n"
    "                [--drive=LETTER=DIR]... [--host-sockets] [--engine-options=OPTION,...]\n"
    "Hosts one lxss instance. It is started by lxssd and speaks the control protocol on descriptor N.\n"
    "       lxkernel --check [--repair] --root=DIR\n"
    "Checks the files of an instance that is not running. Exit status: 0 nothing found, 1 all repaired, 4 problems left,\n"
    "8 the check could not be made.\n"
    "       lxkernel --list-places --root=DIR | --adopt-places --root=DIR\n"
    "Before and after a copy of the tree to another file system, which lxssd makes: notes which file is which, finds them again.\n";

void parse_options(i32 count, char** arguments) {
    const auto value_of = [](std::string_view argument, std::string_view name) -> const char* {
        return argument.starts_with(name) ? argument.data() + name.size() : nullptr;
    };
    g_state.log = 2;
    const char* root = nullptr;
    const char* tools = nullptr;
    for (i32 i = 1; i < count; ++i) {
        const std::string_view argument = arguments[i];
        if (const char* text = value_of(argument, "--root="))
            root = text;
        else if (const char* text = value_of(argument, "--guest-dir="))
            tools = text;
        else if (const char* text = value_of(argument, "--control-fd="))
            g_options.control = parse_number(text);
        else if (const char* text = value_of(argument, "--log-fd="))
            g_state.log = parse_number(text);
        else if (const char* text = value_of(argument, "--name="))
            g_options.name = text;
        else if (const char* text = value_of(argument, "--hostname="))
            g_options.hostname = text;
        else if (const char* text = value_of(argument, "--drive=")) {
            if (text[0] == 0 || text[1] != '=' || !add_drive(text[0], text + 2))
                fail(argument, "--drive wants LETTER=FOLDER, an absolute path");
        } else if (const char* text = value_of(argument, "--engine-options=")) {
            if (!engine::configure(text))
                fail(text, "the engine has no such options");
        } else if (argument == "--no-init")
            g_options.no_init = true;
        else if (lxcore::take_work(argument, g_options.is_work, g_options.work))
            g_state.failure_status = lxcore::kCheckFailed;
        else if (argument == "--host-sockets")
            g_options.host_sockets = true;
        else if (argument == "--help" || argument == "-h") {
            complain(kUsage);
            (void)host_call(abi::SYS_exit_group, 0);
        } else
            fail(argument, "unknown option (see --help)");
    }
    if (g_options.is_work && root) {
        g_state.root = open_folder(root);
        return;
    }
    if (!root || !tools || g_options.control < 0)
        fail("missing options", "--root, --guest-dir and --control-fd are needed (see --help)");
    if (g_options.hostname.empty())
        g_options.hostname = g_options.name;
    prepare_drives();
    g_state.root = open_folder(root);
    g_state.guest_tools = open_folder(tools);
}

// Finishes what pico processes that have ended left undone.
[[noreturn]] void reaper_thread(ThreadBlock&) {
    constexpr u64 kIdleNs = 20'000'000; // between looks while there is no child at all
    for (;;) {
        abi::siginfo info{};
        const i64 result = host_call(abi::SYS_waitid, abi::P_ALL, 0, address_of(&info),
                                     abi::WEXITED | abi::__WALL, 0);
        if (result != 0) {
            abi::timespec pause{0, static_cast<i64>(kIdleNs)};
            (void)host_call(abi::SYS_nanosleep, address_of(&pause), 0);
            continue;
        }
        const i32 signal = info.si_code == abi::CLD_EXITED ? 0 : info._sigchld.status & 0x7f;
        lxcore::complete_abnormal_exit(info._sigchld.pid, signal);
        if (signal)
            wake_spawner();
    }
}

[[noreturn]] void session_reporter_thread(ThreadBlock&) { control::report_sessions(); }

void start_kernel_thread(void (*entry)(ThreadBlock&), std::string_view what) {
    auto thread = lxcore::create_kernel_thread(entry);
    if (thread.is_error())
        fail(what, abi::errno_text(thread.error()));
}

void print_line(std::string_view line) {
    abi::iovec vectors[2] = {{address_of(line.data()), line.size()}, {address_of("\n"), 1}};
    (void)host_call(abi::SYS_writev, 1, address_of(vectors), 2);
}

[[noreturn]] void run_work() {
    prepare_thread(*g_first_block);
    const i32 status = lxcore::check_volfs(g_state.root, g_options.work, print_line);
    for (;;)
        (void)host_call(abi::SYS_exit_group, static_cast<u64>(status));
}

// On the kernel stack of the first thread.
[[noreturn]] void run_instance() {
    prepare_thread(*g_first_block);
    use_control_socket(g_options.control);
    const lxcore::BootOptions options{g_state.arena_bytes, g_options.hostname, g_options.name,
                                      g_options.host_sockets};
    const auto booted = lxcore::boot(options, *g_first_block);
    if (booted.is_error())
        fail("start of the kernel", abi::errno_text(booted.error()));
    start_kernel_thread(spawner_thread, "spawner thread");
    start_kernel_thread(reaper_thread, "reaper thread");
    start_kernel_thread(session_reporter_thread, "session thread");
    const auto threads = lxcore::start_kernel_threads();
    if (threads.is_error())
        fail("kernel threads", abi::errno_text(threads.error()));
    if (!g_options.no_init) {
        const auto init = lxcore::start_init(g_options.hostname, g_options.environment);
        if (init.is_error())
            fail("start of init", abi::errno_text(init.error()));
    }
    control::send_ready();
    control::serve_control();
}

} // namespace

} // namespace host::linux_host

extern "C" [[noreturn]] void lx_main(u64* stack) {
    using namespace host;
    using namespace host::linux_host;
    const Arguments arguments = read_start(stack);
    g_options.environment = arguments.environment;
    parse_options(arguments.count, arguments.values);
    prepare_host(stack);
    lxcore::initialize_arena(g_state.arena_bytes);
    (void)host_call(abi::SYS_setsid);
    g_first_block = static_cast<ThreadBlock*>(
        lxcore::allocate_pages(kThreadBlockBytes / base::kPageSize, kThreadBlockBytes / base::kPageSize));
    if (!g_first_block)
        fail("arena", "no room for the first thread");
    enter_block(*g_first_block, g_options.is_work ? run_work : run_instance);
}
