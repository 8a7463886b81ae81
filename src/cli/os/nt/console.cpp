#include "cli/os/nt/console.hpp"

#include "manager/os/nt/windows.hpp"

namespace lxss {

static HANDLE standard(int stream) {
    static constexpr DWORD kNumbers[] = {STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE};
    return ::GetStdHandle(kNumbers[stream]);
}

Console& Console::instance() {
    static Console console;
    return console;
}

Console::Console() {
    DWORD mode;
    for (int i = 0; i < 3; ++i)
        is_console_[i] = ::GetConsoleMode(standard(i), &mode) != 0;
    read_size();
}

void Console::read_size() {
    CONSOLE_SCREEN_BUFFER_INFO information;
    for (int stream : {1, 2})
        if (is_console_[stream] && ::GetConsoleScreenBufferInfo(standard(stream), &information)) {
            rows = static_cast<uint16_t>(information.srWindow.Bottom - information.srWindow.Top + 1);
            columns = static_cast<uint16_t>(information.srWindow.Right - information.srWindow.Left + 1);
            return;
        }
}

static bool make_pipe(UniqueFd& read, UniqueFd& write) {
    HANDLE ends[2];
    if (!::CreatePipe(&ends[0], &ends[1], nullptr, 64 * 1024))
        return false;
    read = owned(ends[0]);
    write = owned(ends[1]);
    return true;
}

HostDescriptor Console::stand_in(int stream) {
    if (stream == 0) {
        if (!input_read_)
            make_pipe(input_read_, input_write_);
        return input_read_.get();
    }
    if (!output_write_)
        make_pipe(output_read_, output_write_);
    return output_write_.get();
}

bool Console::is_stand_in(HostDescriptor descriptor) const {
    return descriptor != kNoDescriptor &&
           (descriptor == input_read_.get() || descriptor == output_write_.get());
}

DWORD WINAPI relay_console_input(void*) {
    Console::instance().relay_input();
    return 0;
}
DWORD WINAPI relay_console_output(void*) {
    Console::instance().relay_output();
    return 0;
}

// Keys come as records, which have all of them on every console; with VT input they hold sequences, character
// by character.
void Console::relay_input() {
    const HANDLE waited[] = {handle_of(stop_.get()), standard(0)};
    wchar_t high = 0;
    while (::WaitForMultipleObjects(2, waited, FALSE, INFINITE) == WAIT_OBJECT_0 + 1) {
        INPUT_RECORD records[64];
        DWORD count = 0;
        if (!::ReadConsoleInputW(standard(0), records, 64, &count))
            return;
        std::wstring text;
        for (DWORD i = 0; i < count; ++i) {
            if (records[i].EventType == WINDOW_BUFFER_SIZE_EVENT)
                push_resized();
            if (records[i].EventType != KEY_EVENT)
                continue;
            const KEY_EVENT_RECORD& key = records[i].Event.KeyEvent;
            const wchar_t character = key.uChar.UnicodeChar;
            // An Alt-numpad character comes with the release of Alt.
            if (!character || (!key.bKeyDown && key.wVirtualKeyCode != VK_MENU))
                continue;
            for (WORD repeat = 0; repeat < key.wRepeatCount; ++repeat)
                text += character;
        }
        if (high)
            text.insert(text.begin(), high);
        high = 0;
        if (!text.empty() && text.back() >= 0xd800 && text.back() < 0xdc00) {
            high = text.back();
            text.pop_back();
        }
        const std::string bytes = to_utf8(text);
        DWORD written;
        if (!bytes.empty() && !::WriteFile(handle_of(input_write_.get()), bytes.data(),
                                           static_cast<DWORD>(bytes.size()), &written, nullptr))
            return;
    }
}

void Console::relay_output() {
    char buffer[16 * 1024];
    DWORD count, written;
    const HANDLE console = standard(is_console_[1] ? 1 : 2);
    while (::ReadFile(handle_of(output_read_.get()), buffer, sizeof buffer, &count, nullptr) && count != 0)
        ::WriteFile(console, buffer, count, &written, nullptr); // the code page is UTF-8
}

void Console::enter(bool with_input) {
    if (is_raw_)
        return;
    is_raw_ = true;
    const bool has_output = is_console_[1] || is_console_[2];
    if (has_output) {
        const HANDLE console = standard(is_console_[1] ? 1 : 2);
        ::SetConsoleOutputCP(CP_UTF8);
        DWORD mode = 0;
        ::GetConsoleMode(console, &mode);
        output_mode_ = mode;
        ::SetConsoleMode(console, mode | ENABLE_PROCESSED_OUTPUT | ENABLE_VIRTUAL_TERMINAL_PROCESSING |
                                      DISABLE_NEWLINE_AUTO_RETURN);
        if (output_read_ && !output_thread_)
            output_thread_ = owned(::CreateThread(nullptr, 0, relay_console_output, nullptr, 0, nullptr));
    }
    has_raw_input_ = with_input && is_console_[0];
    if (has_raw_input_) {
        DWORD mode = 0;
        ::GetConsoleMode(standard(0), &mode);
        input_mode_ = mode;
        ::SetConsoleMode(standard(0),
                         ENABLE_VIRTUAL_TERMINAL_INPUT | ENABLE_WINDOW_INPUT | ENABLE_EXTENDED_FLAGS);
        if (input_write_ && !input_thread_) {
            stop_ = owned(::CreateEventW(nullptr, TRUE, FALSE, nullptr));
            input_thread_ = owned(::CreateThread(nullptr, 0, relay_console_input, nullptr, 0, nullptr));
        }
    }
}

void Console::leave() {
    if (!is_raw_)
        return;
    is_raw_ = false;
    // The instance's end of the pipe is closed with the session; what it has written comes first.
    constexpr DWORD kDrainMilliseconds = 2000;
    output_write_.reset();
    if (output_thread_)
        ::WaitForSingleObject(handle_of(output_thread_.get()), kDrainMilliseconds);
    if (stop_)
        ::SetEvent(handle_of(stop_.get()));
    if (input_thread_)
        ::WaitForSingleObject(handle_of(input_thread_.get()), kDrainMilliseconds);
    if (has_raw_input_)
        ::SetConsoleMode(standard(0), input_mode_);
    if (is_console_[1] || is_console_[2])
        ::SetConsoleMode(standard(is_console_[1] ? 1 : 2), output_mode_);
}

} // namespace lxss
