// Waiting for handles. All that is waited for is told to the thread by its own event: see PollWaiters.
#include "abi/poll.hpp"
#include "host/nt/nt_files.hpp"
#include "host/nt/poll_sets.hpp"
#include "host/nt/streams.hpp"
#include "host/nt/threads.hpp"

namespace host::nt {

void PollWaiters::wake() {
    if (m_bits.load() == 0)
        return;
    const u64 bits = m_bits.exchange(0);
    Shared& state = shared();
    const u32 used = state.slots_in_use.load();
    for (u32 slot = 0; slot < used; ++slot) {
        u64 waiting = kPollWait;
        if ((bits & bit(slot)) && state.waiting[slot].compare_exchange_strong(waiting, kPollWait | kWoken) &&
            state.slots[slot].parked.exchange(0) == 1)
            (void)NtSetEvent(event_of(slot), nullptr);
    }
}

namespace {

constexpr u32 kAlwaysTold = abi::POLLERR | abi::POLLHUP | abi::POLLNVAL;
constexpr u32 kAnyData = abi::POLLIN | abi::POLLOUT | abi::POLLRDNORM | abi::POLLWRNORM;

bool readiness_of_socket_for(u64 index, u32 events, u32& ready) {
    const SocketReadiness now = readiness_of_socket(index);
    ready = now.events;
    return (groups_of(events) & ~(now.ready_groups | now.watched)) == 0;
}

} // namespace

bool readiness_of(Handle handle, u32 events, u32& ready) {
    const HandleEntry* entry = entry_of(handle);
    bool is_known = true;
    switch (entry ? entry->kind : HandleKind::None) {
    case HandleKind::None:
    case HandleKind::Watcher: // lxcore's own
        ready = abi::POLLNVAL;
        break;
    case HandleKind::File:
    case HandleKind::Directory:
        ready = kAnyData;
        break;
    case HandleKind::Stream:
        ready = entry->extra != 0 ? stream_readiness(entry->extra, events) : kAnyData;
        break;
    case HandleKind::Socket:
        is_known = readiness_of_socket_for(entry->extra, events, ready);
        break;
    case HandleKind::PollSet:
        is_known = poll_set_readiness(entry->extra, ready);
        break;
    }
    ready &= events | kAlwaysTold;
    return is_known;
}

void note_waiter(Handle handle, u32 slot) {
    const HandleEntry* entry = entry_of(handle);
    if (!entry)
        return;
    if (entry->kind == HandleKind::Stream)
        note_stream_waiter(entry->extra, slot);
    else if (entry->kind == HandleKind::Socket)
        sockets().records[entry->extra].waiters.note(slot);
    else if (entry->kind == HandleKind::PollSet)
        note_poll_set_waiter(entry->extra, slot);
}

void add_questions(Handle handle, u32 events, bool exactly, SocketQuestion& question) {
    const HandleEntry* entry = entry_of(handle);
    if (!entry)
        return;
    if (entry->kind == HandleKind::PollSet)
        return add_poll_set_questions(entry->extra, question);
    if (entry->kind != HandleKind::Socket)
        return;
    const SocketReadiness now = readiness_of_socket(entry->extra);
    const u32 known = exactly ? now.ready_groups : now.ready_groups | now.watched;
    if (const u32 groups = groups_of(events) & ~known; groups != 0)
        question.add(entry->extra, groups);
}

namespace {

// Which items are ready. False when that is not known of all.
bool look(PollItem* items, usize count, usize& ready_count) {
    bool is_known = true;
    ready_count = 0;
    for (usize i = 0; i < count; ++i) {
        u32 ready = 0;
        if (items[i].handle >= 0)
            is_known = readiness_of(items[i].handle, static_cast<u16>(items[i].events), ready) && is_known;
        items[i].returned = static_cast<i16>(ready);
        ready_count += ready != 0;
    }
    return is_known;
}

void ask(const PollItem* items, usize count, bool exactly) {
    SocketQuestion question;
    for (usize i = 0; i < count; ++i)
        if (items[i].handle >= 0)
            add_questions(items[i].handle, static_cast<u16>(items[i].events), exactly, question);
    question.ask();
}

} // namespace

} // namespace host::nt

namespace host {

using namespace nt;

Result<usize> poll_now(PollItem* items, usize count) {
    preserve_vectors();
    // A socket that is watched is asked all the same: what a peer on this host has sent before is to be seen.
    ask(items, count, true);
    usize ready = 0;
    (void)look(items, count, ready);
    return ready;
}

Result<usize> poll_interruptible(PollItem* items, usize count, u64 deadline_ns) {
    for (bool asks_first = true;;) {
        preserve_vectors();
        if (asks_first)
            ask(items, count, false);
        if (!begin_poll())
            return Errno::EINTR;
        const u32 slot = current_slot();
        for (usize i = 0; i < count; ++i)
            if (items[i].handle >= 0)
                note_waiter(items[i].handle, slot);
        usize ready = 0;
        // What another thread has changed in the meantime is asked for again.
        asks_first = !look(items, count, ready);
        const u64 now = deadline_ns == kNoDeadline || deadline_ns == 0 ? 0 : monotonic_ns();
        if (ready != 0 || now >= deadline_ns) {
            // An interruption that has come in the meantime leaves its work bit, which is looked at on the
            // way out.
            (void)end_poll(false);
            return ready;
        }
        LARGE_INTEGER timeout;
        timeout.QuadPart = -static_cast<i64>(base::min<u64>((deadline_ns - now + 99) / 100, u64{1} << 60));
        if (!asks_first)
            (void)NtWaitForSingleObject(thread_event(), FALSE,
                                        deadline_ns == kNoDeadline ? nullptr : &timeout);
        asks_first = true;
        if (end_poll(true))
            return Errno::EINTR;
    }
}

} // namespace host
