// System V message queues: msgget(2), msgsnd(2), msgrcv(2), msgctl(2).
#include "abi/prctl.hpp"
#include "lxcore/ipc/calls.hpp"
#include "lxcore/ipc/system_v.hpp"
#include "lxcore/task/task.hpp"

namespace lxcore {

namespace {

struct Message {
    base::ListNode node;
    i64 type;
    usize length;
    char* data() { return reinterpret_cast<char*>(this + 1); }
    static Message* create(usize length) {
        void* memory = allocate(sizeof(Message) + length);
        if (!memory)
            return nullptr;
        auto* message = new (memory) Message{};
        message->length = length;
        return message;
    }
    static void destroy(Message* message) { release(message, sizeof(Message) + message->length); }
};

} // namespace

class MessageQueue final : public SystemVObject {
public:
    base::List<Message, &Message::node> messages;
    u64 bytes = 0, count = 0;
    u64 limit = abi::MSGMNB;
    i64 send_time = 0, receive_time = 0;
    i32 last_sender = 0, last_receiver = 0;
    WaitQueue arrived, room;

    ~MessageQueue() override {
        while (Message* message = messages.pop_front())
            Message::destroy(message);
    }
    void print_line(base::Writer& writer) const override {
        base::print(writer, "{:10} {:10}  {:4o}  {:10} {:10} {:5} {:5} {:5} {:5} {:5} {:5} {:10} {:10} {:10}\n", key, id, mode,
                    bytes, count, last_sender, last_receiver, uid, gid, creator_uid, creator_gid, send_time,
                    receive_time, change_time);
    }
    // Lock held.
    Message* pick(i64 type, u32 flags) const;
};

Message* MessageQueue::pick(i64 type, u32 flags) const {
    Message* best = nullptr;
    i64 position = 0;
    for (Message& message : messages) {
        if (flags & abi::MSG_COPY) {
            if (position++ == type)
                return &message;
            continue;
        }
        if (type == 0)
            return &message;
        if (type > 0) {
            if ((message.type == type) != ((flags & abi::MSG_EXCEPT) != 0))
                return &message;
            continue;
        }
        // The lowest type that is not above the wanted one's absolute value.
        if (message.type <= -type && (!best || message.type < best->type))
            best = &message;
    }
    return best;
}

namespace {

Result<RefPtr<MessageQueue>> find_queue(i32 id) {
    auto object = TRY(system_v_state().queues.find(id));
    return RefPtr<MessageQueue>(static_cast<MessageQueue*>(object.get()));
}

} // namespace

Result<i32> sys_msgget(i32 key, HexFlags flags) {
    return system_v_state().queues.get(
        key, static_cast<u32>(flags.value), abi::MSGMNI,
        []() -> Result<RefPtr<SystemVObject>> { return RefPtr<SystemVObject>(TRY(make_ref<MessageQueue>())); },
        [](SystemVObject&) -> Result<void> { return {}; });
}

Result<i32> sys_msgsnd(i32 id, u64 user, u64 length, HexFlags flags) {
    if (length > abi::MSGMAX || id < 0)
        return Errno::EINVAL;
    const i64 type = TRY(UserPtr<i64>(user).read());
    if (type < 1)
        return Errno::EINVAL;
    Message* message = Message::create(length);
    if (!message)
        return Errno::ENOMEM;
    struct Owner {
        Message* message;
        ~Owner() {
            if (message)
                Message::destroy(message);
        }
    } owner{message};
    message->type = type;
    TRY(copy_from_user(message->data(), user + sizeof(i64), length));
    auto queue = TRY(find_queue(id));
    Waiter waiter(current());
    for (;;) {
        {
            LockGuard guard(queue->lock);
            if (queue->is_removed)
                return Errno::EIDRM;
            TRY(queue->check_access(0222));
            if (queue->bytes + length <= queue->limit && queue->count + 1 <= queue->limit) {
                owner.message = nullptr;
                queue->messages.push_back(*message);
                queue->bytes += length;
                ++queue->count;
                queue->last_sender = current().process->pid;
                queue->send_time = realtime_seconds();
                break;
            }
            if (flags & abi::IPC_NOWAIT)
                return Errno::EAGAIN;
            if (!waiter.is_attached())
                waiter.attach(queue->room);
        }
        if (current().sleep() == SleepResult::Interrupted)
            return Errno::EINTR; // never restarted: signal(7)
    }
    queue->arrived.wake_all(); // each receiver may look for another type
    return 0;
}

Result<i64> sys_msgrcv(i32 id, u64 user, u64 capacity, i64 type, HexFlags flags) {
    const u32 bits = static_cast<u32>(flags.value);
    if (id < 0 || static_cast<i64>(capacity) < 0)
        return Errno::EINVAL;
    if ((bits & abi::MSG_COPY) && ((bits & abi::MSG_EXCEPT) || !(bits & abi::IPC_NOWAIT)))
        return Errno::EINVAL;
    auto queue = TRY(find_queue(id));
    Waiter waiter(current());
    Message* message = nullptr;
    const bool is_copy = (bits & abi::MSG_COPY) != 0;
    for (;;) {
        {
            LockGuard guard(queue->lock);
            if (queue->is_removed)
                return Errno::EIDRM;
            TRY(queue->check_access(0444));
            message = queue->pick(type, bits);
            if (message) {
                if (message->length > capacity && !(bits & abi::MSG_NOERROR))
                    return Errno::E2BIG;
                if (is_copy) {
                    Message* copy = Message::create(message->length);
                    if (!copy)
                        return Errno::ENOMEM;
                    copy->type = message->type;
                    __builtin_memcpy(copy->data(), message->data(), message->length);
                    message = copy;
                    break;
                }
                queue->messages.remove(*message);
                queue->bytes -= message->length;
                --queue->count;
                queue->last_receiver = current().process->pid;
                queue->receive_time = realtime_seconds();
                break;
            }
            if (bits & abi::IPC_NOWAIT)
                return Errno::ENOMSG;
            if (!waiter.is_attached())
                waiter.attach(queue->arrived);
        }
        if (current().sleep() == SleepResult::Interrupted)
            return Errno::EINTR;
    }
    if (!is_copy)
        queue->room.wake_all();
    const usize bytes = base::min<usize>(message->length, capacity);
    Result<void> copied = UserPtr<i64>(user).write(message->type);
    const bool failed = copied.is_error() || copy_to_user(user + sizeof(i64), message->data(), bytes).is_error();
    Message::destroy(message);
    if (failed)
        return Errno::EFAULT;
    return static_cast<i64>(bytes);
}

Result<i32> sys_msgctl(i32 id, i32 command, u64 user) {
    SystemVTable& table = system_v_state().queues;
    command &= ~static_cast<i32>(abi::IPC_64);
    switch (command) {
    case abi::IPC_INFO:
    case abi::MSG_INFO: {
        abi::msginfo info{};
        info.msgmax = abi::MSGMAX;
        info.msgmnb = abi::MSGMNB;
        info.msgmni = abi::MSGMNI;
        info.msgssz = 16;
        info.msgseg = 0xffff;
        i32 highest = 0;
        {
            LockGuard guard(table.lock);
            highest = base::max(table.highest_index(), 0);
            if (command == static_cast<i32>(abi::MSG_INFO)) {
                info.msgpool = static_cast<i32>(table.count());
                table.each([&](SystemVObject& object) {
                    info.msgmap += static_cast<i32>(static_cast<MessageQueue&>(object).count);
                    info.msgtql += static_cast<i32>(static_cast<MessageQueue&>(object).bytes);
                });
            }
        }
        TRY(UserPtr<abi::msginfo>(user).write(info));
        return highest;
    }
    case abi::IPC_STAT:
    case abi::MSG_STAT:
    case abi::MSG_STAT_ANY: {
        auto object = TRY(command == static_cast<i32>(abi::IPC_STAT) ? table.find(id) : table.at_index(id));
        auto& queue = static_cast<MessageQueue&>(*object);
        abi::msqid64_ds out{};
        {
            LockGuard guard(queue.lock);
            if (command != static_cast<i32>(abi::MSG_STAT_ANY))
                TRY(queue.check_access(0444));
            queue.describe(out.msg_perm);
            out.msg_stime = queue.send_time;
            out.msg_rtime = queue.receive_time;
            out.msg_ctime = queue.change_time;
            out.msg_cbytes = queue.bytes;
            out.msg_qnum = queue.count;
            out.msg_qbytes = queue.limit;
            out.msg_lspid = queue.last_sender;
            out.msg_lrpid = queue.last_receiver;
        }
        TRY(UserPtr<abi::msqid64_ds>(user).write(out));
        return command == static_cast<i32>(abi::IPC_STAT) ? 0 : queue.id;
    }
    case abi::IPC_SET: {
        auto queue = TRY(find_queue(id));
        const auto wanted = TRY(UserPtr<abi::msqid64_ds>(user).read());
        {
            LockGuard guard(queue->lock);
            TRY(queue->check_owner());
            if (wanted.msg_qbytes > abi::MSGMNB && !current().credentials->has_capability(abi::CAP_SYS_RESOURCE))
                return Errno::EPERM;
            queue->change(wanted.msg_perm);
            queue->limit = wanted.msg_qbytes;
        }
        queue->room.wake_all();
        return 0;
    }
    case abi::IPC_RMID: {
        auto queue = TRY(find_queue(id));
        RefPtr<SystemVObject> gone;
        {
            LockGuard table_guard(table.lock);
            LockGuard guard(queue->lock);
            TRY(queue->check_owner());
            queue->is_removed = true;
            gone = table.remove(*queue);
        }
        queue->arrived.wake_all();
        queue->room.wake_all();
        return 0;
    }
    default: return Errno::EINVAL;
    }
}

} // namespace lxcore
