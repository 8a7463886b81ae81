// inotify(7): watches on inodes, and the hooks through which the generic layer tells of events.
//
// The hooks cost two loads when nobody watches. They may be called with any inode's lock held, and take
// InotifyState::lock.
#pragma once

#include "abi/poll.hpp"
#include "lxcore/fs/dentry.hpp"

namespace lxcore {

class File;

// Allocates kernel().inotify; called by boot() after the arena is there.
Result<void> initialize_inotify();

void notify_event_slow(Inode& inode, u32 mask, std::string_view name, u32 cookie);

// An event of `inode` itself (empty name), or of the entry `name` in the directory `inode`. mask: one abi::IN_*
// event, with IN_ISDIR when the object (for a directory's entry: the entry) is a directory.
inline void notify_event(Inode& inode, u32 mask, std::string_view name = {}, u32 cookie = 0) {
    if (inode.marks) [[unlikely]]
        notify_event_slow(inode, mask, name, cookie);
}

// An event that the host has seen on an inode that it watches (Inode::watch_host).
void notify_host_event(Inode& inode, u32 mask, std::string_view name, u32 cookie);
// The host has lost events: every instance hears of it (IN_Q_OVERFLOW).
void notify_lost_events();

// IN_ACCESS, MODIFY, ATTRIB, OPEN, CLOSE_*: for the object and, by its name, for its parent directory. IN_ISDIR is
// added here.
void notify_dentry_slow(Dentry& dentry, u32 mask);
inline void notify_dentry(Dentry& dentry, u32 mask) {
    Inode* inode = dentry.inode.get();
    Dentry* parent = dentry.parent.get();
    if ((inode && inode->marks) || (parent && parent->inode && parent->inode->marks)) [[unlikely]]
        notify_dentry_slow(dentry, mask);
}

// A fresh cookie that ties IN_MOVED_FROM to IN_MOVED_TO.
u32 next_move_cookie();
// IN_MOVED_FROM and IN_MOVED_TO in the directories, IN_ATTRIB of what lost its name by it (may be null), IN_MOVE_SELF of
// the moved object (rename).
void notify_move(Inode& old_parent, std::string_view old_name, Inode& new_parent, std::string_view new_name,
                 Inode& moved, Inode* replaced);

// The last name of the inode is gone and so is its last user among dentries: IN_DELETE_SELF, IN_IGNORED, and the
// watches end. Called by ~Dentry for an inode with links == 0.
void notify_inode_removed_slow(Inode& inode);
inline void notify_inode_removed(Inode& inode) {
    if (inode.marks) [[unlikely]]
        notify_inode_removed_slow(inode);
}
// umount: IN_UNMOUNT and IN_IGNORED for all watches on inodes of the super block.
void notify_unmount(SuperBlock& super_block);

// By ~Inode.
void free_inotify_marks(Inode& inode);

} // namespace lxcore
