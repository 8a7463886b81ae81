#include "manager/instance_folder.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>

namespace lxss {

UniqueFd lock_instance_folder(const std::string& folder, bool& held, std::string& error) {
    held = false;
    const std::string path = folder + "/lock";
    UniqueFd lock(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
    // A folder that cannot be written can still be looked at: nobody else writes there either.
    if (!lock && errno == EROFS)
        lock.reset(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (!lock) {
        error = "cannot open " + path + ": " + std::strerror(errno);
        return {};
    }
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0)
        return lock;
    held = errno == EWOULDBLOCK;
    error = held ? "another lxss uses " + folder + " (its lock is held); end it there first"
                 : "cannot lock " + path + ": " + std::strerror(errno);
    return {};
}

} // namespace lxss
