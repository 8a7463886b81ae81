// Streams: what a client handed in as standard input, output or error.
//
// Files of the host's disks, and NUL, are read and written directly: they never block. Anything else (pipes,
// mostly) can neither be asked whether it would block nor be waited for together with other things, so that
// each direction of it has a relay: a ring in the host section, and a thread of the instance host at its
// other end that may block. The reading thread reads only when somebody has asked for data, so that no more
// is taken from the stream than the guest wants, up to a ring.
#pragma once

#include "host/nt/files_state.hpp"
#include "host/nt/poll_waiters.hpp"

namespace host::nt {

inline constexpr u32 kRingBytes = 16 * 1024;
inline constexpr u32 kMaxRelays = 240;

struct Relay {
    std::atomic<u32> users;      // handles, and the thread; 0: free
    std::atomic<u32> is_open;    // 0: the last handle is gone
    std::atomic<u32> wanted;     // reading: somebody waits for data. The thread waits on `turn`.
    std::atomic<u32> turn;       // changed whenever the thread shall look again
    std::atomic<u32> head, tail; // bytes put in, taken out; only the producer and the consumer change theirs
    std::atomic<u32> is_ended;   // reading: no more will come; writing: nobody reads
    u32 writes;                  // towards the stream
    SharedLock lock;             // of the guest's end
    u64 object;                  // the stream, a handle of the instance host
    u64 thread;                  // reading: the thread's handle
    u64 stop;                    // reading packets (channels.hpp): an event that ends the thread's wait; else 0
    PollWaiters waiters;         // woken when the guest's end is ready
    std::atomic<u32> turns;      // changed when the guest has found its end empty, or full
    u8 ring[kRingBytes];
};
struct RelayTable {
    Relay relays[kMaxRelays];
};
inline constexpr u64 kRelaysAddress = kFilesArea + (u64{2} << 20);
static_assert(sizeof(RelayTable) <= u64{4} << 20);
inline RelayTable& relays() {
    return *reinterpret_cast<RelayTable*>(kRelaysAddress);
}

// In the instance host: a stream from a handle that the manager has given it, which it takes over. EMFILE,
// ENOMEM.
Result<Handle> adopt_stream(HANDLE object);
// The streams of one program. Two handles of one pipe, as standard output and error may be, get one relay, so that what is written to
// both arrives in its order. kNoHandle for what could not be taken over; all are closed.
void adopt_streams(const HANDLE* objects, usize count, Handle* streams);

// HandleEntry::extra of a stream: its relays' indices + 1, of the reading direction in the low half.
inline Relay* reading_relay(u64 extra) {
    return extra & 0xffff ? &relays().relays[(extra & 0xffff) - 1] : nullptr;
}
inline Relay* writing_relay(u64 extra) {
    return extra >> 16 ? &relays().relays[(extra >> 16) - 1] : nullptr;
}

// A relay at work whose thread runs `main`, which takes over a handle of `object` of its own: its index + 1, or 0 when there is
// none left. `stop` is taken over on success.
u64 start_relay(HANDLE object, bool reads, LPTHREAD_START_ROUTINE main, HANDLE stop = nullptr);
// Has the relay's thread look again.
void poke(Relay& relay);
// By the relay's thread: waits until the last handle is gone; and its end, after the same wait.
void wait_for_close(Relay& relay);
void leave_relay(Relay& relay);

void keep_stream(u64 extra); // one more handle
void end_stream(u64 extra);  // one less

// In the instance host, at its end: waits until what the guest has written is with its readers, as long as
// they read.
void drain_streams();

// What is ready of abi::POLL* `events`. Asks for data when that is among them and there is none.
u32 stream_readiness(u64 extra, u32 events);
void note_stream_waiter(u64 extra, u32 slot);
// Of edge-triggered waits: of reading in the low half, of writing in the high one.
u32 stream_turns(u64 extra);

} // namespace host::nt
