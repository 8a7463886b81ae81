// Sending and receiving on UNIX sockets.
#include "lxcore/ipc/poll.hpp"
#include "lxcore/net/host_connection.hpp"
#include "lxcore/task/task.hpp"

namespace lxcore {

namespace {

constexpr u32 kReadable = abi::POLLIN | abi::POLLHUP | abi::POLLERR;
constexpr u32 kWritable = abi::POLLOUT | abi::POLLHUP | abi::POLLERR;

Errno broken_pipe(const SocketMessage& message) {
    if (!(message.flags & abi::MSG_NOSIGNAL))
        send_kernel_signal_to_task(current(), abi::SIGPIPE);
    return Errno::EPIPE;
}

} // namespace

// ---- sending ----

Result<usize> UnixSocketFile::send(SocketMessage& message) {
    if (message.flags & abi::MSG_OOB)
        return Errno::EOPNOTSUPP;
    UnixControl control;
    if (message.control_length != 0)
        TRY(control.parse(message));
    else
        control.credentials = current_ucred();
    const u64 deadline = deadline_of(send_timeout_ns, message.flags);
    if (HostConnection* host = host_connection())
        return send_to_host(*host, message, control, deadline);
    return m_core->is_stream() ? send_stream(message, control, deadline) : send_packet(message, control, deadline);
}

Result<void> UnixSocketFile::wait_for_write_space(u64 deadline) {
    UnixSocket& self = *m_core;
    Waiter waiter(current(), kWritable);
    for (;;) {
        {
            LockGuard guard(self.lock);
            if (self.error != Errno::OK)
                return std::exchange(self.error, Errno::OK);
            if (self.shut & UnixSocket::kSendShut)
                return Errno::EPIPE;
        }
        if (self.charged_bytes.load(std::memory_order_acquire) < self.send_buffer)
            return {};
        if (deadline == kNoWait)
            return Errno::EAGAIN;
        if (!waiter.is_attached()) {
            waiter.attach(self.changed);
            continue;
        }
        TRY(sleep(waiter, deadline, send_timeout_ns));
    }
}

Result<usize> UnixSocketFile::send_stream(SocketMessage& message, UnixControl& control, u64 deadline) {
    UnixSocket& self = *m_core;
    RefPtr<UnixSocket> other;
    {
        LockGuard guard(self.lock);
        if (message.address)
            return self.state == UnixSocket::State::Connected ? Errno::EISCONN : Errno::EOPNOTSUPP;
        if (self.state != UnixSocket::State::Connected)
            return Errno::ENOTCONN;
        if (self.shut & UnixSocket::kSendShut) {
            guard.unlock();
            return broken_pipe(message);
        }
        other = self.peer;
    }
    IoBuffer& data = *message.data;
    usize total = 0;
    while (data.left() != 0) {
        Errno error = Errno::OK;
        if (auto space = wait_for_write_space(deadline); space.is_error()) {
            error = space.error();
        } else {
            const u32 limit = base::max(base::min(UnixSocket::kStreamChunk, self.send_buffer / 2), 64u);
            const u32 bytes = static_cast<u32>(base::min<usize>(data.left(), limit));
            UnixMessage* chunk = UnixMessage::create(bytes);
            if (!chunk) {
                error = Errno::ENOMEM;
            } else {
                auto copied = data.copy_out(chunk->data(), bytes);
                if (copied.is_error() || copied.value() < bytes) {
                    UnixMessage::destroy(chunk);
                    error = Errno::EFAULT;
                } else {
                    chunk->credentials = control.credentials;
                    chunk->files = std::exchange(control.files, nullptr);
                    chunk->sender = RefPtr<UnixSocket>(&self);
                    self.charged_bytes.fetch_add(static_cast<u32>(chunk->memory_bytes()), std::memory_order_acq_rel);
                    auto delivered = other->deliver(*chunk, self);
                    if (delivered.is_error()) {
                        error = delivered.error();
                        UnixMessage::destroy(chunk);
                    } else {
                        total += bytes;
                    }
                }
            }
        }
        if (error != Errno::OK) {
            if (total != 0)
                return total;
            return error == Errno::EPIPE ? broken_pipe(message) : error;
        }
    }
    return total;
}

Result<usize> UnixSocketFile::send_packet(SocketMessage& message, UnixControl& control, u64 deadline) {
    UnixSocket& self = *m_core;
    RefPtr<UnixSocket> other;
    if (self.is_datagram() && message.address) {
        other = TRY(UnixSocket::find(*message.address));
        if (other->type != self.type)
            return Errno::EPROTOTYPE;
    } else {
        LockGuard guard(self.lock);
        if (message.address)
            return self.state == UnixSocket::State::Connected ? Errno::EISCONN : Errno::EOPNOTSUPP;
        if (self.state != UnixSocket::State::Connected)
            return Errno::ENOTCONN;
        other = self.peer;
    }
    if (self.is_datagram() && self.pass_credentials)
        TRY(self.autobind());
    const usize length = message.data->left();
    if (length > self.send_buffer - 32)
        return Errno::EMSGSIZE;
    if (auto space = wait_for_write_space(deadline); space.is_error())
        return space.error() == Errno::EPIPE ? broken_pipe(message) : space.error();
    UnixMessage* packet = UnixMessage::create(static_cast<u32>(length));
    if (!packet)
        return Errno::ENOMEM;
    // Given back unless delivered.
    struct Owner {
        UnixMessage* packet;
        ~Owner() {
            if (packet)
                UnixMessage::destroy(packet);
        }
    } owner{packet};
    if (length != 0) {
        auto copied = message.data->copy_out(packet->data(), length);
        if (copied.is_error() || copied.value() < length)
            return Errno::EFAULT;
    }
    packet->credentials = control.credentials;
    packet->files = std::exchange(control.files, nullptr);
    {
        LockGuard guard(self.lock);
        packet->address = self.address;
    }
    packet->sender = RefPtr<UnixSocket>(&self);
    self.charged_bytes.fetch_add(static_cast<u32>(packet->memory_bytes()), std::memory_order_acq_rel);

    Waiter waiter(current());
    for (;;) {
        auto delivered = other->deliver(*packet, self);
        if (delivered.is_ok()) {
            owner.packet = nullptr;
            return length;
        }
        if (delivered.error() == Errno::EPIPE)
            return broken_pipe(message);
        if (delivered.error() == Errno::ECONNREFUSED && !message.address)
            self.disconnect_datagram();
        if (delivered.error() != Errno::EAGAIN || deadline == kNoWait)
            return delivered.error();
        if (!waiter.is_attached()) {
            waiter.attach(other->space);
            continue;
        }
        TRY(sleep(waiter, deadline, send_timeout_ns));
    }
}

// ---- receiving ----

Result<usize> UnixSocketFile::receive(SocketMessage& message) {
    if (message.flags & abi::MSG_OOB)
        return Errno::EOPNOTSUPP;
    if (message.flags & abi::MSG_ERRQUEUE)
        return Errno::EAGAIN;
    const u64 deadline = deadline_of(receive_timeout_ns, message.flags);
    if (HostConnection* host = host_connection())
        return receive_from_host(*host, message, deadline);
    return m_core->is_stream() ? receive_stream(message, deadline) : receive_packet(message, deadline);
}

namespace {

// A second set of references, for MSG_PEEK.
PassedFiles* copy_of(const PassedFiles* files) {
    if (!files)
        return nullptr;
    PassedFiles* copy = PassedFiles::create(files->count);
    for (u32 i = 0; copy && i < files->count; ++i) {
        files->files[i]->ref();
        copy->files[i] = files->files[i];
    }
    return copy;
}

bool is_same(const abi::ucred& left, const abi::ucred& right) {
    return left.pid == right.pid && left.uid == right.uid && left.gid == right.gid;
}

} // namespace

Result<usize> UnixSocketFile::receive_stream(SocketMessage& message, u64 deadline) {
    UnixSocket& self = *m_core;
    const u32 wanted_flags = message.flags;
    const bool is_peek = (wanted_flags & abi::MSG_PEEK) != 0;
    IoBuffer& data = *message.data;
    const usize target = (wanted_flags & abi::MSG_WAITALL) ? data.left() : 1;
    message.flags &= abi::MSG_CMSG_CLOEXEC;
    usize total = 0;
    bool has_credentials = false;
    abi::ucred credentials{};
    PassedFiles* files = nullptr;
    UnixMessage* peeked = nullptr; // the last message looked at
    Errno error = Errno::OK;
    Waiter waiter(current(), kReadable);

    for (bool finished = data.left() == 0; !finished;) {
        bool must_sleep = false;
        {
            LockGuard reader(self.read_lock);
            UnixMessage* next = nullptr;
            {
                LockGuard guard(self.lock);
                if (self.state != UnixSocket::State::Connected) {
                    error = Errno::EINVAL;
                    break;
                }
                next = peeked ? self.queue.next(*peeked) : self.queue.first();
                if (!next) {
                    if (total >= target)
                        break;
                    if (self.error != Errno::OK) {
                        error = total ? Errno::OK : std::exchange(self.error, Errno::OK);
                        break;
                    }
                    if (self.shut & UnixSocket::kReceiveShut)
                        break;
                    if (deadline == kNoWait) {
                        error = Errno::EAGAIN;
                        break;
                    }
                    must_sleep = true;
                    if (!waiter.is_attached())
                        waiter.attach_exclusive(self.changed);
                    peeked = nullptr; // it may be gone after the sleep
                    if (is_peek && total != 0)
                        break;
                }
            }
            if (next) {
                // Bytes of different senders are not mixed where the receiver wants to know who sent them.
                if (has_credentials && self.pass_credentials && !is_same(credentials, next->credentials))
                    break;
                const u32 bytes = static_cast<u32>(base::min<usize>(next->left(), data.left()));
                auto copied = data.copy_in(next->data() + next->consumed, bytes);
                if (copied.is_error()) {
                    error = copied.error();
                    break;
                }
                total += copied.value();
                credentials = next->credentials;
                has_credentials = true;
                const bool has_files = next->files != nullptr;
                if (is_peek) {
                    files = copy_of(next->files);
                    peeked = next;
                } else {
                    files = std::exchange(next->files, nullptr);
                    bool is_done = false;
                    {
                        LockGuard guard(self.lock);
                        next->consumed += static_cast<u32>(copied.value());
                        self.queued_bytes -= copied.value();
                        is_done = next->left() == 0;
                        if (is_done) {
                            self.queue.remove(*next);
                            --self.queued_messages;
                        }
                    }
                    if (is_done)
                        UnixMessage::destroy(next);
                }
                finished = has_files || data.left() == 0 || copied.value() < bytes;
            }
        }
        if (must_sleep) {
            if (auto slept = sleep(waiter, deadline, receive_timeout_ns); slept.is_error()) {
                error = slept.error();
                break;
            }
        }
    }
    if (waiter.is_attached()) {
        waiter.detach();
        // An exclusive wake-up may have been meant for the next reader.
        if (self.queued_bytes != 0)
            self.changed.wake(abi::POLLIN | abi::POLLRDNORM);
    }
    if (error != Errno::OK && total == 0) {
        message.control_length = 0;
        return error;
    }
    if (message.address && has_credentials) {
        RefPtr<UnixSocket> other;
        {
            LockGuard guard(self.lock);
            other = self.peer;
        }
        if (other && other->address)
            other->address->copy_to(*message.address);
    }
    if (has_credentials)
        put_received_control(message, credentials, files);
    else
        message.control_length = 0;
    return total;
}

Result<usize> UnixSocketFile::receive_packet(SocketMessage& message, u64 deadline) {
    UnixSocket& self = *m_core;
    const u32 wanted_flags = message.flags;
    const bool is_peek = (wanted_flags & abi::MSG_PEEK) != 0;
    message.flags &= abi::MSG_CMSG_CLOEXEC;
    Waiter waiter(current(), kReadable);
    for (;;) {
        {
            LockGuard reader(self.read_lock);
            UnixMessage* packet = nullptr;
            bool was_full = false;
            {
                LockGuard guard(self.lock);
                if (!self.is_datagram() && self.state != UnixSocket::State::Connected)
                    return Errno::ENOTCONN;
                packet = self.queue.first();
                if (!packet) {
                    if (self.error != Errno::OK)
                        return std::exchange(self.error, Errno::OK);
                    if (self.shut & UnixSocket::kReceiveShut) {
                        message.control_length = 0;
                        return usize{0};
                    }
                    if (deadline == kNoWait)
                        return Errno::EAGAIN;
                    if (!waiter.is_attached())
                        waiter.attach_exclusive(self.changed);
                } else if (!is_peek) {
                    was_full = self.is_queue_full();
                    self.queue.remove(*packet);
                    --self.queued_messages;
                    self.queued_bytes -= packet->length;
                    if (was_full)
                        for (UnixSocket& client : self.clients)
                            client.changed.wake(abi::POLLOUT | abi::POLLWRNORM | abi::POLLWRBAND, ~0u);
                }
            }
            if (packet) {
                const usize bytes = base::min<usize>(packet->length, message.data->left());
                auto copied = bytes ? message.data->copy_in(packet->data(), bytes) : Result<usize>(usize{0});
                usize result = bytes;
                if (bytes < packet->length) {
                    message.flags |= abi::MSG_TRUNC;
                    if (wanted_flags & abi::MSG_TRUNC)
                        result = packet->length;
                }
                if (message.address && packet->address)
                    packet->address->copy_to(*message.address);
                const abi::ucred credentials = packet->credentials;
                PassedFiles* files = is_peek ? copy_of(packet->files) : std::exchange(packet->files, nullptr);
                reader.unlock();
                if (!is_peek) {
                    if (self.is_datagram())
                        self.space.wake_all();
                    UnixMessage::destroy(packet);
                }
                if (waiter.is_attached()) {
                    waiter.detach();
                    if (self.queued_messages != 0)
                        self.changed.wake(abi::POLLIN | abi::POLLRDNORM);
                }
                if (copied.is_error()) {
                    if (files)
                        PassedFiles::drop_later(files);
                    return copied.error();
                }
                put_received_control(message, credentials, files);
                return result;
            }
        }
        if (auto slept = sleep(waiter, deadline, receive_timeout_ns); slept.is_error()) {
            waiter.detach();
            if (self.queued_messages != 0)
                self.changed.wake(abi::POLLIN | abi::POLLRDNORM);
            return slept.error();
        }
    }
}

} // namespace lxcore
