// inotify(7). One lock guards all watches and queues: events are rare, and an inode without watches never comes here.
//
// A watch keeps its inode, so that a file system that forgets unused inodes does not forget the watch.
#include "lxcore/fs/inotify.hpp"

#include "abi/ioctl.hpp"
#include "abi/limits.hpp"
#include "abi/termios.hpp"
#include "lxcore/fs/calls_extra.hpp"
#include "lxcore/fs/fd_table.hpp"
#include "lxcore/fs/namei.hpp"

namespace lxcore {

namespace {

inline constexpr u32 kMaxQueuedEvents = 16384;  // /proc/sys/fs/inotify/max_queued_events
inline constexpr u32 kMaxUserWatches = 524'288; // max_user_watches

class InotifyFile;

struct InotifyEvent {
    base::ListNode node;
    abi::inotify_event head; // the name follows
    // With the padding that read(2) gives.
    char* name() { return reinterpret_cast<char*>(this + 1); }
    static usize bytes(u32 name_length) { return sizeof(InotifyEvent) + name_length; }
};

struct InotifyWatch : ArenaObject {
    InotifyFile* file = nullptr;
    RefPtr<Inode> inode;
    i32 wd = 0;
    u32 mask = 0;
    base::ListNode inode_node, file_node;
};

class InotifyFile final : public File {
public:
    ~InotifyFile() override;
    Result<usize> read(IoBuffer& buffer, i64 offset) override;
    u32 poll(PollTable* table) override;
    Result<i64> control(u32 request, u64 argument) override;
    void print_information(base::Writer& writer) override;

    // -- the state's lock is held
    void queue(i32 wd, u32 mask, u32 cookie, std::string_view name);
    InotifyWatch* find(const Inode& inode);
    InotifyWatch* find(i32 wd);

    base::List<InotifyWatch, &InotifyWatch::file_node> watches;
    base::ListNode all_node;
    i32 last_wd = 0;

private:
    void drop(InotifyEvent& event);

