// Inodes that stand for files of the host, by the host's device and inode number, so that one file has one
// inode.
#pragma once

#include "lxcore/fs/inode.hpp"

namespace lxcore {

template <typename T, u32 kBits>
class HostInodeTable;

// The base of an inode that such a table lists.
template <typename T>
class HostListed {
protected:
    u64 m_host_device = 0; // the key, with Inode::number; both constant while it is listed

private:
    template <typename U, u32 kBits>
    friend class HostInodeTable;
    bool m_is_listed = false;
    T* m_next_listed = nullptr;
};

// 2^kBits lists, each with a lock of its own: leaves.
template <typename T, u32 kBits>
class HostInodeTable {
public:
    HostInodeTable() = default;
    LXSS_NO_COPY(HostInodeTable);
    ~HostInodeTable() {
        if (m_lists)
            release(m_lists, kBytes);
    }
    Result<void> initialize() {
        m_lists = static_cast<List*>(allocate(kBytes));
        return m_lists ? Result<void>() : Result<void>(Errno::ENOMEM);
    }

    // The inode of a host file for which fits(inode); null when there is none.
    template <typename Fits>
    RefPtr<T> find(u64 device, u64 number, Fits&& fits) {
        List& list = list_of(number);
        LockGuard guard(list.lock);
        for (T* inode = list.first; inode; inode = listed(*inode).m_next_listed)
            if (is_of(*inode, device, number) && fits(*inode) && inode->try_ref())
                return RefPtr<T>::adopt(inode);
        return nullptr;
    }

    // Lists `inode`, or, where another for the same host file is listed already and fits(other), gives that
    // one: two lookups have met. One that does not, or is on its way out, leaves: the host has given its
    // number to a new file.
    template <typename Fits>
    RefPtr<T> add(T& inode, Fits&& fits) {
        HostListed<T>& own = listed(inode);
        List& list = list_of(inode.number);
        LockGuard guard(list.lock);
        if (own.m_is_listed)
            return nullptr;
        for (T** link = &list.first; *link;) {
            T& other = **link;
            if (!is_of(other, own.m_host_device, inode.number)) {
                link = &listed(other).m_next_listed;
                continue;
            }
            if (fits(other) && other.try_ref())
                return RefPtr<T>::adopt(&other);
            *link = listed(other).m_next_listed;
            listed(other).m_is_listed = false;
        }
        own.m_next_listed = list.first;
        own.m_is_listed =
            true; // before it is: whoever is killed in between leaves nothing that could not be removed
        list.first = &inode;
        return nullptr;
    }

    void remove(T& inode) {
        List& list = list_of(inode.number);
        LockGuard guard(list.lock);
        if (!listed(inode).m_is_listed)
            return;
        for (T** link = &list.first; *link; link = &listed(**link).m_next_listed) {
            if (*link != &inode)
                continue;
            *link = listed(inode).m_next_listed;
            break;
        }
        listed(inode).m_is_listed = false;
    }

private:
    struct List {
        Mutex lock;
        T* first;
    };
    static constexpr usize kBytes = sizeof(List) << kBits;
    static HostListed<T>& listed(T& inode) { return inode; }
    static bool is_of(T& inode, u64 device, u64 number) {
        return inode.number == number && listed(inode).m_host_device == device;
    }
    List& list_of(u64 number) { return m_lists[number * 0x9e37'79b9'7f4a'7c15 >> (64 - kBits)]; }

    List* m_lists = nullptr;
};

} // namespace lxcore
