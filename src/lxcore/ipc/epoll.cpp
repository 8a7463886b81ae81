// Epoll instances: registration and waiting. See epoll.hpp for the locks.
#include "lxcore/ipc/epoll.hpp"

#include "lxcore/ipc/ipc.hpp"
#include "lxcore/ipc/poll.hpp"
#include "lxcore/task/task.hpp"

namespace lxcore {

namespace {

constexpr u32 kModes = abi::EPOLLET | abi::EPOLLONESHOT | abi::EPOLLEXCLUSIVE | abi::EPOLLWAKEUP;
constexpr u32 kAlways = abi::EPOLLERR | abi::EPOLLHUP;

u32 bucket_of(const File& file, i32 fd, u32 count) {
    const u64 key = (reinterpret_cast<u64>(&file) >> 5) ^ (static_cast<u64>(fd) * 0x9e37'79b9);
    return static_cast<u32>((key * 0x9e37'79b9'7f4a'7c15) >> 40) & (count - 1);
}

bool is_disabled(const EpollItem& item) { return (item.events & ~kModes) == 0; }

// Registers nothing: the item is registered already, or host readiness is the poll set's matter.
class RegisteredTable final : public PollTable {
public:
    void add(WaitQueue&) override {}
    void add_host(host::Handle, u32) override {}
};

u32 ready_bits(EpollItem& item) {
    RegisteredTable table;
    return item.file->poll(&table) & (item.events | kAlways) & ~kModes;
}

} // namespace

// ---- wake-ups ----

bool EpollWaiter::on_wake(u32 events) {
    EpollItem& item = m_item;
    if (is_disabled(item))
        return false;
    if (events != ~0u && !(events & (item.events | kAlways)))
        return false;
    item.epoll->mark_ready(item);
    item.epoll->m_waiters.wake(abi::POLLIN | abi::POLLRDNORM);
    // Counts for exclusive waiting only where the item asked for it.
    return (item.events & abi::EPOLLEXCLUSIVE) != 0;
}

void Epoll::mark_ready(EpollItem& item, bool at_front) {
    LockGuard guard(m_ready_lock);
    if (item.ready_node.is_linked())
        return;
    if (at_front)
        m_ready.push_front(item);
    else
        m_ready.push_back(item);
    m_ready_count.fetch_add(1, std::memory_order_relaxed);
}

void EpollItem::add(WaitQueue& queue) {
    if (!is_registering)
        return;
    // Everything comes in: what is wanted may be changed later (EPOLL_CTL_MOD).
    auto waiter = make<EpollWaiter>(*this, ~0u);
    if (waiter.is_error()) {
        failure = waiter.error();
        return;
    }
    waiter.value()->next = waiters;
    waiters = waiter.value();
    if (events & abi::EPOLLEXCLUSIVE)
        waiters->attach_exclusive(queue);
    else
        waiters->attach(queue);
}

void EpollItem::add_host(host::Handle handle, u32) {
    if (!is_registering)
        return;
    auto joined = epoll->join_host_set(*this, handle);
    if (joined.is_error())
        failure = joined.error();
}

// ---- the table of items ----

Result<RefPtr<Epoll>> Epoll::create() {
    auto epoll = TRY(make_ref<Epoll>());
    epoll->flags.store(abi::O_RDWR, std::memory_order_relaxed);
    TRY(attach_anonymous_inode(*epoll, "[eventpoll]", 0600));
    return epoll;
}

Epoll::~Epoll() {
    {
        LockGuard watch_guard(ipc_state().watch_lock);
        LockGuard guard(m_lock);
        for (u32 i = 0; i < m_bucket_count; ++i)
            while (EpollItem* item = m_buckets[i])
                destroy_item(*item, false);
    }
    if (m_buckets)
        release(m_buckets, m_bucket_count * sizeof(EpollItem*));
    if (m_host_set.load(std::memory_order_relaxed) != host::kNoHandle)
        host::close(m_host_set.load(std::memory_order_relaxed));
}

EpollItem* Epoll::find(const File& file, i32 fd) const {
    if (m_bucket_count == 0)
        return nullptr;
    for (EpollItem* item = m_buckets[bucket_of(file, fd, m_bucket_count)]; item; item = item->bucket_next)
        if (item->file == &file && item->fd == fd)
            return item;
    return nullptr;
}

Result<void> Epoll::grow_table() {
    const u32 count = m_bucket_count ? m_bucket_count * 4 : 8;
    auto** buckets = static_cast<EpollItem**>(lxcore::allocate(count * sizeof(EpollItem*)));
    if (!buckets)
        return Errno::ENOMEM;
    for (u32 i = 0; i < m_bucket_count; ++i) {
        while (EpollItem* item = m_buckets[i]) {
            m_buckets[i] = item->bucket_next;
            EpollItem*& bucket = buckets[bucket_of(*item->file, item->fd, count)];
            item->bucket_next = bucket;
            bucket = item;
        }
    }
    if (m_buckets)
        release(m_buckets, m_bucket_count * sizeof(EpollItem*));
    m_buckets = buckets;
    m_bucket_count = count;
    return {};
}

void Epoll::unlink_item(EpollItem& item) {
    for (EpollItem** link = &m_buckets[bucket_of(*item.file, item.fd, m_bucket_count)]; *link;
         link = &(*link)->bucket_next) {
        if (*link == &item) {
            *link = item.bucket_next;
            --m_item_count;
            break;
        }
    }
    for (EpollItem** link = &item.file->watches; *link; link = &(*link)->file_next) {
        if (*link == &item) {
            *link = item.file_next;
            break;
        }
    }
    if (item.file->epoll())
        --m_nested_count;
}

void Epoll::destroy_item(EpollItem& item, bool is_file_dying) {
    unlink_item(item);
    // After this nobody puts it on the ready list any more.
    while (EpollWaiter* waiter = item.waiters) {
        item.waiters = waiter->next;
        waiter->detach();
        delete waiter;
    }
    {
        LockGuard guard(m_ready_lock);
        if (item.ready_node.is_linked()) {
            item.ready_node.unlink();
            m_ready_count.fetch_sub(1, std::memory_order_relaxed);
        }
    }
    if (item.host_handle != host::kNoHandle) {
        // A handle that is about to be closed leaves the set by that.
        if (!is_file_dying)
            host::poll_set_remove(m_host_set.load(std::memory_order_relaxed), item.host_handle);
        if (item.owns_host_handle)
            host::close(item.host_handle);
        HostSlot& slot = m_host_slots[item.host_slot];
        slot.item = nullptr;
        ++slot.serial;
        --m_host_count;
    }
    delete &item;
}

void forget_watches(File& file) {
    LockGuard watch_guard(ipc_state().watch_lock);
    while (EpollItem* item = file.watches) {
        Epoll& epoll = *item->epoll;
        LockGuard guard(epoll.m_lock);
        epoll.destroy_item(*item, true);
    }
}

// ---- host handles ----

Result<void> Epoll::create_host_set() {
    if (m_host_set.load(std::memory_order_relaxed) != host::kNoHandle)
        return {};
    m_host_set.store(TRY(host::poll_set_create()), std::memory_order_seq_cst);
    // Who sleeps without the set must begin anew with it.
    m_waiters.wake_all();
    return {};
}

Result<void> Epoll::join_host_set(EpollItem& item, host::Handle handle) {
    TRY(create_host_set());
    usize slot = 0;
    while (slot < m_host_slots.size() && m_host_slots[slot].item)
        ++slot;
    if (slot == m_host_slots.size())
        TRY(m_host_slots.push_back({nullptr, 1}));
    const u64 tag = slot | (u64{m_host_slots[slot].serial} << 32);
    const host::Handle set = m_host_set.load(std::memory_order_relaxed);
    // A disabled item stays a member, without events.
    const u32 events = item.events & ~abi::EPOLLWAKEUP;
    auto added = host::poll_set_add(set, handle, events, tag);
    if (added.is_error() && added.error() == Errno::EEXIST) {
        handle = TRY(host::duplicate(handle));
        item.owns_host_handle = true;
        auto again = host::poll_set_add(set, handle, events, tag);
        if (again.is_error()) {
            host::close(handle);
            return again.error();
        }
    } else if (added.is_error()) {
        return added.error();
    }
    item.host_handle = handle;
    item.host_slot = static_cast<u32>(slot);
    m_host_slots[slot].item = &item;
    ++m_host_count;
    return {};
}

// ---- epoll_ctl ----

u32 Epoll::nesting_below() const {
    if (m_nested_count == 0)
        return 0;
    u32 deepest = 0;
    for (u32 i = 0; i < m_bucket_count; ++i)
        for (EpollItem* item = m_buckets[i]; item; item = item->bucket_next)
            if (Epoll* inner = item->file->epoll())
                deepest = base::max(deepest, inner->nesting_below() + 1);
    return deepest;
}

u32 Epoll::nesting_above(u32 limit) {
    u32 highest = 0;
    if (limit != 0)
        for (EpollItem* item = watches; item; item = item->file_next)
            highest = base::max(highest, item->epoll->nesting_above(limit - 1) + 1);
    return highest;
}

bool Epoll::reaches(const Epoll& other, u32 depth) const {
    if (this == &other)
        return true;
    if (m_nested_count == 0 || depth == 0)
        return false;
    for (u32 i = 0; i < m_bucket_count; ++i)
        for (EpollItem* item = m_buckets[i]; item; item = item->bucket_next)
            if (Epoll* inner = item->file->epoll(); inner && inner->reaches(other, depth - 1))
                return true;
    return false;
}

Result<void> Epoll::add(RefPtr<File> file, i32 fd, u32 events, u64 data) {
    LockGuard watch_guard(ipc_state().watch_lock);
    if (Epoll* inner = file->epoll()) {
        if (inner->reaches(*this, kMaxNesting))
            return Errno::ELOOP;
        if (inner->nesting_below() + nesting_above(kMaxNesting) + 1 >= kMaxNesting)
            return Errno::ELOOP;
    }
    LockGuard guard(m_lock);
    if (find(*file, fd))
        return Errno::EEXIST;
    if (m_item_count >= m_bucket_count)
        TRY(grow_table());
    EpollItem& item = *TRY(make<EpollItem>());
    item.epoll = this;
    item.file = file.get();
    item.fd = fd;
    item.events = events | kAlways;
    item.data = data;
    EpollItem*& bucket = m_buckets[bucket_of(*file, fd, m_bucket_count)];
    item.bucket_next = bucket;
    bucket = &item;
    ++m_item_count;
    item.file_next = file->watches;
    file->watches = &item;
    if (file->epoll())
        ++m_nested_count;

    item.is_registering = true;
    const u32 ready = file->poll(&item) & (item.events | kAlways) & ~kModes;
    item.is_registering = false;
    // A file that nothing can be waited for on: regular files and directories.
    if (item.failure == Errno::OK && !item.waiters && item.host_handle == host::kNoHandle && file->path &&
        (file->inode().is_regular() || file->inode().is_directory()))
        item.failure = Errno::EPERM;
    if (item.failure != Errno::OK) {
        const Errno failure = item.failure;
        destroy_item(item, false);
        return failure;
    }
    if (ready != 0)
        mark_ready(item);
    guard.unlock();
    watch_guard.unlock();
    if (ready != 0)
        m_waiters.wake(abi::POLLIN | abi::POLLRDNORM);
    return {};
}

Result<void> Epoll::modify(File& file, i32 fd, u32 events, u64 data) {
    LockGuard guard(m_lock);
    EpollItem* item = find(file, fd);
    if (!item)
        return Errno::ENOENT;
    if ((item->events & abi::EPOLLEXCLUSIVE) || (events & abi::EPOLLEXCLUSIVE))
        return Errno::EINVAL;
    item->events = events | kAlways;
    item->data = data;
    std::atomic_thread_fence(std::memory_order_seq_cst); // before the poll: a wake-up sees the new events
    if (item->host_handle != host::kNoHandle) {
        const u64 tag = item->host_slot | (u64{m_host_slots[item->host_slot].serial} << 32);
        TRY(host::poll_set_modify(m_host_set.load(std::memory_order_relaxed), item->host_handle,
                                  item->events & ~abi::EPOLLWAKEUP, tag));
        if (!item->waiters)
            return {};
    }
    const bool ready = ready_bits(*item) != 0;
    if (ready)
        mark_ready(*item);
    guard.unlock();
    if (ready)
        m_waiters.wake(abi::POLLIN | abi::POLLRDNORM);
    return {};
}

Result<void> Epoll::remove(File& file, i32 fd) {
    LockGuard watch_guard(ipc_state().watch_lock);
    LockGuard guard(m_lock);
    EpollItem* item = find(file, fd);
    if (!item)
        return Errno::ENOENT;
    destroy_item(*item, false);
    return {};
}

// ---- epoll_wait ----

Result<usize> Epoll::collect_ready(UserPtr<abi::epoll_event> out, usize capacity) {
    usize stored = 0;
    // Items that are put back (level-triggered) go behind those that were ready at the start.
    for (u32 left = m_ready_count.load(std::memory_order_acquire); left > 0 && stored < capacity; --left) {
        EpollItem* item = nullptr;
        {
            LockGuard guard(m_ready_lock);
            item = m_ready.pop_front();
            if (!item)
                break;
            m_ready_count.fetch_sub(1, std::memory_order_relaxed);
        }
        if (is_disabled(*item))
            continue;
        const u32 ready = ready_bits(*item);
        if (ready == 0)
            continue;
        const abi::epoll_event event{ready, item->data};
        if (out.offset(stored).write(event).is_error()) {
            mark_ready(*item, true);
            if (stored == 0)
                return Errno::EFAULT;
            return stored;
        }
        ++stored;
        if (item->events & abi::EPOLLONESHOT)
            item->events &= kModes;
        else if (!(item->events & abi::EPOLLET))
            mark_ready(*item);
    }
    return stored;
}

// m_lock held.
Result<usize> Epoll::store_host_events(UserPtr<abi::epoll_event> out, const abi::epoll_event* events, usize count) {
    usize stored = 0;
    for (usize i = 0; i < count; ++i) {
        const usize slot = events[i].data & 0xffff'ffff;
        if (slot >= m_host_slots.size() || !m_host_slots[slot].item ||
            m_host_slots[slot].serial != static_cast<u32>(events[i].data >> 32))
            continue;
        EpollItem& item = *m_host_slots[slot].item;
        const abi::epoll_event event{events[i].events, item.data};
        TRY(out.offset(stored).write(event));
        ++stored;
        if (item.events & abi::EPOLLONESHOT)
            item.events &= kModes;
    }
    return stored;
}

namespace {
constexpr usize kHostBatch = 32;
} // namespace

// What is ready now, of both kinds. m_lock held.
Result<usize> Epoll::collect(UserPtr<abi::epoll_event> out, usize capacity) {
    const bool host_first = (m_turn++ & 1) != 0;
    usize stored = 0;
    for (u32 turn = 0; turn < 2 && stored < capacity; ++turn) {
        if ((turn == 0) == host_first) {
            if (m_host_count == 0)
                continue;
            abi::epoll_event events[kHostBatch];
            auto taken = host::poll_set_wait_interruptible(m_host_set.load(std::memory_order_relaxed), events,
                                                           base::min(capacity - stored, kHostBatch), kNoWait);
            if (taken.is_ok())
                stored += TRY(store_host_events(out.offset(stored), events, taken.value()));
        } else if (m_ready_count.load(std::memory_order_acquire) != 0) {
            stored += TRY(collect_ready(out.offset(stored), capacity - stored));
        }
    }
    return stored;
}

Result<usize> Epoll::wait(UserPtr<abi::epoll_event> out, usize capacity, u64 deadline_ns) {
    Waiter waiter(current(), abi::POLLIN);
    bool has_slept = false;
    for (;;) {
        // A first call that finds nothing on the ready list goes to sleep in the host's poll set at once.
        const bool only_host = m_ready_count.load(std::memory_order_acquire) == 0 && !has_slept;
        if (deadline_ns == kNoWait || !only_host) {
            usize stored = 0;
            bool more = false;
            {
                LockGuard guard(m_lock);
                stored = TRY(collect(out, capacity));
                more = m_ready_count.load(std::memory_order_acquire) != 0;
            }
            if (stored != 0 || deadline_ns == kNoWait) {
                waiter.detach();
                if (more && stored != 0)
                    m_waiters.wake(abi::POLLIN | abi::POLLRDNORM);
                return stored;
            }
        }
        if (!waiter.is_attached()) {
            waiter.attach_exclusive(m_waiters);
            std::atomic_thread_fence(std::memory_order_seq_cst);
            if (m_ready_count.load(std::memory_order_acquire) != 0) {
                has_slept = true;
                continue;
            }
        }
        SleepResult slept = SleepResult::Woken;
        usize host_count = 0;
        abi::epoll_event events[kHostBatch];
        // A set that is created by another thread during this sleep wakes it: create_host_set().
        const host::Handle set = m_host_set.load(std::memory_order_acquire);
        if (set == host::kNoHandle)
            slept = current().sleep(deadline_ns);
        else
            slept = current().sleep_with_poll_set(set, events, base::min(capacity, kHostBatch), deadline_ns,
                                                  host_count);
        has_slept = true;
        if (host_count != 0) {
            LockGuard guard(m_lock);
            const usize stored = TRY(store_host_events(out, events, host_count));
            if (stored != 0) {
                guard.unlock();
                waiter.detach();
                if (m_ready_count.load(std::memory_order_acquire) != 0)
                    m_waiters.wake(abi::POLLIN | abi::POLLRDNORM);
                return stored;
            }
        }
        if (slept == SleepResult::Woken)
            continue;
        LockGuard guard(m_lock);
        const usize stored = TRY(collect(out, capacity));
        if (stored != 0 || slept == SleepResult::TimedOut)
            return stored;
        return Errno::EINTR;
    }
}

// ---- as a file ----

u32 Epoll::poll(PollTable* table) {
    if (table)
        table->add(m_waiters);
    LockGuard guard(m_lock);
    // The poller must know the set now, even if the first host file joins it later. Without one (no host handle is
    // left) the poller sees the other files only.
    if (table && create_host_set().is_ok())
        table->add_host(m_host_set.load(std::memory_order_relaxed), abi::POLLIN | abi::POLLRDNORM);
    // Items that are ready no more leave the list here, as in a wait.
    for (u32 left = m_ready_count.load(std::memory_order_acquire); left > 0; --left) {
        EpollItem* item = nullptr;
        {
            LockGuard ready_guard(m_ready_lock);
            item = m_ready.pop_front();
            if (!item)
                break;
            m_ready_count.fetch_sub(1, std::memory_order_relaxed);
        }
        if (!is_disabled(*item) && ready_bits(*item) != 0) {
            mark_ready(*item, true);
            return abi::POLLIN | abi::POLLRDNORM;
        }
    }
    if (!table && m_host_count != 0) {
        host::PollItem item{m_host_set.load(std::memory_order_relaxed), static_cast<i16>(abi::POLLIN), 0};
        auto ready = host::poll_now(&item, 1);
        if (ready.is_ok() && item.returned != 0)
            return abi::POLLIN | abi::POLLRDNORM;
    }
    return 0;
}

void Epoll::print_information(base::Writer& writer) {
    LockGuard guard(m_lock);
    for (u32 i = 0; i < m_bucket_count; ++i)
        for (EpollItem* item = m_buckets[i]; item; item = item->bucket_next)
            base::print(writer, "tfd: {:8} events: {:8x} data: {:16x}  pos:{} ino:{:x} sdev:{:x}\n", item->fd,
                        item->events, item->data, item->file->position, item->file->inode().number, 0);
}

} // namespace lxcore