    base::List<InotifyEvent, &InotifyEvent::node> m_events;
    u32 m_event_count = 0;
    WaitQueue m_readable;
};

} // namespace

class InotifyMarks : public ArenaObject {
public:
    base::List<InotifyWatch, &InotifyWatch::inode_node> watches;
};

struct InotifyState : ArenaObject {
    Mutex lock;
    base::List<InotifyFile, &InotifyFile::all_node> files;
    std::atomic<u32> last_cookie{0};
    u32 watch_count = 0;
};

namespace {

InotifyState& state() { return *kernel().inotify; }

// Takes a watch out of everything; it is deleted (and with it, maybe, the inode) only after the lock was given up.
using DeadWatches = base::List<InotifyWatch, &InotifyWatch::file_node>;

void detach(InotifyWatch& watch, DeadWatches& dead) {
    watch.inode_node.unlink();
    watch.file_node.unlink();
    --state().watch_count;
    dead.push_back(watch);
}

void bury(DeadWatches& dead) {
    while (InotifyWatch* watch = dead.pop_front()) {
        Inode& inode = *watch->inode;
        if (inode.is_watched_by_host && inode.marks && inode.marks->watches.is_empty()) {
            inode.is_watched_by_host = false;
            inode.unwatch_host();
        }
        delete watch;
    }
}

// Whether an event of the inode, or of an entry in it, comes from the host, and the guest's own doing is not to be told twice.
bool host_tells(const Inode& inode, u32 mask, bool is_of_entry) {
    if (!inode.is_watched_by_host)
        return false;
    const host::WatchedEvents told = host::watched_events();
    return (mask & (is_of_entry ? told.of_entries : told.own) & abi::IN_ALL_EVENTS) != 0;
}

void deliver(InotifyMarks& marks, u32 mask, std::string_view name, u32 cookie, bool is_unlinked, DeadWatches& dead) {
    for (InotifyWatch& watch : marks.watches) {
        if (!(watch.mask & mask & abi::IN_ALL_EVENTS))
            continue;
        if (is_unlinked && (watch.mask & abi::IN_EXCL_UNLINK))
            continue;
        watch.file->queue(watch.wd, mask, cookie, name);
        if (watch.mask & abi::IN_ONESHOT) {
            watch.file->queue(watch.wd, abi::IN_IGNORED, 0, {});
            detach(watch, dead);
        }
    }
}

} // namespace

void InotifyFile::drop(InotifyEvent& event) {
    m_events.remove(event);
    --m_event_count;
    release(&event, InotifyEvent::bytes(event.head.len));
}

void InotifyFile::queue(i32 wd, u32 mask, u32 cookie, std::string_view name) {
    if (InotifyEvent* last = m_events.last()) {
        // One like the last that is still unread says nothing new.
        if (last->head.wd == wd && last->head.mask == mask && last->head.cookie == cookie &&
            std::string_view(last->head.len ? last->name() : "") == name)
            return;
    }
    if (m_event_count >= kMaxQueuedEvents) {
        if (m_events.last()->head.mask == abi::IN_Q_OVERFLOW)
            return;
        wd = -1;
        mask = abi::IN_Q_OVERFLOW;
        cookie = 0;
        name = {};
    }
    const auto length = name.empty() ? 0u : static_cast<u32>(base::align_up(name.size() + 1, sizeof(abi::inotify_event)));
    auto* event = static_cast<InotifyEvent*>(lxcore::allocate(InotifyEvent::bytes(length)));
    if (!event)
        return;
    event->head.wd = wd;
    event->head.mask = mask;
    event->head.cookie = cookie;
    event->head.len = length;
    __builtin_memcpy(event->name(), name.data(), name.size());
    m_events.push_back(*event);
    ++m_event_count;
    m_readable.wake(abi::POLLIN | abi::POLLRDNORM);
}

InotifyWatch* InotifyFile::find(const Inode& inode) {
    for (InotifyWatch& watch : watches)
        if (watch.inode.get() == &inode)
            return &watch;
    return nullptr;
}

InotifyWatch* InotifyFile::find(i32 wd) {
    for (InotifyWatch& watch : watches)
        if (watch.wd == wd)
            return &watch;
    return nullptr;
}

InotifyFile::~InotifyFile() {
    DeadWatches dead;
    {
        LockGuard guard(state().lock);
        all_node.unlink();
        for (InotifyWatch& watch : watches)
            detach(watch, dead);
        while (InotifyEvent* event = m_events.first())
            drop(*event);
    }
    bury(dead);
}

Result<usize> InotifyFile::read(IoBuffer& buffer, i64) {
    usize done = 0;
    for (;;) {
        LockGuard guard(state().lock);
        while (InotifyEvent* event = m_events.first()) {
            const usize bytes = sizeof(abi::inotify_event) + event->head.len;
            if (bytes > buffer.left()) {
                if (done != 0)
                    return done;
                return Errno::EINVAL; // not even one fits
            }
            TRY(buffer.copy_in(&event->head, sizeof(event->head)));
            if (event->head.len != 0)
                TRY(buffer.copy_in(event->name(), event->head.len));
            done += bytes;
            drop(*event);
        }
        if (done != 0)
            return done;
        if (is_nonblocking())
            return Errno::EAGAIN;
        Waiter waiter(current());
        waiter.attach(m_readable);
        guard.unlock();
        if (current().sleep() == SleepResult::Interrupted)
            return Errno::ERESTARTSYS;
    }
}

u32 InotifyFile::poll(PollTable* table) {
    if (table)
        table->add(m_readable);
    LockGuard guard(state().lock);
    return m_events.is_empty() ? 0 : abi::POLLIN | abi::POLLRDNORM;
}

Result<i64> InotifyFile::control(u32 request, u64 argument) {
    if (request != abi::FIONREAD)
        return Errno::ENOTTY;
    i32 bytes = 0;
    {
        LockGuard guard(state().lock);
        for (InotifyEvent& event : m_events)
            bytes += static_cast<i32>(sizeof(abi::inotify_event) + event.head.len);
    }
    TRY(UserPtr<i32>(argument).write(bytes));
    return 0;
}

void InotifyFile::print_information(base::Writer& writer) {
    LockGuard guard(state().lock);
    for (InotifyWatch& watch : watches)
        base::print(writer, "inotify wd:{:x} ino:{:x} sdev:{:x} mask:{:x} ignored_mask:0\n", watch.wd,
                    watch.inode->number, watch.inode->super_block->device, watch.mask);
}

// ---- hooks ----

Result<void> initialize_inotify() {
    kernel().inotify = TRY(make<InotifyState>());
    return {};
}

void notify_event_slow(Inode& inode, u32 mask, std::string_view name, u32 cookie) {
    if (!host_tells(inode, mask, !name.empty()))
        notify_host_event(inode, mask, name, cookie);
}

void notify_lost_events() {
    LockGuard guard(state().lock);
    for (InotifyFile& file : state().files)
        file.queue(-1, abi::IN_Q_OVERFLOW, 0, {});
}

void notify_host_event(Inode& inode, u32 mask, std::string_view name, u32 cookie) {
    DeadWatches dead;
    {
        LockGuard guard(state().lock);
        if (inode.marks)
            deliver(*inode.marks, mask, name, cookie, false, dead);
    }
    bury(dead);
}

void notify_dentry_slow(Dentry& dentry, u32 mask) {
    Inode* inode = dentry.inode.get();
    if (inode && inode->is_directory())
        mask |= abi::IN_ISDIR;
    char name[abi::NAME_MAX + 1];
    usize length = 0;
    const bool is_unlinked = dentry.is_deleted;
    RefPtr<Dentry> parent = dentry_parent(dentry);
    if (parent && parent->inode && parent->inode->marks) {
        LockGuard guard(dentry_cache().lock); // names change under it
        const std::string_view text = dentry.name.view();
        length = base::min<usize>(text.size(), abi::NAME_MAX);
        __builtin_memcpy(name, text.data(), length);
    }
    DeadWatches dead;
    {
        LockGuard guard(state().lock);
        if (length != 0 && parent->inode->marks && !host_tells(*parent->inode, mask, true))
            deliver(*parent->inode->marks, mask, {name, length}, 0, is_unlinked, dead);
        if (inode && inode->marks && !host_tells(*inode, mask, false))
            deliver(*inode->marks, mask, {}, 0, is_unlinked, dead);
    }
    bury(dead);
}

u32 next_move_cookie() { return state().last_cookie.fetch_add(1, std::memory_order_relaxed) + 1; }

void notify_move(Inode& old_parent, std::string_view old_name, Inode& new_parent, std::string_view new_name,
                 Inode& moved, Inode* replaced) {
    const u32 is_directory = moved.is_directory() ? abi::IN_ISDIR : 0;
    if (old_parent.marks || new_parent.marks) [[unlikely]] {
        const u32 cookie = next_move_cookie();
        notify_event(old_parent, abi::IN_MOVED_FROM | is_directory, old_name, cookie);
        notify_event(new_parent, abi::IN_MOVED_TO | is_directory, new_name, cookie);
    }
    if (replaced)
        notify_event(*replaced, abi::IN_ATTRIB);
    notify_event(moved, abi::IN_MOVE_SELF);
}

void notify_inode_removed_slow(Inode& inode) {
    DeadWatches dead;
    {
        LockGuard guard(state().lock);
        if (!inode.marks)
            return;
        deliver(*inode.marks, abi::IN_DELETE_SELF, {}, 0, false, dead);
        for (InotifyWatch& watch : inode.marks->watches) {
            watch.file->queue(watch.wd, abi::IN_IGNORED, 0, {});
            detach(watch, dead);
        }
    }
    bury(dead);
}

void notify_unmount(SuperBlock& super_block) {
    DeadWatches dead;
    {
        LockGuard guard(state().lock);
        for (InotifyFile& file : state().files) {
            for (InotifyWatch& watch : file.watches) {
                if (watch.inode->super_block.get() != &super_block)
                    continue;
                file.queue(watch.wd, abi::IN_UNMOUNT, 0, {});
                file.queue(watch.wd, abi::IN_IGNORED, 0, {});
                detach(watch, dead);
            }
        }
    }
    bury(dead);
}

void free_inotify_marks(Inode& inode) {
    // Watches keep their inode, so that none is left here.
    delete inode.marks;
    inode.marks = nullptr;
}

// ---- system calls ----

namespace {

// The inotify file behind a descriptor: it is one if the state lists it. EINVAL for any other.
Result<InotifyFile*> as_inotify(File& file) {
    LockGuard guard(state().lock);
    for (InotifyFile& known : state().files)
        if (&known == &file)
            return &known;
    return Errno::EINVAL;
}

} // namespace

Result<i32> sys_inotify_init() { return sys_inotify_init1({0}); }

Result<i32> sys_inotify_init1(OpenFlags flags) {
    if (flags.value & ~(abi::IN_CLOEXEC | abi::IN_NONBLOCK))
        return Errno::EINVAL;
    RefPtr<InotifyFile> file = TRY(make_ref<InotifyFile>());
    {
        LockGuard guard(state().lock);
        state().files.push_back(*file);
    }
    TRY(attach_anonymous_inode(*file, "inotify", 0600));
    file->flags.store(abi::O_RDONLY | (flags.value & abi::IN_NONBLOCK));
    return current().files->install(RefPtr<File>(std::move(file)), (flags.value & abi::IN_CLOEXEC) != 0);
}

Result<i32> sys_inotify_add_watch(Fd fd, UserCString path, HexFlags mask) {
    const auto bits = static_cast<u32>(mask.value);
    constexpr u32 kKnown = abi::IN_ALL_EVENTS | abi::IN_UNMOUNT | abi::IN_Q_OVERFLOW | abi::IN_IGNORED |
                           abi::IN_ONLYDIR | abi::IN_DONT_FOLLOW | abi::IN_EXCL_UNLINK | abi::IN_MASK_CREATE |
                           abi::IN_MASK_ADD | abi::IN_ISDIR | abi::IN_ONESHOT;
    if (!(bits & kKnown))
        return Errno::EINVAL;
    HeldFile held = TRY(get_file(fd));
    if ((bits & abi::IN_MASK_ADD) && (bits & abi::IN_MASK_CREATE))
        return Errno::EINVAL;
    InotifyFile* file = TRY(as_inotify(*held));
    const u32 lookup = ((bits & abi::IN_DONT_FOLLOW) ? 0u : u32{kFollowLast}) |
                       ((bits & abi::IN_ONLYDIR) ? u32{kLastDirectory} : 0u);
    Path place = TRY(resolve_user(abi::AT_FDCWD, path, lookup));
    Inode& inode = place.inode();
    TRY(check_permission(inode, abi::R_OK));

    const u32 kept = bits & (abi::IN_ALL_EVENTS | abi::IN_EXCL_UNLINK | abi::IN_ONESHOT);
    LockGuard guard(state().lock);
    if (InotifyWatch* known = file->find(inode)) {
        if (bits & abi::IN_MASK_CREATE)
            return Errno::EEXIST;
        known->mask = (bits & abi::IN_MASK_ADD) ? known->mask | kept : kept;
        return known->wd;
    }
    if (state().watch_count >= kMaxUserWatches)
        return Errno::ENOSPC;
    if (!inode.marks)
        inode.marks = TRY(make<InotifyMarks>());
    InotifyWatch* watch = TRY(make<InotifyWatch>());
    watch->file = file;
    watch->inode = RefPtr<Inode>(&inode);
    watch->mask = kept;
    watch->wd = ++file->last_wd;
    file->watches.push_back(*watch);
    inode.marks->watches.push_back(*watch);
    ++state().watch_count;
    const i32 number = watch->wd;
    guard.unlock();
    if (!inode.is_watched_by_host)
        inode.is_watched_by_host = inode.watch_host();
    return number;
}

Result<void> sys_inotify_rm_watch(Fd fd, i32 wd) {
    HeldFile held = TRY(get_file(fd));
    InotifyFile* file = TRY(as_inotify(*held));
    DeadWatches dead;
    {
        LockGuard guard(state().lock);
        InotifyWatch* watch = file->find(wd);
        if (!watch)
            return Errno::EINVAL;
        file->queue(wd, abi::IN_IGNORED, 0, {});
        detach(*watch, dead);
    }
    bury(dead);
    return {};
}

} // namespace lxcore
