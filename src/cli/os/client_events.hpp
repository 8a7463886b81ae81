// What the host tells lxss while a request is under way: signals and the size of the window.
#pragma once

#include "cli/os/terminal.hpp"
#include "manager/unique_fd.hpp"

#include <cstdint>

namespace lxss {

inline constexpr int kHangupSignal = 1; // Linux signal numbers, which the protocol carries on every host

struct ClientEvent {
    enum class Kind {
        None,
        Signal, // for the session
        Resized,
        Suspend, // lxss itself shall stop: suspend_process()
        Resumed,
    } kind = Kind::None;
    int signal = 0; // Linux number
};

class ClientEvents {
public:
    // From then on the events do nothing by themselves. With a terminal in use, suspending is an event, too.
    void watch(const TerminalUse& terminal);
    bool is_watching() const { return static_cast<bool>(event_); }
    HostDescriptor waitable() const { return event_.get(); }
    ClientEvent take();
    // Stops this process until somebody continues it.
    static void suspend_process();

private:
    UniqueFd event_;
};

// Waits until `reply` or `events` has something, `milliseconds` at most (-1: for ever). False when it took
// too long. On return `has_reply` tells whether it is the first of them.
bool wait_for_reply(HostDescriptor reply, const ClientEvents& events, int milliseconds, bool& has_reply);

} // namespace lxss
