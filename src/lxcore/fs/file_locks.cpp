// Advisory locks. One list per inode holds flock, POSIX and OFD locks; flock locks meet only each other, the other
// two kinds meet each other as well.
#include "lxcore/fs/file_locks.hpp"

#include "abi/fcntl.hpp"
#include "lxcore/fs/calls_extra.hpp"
#include "lxcore/kernel.hpp"

namespace lxcore {

namespace {

enum class LockKind : u8 { Flock, Posix, Ofd };

inline constexpr u64 kEndOfFile = ~u64{0} >> 1; // OFFSET_MAX

// A byte range, both ends inclusive.
struct LockRequest {
    LockKind kind = LockKind::Posix;
    i16 type = abi::F_UNLCK;
    const void* owner = nullptr; // FdTable for POSIX locks, File for the others
    i32 pid = 0;
    u64 start = 0, end = kEndOfFile;
};

struct FileLock : ArenaObject, LockRequest {
    base::ListNode node;
};

bool conflicts(const LockRequest& held, const LockRequest& wanted) {
    if ((held.kind == LockKind::Flock) != (wanted.kind == LockKind::Flock))
        return false;
    if (held.kind == wanted.kind && held.owner == wanted.owner)
        return false;
    return (held.type == abi::F_WRLCK || wanted.type == abi::F_WRLCK) && held.start <= wanted.end &&
           wanted.start <= held.end;
}

} // namespace

class FileLocks : public ArenaObject {
public:
    base::List<FileLock, &FileLock::node> locks;
    WaitQueue changed;
    base::ListNode all_node;
    Inode* inode = nullptr;

