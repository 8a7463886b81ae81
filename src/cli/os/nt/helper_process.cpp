#include "cli/os/helper_process.hpp"

#include "cli/connection.hpp"
#include "cli/os/streams.hpp"
#include "manager/os/nt/windows.hpp"
#include "manager/paths.hpp"

namespace lxss {

HelperProcess::HelperProcess(const std::vector<std::string>& words, bool output_to_pipe, HostDescriptor given,
                             bool)
    : program_(words[0]) {
    HANDLE reader = nullptr, writer = nullptr;
    if (output_to_pipe && !::CreatePipe(&reader, &writer, nullptr, 0))
        throw LauncherError("cannot make a pipe: " + error_text(::GetLastError()));
    output_ = owned(reader);
    const UniqueFd input = owned(writer);
    STARTUPINFOW startup{};
    startup.cb = sizeof startup;
    startup.dwFlags = STARTF_USESTDHANDLES;
    startup.hStdInput = given != kNoDescriptor ? handle_of(given) : ::GetStdHandle(STD_INPUT_HANDLE);
    startup.hStdOutput = output_to_pipe ? writer : ::GetStdHandle(STD_OUTPUT_HANDLE);
    startup.hStdError = ::GetStdHandle(STD_ERROR_HANDLE);
    const HANDLE streams[] = {startup.hStdInput, startup.hStdOutput, startup.hStdError};
    for (const HANDLE stream : streams)
        make_inheritable(stream);
    PROCESS_INFORMATION information{};
    std::wstring line = command_line(words);
    const bool is_path = words[0].find_first_of("/\\") != std::string::npos;
    const bool is_started =
        ::CreateProcessW(is_path ? wide_path(words[0]).c_str() : nullptr, line.data(), nullptr, nullptr, TRUE,
                         0, nullptr, nullptr, &startup, &information);
    const DWORD failure = ::GetLastError();
    for (const HANDLE stream : streams)
        ::SetHandleInformation(stream, HANDLE_FLAG_INHERIT, 0);
    if (!is_started)
        throw LauncherError("cannot run " + program_ + ": " + error_text(failure));
    ::CloseHandle(information.hThread);
    process_ = owned(information.hProcess);
}

std::unique_ptr<HelperProcess> start_debian_packages(const std::string& suite) {
    const std::string launcher = program_path();
    try {
        HelperProcess({launcher, "-u", "root", "-e", "sh", "-c", "command -v apt-get >/dev/null"}, false)
            .finish();
    } catch (const LauncherError&) {
        throw LauncherError(
            "packages of Debian are loaded by the apt of the default instance, since Windows has none: "
            "make an instance of a Debian archive first, with --import or --install --from-file");
    }
    std::string error, script = helper_program("debian-packages");
    script = script.substr(0, script.rfind(".exe"));
    const UniqueFd text = open_for_reading(script, error);
    if (!text)
        throw LauncherError("cannot open " + script + ": " + error);
    return std::make_unique<HelperProcess>(
        std::vector<std::string>{launcher, "-u", "root", "--cd", "/", "-e", "sh", "-c",
                                 "script=$(cat); exec </dev/null; eval \"$script\"", "debian-packages",
                                 suite},
        true, text.get());
}

HelperProcess::~HelperProcess() {
    if (process_)
        ::TerminateProcess(handle_of(process_.get()), 1);
}

void HelperProcess::finish() {
    if (const int code = wait(); code != 0)
        throw LauncherError(program_ + " failed with status " + std::to_string(code));
}

int HelperProcess::wait() {
    output_.reset();
    DWORD code = 1;
    ::WaitForSingleObject(handle_of(process_.get()), INFINITE);
    ::GetExitCodeProcess(handle_of(process_.get()), &code);
    process_.reset();
    if (code >= 0xc000'0000) // an NTSTATUS
        throw LauncherError(program_ + " was ended with status " + std::to_string(code));
    return static_cast<int>(code);
}

} // namespace lxss
