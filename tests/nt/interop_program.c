// A program of Windows that says how it was started, and ends in many ways: tests/nt/interop_test.py runs it
// from inside an instance. All text is UTF-8, with "\n" alone.
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <windows.h>

#include <shellapi.h>

static void put(HANDLE stream, const char* bytes, size_t length) {
    DWORD done;
    for (; length > 0 && WriteFile(stream, bytes, (DWORD)length, &done, NULL); length -= done)
        bytes += done;
}

static void say(const wchar_t* text) {
    static char bytes[3 * 32768];
    const int length = WideCharToMultiByte(CP_UTF8, 0, text, -1, bytes, sizeof bytes - 1, NULL, NULL);
    bytes[length - 1] = '\n';
    put(GetStdHandle(STD_OUTPUT_HANDLE), bytes, (size_t)length);
}

static BOOL WINAPI on_event(DWORD event) {
    ExitProcess(event == CTRL_C_EVENT ? 42 : 43);
}

// This program once more, with these streams; it goes on by itself.
static void start_again(wchar_t* line) {
    STARTUPINFOW startup = {.cb = sizeof startup};
    PROCESS_INFORMATION information;
    wchar_t path[MAX_PATH];
    GetModuleFileNameW(NULL, path, MAX_PATH);
    if (!CreateProcessW(path, line, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &information))
        ExitProcess(99);
}

int main(void) {
    int count;
    wchar_t** words = CommandLineToArgvW(GetCommandLineW(), &count);
    const wchar_t* task = count > 1 ? words[1] : L"";
    const wchar_t* value = count > 2 ? words[2] : L"0";
    const HANDLE output = GetStdHandle(STD_OUTPUT_HANDLE);
    static char bytes[65536];
    static wchar_t text[32768];
    if (!wcscmp(task, L"words")) {
        for (int i = 2; i < count; ++i)
            say(words[i]);
    } else if (!wcscmp(task, L"folder")) {
        GetCurrentDirectoryW(32768, text);
        say(text);
    } else if (!wcscmp(task, L"variables")) {
        for (int i = 2; i < count; ++i)
            say(GetEnvironmentVariableW(words[i], text, 32768) ? text : L"(none)");
    } else if (!wcscmp(task, L"copy")) {
        DWORD length;
        while (ReadFile(GetStdHandle(STD_INPUT_HANDLE), bytes, sizeof bytes, &length, NULL) && length > 0)
            put(output, bytes, length);
    } else if (!wcscmp(task, L"streams")) {
        put(output, "out\n", 4);
        put(GetStdHandle(STD_ERROR_HANDLE), "err\n", 4);
    } else if (!wcscmp(task, L"write")) { // so many bytes, and ends at once
        memset(bytes, 'x', sizeof bytes);
        for (long left = wcstol(value, NULL, 10); left > 0; left -= (long)sizeof bytes)
            put(output, bytes, left < (long)sizeof bytes ? (size_t)left : sizeof bytes);
    } else if (!wcscmp(task, L"exit")) {
        TerminateProcess(GetCurrentProcess(), wcstoul(value, NULL, 0));
    } else if (!wcscmp(task, L"wait")) { // for an event of the console, or the end
        if (wcscmp(value, L"plainly"))
            SetConsoleCtrlHandler(on_event, TRUE);
        put(output, "ready\n", 6);
        Sleep(60000);
    } else if (!wcscmp(task, L"leave")) { // something that holds the streams for two seconds
        wchar_t line[] = L"again sleep 2000";
        start_again(line);
        put(output, "left\n", 5);
    } else if (!wcscmp(task, L"sleep")) {
        Sleep(wcstoul(value, NULL, 10));
    } else if (!wcscmp(task, L"count")) { // a line at a time, until there is nobody to read it
        for (int i = 0; i < 600; ++i, Sleep(50)) {
            DWORD done;
            const int length = snprintf(bytes, sizeof bytes, "%d\n", i);
            if (!WriteFile(output, bytes, (DWORD)length, &done, NULL))
                return 5;
        }
    } else if (!wcscmp(task, L"console")) {
        CONSOLE_SCREEN_BUFFER_INFO information;
        DWORD mode;
        const bool types = GetConsoleMode(GetStdHandle(STD_INPUT_HANDLE), &mode);
        if (!GetConsoleScreenBufferInfo(output, &information))
            wcscpy(text, L"no console");
        else
            swprintf(text, 32768, L"%d rows %d columns%ls",
                     information.srWindow.Bottom - information.srWindow.Top + 1, information.dwSize.X,
                     types ? L" and keys" : L"");
        say(text);
    } else {
        return 98;
    }
    return 0;
}
