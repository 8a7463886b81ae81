// Who sleeps in poll_interruptible() for something, and how it is woken.
#pragma once

#include "host/nt/internal.hpp"

namespace host::nt {

// Threads that wait for one thing (a socket, a stream), by hash of their slots. It lies in the host section,
// zero at first. A bit that a killed thread has left, or one that two threads share, costs a look in vain and
// nothing else.
//
// A thread notes itself between begin_poll() and its look at what it waits for; whoever changes that wakes
// afterwards. So one of the two sees the other.
class PollWaiters {
public:
    void note(u32 slot) { m_bits.fetch_or(bit(slot)); }
    // Wakes all that have noted themselves; they are noted no more.
    void wake();

private:
    static u64 bit(u32 slot) { return u64{1} << slot % 64; }
    std::atomic<u64> m_bits;
};

} // namespace host::nt
