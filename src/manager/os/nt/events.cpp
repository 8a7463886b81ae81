#include "manager/os/events.hpp"

#include "manager/os/nt/windows.hpp"

#include <algorithm>
#include <mutex>

namespace lxss {

// More than a wait function takes are waited for in turns.
static constexpr DWORD kTurnMilliseconds = 20;

bool wait_for(std::span<WaitItem> items, int timeout_milliseconds, std::string& error) {
    std::vector<HANDLE> handles;
    bool sends = false;
    for (WaitItem& item : items) {
        item.is_ready = item.can_send = false;
        if (item.descriptor != kNoDescriptor)
            handles.push_back(handle_of(item.descriptor));
        sends = sends || item.for_sending;
    }
    const DWORD timeout = timeout_milliseconds < 0 ? INFINITE : static_cast<DWORD>(timeout_milliseconds);
    const auto count = static_cast<DWORD>(std::min<size_t>(handles.size(), MAXIMUM_WAIT_OBJECTS));
    const bool in_turns = sends || handles.size() > MAXIMUM_WAIT_OBJECTS;
    const DWORD result =
        count == 0 ? (::Sleep(timeout), WAIT_TIMEOUT)
                   : ::WaitForMultipleObjects(count, handles.data(), FALSE,
                                              in_turns ? std::min(timeout, kTurnMilliseconds) : timeout);
    if (result == WAIT_FAILED) {
        error = error_text(::GetLastError());
        return false;
    }
    for (WaitItem& item : items) {
        item.is_ready = item.descriptor != kNoDescriptor &&
                        ::WaitForSingleObject(handle_of(item.descriptor), 0) == WAIT_OBJECT_0;
        item.can_send = item.for_sending; // the attempt tells
    }
    return true;
}

static HANDLE g_termination;
static std::mutex g_lock;
static std::vector<std::string> g_names;

static BOOL WINAPI on_control_event(DWORD kind) {
    const std::lock_guard guard(g_lock);
    g_names.push_back(kind == CTRL_LOGOFF_EVENT     ? "log-off"
                      : kind == CTRL_SHUTDOWN_EVENT ? "shutdown of the host"
                                                    : "console event " + std::to_string(kind));
    ::SetEvent(g_termination);
    return TRUE;
}

TerminationEvents::TerminationEvents() : event_(owned(::CreateEventW(nullptr, TRUE, FALSE, nullptr))) {
    g_termination = handle_of(event_.get());
    ::SetConsoleCtrlHandler(on_control_event, TRUE);
}

std::string TerminationEvents::take() {
    const std::lock_guard guard(g_lock);
    if (g_names.empty()) {
        ::ResetEvent(g_termination);
        return "";
    }
    const std::string name = g_names.front();
    g_names.erase(g_names.begin());
    return name;
}

} // namespace lxss