    const FileLock* find_conflict(const LockRequest& wanted) {
        for (FileLock& lock : locks)
            if (conflicts(lock, wanted))
                return &lock;
        return nullptr;
    }
};

namespace {

// A task that waits for a POSIX lock. Lies in the arena rather than on the waiter's stack, which a killed process
// would take away: then it is forgotten when the reaper closes the process's descriptors.
struct BlockedLock : ArenaObject {
    LockRequest wanted;
    FileLocks* on = nullptr;
    base::ListNode node;
};

} // namespace

struct FileLockState : ArenaObject {
    Mutex lock;
    base::List<FileLocks, &FileLocks::all_node> all; // inodes that have, or had, locks
    base::List<BlockedLock, &BlockedLock::node> blocked;
};

namespace {

FileLockState& state() { return *kernel().file_locks; }

Result<FileLocks*> locks_of(Inode& inode) {
    if (inode.file_locks)
        return inode.file_locks;
    FileLocks* locks = TRY(make<FileLocks>());
    locks->inode = &inode;
    state().all.push_back(*locks);
    inode.file_locks = locks;
    return locks;
}

// Whether a wait of `me` for `wanted` would close a circle of waiting owners. Longer chains than a dozen are taken
// for free of circles, as on Linux.
bool would_deadlock(FileLocks& on, const LockRequest& wanted, const void* me, u32 depth = 0) {
    if (depth >= 12)
        return false;
    for (FileLock& held : on.locks) {
        if (!conflicts(held, wanted) || held.kind != LockKind::Posix)
            continue;
        for (BlockedLock& blocked : state().blocked) {
            if (blocked.wanted.owner != held.owner)
                continue;
            for (FileLock& next : blocked.on->locks)
                if (next.kind == LockKind::Posix && next.owner == me && conflicts(next, blocked.wanted))
                    return true;
            if (would_deadlock(*blocked.on, blocked.wanted, me, depth + 1))
                return true;
        }
    }
    return false;
}

void remove_lock(FileLocks& locks, FileLock& lock) {
    locks.locks.remove(lock);
    delete &lock;
}

// Sets or (F_UNLCK) clears a range for its owner: what the owner held there gives way, neighbours of one type join.
Result<void> apply(FileLocks& locks, LockRequest range) {
    FileLock* fresh = range.type == abi::F_UNLCK ? nullptr : TRY(make<FileLock>());
    const LockRequest asked = range;
    for (FileLock& held : locks.locks) {
        if (held.kind != asked.kind || held.owner != asked.owner)
            continue;
        if (held.type == range.type) {
            const bool touches = held.start <= (asked.end == kEndOfFile ? kEndOfFile : asked.end + 1) &&
                                 asked.start <= (held.end == kEndOfFile ? kEndOfFile : held.end + 1);
            if (!touches)
                continue;
            range.start = base::min(range.start, held.start);
            range.end = base::max(range.end, held.end);
            remove_lock(locks, held);
            continue;
        }
        if (held.start > asked.end || asked.start > held.end)
            continue;
        if (held.start < asked.start && held.end > asked.end) {
            Result<FileLock*> right = make<FileLock>();
            if (right.is_error()) {
                delete fresh;
                return Errno::ENOLCK;
            }
            static_cast<LockRequest&>(*right.value()) = held;
            right.value()->start = asked.end + 1;
            held.end = asked.start - 1;
            locks.locks.push_back(*right.value());
        } else if (held.start < asked.start) {
            held.end = asked.start - 1;
        } else if (held.end > asked.end) {
            held.start = asked.end + 1;
        } else {
            remove_lock(locks, held);
        }
    }
    if (fresh) {
        static_cast<LockRequest&>(*fresh) = range;
        locks.locks.push_back(*fresh);
    }
    locks.changed.wake_all();
    return {};
}

// Takes the lock, waiting for it if asked to.
Result<void> acquire(Inode& inode, const LockRequest& wanted, bool wait) {
    Task& task = current();
    for (;;) {
        LockGuard guard(state().lock);
        FileLocks* locks = TRY(locks_of(inode));
        if (wanted.type == abi::F_UNLCK || !locks->find_conflict(wanted))
            return apply(*locks, wanted);
        if (!wait)
            return Errno::EAGAIN;
        BlockedLock* blocked = nullptr;
        if (wanted.kind == LockKind::Posix) {
            if (would_deadlock(*locks, wanted, wanted.owner))
                return Errno::EDEADLK;
            blocked = TRY(make<BlockedLock>());
            blocked->wanted = wanted;
            blocked->on = locks;
            state().blocked.push_back(*blocked);
        }
        Waiter waiter(task);
        waiter.attach(locks->changed);
        guard.unlock();
        const SleepResult slept = task.sleep();
        waiter.detach();
        if (blocked) {
            LockGuard again(state().lock);
            blocked->node.unlink();
            delete blocked;
        }
        if (slept == SleepResult::Interrupted)
            return Errno::ERESTARTSYS;
    }
}

// The range of a struct flock in bytes of the file.
Result<void> parse_range(File& file, const abi::flock& from, LockRequest& out) {
    i64 base_offset;
    switch (static_cast<u32>(from.l_whence)) {
    case abi::SEEK_SET: base_offset = 0; break;
    case abi::SEEK_CUR: base_offset = static_cast<i64>(file.position); break;
    case abi::SEEK_END:
        TRY(file.inode().refresh());
        base_offset = static_cast<i64>(file.inode().size);
        break;
    default: return Errno::EINVAL;
    }
    i64 start;
    if (__builtin_add_overflow(base_offset, from.l_start, &start))
        return Errno::EOVERFLOW;
    if (start < 0)
        return Errno::EINVAL;
    i64 end = static_cast<i64>(kEndOfFile);
    if (from.l_len > 0) {
        if (__builtin_add_overflow(start, from.l_len - 1, &end))
            return Errno::EOVERFLOW;
    } else if (from.l_len < 0) {
        end = start - 1;
        start += from.l_len;
        if (start < 0)
            return Errno::EINVAL;
    }
    out.start = static_cast<u64>(start);
    out.end = static_cast<u64>(end);
    return {};
}

void wake_after_removal(FileLocks& locks, bool removed) {
    if (removed)
        locks.changed.wake_all();
}

} // namespace

Result<void> initialize_file_locks() {
    kernel().file_locks = TRY(make<FileLockState>());
    return {};
}

Result<void> fcntl_lock(File& file, u32 command, UserPtr<abi::flock> argument) {
    abi::flock lock = TRY(argument.read());
    const bool is_ofd = command == abi::F_OFD_GETLK || command == abi::F_OFD_SETLK || command == abi::F_OFD_SETLKW;
    if (is_ofd && lock.l_pid != 0)
        return Errno::EINVAL;
    LockRequest request;
    request.kind = is_ofd ? LockKind::Ofd : LockKind::Posix;
    request.owner = is_ofd ? static_cast<const void*>(&file) : current().files.get();
    request.pid = is_ofd ? -1 : current().process->pid;
    request.type = lock.l_type;
    if (lock.l_type != abi::F_RDLCK && lock.l_type != abi::F_WRLCK && lock.l_type != abi::F_UNLCK)
        return Errno::EINVAL;
    TRY(parse_range(file, lock, request));
    Inode& inode = file.inode();

    if (command == abi::F_GETLK || command == abi::F_OFD_GETLK) {
        if (lock.l_type == abi::F_UNLCK && !is_ofd)
            return Errno::EINVAL;
        {
            LockGuard guard(state().lock);
            const FileLock* other = inode.file_locks ? inode.file_locks->find_conflict(request) : nullptr;
            if (!other) {
                lock.l_type = abi::F_UNLCK;
            } else {
                lock.l_type = other->type;
                lock.l_whence = static_cast<i16>(abi::SEEK_SET);
                lock.l_start = static_cast<i64>(other->start);
                lock.l_len = other->end == kEndOfFile ? 0 : static_cast<i64>(other->end - other->start + 1);
                lock.l_pid = other->pid;
            }
        }
        return argument.write(lock);
    }

    if ((lock.l_type == abi::F_RDLCK && !file.is_readable()) || (lock.l_type == abi::F_WRLCK && !file.is_writable()))
        return Errno::EBADF;
    if (lock.l_type == abi::F_UNLCK && !inode.file_locks)
        return {};
    if (is_ofd)
        file.lock_hint.store(1, std::memory_order_relaxed);
    return acquire(inode, request, command == abi::F_SETLKW || command == abi::F_OFD_SETLKW);
}

Result<void> sys_flock(Fd fd, u32 operation) {
    HeldFile file = TRY(get_file(fd));
    LockRequest request;
    request.kind = LockKind::Flock;
    request.owner = file.get();
    request.pid = current().process->pid;
    switch (operation & ~abi::LOCK_NB) {
    case abi::LOCK_SH: request.type = abi::F_RDLCK; break;
    case abi::LOCK_EX: request.type = abi::F_WRLCK; break;
    case abi::LOCK_UN: request.type = abi::F_UNLCK; break;
    default: return Errno::EINVAL;
    }
    if (!file->path.dentry)
        return Errno::EBADF;
    Inode& inode = file->inode();
    if (request.type == abi::F_UNLCK) {
        if (!inode.file_locks)
            return {};
        return acquire(inode, request, false);
    }
    file->lock_hint.store(1, std::memory_order_relaxed);
    Result<void> taken = acquire(inode, request, false);
    if (taken.is_ok() || taken.error() != Errno::EAGAIN)
        return taken;
    // A conversion gives the old lock up first: flock(2) does not promise that it is atomic.
    LockRequest give_up = request;
    give_up.type = abi::F_UNLCK;
    TRY(acquire(inode, give_up, false));
    return acquire(inode, request, (operation & abi::LOCK_NB) == 0);
}

void posix_locks_closed_slow(File& file, const FdTable* owner) {
    LockGuard guard(state().lock);
    FileLocks* locks = file.inode().file_locks;
    if (!locks)
        return;
    bool removed = false;
    for (FileLock& lock : locks->locks) {
        if (lock.kind != LockKind::Posix || lock.owner != owner)
            continue;
        remove_lock(*locks, lock);
        removed = true;
    }
    for (BlockedLock& blocked : state().blocked)
        if (blocked.on == locks && blocked.wanted.owner == owner)
            blocked.node.unlink();
    wake_after_removal(*locks, removed);
}

void release_file_locks_slow(File& file) {
    LockGuard guard(state().lock);
    FileLocks* locks = file.inode().file_locks;
    if (!locks)
        return;
    bool removed = false;
    for (FileLock& lock : locks->locks) {
        if (lock.kind == LockKind::Posix || lock.owner != &file)
            continue;
        remove_lock(*locks, lock);
        removed = true;
    }
    wake_after_removal(*locks, removed);
}

void free_file_locks(Inode& inode) {
    FileLocks* locks = std::exchange(inode.file_locks, nullptr);
    if (!locks)
        return;
    LockGuard guard(state().lock);
    locks->all_node.unlink();
    for (FileLock& lock : locks->locks)
        remove_lock(*locks, lock);
    guard.unlock();
    delete locks;
}

void print_file_locks(base::Writer& writer) {
    LockGuard guard(state().lock);
    u32 number = 0;
    for (FileLocks& locks : state().all) {
        for (FileLock& lock : locks.locks) {
            const char* kind = lock.kind == LockKind::Flock ? "FLOCK " : lock.kind == LockKind::Ofd ? "OFDLCK" : "POSIX ";
            const u64 device = locks.inode->super_block ? locks.inode->super_block->device : 0;
            base::print(writer, "{}: {} ADVISORY  {} {} {:02x}:{:02x}:{} {} ", ++number, kind,
                        lock.type == abi::F_WRLCK ? "WRITE" : "READ ", lock.pid, abi::major(device),
                        abi::minor(device), locks.inode->number, lock.start);
            if (lock.end == kEndOfFile)
                base::print(writer, "EOF\n");
            else
                base::print(writer, "{}\n", lock.end);
        }
    }
}

} // namespace lxcore
