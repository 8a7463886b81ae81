// Readiness of handles, and sets of them. The sets lie in the host section.
#pragma once

#include "host/nt/files_state.hpp"

namespace host::nt {

inline constexpr u32 kMaxPollSets = 60;
inline constexpr u32 kMaxMembers = 512; // of a set

struct PollMember {
    std::atomic<i32> handle; // + 1; 0: free
    u32 word;                // of its entry: the member is that object alone
    u32 events;              // abi::EPOLL*
    u32 reported;            // with EPOLLET: what was ready when it was last reported
    u64 data;
};
struct PollSet {
    std::atomic<u32> is_used;
    SharedLock lock;
    std::atomic<u32> used; // members above it were never used
    std::atomic<u32> turn; // where the next search for events starts, so that no member starves
    PollMember members[kMaxMembers];
};
inline constexpr u64 kPollSetsAddress = kFilesArea + (u64{6} << 20);
static_assert(sizeof(PollSet) * kMaxPollSets <= u64{1} << 20);
inline PollSet* poll_sets() { return reinterpret_cast<PollSet*>(kPollSetsAddress); }

// What is ready of abi::POLL* `events`; POLLERR, POLLHUP and POLLNVAL always count.
u32 readiness_of(Handle handle, u32 events);

// The Windows objects that are set when something about a handle may have changed.
struct WaitObjects {
    HANDLE objects[MAXIMUM_WAIT_OBJECTS];
    u32 count = 0;
    bool is_complete = true; // otherwise something has none: look again before long
    void add(HANDLE object);
};
void add_wait_objects(Handle handle, u32 events, WaitObjects& objects);

u32 poll_set_readiness(u64 extra);
void add_poll_set_objects(u64 extra, WaitObjects& objects);

// lxcore has found that nothing more is ready (EAGAIN): the next readiness is news to edge-triggered members.
void rearm_poll_sets(Handle handle, u32 events);
void leave_poll_sets(Handle handle);
void end_poll_set(u64 extra);

} // namespace host::nt
