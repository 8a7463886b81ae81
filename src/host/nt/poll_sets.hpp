// Readiness of handles, and sets of them. The sets lie in the host section.
#pragma once

#include "host/nt/files_state.hpp"
#include "host/nt/sockets.hpp"

namespace host::nt {

inline constexpr u32 kMaxPollSets = 60;
inline constexpr u32 kMaxMembers = 512; // of a set

struct PollMember {
    std::atomic<i32> handle;   // + 1; 0: free
    u32 word;                  // of its entry: the member is that object alone
    u32 events;                // abi::EPOLL*
    std::atomic<u32> reported; // with EPOLLET: what was ready when it was last reported
    u32 turns;                 // and how often it had been found empty, or full, by then
    u64 data;
};
struct PollSet {
    std::atomic<u32> is_used;
    SharedLock lock;
    std::atomic<u32> used; // members above it were never used
    std::atomic<u32> turn; // where the next search for events starts, so that no member starves
    PollWaiters waiters;   // they look again when a member comes or changes
    PollMember members[kMaxMembers];
};
inline constexpr u64 kPollSetsAddress = kFilesArea + (u64{6} << 20);
static_assert(sizeof(PollSet) * kMaxPollSets <= u64{1} << 20);
inline PollSet* poll_sets() {
    return reinterpret_cast<PollSet*>(kPollSetsAddress);
}

// What is ready of abi::POLL* `events`; POLLERR, POLLHUP and POLLNVAL always count. False when that is not
// known: a socket has to be asked (SocketQuestion).
bool readiness_of(Handle handle, u32 events, u32& ready);

// Before a wait of the thread in `slot`: whatever makes the handle ready wakes it.
void note_waiter(Handle handle, u32 slot);
// Adds the sockets whose readiness is not known to the question. `exactly`: also those that were not ready
// last time, and are watched.
void add_questions(Handle handle, u32 events, bool exactly, SocketQuestion& question);

// The same of a set, by HandleEntry::extra.
bool poll_set_readiness(u64 extra, u32& ready);
void note_poll_set_waiter(u64 extra, u32 slot);
void add_poll_set_questions(u64 extra, SocketQuestion& question);

void leave_poll_sets(Handle handle);
void end_poll_set(u64 extra);

} // namespace host::nt
