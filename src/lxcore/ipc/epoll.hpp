// Epoll instances: epoll(7).
//
// Each watched file has an EpollItem, which is registered in the file's wait queues for as long as it is watched; a
// wake-up puts it on the instance's ready list. A wait polls the ready items only. Files backed by a host handle are
// members of one poll set of the host per instance, so a server's wait is one host call as it is natively.
//
// Locks, outer first: IpcState::watch_lock (which items exist: add, delete, end of a file or an instance), then
// Epoll::m_lock (items, their events), then whatever File::poll takes, a wait queue's lock, Epoll::m_ready_lock.
#pragma once

#include "abi/poll.hpp"
#include "lxcore/fs/file.hpp"

namespace lxcore {

struct EpollItem;

class EpollWaiter final : public Waiter, public ArenaObject {
public:
    EpollWaiter(EpollItem& item, u32 events) : Waiter(events), m_item(item) {}
    EpollWaiter* next = nullptr;

protected:
    bool on_wake(u32 events) override;

private:
    EpollItem& m_item;
};

struct EpollItem final : PollTable, ArenaObject {
    Epoll* epoll = nullptr;
    File* file = nullptr; // not counted: forget_watches() takes the item away before the file goes
    i32 fd = -1;
    u32 events = 0; // abi::EPOLL*; without event bits: disabled by EPOLLONESHOT
    u64 data = 0;
    EpollItem* bucket_next = nullptr; // in Epoll::m_buckets
    EpollItem* file_next = nullptr;   // in File::watches
    base::ListNode ready_node;        // in Epoll::m_ready
    EpollWaiter* waiters = nullptr;
    host::Handle host_handle = host::kNoHandle; // member of the instance's poll set
    bool owns_host_handle = false;              // a duplicate
    u32 host_slot = 0;
    bool is_registering = false;
    Errno failure = Errno::OK; // of a registration

    void add(WaitQueue& queue) override;
    void add_host(host::Handle handle, u32 events) override;
};

class Epoll final : public File {
public:
    ~Epoll() override;
    static Result<RefPtr<Epoll>> create();

    // epoll_ctl(2). EEXIST, ENOENT, ELOOP, EPERM, ENOMEM.
    Result<void> add(RefPtr<File> file, i32 fd, u32 events, u64 data);
    Result<void> modify(File& file, i32 fd, u32 events, u64 data);
    Result<void> remove(File& file, i32 fd);
    // epoll_wait(2): the number of events stored at `out`; EINTR.
    Result<usize> wait(UserPtr<abi::epoll_event> out, usize capacity, u64 deadline_ns);

    u32 poll(PollTable* table) override;
    Epoll* epoll() override { return this; }
    void print_information(base::Writer& writer) override;

private:
    friend class EpollWaiter;
    friend struct EpollItem;
    friend void forget_watches(File& file);
    static constexpr u32 kMaxNesting = 5;

    struct HostSlot {
        EpollItem* item;
        u32 serial; // tells a slot's users apart: an event of an item that has gone is dropped
    };

    EpollItem* find(const File& file, i32 fd) const;
    Result<void> grow_table();
    void unlink_item(EpollItem& item);  // watch_lock and m_lock held
    void destroy_item(EpollItem& item, bool is_file_dying); // as above; frees it
    u32 nesting_below() const;          // watch_lock held
    u32 nesting_above(u32 limit);
    bool reaches(const Epoll& other, u32 depth) const;
    Result<void> create_host_set(); // m_lock held, as for the next
    Result<void> join_host_set(EpollItem& item, host::Handle handle);
    void mark_ready(EpollItem& item, bool at_front = false);
    // These poll the ready items, or take the host's events, and store what holds; m_lock held.
    Result<usize> collect_ready(UserPtr<abi::epoll_event> out, usize capacity);
    Result<usize> store_host_events(UserPtr<abi::epoll_event> out, const abi::epoll_event* events, usize count);
    Result<usize> collect(UserPtr<abi::epoll_event> out, usize capacity);

    Mutex m_lock;
    Mutex m_ready_lock; // m_ready, m_ready_count
    base::List<EpollItem, &EpollItem::ready_node> m_ready;
    std::atomic<u32> m_ready_count{0};
    WaitQueue m_waiters; // epoll_wait sleepers; pollers of the instance itself
    EpollItem** m_buckets = nullptr;
    u32 m_bucket_count = 0;
    u32 m_item_count = 0;
    u32 m_nested_count = 0; // items that are epoll instances
    std::atomic<host::Handle> m_host_set{host::kNoHandle};
    Vector<HostSlot> m_host_slots;
    u32 m_host_count = 0;
    u32 m_turn = 0; // whose turn it is to be asked first: ready list or host
};

} // namespace lxcore
