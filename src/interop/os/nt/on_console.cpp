// lxss-console "PROGRAM" LINE: runs a program on the console that this one was started on, and ends as it
// does. Streams that this one has not been given are the console. Only who is on a pseudo console can open
// it; and of its first program Wine leaves the streams out.
#include <windows.h>

#include <cstdio>
#include <string>

// Ctrl-C is for the program.
static BOOL WINAPI ignore_event(DWORD) {
    return TRUE;
}

static HANDLE stream(DWORD which, const wchar_t* console) {
    HANDLE handle = ::GetStdHandle(which);
    if (handle && handle != INVALID_HANDLE_VALUE) {
        ::SetHandleInformation(handle, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT);
        return handle;
    }
    SECURITY_ATTRIBUTES inherited{sizeof inherited, nullptr, TRUE};
    return ::CreateFileW(console, GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE,
                         &inherited, OPEN_EXISTING, 0, nullptr);
}

int main() {
    const std::wstring whole = ::GetCommandLineW();
    const size_t start = whole.find(L" \"");
    const size_t end = start == whole.npos ? start : whole.find(L"\" ", start + 2);
    if (end == whole.npos) {
        std::fputs("lxss-console: it is started by lxss-interop\n", stderr);
        return 2;
    }
    const std::wstring program = whole.substr(start + 2, end - start - 2);
    std::wstring line = whole.substr(end + 2);
    ::SetConsoleCtrlHandler(ignore_event, TRUE);
    STARTUPINFOW startup{};
    startup.cb = sizeof startup;
    startup.dwFlags = STARTF_USESTDHANDLES;
    startup.hStdInput = stream(STD_INPUT_HANDLE, L"CONIN$");
    startup.hStdOutput = stream(STD_OUTPUT_HANDLE, L"CONOUT$");
    startup.hStdError = stream(STD_ERROR_HANDLE, L"CONOUT$");
    PROCESS_INFORMATION information{};
    if (!::CreateProcessW(program.c_str(), line.data(), nullptr, nullptr, TRUE, 0, nullptr, nullptr, &startup,
                          &information)) {
        char text[64];
        const int length =
            std::snprintf(text, sizeof text, "lxss-host: Windows error %lu\r\n", ::GetLastError());
        DWORD written;
        ::WriteFile(startup.hStdError, text, static_cast<DWORD>(length), &written, nullptr);
        return 126;
    }
    // Nothing is held open here that others wait for the end of.
    for (const HANDLE handle : {startup.hStdInput, startup.hStdOutput, startup.hStdError})
        ::CloseHandle(handle);
    ::WaitForSingleObject(information.hProcess, INFINITE);
    DWORD code = 0;
    ::GetExitCodeProcess(information.hProcess, &code);
    ::TerminateProcess(::GetCurrentProcess(),
                       code); // which ExitProcess would do as well, but for exceptions' codes
    return 0;
}
