// Waiting for handles: all are looked at, then their Windows objects and the thread's own event are waited for together.
#include "abi/poll.hpp"
#include "host/nt/nt_files.hpp"
#include "host/nt/poll_sets.hpp"
#include "host/nt/sockets.hpp"
#include "host/nt/streams.hpp"

namespace host::nt {

void WaitObjects::add(HANDLE object) {
    for (u32 i = 0; i < count; ++i)
        if (objects[i] == object)
            return;
    if (count < MAXIMUM_WAIT_OBJECTS && object)
        objects[count++] = object;
    else
        is_complete = false;
}

u32 readiness_of(Handle handle, u32 events) {
    const HandleEntry* entry = entry_of(handle);
    if (!entry)
        return abi::POLLNVAL;
    u32 ready = 0;
    switch (entry->kind) {
    case HandleKind::None: return abi::POLLNVAL;
    case HandleKind::File:
    case HandleKind::Directory: ready = abi::POLLIN | abi::POLLOUT | abi::POLLRDNORM | abi::POLLWRNORM; break;
    case HandleKind::Stream:
        ready = entry->extra != 0 ? stream_readiness(entry->extra, events)
                                  : abi::POLLIN | abi::POLLOUT | abi::POLLRDNORM | abi::POLLWRNORM;
        break;
    case HandleKind::Socket: ready = socket_readiness(handle, events); break;
    case HandleKind::PollSet: ready = poll_set_readiness(entry->extra); break;
    }
    return ready & (events | abi::POLLERR | abi::POLLHUP | abi::POLLNVAL);
}

void add_wait_objects(Handle handle, u32 events, WaitObjects& objects) {
    const HandleEntry* entry = entry_of(handle);
    if (!entry)
        return;
    if (entry->kind == HandleKind::Stream && entry->extra != 0) {
        // One event serves both directions: with both, it may be set for the one that is not wanted.
        if (reading_relay(entry->extra) && writing_relay(entry->extra))
            objects.is_complete = false;
        else
            objects.add(object_of(handle));
    } else if (entry->kind == HandleKind::Socket) {
        objects.add(socket_event(handle, events));
    } else if (entry->kind == HandleKind::PollSet) {
        add_poll_set_objects(entry->extra, objects);
    }
}

namespace {

constexpr u64 kLookAgainNs = 10'000'000; // when something cannot be waited for

usize look(PollItem* items, usize count) {
    usize ready = 0;
    for (usize i = 0; i < count; ++i) {
        const u32 found = items[i].handle < 0 ? 0 : readiness_of(items[i].handle, static_cast<u16>(items[i].events));
        items[i].returned = static_cast<i16>(found);
        ready += found != 0;
    }
    return ready;
}

} // namespace

} // namespace host::nt

namespace host {

using namespace nt;

Result<usize> poll_now(PollItem* items, usize count) {
    preserve_vectors();
    return look(items, count);
}

Result<usize> poll_interruptible(PollItem* items, usize count, u64 deadline_ns) {
    for (;;) {
        if (!begin_poll())
            return Errno::EINTR;
        const usize ready = look(items, count);
        const u64 now = deadline_ns == kNoDeadline || deadline_ns == 0 ? 0 : monotonic_ns();
        if (ready != 0 || now >= deadline_ns) {
            // An interruption that has come in the meantime leaves its work bit, which is looked at on the way out.
            (void)end_poll(false);
            return ready;
        }
        WaitObjects objects;
        objects.add(thread_event());
        for (usize i = 0; i < count; ++i)
            if (items[i].handle >= 0)
                add_wait_objects(items[i].handle, static_cast<u16>(items[i].events), objects);
        u64 left = deadline_ns == kNoDeadline ? kNoDeadline : deadline_ns - now;
        if (!objects.is_complete)
            left = base::min(left, kLookAgainNs);
        LARGE_INTEGER timeout;
        timeout.QuadPart = -static_cast<i64>(base::min<u64>((left + 99) / 100, u64{1} << 60));
        const NTSTATUS status = NtWaitForMultipleObjects(objects.count, objects.objects, TRUE /* any */, FALSE,
                                                         left == kNoDeadline ? nullptr : &timeout);
        if (end_poll(status == STATUS_WAIT_0))
            return Errno::EINTR;
        if (status < 0)
            return errno_of(status);
    }
}

} // namespace host
