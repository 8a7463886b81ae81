#include "manager/os/process.hpp"

#include "manager/os/nt/connection.hpp"

#include <algorithm>

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

// This process's environment but for what is the manager's own, and `more`.
static std::wstring environment_block(const std::vector<std::string>& more) {
    std::vector<std::wstring> variables;
    wchar_t* const block = ::GetEnvironmentStringsW();
    for (const wchar_t* at = block; *at; at += std::wcslen(at) + 1)
        variables.emplace_back(at);
    ::FreeEnvironmentStringsW(block);
    std::vector<std::wstring> gone = {L"LXSS_HOME=", L"LXSS_KERNEL=", L"LXSS_GUEST_DIR=", L"LXSS_GRACE=",
                                      L"LXSS_IDLE="};
    for (const std::string& variable : more)
        gone.push_back(to_wide(variable.substr(0, variable.find('=') + 1)));
    std::erase_if(variables, [&](const std::wstring& variable) {
        return std::any_of(gone.begin(), gone.end(),
                           [&](const std::wstring& name) { return variable.starts_with(name); });
    });
    for (const std::string& variable : more)
        variables.push_back(to_wide(variable));
    std::sort(variables.begin(), variables.end());
    std::wstring result;
    for (const std::wstring& variable : variables)
        result += variable + L'\0';
    return result + L'\0';
}

// Starts it suspended, with `inherited` and nothing else of this process's, in `job`, and lets it run.
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
    ::AssignProcessToJobObject(job, information.hProcess);
    ::ResumeThread(information.hThread);
    return true;
}

static UniqueFd open_null() {
    return owned(::CreateFileW(L"NUL", GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE,
                               nullptr, OPEN_EXISTING, 0, nullptr));
}

bool ChildProcess::start(const std::vector<std::string>& words, std::string& error,
                         std::span<const HostDescriptor>) {
    const UniqueFd null = open_null();
    group_ = make_job();
    return start_process(words, {}, handle_of(null.get()), handle_of(null.get()), nullptr,
                         handle_of(group_.get()), handle_, id_, error);
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

static std::string hexadecimal(HANDLE handle) {
    std::string text;
    for (auto value = reinterpret_cast<uint64_t>(handle); value != 0 || text.empty(); value >>= 4)
        text.insert(text.begin(), "0123456789abcdef"[value & 15]);
    return text;
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
    std::vector<std::string> words = {start.program, "--control=" + hexadecimal(pipe),
                                      "--log-handle=" + hexadecimal(log)};
    words.insert(words.end(), start.words.begin(), start.words.end());
    const std::wstring environment = environment_block(start.environment);
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

std::string interop_name(const std::string& folder) {
    return folder + "\\interop";
}

bool start_interop(const std::string&, const std::string&, ChildProcess&, UniqueFd&, std::string& error) {
    error = "programs of the host cannot be run from inside on Windows yet";
    return false;
}

// The job has ended them.
int kill_orphans_of(const std::string&) {
    return 0;
}

int64_t own_process_id() {
    return ::GetCurrentProcessId();
}

} // namespace lxss
