// A place in the mounted tree: a dentry seen through a mount.
#pragma once

#include "lxcore/memory/arena.hpp"

namespace lxcore {

class Mount;
class Dentry;
class Inode;

struct Path {
    RefPtr<Mount> mount;
    RefPtr<Dentry> dentry;

    // Defined where Mount and Dentry are complete (fs/path.cpp).
    Path();
    Path(RefPtr<Mount> mount, RefPtr<Dentry> dentry);
    Path(const Path&);
    Path(Path&&) noexcept;
    Path& operator=(const Path&);
    Path& operator=(Path&&) noexcept;
    ~Path();
    explicit operator bool() const { return static_cast<bool>(dentry); }
    bool operator==(const Path& other) const { return mount == other.mount && dentry == other.dentry; }
    Inode& inode() const;
};

} // namespace lxcore
