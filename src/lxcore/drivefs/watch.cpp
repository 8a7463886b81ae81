// inotify on drives: the host tells what happened, be it the guest's doing or that of a program of the host.
#include "lxcore/drivefs/drive_inode.hpp"
#include "lxcore/drivefs/drive_state.hpp"
#include "lxcore/drivefs/drivefs.hpp"
#include "lxcore/fs/inotify.hpp"

namespace lxcore {

bool DriveInode::watch_host() {
    DriveState& state = *kernel().drives;
    if (state.watcher == host::kNoHandle || is_native_symlink())
        return false;
    Result<HandlePin> pinned = pin(false);
    if (pinned.is_error())
        return false;
    const Result<i32> number_of_watch = host::watch(state.watcher, pinned.value().handle(), abi::IN_ALL_EVENTS);
    if (number_of_watch.is_error())
        return false;
    LockGuard guard(state.lock);
    if (m_watch_number < 0) {
        m_watch_next = state.watched;
        state.watched = this;
    }
    m_watch_number = number_of_watch.value();
    return true;
}

void DriveInode::unwatch_host() {
    DriveState& state = *kernel().drives;
    LockGuard guard(state.lock);
    if (m_watch_number < 0)
        return;
    for (DriveInode** at = &state.watched; *at; at = &(*at)->m_watch_next) {
        if (*at != this)
            continue;
        *at = m_watch_next;
        break;
    }
    host::unwatch(state.watcher, m_watch_number);
    m_watch_number = -1;
}

void DriveInode::pass_on(const host::WatchEvent& event) {
    DriveState& state = *kernel().drives;
    RefPtr<DriveInode> inode;
    {
        LockGuard guard(state.lock);
        for (DriveInode* at = state.watched; at && !inode; at = at->m_watch_next)
            if (at->m_watch_number == event.number && at->try_ref())
                inode = RefPtr<DriveInode>::adopt(at);
    }
    if (!inode)
        return;
    if (event.events & abi::IN_DELETE_SELF) {
        inode->links = 0;
        notify_inode_removed(*inode);
        return;
    }
    if (event.events & (abi::IN_ALL_EVENTS & ~abi::IN_DELETE_SELF))
        notify_host_event(*inode, event.events & (abi::IN_ALL_EVENTS | abi::IN_ISDIR), event.name, event.cookie);
}

void drive_watch_thread(host::ThreadBlock&) {
    const host::Handle watcher = kernel().drives->watcher;
    while (watcher != host::kNoHandle) {
        const Result<void> read = host::read_watcher(
            watcher,
            [](void*, const host::WatchEvent& event) {
                if (event.number < 0)
                    notify_lost_events();
                else
                    DriveInode::pass_on(event);
            },
            nullptr);
        if (read.is_error())
            break;
    }
    // Nothing to watch with: wait for the end, as kernel threads do.
    u32 never = 0;
    for (;;)
        (void)host::wait(&never, 0, host::kNoDeadline);
}

} // namespace lxcore
