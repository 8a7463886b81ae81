// A guard for places that some callers reach with the lock already held, by the rules of inode.hpp.
#pragma once

#include "lxcore/sync/lock.hpp"

namespace lxcore {

class MaybeLockGuard {
public:
    explicit MaybeLockGuard(Mutex& mutex) : m_mutex(mutex.is_held_by_me() ? nullptr : &mutex) {
        if (m_mutex)
            m_mutex->lock();
    }
    LXSS_NO_COPY(MaybeLockGuard);
    ~MaybeLockGuard() {
        if (m_mutex)
            m_mutex->unlock();
    }

private:
    Mutex* m_mutex;
};

} // namespace lxcore
