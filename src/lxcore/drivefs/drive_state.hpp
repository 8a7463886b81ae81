// What all mounted drives share.
#pragma once

#include "host/host.hpp"
#include "lxcore/kernel.hpp"

namespace lxcore {

class DriveInode;

struct DriveState : ArenaObject {
    host::Handle watcher = host::kNoHandle;
    Mutex lock;                   // leaf; guards the list of watched inodes
    DriveInode* watched = nullptr; // through m_watch_next; an inode leaves it before it dies
};

} // namespace lxcore
