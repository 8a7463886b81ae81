#include "cli/os/helper_process.hpp"

#include "cli/connection.hpp"
#include "manager/os/nt/windows.hpp"

namespace lxss {

HelperProcess::HelperProcess(const std::vector<std::string>& words, bool output_to_pipe) : program_(words[0]) {
    HANDLE reader = nullptr, writer = nullptr;
    if (output_to_pipe && !::CreatePipe(&reader, &writer, nullptr, 0))
        throw LauncherError("cannot make a pipe: " + error_text(::GetLastError()));
    output_ = owned(reader);
    const UniqueFd input = owned(writer);
    STARTUPINFOW startup{};
    startup.cb = sizeof startup;
    startup.dwFlags = STARTF_USESTDHANDLES;
    startup.hStdInput = ::GetStdHandle(STD_INPUT_HANDLE);
    startup.hStdOutput = output_to_pipe ? writer : ::GetStdHandle(STD_OUTPUT_HANDLE);
    startup.hStdError = ::GetStdHandle(STD_ERROR_HANDLE);
    const HANDLE streams[] = {startup.hStdInput, startup.hStdOutput, startup.hStdError};
    for (const HANDLE stream : streams)
        make_inheritable(stream);
    PROCESS_INFORMATION information{};
    std::wstring line = command_line(words);
    const bool is_path = words[0].find_first_of("/\\") != std::string::npos;
    const bool is_started =
        ::CreateProcessW(is_path ? wide_path(words[0]).c_str() : nullptr, line.data(), nullptr, nullptr, TRUE, 0, nullptr,
                         nullptr, &startup, &information);
    const DWORD failure = ::GetLastError();
    for (const HANDLE stream : streams)
        ::SetHandleInformation(stream, HANDLE_FLAG_INHERIT, 0);
    if (!is_started)
        throw LauncherError("cannot run " + program_ + ": " + error_text(failure));
    ::CloseHandle(information.hThread);
    process_ = owned(information.hProcess);
}

HelperProcess::~HelperProcess() {
    if (process_)
        ::TerminateProcess(handle_of(process_.get()), 1);
}

void HelperProcess::finish() {
    output_.reset();
    DWORD code = 1;
    ::WaitForSingleObject(handle_of(process_.get()), INFINITE);
    ::GetExitCodeProcess(handle_of(process_.get()), &code);
    process_.reset();
    if (code != 0)
        throw LauncherError(program_ + " failed with status " + std::to_string(code));
}

} // namespace lxss
