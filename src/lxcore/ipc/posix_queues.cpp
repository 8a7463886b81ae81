// mq_open(3), mq_send(3), mq_receive(3), mq_notify(3), mq_getattr(3), mq_unlink(3).
#include "lxcore/ipc/posix_queues.hpp"

#include "abi/ipc.hpp"
#include "abi/prctl.hpp"
#include "lxcore/fs/fd_table.hpp"
#include "lxcore/ipc/calls.hpp"
#include "lxcore/ipc/poll.hpp"
#include "lxcore/signal/signals.hpp"
#include "lxcore/task/task.hpp"
#include "lxcore/task/task_table.hpp"

namespace lxcore {

namespace {

constexpr u32 kPriorityLimit = 32768; // MQ_PRIO_MAX

struct QueuedMessage {
    base::ListNode node;
    u32 priority = 0;
    usize length = 0;
    char* data() { return reinterpret_cast<char*>(this + 1); }
    static QueuedMessage* create(usize length) {
        void* memory = allocate(sizeof(QueuedMessage) + length);
        if (!memory)
            return nullptr;
        auto* message = new (memory) QueuedMessage;
        message->length = length;
        return message;
    }
    static void destroy(QueuedMessage* message) { release(message, sizeof(QueuedMessage) + message->length); }
};

} // namespace

class PosixQueue final : public SharedObject {
public:
    ~PosixQueue() override {
        while (QueuedMessage* message = messages.pop_front())
            QueuedMessage::destroy(message);
    }

    String name;                // without the slash
    PosixQueue* next = nullptr; // PosixQueueState::queues
    Path place;                 // its inode has the owner, permissions and times
    i64 max_messages = 0, max_bytes = 0;

    Mutex lock;
    base::List<QueuedMessage, &QueuedMessage::node> messages; // highest priority first, then oldest
    i64 count = 0;
    u32 waiting_receivers = 0;
    WaitQueue arrived, room;
    // mq_notify: who is told when a message comes into the empty queue.
    i32 notified_pid = 0;
    const File* notified_file = nullptr; // through which it was asked: its end takes it back
    i32 notify_kind = 0, notify_signal = 0;
    abi::sigval notify_value{};

    void insert(QueuedMessage& message); // lock held
};

void PosixQueue::insert(QueuedMessage& message) {
    // From the back: most messages have the same priority as the last.
    QueuedMessage* behind = nullptr;
    for (QueuedMessage& other : messages) {
        if (other.priority >= message.priority)
            continue;
        behind = &other;
        break;
    }
    if (!behind) {
        messages.push_back(message);
    } else {
        base::ListNode& node = message.node;
        base::ListNode& after = behind->node;
        node.next = &after;
        node.previous = after.previous;
        std::atomic_signal_fence(std::memory_order_seq_cst);
        after.previous->next = &node;
        after.previous = &node;
    }
    ++count;
}

namespace {

// An open queue.
class QueueFile final : public File {
public:
    explicit QueueFile(RefPtr<PosixQueue> queue) : m_queue(std::move(queue)) {}
    ~QueueFile() override { cancel_notification(0); }

    PosixQueue& queue() { return *m_queue; }
    PosixQueue* message_queue() override { return m_queue.get(); }

    // What /dev/mqueue shows of a queue.
    Result<usize> read(IoBuffer& buffer, i64 offset) override {
        return at_position(offset, [&](u64 position) -> Result<usize> {
            base::FixedWriter<96> text;
            {
                LockGuard guard(m_queue->lock);
                i64 bytes = 0;
                for (QueuedMessage& message : m_queue->messages)
                    bytes += static_cast<i64>(message.length);
                base::print(text, "QSIZE:{:-10} NOTIFY:{:-5} SIGNO:{:-5} NOTIFY_PID:{:-6}\n", bytes,
                            m_queue->notified_pid ? m_queue->notify_kind : 0,
                            m_queue->notified_pid ? m_queue->notify_signal : 0, m_queue->notified_pid);
            }
            if (position >= text.length())
                return usize{0};
            return buffer.copy_in(text.data() + position, text.length() - position);
        });
    }

    u32 poll(PollTable* table) override {
        if (table) {
            table->add(m_queue->arrived);
            table->add(m_queue->room);
        }
        LockGuard guard(m_queue->lock);
        u32 ready = 0;
        if (m_queue->count != 0)
            ready |= abi::POLLIN | abi::POLLRDNORM;
        if (m_queue->count < m_queue->max_messages)
            ready |= abi::POLLOUT | abi::POLLWRNORM;
        return ready;
    }

    // Any of its descriptors that the one to be told closes takes it back, also when the file stays open elsewhere: mq_close(3).
    void descriptor_closed() override {
        if (const i32 pid = current().process->pid) // 0: the cleaner's, for one that was killed
            cancel_notification(pid);
    }

