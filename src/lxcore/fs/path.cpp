#include "lxcore/fs/path.hpp"

#include "lxcore/fs/dentry.hpp"
#include "lxcore/fs/mount.hpp"

namespace lxcore {

Path::Path() = default;
Path::Path(RefPtr<Mount> mount, RefPtr<Dentry> dentry) : mount(std::move(mount)), dentry(std::move(dentry)) {}
Path::Path(const Path&) = default;
Path::Path(Path&&) noexcept = default;
Path& Path::operator=(const Path&) = default;
Path& Path::operator=(Path&&) noexcept = default;
Path::~Path() = default;

Inode& Path::inode() const { return *dentry->inode; }

} // namespace lxcore
