// Poll sets: each wait looks at all members. (The cost is that of the members, not of the ready ones.)
#include "host/nt/poll_sets.hpp"

#include "abi/poll.hpp"
#include "host/nt/streams.hpp"

namespace host::nt {

static_assert(abi::EPOLLIN == abi::POLLIN && abi::EPOLLOUT == abi::POLLOUT && abi::EPOLLERR == abi::POLLERR &&
              abi::EPOLLHUP == abi::POLLHUP && abi::EPOLLRDHUP == abi::POLLRDHUP);

namespace {

constexpr u32 kEventMask = 0xffff;
constexpr u32 kAlways = abi::POLLERR | abi::POLLHUP;

bool is_current(const PollMember& member) {
    const i32 handle = member.handle.load(std::memory_order_acquire);
    if (handle == 0)
        return false;
    const HandleEntry* entry = entry_of(handle - 1);
    return entry && entry->word.load() == member.word;
}

// Member and wanted events, or 0 when it is off.
u32 wanted_of(const PollMember& member) {
    return is_current(member) ? member.events & kEventMask : 0;
}

// Changes when the guest has found a handle empty or full, in the half of its direction.
u32 turns_of(Handle handle) {
    const HandleEntry* entry = entry_of(handle);
    if (!entry)
        return 0;
    if (entry->kind == HandleKind::Stream)
        return stream_turns(entry->extra);
    if (entry->kind != HandleKind::Socket)
        return 0;
    const SocketReadiness now = readiness_of_socket(entry->extra);
    return now.input_turns | u32{now.output_turns} << 16;
}

// Whether there is something to report: `ready` then. `is_known` as of readiness_of().
bool has_news(const PollMember& member, u32& ready, bool& is_known) {
    const u32 wanted = wanted_of(member);
    if (wanted == 0)
        return false;
    const Handle handle = member.handle.load() - 1;
    is_known = readiness_of(handle, wanted, ready) && is_known;
    ready &= wanted | kAlways;
    if (!(member.events & abi::EPOLLET))
        return ready != 0;
    const u32 turns = turns_of(handle) ^ member.turns;
    u32 old = member.reported.load();
    if (turns & 0xffff)
        old &= ~(abi::POLLIN | abi::POLLRDNORM | abi::POLLPRI | abi::POLLRDBAND);
    if (turns >> 16)
        old &= ~(abi::POLLOUT | abi::POLLWRNORM | abi::POLLWRBAND);
    return (ready & ~old) != 0;
}

Result<PollSet*> set_of(Handle handle) {
    const HandleEntry* entry = entry_of(handle);
    if (!entry)
        return Errno::EBADF;
    if (entry->kind != HandleKind::PollSet)
        return Errno::EINVAL;
    return &poll_sets()[entry->extra];
}

PollMember* find_member(PollSet& set, Handle handle) {
    for (u32 i = 0; i < set.used.load(); ++i) {
        PollMember& member = set.members[i];
        if (member.handle.load() == handle + 1 && is_current(member))
            return &member;
    }
    return nullptr;
}

} // namespace

bool poll_set_readiness(u64 extra, u32& ready) {
    PollSet& set = poll_sets()[extra];
    bool is_known = true;
    for (u32 i = 0; i < set.used.load(); ++i) {
        u32 found = 0;
        if (has_news(set.members[i], found, is_known)) {
            ready = abi::POLLIN | abi::POLLRDNORM;
            return true;
        }
    }
    ready = 0;
    return is_known;
}

void note_poll_set_waiter(u64 extra, u32 slot) {
    PollSet& set = poll_sets()[extra];
    set.waiters.note(slot);
    for (u32 i = 0; i < set.used.load(); ++i)
        if (wanted_of(set.members[i]) != 0)
            note_waiter(set.members[i].handle.load() - 1, slot);
}

void add_poll_set_questions(u64 extra, SocketQuestion& question) {
    PollSet& set = poll_sets()[extra];
    for (u32 i = 0; i < set.used.load(); ++i)
        if (const u32 wanted = wanted_of(set.members[i]); wanted != 0)
            add_questions(set.members[i].handle.load() - 1, wanted, false, question);
}

void leave_poll_sets(Handle handle) {
    for (u32 i = 0; i < kMaxPollSets; ++i) {
        PollSet& set = poll_sets()[i];
        if (!set.is_used.load(std::memory_order_relaxed))
            continue;
        for (u32 at = 0; at < set.used.load(); ++at) {
            i32 expected = handle + 1;
            (void)set.members[at].handle.compare_exchange_strong(expected, 0);
        }
    }
}

void end_poll_set(u64 extra) {
    poll_sets()[extra].is_used.store(0);
}

} // namespace host::nt