    // pid 0: only a registration that was made through this file.
    void cancel_notification(i32 pid) {
        LockGuard guard(m_queue->lock);
        if ((pid != 0 && m_queue->notified_pid == pid) || (pid == 0 && m_queue->notified_file == this)) {
            m_queue->notified_pid = 0;
            m_queue->notified_file = nullptr;
        }
    }

private:
    RefPtr<PosixQueue> m_queue;
};

struct HeldQueue {
    HeldFile file;
    QueueFile* operator->() const { return static_cast<QueueFile*>(file.get()); }
};

Result<HeldQueue> get_queue(i32 fd) {
    HeldFile file = TRY(get_file(fd));
    if (!file->message_queue())
        return Errno::EBADF;
    return HeldQueue{std::move(file)};
}

// A queue's name: one component; the C library has taken the leading slash away.
Result<usize> copy_name(UserCString user, char (&name)[256]) {
    const usize length = TRY(user.copy(name, sizeof(name)));
    const std::string_view text{name, length};
    if (length == 0)
        return Errno::EINVAL;
    if (text == "." || text == ".." || text.find('/') != std::string_view::npos)
        return Errno::EACCES;
    return length;
}

// With the state's lock held.
PosixQueue* find_queue(std::string_view name) {
    for (PosixQueue* queue = posix_queue_state().queues; queue; queue = queue->next)
        if (queue->name.view() == name)
            return queue;
    return nullptr;
}

Result<RefPtr<PosixQueue>> create_queue(std::string_view name, u32 mode, const abi::mq_attr& attributes) {
    using State = PosixQueueState;
    State& state = posix_queue_state();
    const bool is_privileged = current().credentials->has_capability(abi::CAP_SYS_RESOURCE);
    if (attributes.mq_maxmsg <= 0 || attributes.mq_msgsize <= 0 ||
        attributes.mq_maxmsg > (is_privileged ? State::kHardMaxMessages : State::kMaxMessages) ||
        attributes.mq_msgsize > (is_privileged ? State::kHardMaxBytes : State::kMaxBytes))
        return Errno::EINVAL;
    if (state.count >= State::kMaxQueues && !is_privileged)
        return Errno::ENOSPC;
    auto queue = TRY(make_ref<PosixQueue>());
    queue->name = TRY(String::create(name));
    queue->max_messages = attributes.mq_maxmsg;
    queue->max_bytes = attributes.mq_msgsize;
    auto file = TRY(make_ref<QueueFile>(queue));
    TRY(attach_anonymous_inode(*file, name, abi::S_IFREG | (mode & 0777 & ~current().fs->umask)));
    queue->place = file->path;
    return queue;
}

} // namespace

Result<i32> sys_mq_open(UserCString user_name, OpenFlags flags, FileMode mode, UserPtr<abi::mq_attr> user_attributes) {
    char name[256];
    const usize length = TRY(copy_name(user_name, name));
    const u32 access = flags & abi::O_ACCMODE;
    if (access == abi::O_ACCMODE)
        return Errno::EINVAL;
    abi::mq_attr attributes{};
    attributes.mq_maxmsg = PosixQueueState::kMaxMessages;
    attributes.mq_msgsize = PosixQueueState::kMaxBytes;
    if ((flags & abi::O_CREAT) && user_attributes)
        attributes = TRY(user_attributes.read());

    PosixQueueState& state = posix_queue_state();
    RefPtr<PosixQueue> queue;
    {
        LockGuard guard(state.lock);
        queue = RefPtr<PosixQueue>(find_queue({name, length}));
        if (queue) {
            if ((flags & abi::O_CREAT) && (flags & abi::O_EXCL))
                return Errno::EEXIST;
            const u32 wanted = access == abi::O_RDONLY   ? abi::R_OK
                               : access == abi::O_WRONLY ? abi::W_OK
                                                         : abi::R_OK | abi::W_OK;
            TRY(check_permission(queue->place.inode(), wanted));
        } else {
            if (!(flags & abi::O_CREAT))
                return Errno::ENOENT;
            queue = TRY(create_queue({name, length}, mode, attributes));
            queue->ref();
            queue->next = state.queues;
            state.queues = queue.get();
            ++state.count;
        }
    }
    auto file = TRY(make_ref<QueueFile>(queue));
    file->flags.store(access | (flags & abi::O_NONBLOCK), std::memory_order_relaxed);
    file->path = queue->place;
    return current().files->install(std::move(file), (flags & abi::O_CLOEXEC) != 0);
}

Result<i32> sys_mq_unlink(UserCString user_name) {
    char name[256];
    const usize length = TRY(copy_name(user_name, name));
    PosixQueueState& state = posix_queue_state();
    RefPtr<PosixQueue> gone;
    LockGuard guard(state.lock);
    for (PosixQueue** link = &state.queues; *link; link = &(*link)->next) {
        PosixQueue* queue = *link;
        if (queue->name.view() != std::string_view{name, length})
            continue;
        // /dev/mqueue is a sticky directory.
        const Credentials& own = *current().credentials;
        if (own.fsuid != queue->place.inode().uid && !own.has_capability(abi::CAP_FOWNER))
            return Errno::EACCES;
        *link = queue->next;
        --state.count;
        gone = RefPtr<PosixQueue>::adopt(queue);
        guard.unlock();
        return 0;
    }
    return Errno::ENOENT;
}

namespace {

// Deadlines of message queues are points of the real-time clock.
Result<u64> deadline_from(UserPtr<abi::timespec> user, bool nonblocking) {
    u64 deadline = host::kNoDeadline;
    if (user) {
        const auto until = TRY(user.read());
        if (until.tv_sec < 0 || until.tv_nsec < 0 || until.tv_nsec >= abi::NSEC_PER_SEC)
            return Errno::EINVAL;
        const auto now = TRY(host::clock_time(abi::CLOCK_REALTIME));
        i64 seconds = until.tv_sec - now.tv_sec;
        i64 nanoseconds = until.tv_nsec - now.tv_nsec;
        if (nanoseconds < 0) {
            --seconds;
            nanoseconds += abi::NSEC_PER_SEC;
        }
        // A time that has passed is a deadline all the same: what can be done at once is done.
        deadline = seconds < 0 ? u64{1} : TRY(deadline_after({seconds, nanoseconds}));
        if (deadline == kNoWait)
            deadline = 1;
    }
    return nonblocking ? kNoWait : deadline;
}

Result<void> wait_in(u64 deadline) {
    switch (current().sleep(deadline)) {
    case SleepResult::Interrupted: return Errno::ERESTARTSYS;
    case SleepResult::TimedOut: return Errno::ETIMEDOUT;
    case SleepResult::Woken: break;
    }
    return {};
}

// Tells the process that asked for it, once. Called without the queue's lock.
void send_notification(i32 pid, i32 kind, i32 signal, abi::sigval value) {
    if (kind != static_cast<i32>(abi::SIGEV_SIGNAL) || signal == 0)
        return;
    RefPtr<Process> process = process_by_pid(pid);
    if (!process)
        return;
    abi::siginfo info{};
    info.si_signo = signal;
    info.si_code = abi::SI_MESGQ;
    info._rt.pid = current().process->pid;
    info._rt.uid = current().credentials->uid;
    info._rt.value = value;
    (void)send_signal_to_process(*process, info).is_ok();
}

} // namespace

Result<i32> sys_mq_timedsend(Fd fd, u64 data, u64 length, u32 priority, UserPtr<abi::timespec> timeout) {
    if (priority >= kPriorityLimit)
        return Errno::EINVAL;
    auto file = TRY(get_queue(fd));
    if (!file->is_writable())
        return Errno::EBADF;
    const u64 deadline = TRY(deadline_from(timeout, file->is_nonblocking()));
    PosixQueue& queue = file->queue();
    if (length > static_cast<u64>(queue.max_bytes))
        return Errno::EMSGSIZE;
    QueuedMessage* message = QueuedMessage::create(length);
    if (!message)
        return Errno::ENOMEM;
    struct Owner {
        QueuedMessage* message;
        ~Owner() {
            if (message)
                QueuedMessage::destroy(message);
        }
    } owner{message};
    message->priority = priority;
    TRY(copy_from_user(message->data(), data, length));
    Waiter waiter(current(), abi::POLLOUT);
    for (;;) {
        {
            LockGuard guard(queue.lock);
            if (queue.count < queue.max_messages) {
                const bool was_empty = queue.count == 0;
                owner.message = nullptr;
                queue.insert(*message);
                i32 pid = 0;
                const i32 kind = queue.notify_kind;
                const i32 signal = queue.notify_signal;
                const abi::sigval value = queue.notify_value;
                // A receiver that waits takes the message; nobody is notified then.
                if (was_empty && queue.waiting_receivers == 0) {
                    pid = std::exchange(queue.notified_pid, 0);
                    queue.notified_file = nullptr;
                }
                guard.unlock();
                queue.arrived.wake(abi::POLLIN | abi::POLLRDNORM);
                if (pid != 0)
                    send_notification(pid, kind, signal, value);
                return 0;
            }
            if (deadline == kNoWait)
                return Errno::EAGAIN;
            if (!waiter.is_attached())
                waiter.attach_exclusive(queue.room);
        }
        if (auto waited = wait_in(deadline); waited.is_error()) {
            // The wake-up may have been meant for another sender.
            waiter.detach();
            queue.room.wake(abi::POLLOUT | abi::POLLWRNORM);
            return waited.error();
        }
    }
}

Result<i64> sys_mq_timedreceive(Fd fd, u64 data, u64 capacity, UserPtr<u32> priority, UserPtr<abi::timespec> timeout) {
    auto file = TRY(get_queue(fd));
    if (!file->is_readable())
        return Errno::EBADF;
    const u64 deadline = TRY(deadline_from(timeout, file->is_nonblocking()));
    PosixQueue& queue = file->queue();
    if (capacity < static_cast<u64>(queue.max_bytes))
        return Errno::EMSGSIZE;
    Waiter waiter(current(), abi::POLLIN);
    QueuedMessage* message = nullptr;
    for (;;) {
        {
            LockGuard guard(queue.lock);
            message = queue.messages.pop_front();
            if (message) {
                --queue.count;
                break;
            }
            if (deadline == kNoWait)
                return Errno::EAGAIN;
            ++queue.waiting_receivers;
            if (!waiter.is_attached())
                waiter.attach_exclusive(queue.arrived);
        }
        auto waited = wait_in(deadline);
        {
            LockGuard guard(queue.lock);
            --queue.waiting_receivers;
        }
        if (waited.is_error()) {
            waiter.detach();
            queue.arrived.wake(abi::POLLIN | abi::POLLRDNORM);
            return waited.error();
        }
    }
    waiter.detach();
    queue.room.wake(abi::POLLOUT | abi::POLLWRNORM);
    const i64 length = static_cast<i64>(message->length);
    bool failed = copy_to_user(data, message->data(), message->length).is_error();
    if (priority)
        failed = priority.write(message->priority).is_error() || failed;
    QueuedMessage::destroy(message);
    if (failed)
        return Errno::EFAULT;
    return length;
}

Result<i32> sys_mq_notify(Fd fd, UserPtr<abi::sigevent> user) {
    abi::sigevent event{};
    if (user) {
        event = TRY(user.read());
        // SIGEV_THREAD is the C library's business, by way of a netlink socket as cookie carrier: not supported.
        if (event.sigev_notify != static_cast<i32>(abi::SIGEV_NONE) &&
            event.sigev_notify != static_cast<i32>(abi::SIGEV_SIGNAL))
            return event.sigev_notify == static_cast<i32>(abi::SIGEV_THREAD) ? Errno::ENOSYS : Errno::EINVAL;
        if (event.sigev_notify == static_cast<i32>(abi::SIGEV_SIGNAL) &&
            (event.sigev_signo < 0 || event.sigev_signo > 64))
            return Errno::EINVAL;
    }
    auto file = TRY(get_queue(fd));
    const i32 pid = current().process->pid;
    if (!user) {
        file->cancel_notification(pid);
        return 0;
    }
    PosixQueue& queue = file->queue();
    i32 before = 0;
    {
        LockGuard guard(queue.lock);
        before = queue.notified_pid;
    }
    // One that was killed has closed nothing.
    if (before != 0 && !process_by_pid(before))
        file->cancel_notification(before);
    LockGuard guard(queue.lock);
    if (queue.notified_pid != 0)
        return Errno::EBUSY;
    queue.notified_pid = pid;
    queue.notified_file = file.operator->();
    queue.notify_kind = event.sigev_notify;
    queue.notify_signal = event.sigev_signo;
    queue.notify_value = event.sigev_value;
    return 0;
}

Result<i32> sys_mq_getsetattr(Fd fd, UserPtr<abi::mq_attr> wanted, UserPtr<abi::mq_attr> old) {
    abi::mq_attr change{};
    if (wanted) {
        change = TRY(wanted.read());
        if (change.mq_flags & ~static_cast<i64>(abi::O_NONBLOCK))
            return Errno::EINVAL;
    }
    auto file = TRY(get_queue(fd));
    abi::mq_attr now{};
    {
        LockGuard guard(file->queue().lock);
        now.mq_flags = file->is_nonblocking() ? static_cast<i64>(abi::O_NONBLOCK) : 0;
        now.mq_maxmsg = file->queue().max_messages;
        now.mq_msgsize = file->queue().max_bytes;
        now.mq_curmsgs = file->queue().count;
    }
    if (wanted) {
        if (change.mq_flags & static_cast<i64>(abi::O_NONBLOCK))
            file->flags.fetch_or(abi::O_NONBLOCK);
        else
            file->flags.fetch_and(~abi::O_NONBLOCK);
    }
    if (old)
        TRY(old.write(now));
    return 0;
}

} // namespace lxcore
