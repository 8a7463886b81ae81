#include "cli/os/manager_start.hpp"

#include "manager/os/nt/windows.hpp"
#include "manager/paths.hpp"

namespace lxss {

bool run_manager(std::string& answer, std::string& error) {
    SECURITY_ATTRIBUTES security{sizeof security, nullptr, FALSE};
    HANDLE read = nullptr, write = nullptr;
    if (!::CreatePipe(&read, &write, &security, 0)) {
        error = "cannot make a pipe: " + error_text(::GetLastError());
        return false;
    }
    const UniqueFd from_manager = owned(read);
    UniqueFd ready = owned(write);
    std::string value;
    for (auto number = reinterpret_cast<uint64_t>(write); number != 0; number >>= 4)
        value.insert(value.begin(), "0123456789abcdef"[number & 15]);
    const UniqueFd null =
        owned(::CreateFileW(L"NUL", GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE, nullptr,
                            OPEN_EXISTING, 0, nullptr));
    const std::string program = program_file("lxssd");
    std::wstring line = command_line({program, "--ready=" + value});
    // It gets these handles and no other, so that it keeps nobody's pipes open.
    HANDLE inherited[] = {write, handle_of(null.get())};
    for (const HANDLE handle : inherited)
        make_inheritable(handle);
    STARTUPINFOEXW startup{};
    startup.StartupInfo.cb = sizeof startup;
    startup.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
    startup.StartupInfo.hStdInput = startup.StartupInfo.hStdOutput = startup.StartupInfo.hStdError =
        handle_of(null.get());
    SIZE_T bytes = 0;
    ::InitializeProcThreadAttributeList(nullptr, 1, 0, &bytes);
    std::vector<char> attributes(bytes);
    startup.lpAttributeList = reinterpret_cast<LPPROC_THREAD_ATTRIBUTE_LIST>(attributes.data());
    PROCESS_INFORMATION information{};
    if (!::InitializeProcThreadAttributeList(startup.lpAttributeList, 1, 0, &bytes) ||
        !::UpdateProcThreadAttribute(startup.lpAttributeList, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, inherited,
                                     sizeof inherited, nullptr, nullptr) ||
        !::CreateProcessW(wide_path(program).c_str(), line.data(), nullptr, nullptr, TRUE,
                          DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP | EXTENDED_STARTUPINFO_PRESENT, nullptr,
                          L"C:\\", &startup.StartupInfo, &information)) {
        error = "cannot run " + program + ": " + error_text(::GetLastError());
        return false;
    }
    ::CloseHandle(information.hProcess);
    ::CloseHandle(information.hThread);
    ready.reset();
    char buffer[512];
    DWORD count = 0;
    while (::ReadFile(read, buffer, sizeof buffer, &count, nullptr) && count != 0)
        answer.append(buffer, count);
    return true;
}

} // namespace lxss
