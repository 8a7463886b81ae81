// Programs of Windows. Each has a job, with what it starts, and a console of its own, so that Ctrl-C reaches
// it alone: a pseudo console where any of its streams is the terminal, with lxss-console (on_console.cpp)
// between, else one without a window.
#include "interop/host_program.hpp"

#include "interop/os/nt/programs.hpp"
#include "interop/os/nt/pseudo_console.hpp"
#include "manager/paths.hpp"

#include <winternl.h>

namespace lxss {

namespace {

enum LinuxSignal {
    kHangUp = 1,
    kInterrupt = 2,
    kQuit = 3,
    kKill = 9,
    kContinue = 18,
    kStop = 19,
    kTerminalStop = 20
};

struct Plan {
    std::wstring program, folder;
    UniqueFd streams[3]; // of the program
    PseudoConsole console;
    HostProgramEnds ends;
};

bool is_folder(const std::wstring& path) {
    const DWORD attributes = ::GetFileAttributesW(path.c_str());
    return attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY);
}

// The user's home where the instance's folder is none of Windows.
void choose_folder(Plan& plan, const std::string& wanted) {
    plan.folder = to_wide(wanted);
    // CreateProcessW takes no longer one.
    if (!plan.folder.empty() && plan.folder.size() < MAX_PATH - 2 && is_folder(plan.folder))
        return;
    plan.ends.bits |= kInteropInHome;
    plan.folder = environment_variable(L"USERPROFILE");
    if (plan.folder.empty() || !is_folder(plan.folder))
        plan.folder = environment_variable(L"SystemDrive") + L"\\";
}

bool open_streams(Plan& plan, const HostProgramStart& start) {
    UniqueFd screen, keys;
    const bool has_console =
        start.terminals != 0 && plan.console.open(start.rows, start.columns, screen, keys);
    for (unsigned i = 0; i < 3; ++i) {
        HANDLE reader, writer;
        if (has_console && (start.terminals & 1u << i))
            continue;
        if (!::CreatePipe(&reader, &writer, nullptr, 0))
            return false;
        plan.streams[i] = owned(i == 0 ? reader : writer);
        plan.ends.descriptors.push_back(owned(i == 0 ? writer : reader));
        plan.ends.bits |= 1u << i; // kInteropEndInput, Output, Error
    }
    if (has_console) {
        plan.ends.descriptors.push_back(std::move(screen));
        plan.ends.descriptors.push_back(std::move(keys));
        plan.ends.bits |= kInteropEndTerminal | kInteropEndTyped;
    }
    return true;
}

UniqueFd make_job() {
    return owned(::CreateJobObjectW(nullptr, nullptr));
}

// Suspended, in no job yet.
bool create(const Plan& plan, std::wstring line, const HostProgramStart& start,
            PROCESS_INFORMATION& information, DWORD& error) {
    std::wstring program = plan.program, environment = environment_block(start.environment);
    if (plan.console) {
        line = L"lxss-console \"" + program + L"\" " + line;
        program = wide_path(program_file("lxss-console"));
    }
    STARTUPINFOEXW startup{};
    startup.StartupInfo.cb = sizeof startup;
    SIZE_T bytes = 0;
    ::InitializeProcThreadAttributeList(nullptr, 2, 0, &bytes);
    std::vector<char> attributes(bytes);
    startup.lpAttributeList = reinterpret_cast<LPPROC_THREAD_ATTRIBUTE_LIST>(attributes.data());
    if (!::InitializeProcThreadAttributeList(startup.lpAttributeList, 2, 0, &bytes)) {
        error = ::GetLastError();
        return false;
    }
    startup.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
    HANDLE* const places[] = {&startup.StartupInfo.hStdInput, &startup.StartupInfo.hStdOutput,
                              &startup.StartupInfo.hStdError};
    std::vector<HANDLE> inherited;
    for (int i = 0; i < 3; ++i)
        if (plan.streams[i]) {
            inherited.push_back(*places[i] = handle_of(plan.streams[i].get()));
            make_inheritable(inherited.back());
        }
    constexpr DWORD_PTR kPseudoConsole = 0x2'0016; // PROC_THREAD_ATTRIBUTE_PSEUDOCONSOLE
    const auto add = [&](DWORD_PTR what, void* value, size_t size) {
        return ::UpdateProcThreadAttribute(startup.lpAttributeList, 0, what, value, size, nullptr, nullptr);
    };
    const bool is_good =
        (!plan.console || add(kPseudoConsole, plan.console.value(), sizeof(void*))) &&
        (inherited.empty() ||
         add(PROC_THREAD_ATTRIBUTE_HANDLE_LIST, inherited.data(), inherited.size() * sizeof(HANDLE))) &&
        ::CreateProcessW(program.c_str(), line.data(), nullptr, nullptr, !inherited.empty(),
                         CREATE_SUSPENDED | CREATE_UNICODE_ENVIRONMENT | EXTENDED_STARTUPINFO_PRESENT |
                             (plan.console ? 0 : CREATE_NO_WINDOW),
                         environment.data(), plan.folder.c_str(), &startup.StartupInfo, &information);
    error = ::GetLastError();
    ::DeleteProcThreadAttributeList(startup.lpAttributeList);
    return is_good;
}

// The event goes to all who share the console, and so to this process.
BOOL WINAPI ignore_event(DWORD) {
    return TRUE;
}

// Ctrl-C or Ctrl-Break on the console of process `id`. False when it has none.
bool send_console_event(DWORD id, DWORD event) {
    if (!::AttachConsole(id))
        return false;
    ::SetConsoleCtrlHandler(ignore_event, FALSE);
    ::SetConsoleCtrlHandler(ignore_event, TRUE);
    const bool is_sent = ::GenerateConsoleCtrlEvent(event, 0);
    ::FreeConsole();
    return is_sent;
}

// NtSuspendProcess or NtResumeProcess, which ntdll.dll has had since Windows XP, for everything in the job.
void for_job(HANDLE job, const char* function) {
    const auto call = reinterpret_cast<NTSTATUS(NTAPI*)(HANDLE)>(
        reinterpret_cast<void*>(::GetProcAddress(::GetModuleHandleW(L"ntdll.dll"), function)));
    std::vector<char> buffer(sizeof(JOBOBJECT_BASIC_PROCESS_ID_LIST) + 1024 * sizeof(ULONG_PTR));
    auto& list = *reinterpret_cast<JOBOBJECT_BASIC_PROCESS_ID_LIST*>(buffer.data());
    if (!call || !::QueryInformationJobObject(job, JobObjectBasicProcessIdList, &list,
                                              static_cast<DWORD>(buffer.size()), nullptr))
        return;
    for (DWORD i = 0; i < list.NumberOfProcessIdsInList; ++i) {
        const UniqueFd process =
            owned(::OpenProcess(PROCESS_SUSPEND_RESUME, FALSE, static_cast<DWORD>(list.ProcessIdList[i])));
        if (process)
            call(handle_of(process.get()));
    }
}

bool is_job_empty(HANDLE job) {
    JOBOBJECT_BASIC_ACCOUNTING_INFORMATION accounts{};
    return ::QueryInformationJobObject(job, JobObjectBasicAccountingInformation, &accounts, sizeof accounts,
                                       nullptr) &&
           accounts.ActiveProcesses == 0;
}

} // namespace