namespace host {

using namespace nt;

Result<Handle> poll_set_create() {
    preserve_vectors();
    for (u32 i = 0; i < kMaxPollSets; ++i) {
        PollSet& set = poll_sets()[i];
        u32 free = 0;
        if (!set.is_used.compare_exchange_strong(free, 1))
            continue;
        for (u32 at = 0; at < set.used.load(); ++at)
            set.members[at].handle.store(0);
        set.used.store(0);
        Result<Handle> handle = adopt(nullptr, {HandleKind::PollSet, false, 0, 0, i});
        if (handle.is_error())
            set.is_used.store(0);
        return handle;
    }
    return Errno::EMFILE;
}

Result<void> poll_set_add(Handle set_handle, Handle handle, u32 events, u64 data) {
    PollSet& set = *TRY(set_of(set_handle));
    const HandleEntry* entry = entry_of(handle);
    if (!entry)
        return Errno::EBADF;
    if (entry->kind == HandleKind::File || entry->kind == HandleKind::Directory)
        return Errno::EPERM;
    SharedGuard guard(set.lock);
    if (find_member(set, handle))
        return Errno::EEXIST;
    for (u32 i = 0; i < kMaxMembers; ++i) {
        PollMember& member = set.members[i];
        if (member.handle.load() != 0 && is_current(member))
            continue;
        member.handle.store(0);
        member.word = entry->word.load();
        member.events = events;
        member.reported.store(0);
        member.data = data;
        member.handle.store(handle + 1, std::memory_order_release);
        if (set.used.load() <= i)
            set.used.store(i + 1);
        set.waiters.wake();
        return {};
    }
    return Errno::ENOSPC;
}

Result<void> poll_set_modify(Handle set_handle, Handle handle, u32 events, u64 data) {
    PollSet& set = *TRY(set_of(set_handle));
    SharedGuard guard(set.lock);
    PollMember* member = find_member(set, handle);
    if (!member)
        return Errno::ENOENT;
    member->data = data;
    member->reported.store(0);
    member->events = events;
    set.waiters.wake();
    return {};
}

void poll_set_remove(Handle set_handle, Handle handle) {
    Result<PollSet*> set = set_of(set_handle);
    if (set.is_error())
        return;
    SharedGuard guard(set.value()->lock);
    if (PollMember* member = find_member(*set.value(), handle))
        member->handle.store(0);
}

Result<usize> poll_set_wait_interruptible(Handle set_handle, abi::epoll_event* events, usize capacity,
                                          u64 deadline_ns) {
    PollSet& set = *TRY(set_of(set_handle));
    {
        preserve_vectors();
        SocketQuestion question;
        add_poll_set_questions(entry_of(set_handle)->extra, question);
        question.ask();
    }
    for (;;) {
        usize count = 0;
        {
            SharedGuard guard(set.lock);
            const u32 used = set.used.load();
            const u32 start = used ? set.turn.load() % used : 0;
            for (u32 i = 0; i < used && count < capacity; ++i) {
                PollMember& member = set.members[(start + i) % used];
                const Handle handle = member.handle.load() - 1;
                const u32 turns = handle >= 0 ? turns_of(handle) : 0;
                u32 ready = 0;
                bool is_known = true;
                if (!has_news(member, ready, is_known)) {
                    // What is ready no more is news when it comes again.
                    if (is_known)
                        member.reported.fetch_and(ready);
                    continue;
                }
                const abi::epoll_event event{ready, member.data};
                if (copy_guarded(&events[count], &event, sizeof(event)) != 0)
                    return count != 0 ? Result<usize>(count) : Result<usize>(Errno::EFAULT);
                ++count;
                set.turn.store((start + i + 1) % used);
                member.reported.store(ready);
                member.turns = turns;
                if (member.events & abi::EPOLLONESHOT)
                    member.events &= ~kEventMask;
            }
        }
        if (count != 0 || deadline_ns == 0)
            return count;
        PollItem item{set_handle, static_cast<i16>(abi::POLLIN), 0};
        const usize ready = TRY(poll_interruptible(&item, 1, deadline_ns));
        if (ready == 0)
            return usize{0};
    }
}

} // namespace host
