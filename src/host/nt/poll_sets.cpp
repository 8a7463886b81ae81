// Poll sets: each wait looks at all members. (The cost is that of the members, not of the ready ones.)
#include "host/nt/poll_sets.hpp"

#include "abi/poll.hpp"

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

// What is ready and has not been reported; 0 for members that are off.
u32 news_of(PollMember& member) {
    if (!is_current(member) || (member.events & kEventMask) == 0)
        return 0;
    const u32 wanted = member.events & kEventMask;
    const u32 ready = readiness_of(member.handle.load() - 1, wanted) & (wanted | kAlways);
    if (!(member.events & abi::EPOLLET))
        return ready;
    member.reported &= ready;
    return ready & ~member.reported;
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

u32 poll_set_readiness(u64 extra) {
    PollSet& set = poll_sets()[extra];
    for (u32 i = 0; i < set.used.load(); ++i)
        if (news_of(set.members[i]) != 0)
            return abi::POLLIN | abi::POLLRDNORM;
    return 0;
}

void add_poll_set_objects(u64 extra, WaitObjects& objects) {
    PollSet& set = poll_sets()[extra];
    for (u32 i = 0; i < set.used.load(); ++i) {
        const PollMember& member = set.members[i];
        if (is_current(member) && (member.events & kEventMask))
            add_wait_objects(member.handle.load() - 1, member.events & kEventMask, objects);
    }
}

void rearm_poll_sets(Handle handle, u32 events) {
    for (u32 i = 0; i < kMaxPollSets; ++i) {
        PollSet& set = poll_sets()[i];
        if (!set.is_used.load(std::memory_order_relaxed))
            continue;
        if (PollMember* member = find_member(set, handle))
            member->reported &= ~events;
    }
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

void end_poll_set(u64 extra) { poll_sets()[extra].is_used.store(0); }

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
        member.reported = 0;
        member.data = data;
        member.handle.store(handle + 1, std::memory_order_release);
        if (set.used.load() <= i)
            set.used.store(i + 1);
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
    member->reported = 0;
    member->events = events;
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

Result<usize> poll_set_wait_interruptible(Handle set_handle, abi::epoll_event* events, usize capacity, u64 deadline_ns) {
    PollSet& set = *TRY(set_of(set_handle));
    for (;;) {
        usize count = 0;
        {
            SharedGuard guard(set.lock);
            const u32 used = set.used.load();
            const u32 start = used ? set.turn.load() % used : 0;
            for (u32 i = 0; i < used && count < capacity; ++i) {
                PollMember& member = set.members[(start + i) % used];
                const u32 news = news_of(member);
                if (news == 0)
                    continue;
                const abi::epoll_event event{news, member.data};
                if (copy_guarded(&events[count], &event, sizeof(event)) != 0)
                    return count != 0 ? Result<usize>(count) : Result<usize>(Errno::EFAULT);
                ++count;
                set.turn.store((start + i + 1) % used);
                if (member.events & abi::EPOLLET)
                    member.reported |= news;
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
