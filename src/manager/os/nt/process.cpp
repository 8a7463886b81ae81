#include "manager/os/process.hpp"

#include "manager/os/nt/connection.hpp"

#include <algorithm>
#include <random>

namespace lxss {

// What TerminateProcess() is given here, as of a process that a signal killed.
static constexpr DWORD kKilledCode = 0xc000'0137;

std::string ExitStatus::text() const {
    return was_killed ? "was killed" : "ended with status " + std::to_string(code);
}

ChildProcess::ChildProcess() = default;
ChildProcess::~ChildProcess() = default;
ChildProcess::ChildProcess(ChildProcess&&) noexcept = default;
ChildProcess& ChildProcess::operator=(ChildProcess&&) noexcept = default;
HostDescriptor ChildProcess::waitable() const {
    return handle_.get();
}

// A job that ends with this process: nothing of a kernel stays behind a manager.
static UniqueFd make_job() {
    UniqueFd job = owned(::CreateJobObjectW(nullptr, nullptr));
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits{};
    limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
    ::SetInformationJobObject(handle_of(job.get()), JobObjectExtendedLimitInformation, &limits,
                              sizeof limits);
    return job;
}

// Starts it suspended, with `inherited` and nothing else of this process's, in `job` unless that is null, and
// lets it run.
static bool start_process(const std::vector<std::string>& words, std::vector<HANDLE> inherited, HANDLE input,
                          HANDLE output, const std::wstring* environment, HANDLE job, UniqueFd& process,
                          int64_t& id, std::string& error) {
    STARTUPINFOEXW startup{};
    startup.StartupInfo.cb = sizeof startup;
    startup.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
    startup.StartupInfo.hStdInput = input;
    startup.StartupInfo.hStdOutput = startup.StartupInfo.hStdError = output;
    for (const HANDLE handle : {input, output})
        if (std::find(inherited.begin(), inherited.end(), handle) == inherited.end())
            inherited.push_back(handle);
    for (const HANDLE handle : inherited)
        make_inheritable(handle);
    SIZE_T bytes = 0;
    ::InitializeProcThreadAttributeList(nullptr, 1, 0, &bytes);
    std::vector<char> attributes(bytes);
    startup.lpAttributeList = reinterpret_cast<LPPROC_THREAD_ATTRIBUTE_LIST>(attributes.data());
    PROCESS_INFORMATION information{};
    std::wstring line = command_line(words);
    const bool is_started =
        ::InitializeProcThreadAttributeList(startup.lpAttributeList, 1, 0, &bytes) &&
        ::UpdateProcThreadAttribute(startup.lpAttributeList, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST,
                                    inherited.data(), inherited.size() * sizeof(HANDLE), nullptr, nullptr) &&
        ::CreateProcessW(wide_path(words[0]).c_str(), line.data(), nullptr, nullptr, TRUE,
                         CREATE_SUSPENDED | DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP |
                             CREATE_UNICODE_ENVIRONMENT | EXTENDED_STARTUPINFO_PRESENT,
                         environment ? const_cast<wchar_t*>(environment->data()) : nullptr, nullptr,
                         &startup.StartupInfo, &information);
    const DWORD failure = ::GetLastError();
    for (const HANDLE handle : inherited)
        ::SetHandleInformation(handle, HANDLE_FLAG_INHERIT, 0);
    if (!is_started) {
        error = "cannot run " + words[0] + ": " + error_text(failure);
        return false;
    }
    const UniqueFd thread = owned(information.hThread);
    process = owned(information.hProcess);
    id = information.dwProcessId;
    if (job)
        ::AssignProcessToJobObject(job, information.hProcess);
    ::ResumeThread(information.hThread);
    return true;
}

static UniqueFd open_null() {
    return owned(::CreateFileW(L"NUL", GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE,
                               nullptr, OPEN_EXISTING, 0, nullptr));
}

bool ChildProcess::start(const std::vector<std::string>& words, std::string& error,
                         std::span<const HostDescriptor> descriptors) {
    const UniqueFd null = open_null();
    group_ = make_job();
    const HANDLE output = handle_of(descriptors.empty() ? null.get() : descriptors[0]);
    return start_process(words, {}, handle_of(null.get()), output, nullptr, handle_of(group_.get()), handle_,
                         id_, error);
}

std::optional<ExitStatus> ChildProcess::take_status() {
    DWORD code = 0;
    if (!handle_ || ::WaitForSingleObject(handle_of(handle_.get()), 0) != WAIT_OBJECT_0 ||
        !::GetExitCodeProcess(handle_of(handle_.get()), &code))
        return std::nullopt;
    kill(); // what it left in its job goes with it
    id_ = -1;
    handle_.reset();
    group_.reset();
    const bool was_killed = code == kKilledCode || (code & 0xf000'0000) == 0xc000'0000;
    return ExitStatus{was_killed, static_cast<int>(code)};
}

void ChildProcess::kill() const {
    if (group_)
        ::TerminateJobObject(handle_of(group_.get()), kKilledCode);
    if (handle_)
        ::TerminateProcess(handle_of(handle_.get()), kKilledCode);
}

bool start_kernel(const KernelStart& start, ChildProcess& process, Connection& control, std::string& error) {
    if (::GetFileAttributesW(wide_path(start.program).c_str()) == INVALID_FILE_ATTRIBUTES) {
        error = "cannot run the kernel " + start.program + ": " + error_text(::GetLastError());
        return false;
    }
    Connection kernel_end;
    if (!Connection::make_pair(control, kernel_end)) {
        error = "cannot make a pipe: " + error_text(::GetLastError());
        return false;
    }
    control.set_non_blocking();
    const HANDLE pipe = handle_of(kernel_end.state()->pipe.get());
    const HANDLE log = handle_of(start.log.get()), lock = handle_of(start.lock.get());
    std::vector<std::string> words = {start.program,
                                      "--control=" + hexadecimal(reinterpret_cast<uint64_t>(pipe)),
                                      "--log-handle=" + hexadecimal(reinterpret_cast<uint64_t>(log))};
    words.insert(words.end(), start.words.begin(), start.words.end());
    // But for what is the manager's own.
    const std::wstring environment =
        environment_block(start.environment, {"LXSS_HOME", "LXSS_KERNEL", "LXSS_GUEST_DIR", "LXSS_GRACE",
                                              "LXSS_IDLE", "LXSS_CATALOG"});
    const UniqueFd null = open_null();
    process.group_ = make_job();
    // The lock is open in the kernel, and so held, as long as that lives.
    if (!start_process(words, {pipe, log, lock}, handle_of(null.get()), log, &environment,
                       handle_of(process.group_.get()), process.handle_, process.id_, error))
        return false;
    HANDLE peer = nullptr;
    ::DuplicateHandle(::GetCurrentProcess(), handle_of(process.handle_.get()), ::GetCurrentProcess(), &peer,
                      0, FALSE, DUPLICATE_SAME_ACCESS);
    control.state()->peer = owned(peer);
    return true;
}

// Not in a job: what it starts for people may outlive the manager, and it ends when `life` is closed.
bool start_interop(const std::string& program, const std::string&, ChildProcess& process, UniqueFd& life,
                   std::string& name, std::string& error) {
    // A name that nobody could have taken before.
    std::random_device random;
    name = "@lxss-interop-";
    for (int i = 0; i < 4; ++i)
        name += hexadecimal(random());
    const UniqueFd listener = create_pipe(local_pipe_name(name), true);
    Connection ours, theirs;
    if (!listener || !Connection::make_pair(ours, theirs)) {
        error = "cannot make a pipe: " + error_text(::GetLastError());
        return false;
    }
    const HANDLE pipe = handle_of(listener.get()), end = handle_of(theirs.state()->pipe.get());
    const UniqueFd null = open_null();
    if (!start_process({program, "--name=" + name,
                        "--listen=" + hexadecimal(reinterpret_cast<uint64_t>(pipe)),
                        "--life=" + hexadecimal(reinterpret_cast<uint64_t>(end))},
                       {pipe, end}, handle_of(null.get()), handle_of(null.get()), nullptr, nullptr,
                       process.handle_, process.id_, error))
        return false;
    life = std::move(ours.state()->pipe);
    return true;
}

// Pipes go with their last end.
void remove_interop_name(const std::string&) {}

// The job has ended them.
int kill_orphans_of(const std::string&) {
    return 0;
}

int64_t own_process_id() {
    return ::GetCurrentProcessId();
}

} // namespace lxss