struct HostProgram::State {
    // Ends it, as signal `number` would on Linux.
    void end(int number) {
        if (ended_by == 0)
            ended_by = number;
        if (!::TerminateJobObject(handle_of(job.get()), 1))
            ::TerminateProcess(handle_of(process.get()), 1);
    }
    UniqueFd process, job;
    DWORD id = 0;
    PseudoConsole console;
    int ended_by = 0; // the signal
    bool is_stopped = false;
};

HostProgram::HostProgram() = default;
HostProgram::~HostProgram() = default;
HostProgram::HostProgram(HostProgram&&) noexcept = default;
HostProgram& HostProgram::operator=(HostProgram&&) noexcept = default;

bool HostProgram::start(HostProgramStart start, HostProgramEnds& ends, int& exit_code, std::string& error) {
    Plan plan;
    exit_code = kInteropFailure;
    if (start.words.empty() || start.words[0].empty()) {
        error = "no command was given";
        return false;
    }
    choose_folder(plan, start.folder);
    plan.program = find_program(start.words[0], plan.folder, exit_code, error);
    if (plan.program.empty())
        return false;
    constexpr size_t kLongestLine = 32'766;
    std::wstring line = command_line(start.words);
    if (line.size() > kLongestLine) {
        exit_code = kNotExecutable;
        error = start.words[0] + ": the command line is too long for Windows";
        return false;
    }
    if (!open_streams(plan, start)) {
        exit_code = kInteropFailure;
        error = "cannot make pipes on the host: " + error_text(::GetLastError());
        return false;
    }
    PROCESS_INFORMATION information{};
    DWORD failure = 0;
    if (!create(plan, std::move(line), start, information, failure)) {
        exit_code = kNotExecutable;
        error = start.words[0] + ": " + error_text(failure) + " (on the host)";
        return false;
    }
    const UniqueFd thread = owned(information.hThread);
    state_ = std::make_unique<State>();
    state_->process = owned(information.hProcess);
    state_->job = make_job();
    state_->id = information.dwProcessId;
    state_->console = std::move(plan.console);
    ::AssignProcessToJobObject(handle_of(state_->job.get()), information.hProcess);
    ::ResumeThread(information.hThread);
    ends = std::move(plan.ends);
    return true;
}

bool HostProgram::is_running() const {
    return state_ != nullptr;
}

HostDescriptor HostProgram::waitable() const {
    return state_ ? state_->process.get() : kNoDescriptor;
}

std::optional<HostProgramEvent> HostProgram::take_event() {
    DWORD code = 0;
    if (!state_ || ::WaitForSingleObject(handle_of(state_->process.get()), 0) != WAIT_OBJECT_0 ||
        !::GetExitCodeProcess(handle_of(state_->process.get()), &code))
        return std::nullopt;
    const bool all_ended = is_job_empty(handle_of(state_->job.get()));
    const int wait_status = state_->ended_by != 0 ? state_->ended_by : wait_status_of(code);
    state_.reset();
    return HostProgramEvent{true, wait_status, all_ended};
}

bool HostProgram::signal(int number) {
    if (!state_)
        return false;
    switch (number) {
    case kInterrupt:
    case kQuit:
        if (!send_console_event(state_->id, number == kInterrupt ? CTRL_C_EVENT : CTRL_BREAK_EVENT))
            state_->end(number);
        return false;
    case kStop:
    case kTerminalStop:
        if (!std::exchange(state_->is_stopped, true))
            for_job(handle_of(state_->job.get()), "NtSuspendProcess");
        return true;
    case kContinue:
        if (std::exchange(state_->is_stopped, false))
            for_job(handle_of(state_->job.get()), "NtResumeProcess");
        return false;
    default:
        // There is no way to ask: all others end it, as they end a program of Linux that has not said
        // otherwise.
        state_->end(number);
        return false;
    }
}

void HostProgram::resize(uint16_t rows, uint16_t columns) const {
    if (state_)
        state_->console.resize(rows, columns);
}

void HostProgram::hang_up() {
    if (state_)
        state_->end(kHangUp);
}

} // namespace lxss
