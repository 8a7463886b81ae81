// lxkernel.exe: the instance host. It builds the arena, boots lxcore in it, and stays as the parent of every pico process.
#include "abi/errno.hpp"
#include "host/control/control.hpp"
#include "host/nt/control.hpp"
#include "host/nt/engine_port.hpp"
#include "host/nt/files_state.hpp"
#include "host/nt/processes.hpp"
#include "host/nt/start.hpp"
#include "host/nt/streams.hpp"
#include "host/nt/threads.hpp"
#include "host/nt/tree_check.hpp"
#include "lxcore/boot.hpp"
#include "lxcore/memory/arena.hpp"
#include "lxcore/task/life.hpp"

namespace host::nt {

namespace {

constexpr char kUsage[] =
    "Usage: lxkernel --root=DIR --guest-dir=DIR [--log=FILE] [--name=NAME] [--hostname=NAME] [--no-init] [--host-sockets]\n"
    "                --control=HANDLE [--log-handle=HANDLE] | --run PROGRAM [ARGUMENT]...\n"
    "Hosts one lxss instance. It is started by lxssd and speaks the control protocol on HANDLE; or --run starts a program of the guest tools' folder with this program's standard streams, and\n"
    "ends the instance with it.\n"
    "       lxkernel --check [--repair] --root=DIR\n"
    "Checks the files of an instance that does not run. Exits with 0 when all is well, 1 when all was repaired, 4 when problems are left,\n"
    "8 the check could not be made.\n"
    "       lxkernel --list-places --root=DIR | --adopt-places --root=DIR\n"
    "Before and after a copy of the tree to another file system, which lxssd makes: notes which file is which, finds them again.\n";

struct Options {
    const char* root = nullptr;
    const char* tools = nullptr;
    const char* log = nullptr;
    HANDLE control = nullptr, log_handle = nullptr; // inherited
    std::string_view name = "instance";
    std::string_view hostname;
    bool no_init = false;
    bool host_sockets = false;
    bool is_work = false; // on a tree at rest
    lxcore::TreeWork work = lxcore::TreeWork::Check;
    i32 run_count = 0; // program and arguments
    char** run = nullptr;
};
Options g_options;

HANDLE open_path(const char* path, DWORD access, DWORD disposition, DWORD flags) {
    static wchar_t wide[32 * 1024];
    if (MultiByteToWideChar(CP_UTF8, 0, path, -1, wide, static_cast<int>(base::array_size(wide))) == 0)
        fail(path, "not a path");
    const HANDLE handle = CreateFileW(wide, access, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, nullptr,
                                      disposition, flags, nullptr);
    if (handle == INVALID_HANDLE_VALUE)
        fail(path, "cannot be opened", GetLastError());
    return handle;
}

HANDLE open_folder(const char* path) {
    return open_path(path, FILE_LIST_DIRECTORY | FILE_WRITE_ATTRIBUTES | SYNCHRONIZE, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS);
}

HANDLE parse_handle(const char* text) {
    u64 value = 0;
    for (; *text; ++text) {
        const bool is_digit = *text >= '0' && *text <= '9';
        if (!is_digit && !(*text >= 'a' && *text <= 'f'))
            fail(text, "not a handle");
        value = value << 4 | static_cast<u64>(is_digit ? *text - '0' : *text - 'a' + 10);
    }
    return reinterpret_cast<HANDLE>(value);
}

void parse_options(const Arguments& arguments) {
    const auto value_of = [](std::string_view argument, std::string_view name) -> const char* {
        return argument.starts_with(name) ? argument.data() + name.size() : nullptr;
    };
    for (i32 i = 1; i < arguments.count; ++i) {
        const std::string_view argument = arguments.values[i];
        if (const char* text = value_of(argument, "--root="))
            g_options.root = text;
        else if (const char* text = value_of(argument, "--guest-dir="))
            g_options.tools = text;
        else if (const char* text = value_of(argument, "--log="))
            g_options.log = text;
        else if (const char* text = value_of(argument, "--control="))
            g_options.control = parse_handle(text);
        else if (const char* text = value_of(argument, "--log-handle="))
            g_options.log_handle = parse_handle(text);
        else if (const char* text = value_of(argument, "--name="))
            g_options.name = text;
        else if (const char* text = value_of(argument, "--hostname="))
            g_options.hostname = text;
        else if (argument == "--no-init")
            g_options.no_init = true;
        else if (argument == "--host-sockets")
            g_options.host_sockets = true;
        else if (lxcore::take_work(argument, g_options.is_work, g_options.work))
            g_process.failure_status = lxcore::kCheckFailed;
        else if (argument == "--run") {
            g_options.run = arguments.values + i + 1;
            g_options.run_count = arguments.count - i - 1;
            break;
        } else if (argument == "--help" || argument == "-h") {
            complain(kUsage);
            ExitProcess(0);
        } else {
            fail(argument, "unknown option (see --help)");
        }
    }
    if (g_options.is_work && g_options.root)
        return;
    if (!g_options.root || !g_options.tools || (g_options.run_count < 1) == !g_options.control)
        fail("missing options", "--root, --guest-dir and either --control or --run are needed (see --help)");
    if (g_options.hostname.empty())
        g_options.hostname = g_options.name;
}

void reaper_thread(ThreadBlock&) { reap_processes(lxcore::complete_abnormal_exit); }

void check(const Result<void>& result, std::string_view what) {
    if (result.is_error())
        fail(what, abi::errno_text(result.error()));
}

// Of the host's environment, as text=value strings that live as long as the process.
char** copy_environment() {
    static char text[64 * 1024];
    static char* entries[512];
    static base::FixedWriter<300> hostname;
    base::print(hostname, "LXSS_HOSTNAME={}", g_options.hostname);
    hostname.put('\0');
    const wchar_t* block = GetEnvironmentStringsW();
    usize used = 0, count = 0;
    entries[count++] = hostname.data();
    while (block && *block && count + 1 < base::array_size(entries)) {
        usize length = 0;
        while (block[length])
            ++length;
        const int bytes = WideCharToMultiByte(CP_UTF8, 0, block, static_cast<int>(length) + 1, text + used,
                                              static_cast<int>(sizeof(text) - used), nullptr, nullptr);
        if (bytes > 0) {
            entries[count++] = text + used;
            used += static_cast<usize>(bytes);
        }
        block += length + 1;
    }
    return entries;
}

// The session of --run. Its strings: the arguments, and a small environment.
void start_run() {
    static char strings[32 * 1024];
    usize used = 0;
    const auto put = [&](std::string_view text) {
        if (used + text.size() + 1 > sizeof(strings))
            fail("--run", "too many arguments");
        __builtin_memcpy(strings + used, text.data(), text.size());
        strings[used + text.size()] = 0;
        used += text.size() + 1;
    };
    for (i32 i = 0; i < g_options.run_count; ++i)
        put(g_options.run[i]);
    constexpr std::string_view kEnvironment[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                                                 "HOME=/root", "TERM=dumb"};
    for (const std::string_view entry : kEnvironment)
        put(entry);
    lxcore::SessionStart start{};
    start.session_id = 1;
    start.program = g_options.run[0];
    start.strings = {strings, used};
    start.argument_count = static_cast<u32>(g_options.run_count);
    start.environment_count = static_cast<u32>(base::array_size(kEnvironment));
    start.trace = kNoHandle;
    constexpr DWORD kStreams[] = {STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE};
    HANDLE own[3];
    for (usize i = 0; i < 3; ++i)
        if (!DuplicateHandle(this_process(), GetStdHandle(kStreams[i]), this_process(), &own[i], 0, FALSE, DUPLICATE_SAME_ACCESS))
            fail("standard streams", "cannot be used", GetLastError());
    adopt_streams(own, 3, start.streams);
    for (const Handle stream : start.streams)
        if (stream == kNoHandle)
            fail("standard streams", "cannot be taken over");
    const auto started = lxcore::start_session(start);
    if (started.is_error())
        fail(g_options.run[0], abi::errno_text(started.error()));
}

// Until the session of --run, or init, has ended; ends the instance with its status.
[[noreturn]] void wait_for_end() {
    u32* word = lxcore::session_events_word();
    for (;;) {
        const u32 seen = __atomic_load_n(word, __ATOMIC_ACQUIRE);
        u64 session = 0;
        i32 status = 0;
        if (lxcore::next_session_event(&session, &status)) {
            lxcore::finish_session(static_cast<u32>(session));
            lxcore::shut_down(0);
            end_files();
            const bool is_exit = (status & 0x7f) == 0;
            ExitProcess(static_cast<UINT>(is_exit ? status >> 8 & 0xff : 128 + (status & 0x7f)));
        }
        if (lxcore::init_has_ended())
            fail("init", "it has ended, and with it the instance");
        (void)wait(word, seen, kNoDeadline);
    }
}

void run_instance(void* argument) {
    auto& block = *static_cast<ThreadBlock*>(argument);
    const lxcore::BootOptions options{shared().arena_bytes, g_options.hostname, g_options.name, g_options.host_sockets};
    check(lxcore::boot(options, block), "start of the kernel");
    start_pool();
    const auto reaper = lxcore::create_kernel_thread(reaper_thread);
    if (reaper.is_error())
        fail("reaper thread", abi::errno_text(reaper.error()));
    check(lxcore::start_kernel_threads(), "kernel threads");
    if (!g_options.no_init)
        check(lxcore::start_init(g_options.hostname, copy_environment()), "start of init");
    if (!g_options.control) {
        start_run();
        wait_for_end();
    }
    use_control_pipe(g_options.control);
    const auto reporter = lxcore::create_kernel_thread([](ThreadBlock&) { control::report_sessions(); });
    if (reporter.is_error())
        fail("session thread", abi::errno_text(reporter.error()));
    control::send_ready();
    control::serve_control();
}

void print_line(std::string_view line) {
    const HANDLE output = GetStdHandle(STD_OUTPUT_HANDLE);
    DWORD written;
    (void)WriteFile(output, line.data(), static_cast<DWORD>(line.size()), &written, nullptr);
    (void)WriteFile(output, "\n", 1, &written, nullptr);
}

void run_work(void*) {
    ExitProcess(static_cast<UINT>(lxcore::check_volfs(files().root, g_options.work, print_line, check_tree)));
}

} // namespace

} // namespace host::nt

void lx_main(const host::nt::Arguments& arguments) {
    using namespace host;
    using namespace host::nt;
    parse_options(arguments);
    const HANDLE log = g_options.log_handle ? g_options.log_handle
                       : g_options.log      ? open_path(g_options.log, FILE_APPEND_DATA | SYNCHRONIZE, OPEN_ALWAYS, 0)
                                     : GetStdHandle(STD_ERROR_HANDLE);
    prepare_instance(arena_size(), log);
    lxcore::initialize_arena(shared().arena_bytes);
    auto* block = static_cast<ThreadBlock*>(
        lxcore::allocate_pages(kThreadBlockBytes / base::kPageSize, kThreadBlockBytes / base::kPageSize));
    if (!block)
        fail("arena", "no room for the first thread");
    block->frame = reinterpret_cast<u64>(block) + kFrameOffset;
    use_block(*block);
    if (g_options.is_work) {
        prepare_files_for_check(open_folder(g_options.root), g_options.work != lxcore::TreeWork::Check);
        run_in_block(*block, run_work);
    }
    prepare_files(open_folder(g_options.root), open_folder(g_options.tools));
    run_in_block(*block, run_instance);
    ExitProcess(1);
}
