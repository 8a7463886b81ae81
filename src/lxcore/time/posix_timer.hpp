// A timer of timer_create(2).
#pragma once

#include "lxcore/time/signal_timer.hpp"

namespace lxcore {

class PosixTimer final : public SignalTimer {
public:
    PosixTimer(Process& process, i32 clock) : SignalTimer(process, clock) {}
    i32 id = 0;
    i32 notify = abi::SIGEV_SIGNAL;
    i32 signal = abi::SIGALRM;
    i32 tid = 0; // of SIGEV_THREAD_ID
    abi::sigval value{};
    std::atomic<i32> last_overrun{0}; // of the last signal taken

protected:
    void fire(Process& process, u64 expirations) override;
};

} // namespace lxcore
