#include "cli/os/client_events.hpp"

#include "cli/os/nt/console.hpp"
#include "manager/os/nt/windows.hpp"

#include <deque>
#include <mutex>

namespace lxss {

static HANDLE g_event;
static std::mutex g_lock;
static std::deque<ClientEvent> g_events;

static void push(ClientEvent event) {
    const std::lock_guard guard(g_lock);
    g_events.push_back(event);
    ::SetEvent(g_event);
}

void push_resized() {
    if (g_event)
        push({ClientEvent::Kind::Resized});
}

static BOOL WINAPI on_control_event(DWORD kind) {
    constexpr int kInterrupt = 2, kQuit = 3; // Linux numbers
    push({ClientEvent::Kind::Signal, kind == CTRL_C_EVENT       ? kInterrupt
                                     : kind == CTRL_BREAK_EVENT ? kQuit
                                                                : kHangupSignal});
    // After the window's close, the host ends the process when this returns.
    if (kind == CTRL_CLOSE_EVENT)
        ::Sleep(3000);
    return TRUE;
}

void ClientEvents::watch(const TerminalUse&) {
    event_ = owned(::CreateEventW(nullptr, TRUE, FALSE, nullptr));
    g_event = handle_of(event_.get());
    ::SetConsoleCtrlHandler(on_control_event, TRUE);
}

ClientEvent ClientEvents::take() {
    const std::lock_guard guard(g_lock);
    if (g_events.empty())
        return {};
    const ClientEvent event = g_events.front();
    g_events.pop_front();
    if (g_events.empty())
        ::ResetEvent(g_event);
    return event;
}

void ClientEvents::suspend_process() {} // the host has no job control

bool wait_for_reply(HostDescriptor reply, const ClientEvents& events, int milliseconds, bool& has_reply) {
    const HANDLE waited[] = {handle_of(reply), handle_of(events.waitable())};
    const DWORD result = ::WaitForMultipleObjects(
        2, waited, FALSE, milliseconds < 0 ? INFINITE : static_cast<DWORD>(milliseconds));
    has_reply = result == WAIT_OBJECT_0;
    return result != WAIT_TIMEOUT;
}

} // namespace lxss
