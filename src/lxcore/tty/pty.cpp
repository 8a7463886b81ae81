// Pseudo-terminals: pty(7).
#include "abi/fcntl.hpp"
#include "abi/signal.hpp"
#include "lxcore/fs/fd_table.hpp"
#include "lxcore/fs/mount.hpp"
#include "lxcore/tty/tty.hpp"

namespace lxcore {

namespace {

TtyState& state() { return *kernel().ttys; }

// Sleeps on `queue` until `ready` holds (asked with the terminal's lock held); deadline as Task::sleep.
template <typename Ready>
Result<void> wait_for(Tty& tty, WaitQueue& queue, bool nonblocking, Ready ready, u64 deadline = host::kNoDeadline,
                      bool* timed_out = nullptr) {
    {
        LockGuard guard(tty.lock);
        if (ready())
            return {};
    }
    if (nonblocking)
        return Errno::EAGAIN;
    Task& task = current();
    Waiter waiter(task);
    waiter.attach(queue);
    for (;;) {
        {
            LockGuard guard(tty.lock);
            if (ready())
                return {};
        }
        switch (task.sleep(deadline)) {
        case SleepResult::Interrupted: return Errno::ERESTARTSYS;
        case SleepResult::TimedOut:
            if (timed_out)
                *timed_out = true;
            return {};
        case SleepResult::Woken: break;
        }
    }
}

class SlaveFile final : public TtyFile {
public:
    ~SlaveFile() override {
        if (!tty)
            return;
        bool last;
        {
            LockGuard guard(tty->lock);
            last = --tty->slave_count == 0;
        }
        if (last)
            tty->masters.wake_all();
    }

    Result<usize> read(IoBuffer& buffer, i64) override {
        if (buffer.left() == 0)
            return usize{0};
        TRY(check_job_control(*tty, abi::SIGTTIN));
        bool canonical;
        u8 minimum, time;
        {
            LockGuard guard(tty->lock);
            canonical = tty->is_canonical();
            minimum = tty->control_character(abi::VMIN);
            time = tty->control_character(abi::VTIME);
        }
        Result<usize> result = canonical ? read_line(buffer) : read_raw(buffer, minimum, time);
        // The master may go on writing.
        tty->masters.wake(abi::POLLOUT | abi::POLLWRNORM);
        return result;
    }

    Result<usize> write(IoBuffer& buffer, i64) override {
        if (tty->settings.c_lflag & abi::TOSTOP)
            TRY(check_job_control(*tty, abi::SIGTTOU));
        usize total = 0;
        while (buffer.left() > 0) {
            char chunk[512];
            usize put = 0;
            {
                LockGuard guard(tty->lock);
                if (tty->is_hung_up) {
                    if (total)
                        return total;
                    return Errno::EIO;
                }
                if (!tty->output_stopped) {
                    const auto bytes = buffer.peek(chunk, sizeof(chunk));
                    if (bytes.is_error()) {
                        if (total)
                            return total;
                        return bytes.error();
                    }
                    while (put < bytes.value() && tty->put_output(static_cast<u8>(chunk[put])))
                        ++put;
                    tty->edit_column = tty->column;
                }
            }
            buffer.advance(put);
            total += put;
            if (put > 0) {
                tty->masters.wake(abi::POLLIN | abi::POLLRDNORM);
                continue;
            }
            const auto waited = wait_for(*tty, tty->writers, is_nonblocking(), [&] {
                return tty->is_hung_up || (!tty->output_stopped && tty->output.room() >= 8);
            });
            if (waited.is_error()) {
                if (total)
                    return total;
                return waited.error();
            }
        }
        return total;
    }

    u32 poll(PollTable* table) override {
        if (table) {
            table->add(tty->readers);
            table->add(tty->writers);
        }
        LockGuard guard(tty->lock);
        if (tty->is_hung_up)
            return abi::POLLIN | abi::POLLRDNORM | abi::POLLOUT | abi::POLLWRNORM | abi::POLLERR | abi::POLLHUP;
        u32 events = 0;
        if (tty->is_canonical() ? tty->input.has_line() : tty->input.used() > 0)
            events |= abi::POLLIN | abi::POLLRDNORM;
        if (!tty->output_stopped && tty->output.room() >= 256)
            events |= abi::POLLOUT | abi::POLLWRNORM;
        return events;
    }

    Result<i64> control(u32 request, u64 argument) override {
        if (tty->is_hung_up)
            return Errno::EIO;
        return tty->control(*this, request, argument, false);
    }

private:
    Result<usize> read_line(IoBuffer& buffer) {
        for (;;) {
            TRY(wait_for(*tty, tty->readers, is_nonblocking(), [&] {
                return tty->is_hung_up || !tty->is_canonical() || tty->input.has_line();
            }));
            LockGuard guard(tty->lock);
            if (tty->input.has_line() || !tty->is_canonical())
                return tty->input.read(buffer, tty->is_canonical());
            if (tty->is_hung_up)
                return usize{0};
        }
    }

    // The four cases of VMIN and VTIME: termios(3), "Canonical and noncanonical mode".
    Result<usize> read_raw(IoBuffer& buffer, u8 minimum, u8 time) {
        constexpr u64 kTenthNs = 100'000'000;
        const usize wanted = base::min<usize>(minimum, buffer.left());
        usize total = 0;
        u64 deadline = minimum == 0 ? host::monotonic_ns() + time * kTenthNs : host::kNoDeadline;
        for (;;) {
            bool hung_up;
            {
                LockGuard guard(tty->lock);
                const auto got = tty->input.read(buffer, false);
                if (got.is_error()) {
                    if (total)
                        return total;
                    return got.error();
                }
                total += got.value();
                if (got.value() > 0 && minimum > 0 && time > 0)
                    deadline = host::monotonic_ns() + time * kTenthNs; // between bytes
                hung_up = tty->is_hung_up;
            }
            if (hung_up || buffer.left() == 0 || (total > 0 && total >= wanted) || (minimum == 0 && time == 0))
                return total;
            bool timed_out = false;
            const auto waited = wait_for(
                *tty, tty->readers, is_nonblocking(), [&] { return tty->is_hung_up || tty->input.used() > 0; },
                deadline, &timed_out);
            if (waited.is_error()) {
                if (total)
                    return total;
                return waited.error();
            }
            if (timed_out)
                return total;
        }
    }
};

class MasterFile final : public TtyFile {
public:
    ~MasterFile() override {
        if (!tty)
            return;
        {
            LockGuard guard(state().lock);
            if (state().ptys[tty->index] == tty.get()) {
                state().ptys[tty->index] = nullptr;
                --state().pty_count;
            }
        }
        tty->hang_up();
    }

    Result<usize> read(IoBuffer& buffer, i64) override {
        if (buffer.left() == 0)
            return usize{0};
        TRY(wait_for(*tty, tty->masters, is_nonblocking(), [&] { return is_readable_now(); }));
        usize total = 0;
        {
            LockGuard guard(tty->lock);
            if (tty->is_packet_mode) {
                const u8 status = std::exchange(tty->packet_status, 0);
                if (status == 0 && tty->output.used() == 0)
                    return Errno::EIO;
                TRY(buffer.copy_in(&status, 1));
                if (status != 0)
                    return usize{1};
                total = 1;
            } else if (tty->output.used() == 0) {
                return Errno::EIO; // the last slave has gone
            }
            total += TRY(tty->output.read(buffer));
        }
        tty->writers.wake(abi::POLLOUT | abi::POLLWRNORM);
        return total;
    }

    Result<usize> write(IoBuffer& buffer, i64) override {
        usize total = 0;
        while (buffer.left() > 0) {
            u8 chunk[256];
            const auto bytes = buffer.peek(chunk, sizeof(chunk));
            if (bytes.is_error()) {
                if (total)
                    return total;
                return bytes.error();
            }
            Tty::Signals signals;
            usize taken = 0;
            {
                LockGuard guard(tty->lock);
                while (taken < bytes.value() && signals.count < 8 && tty->has_input_room())
                    tty->receive(chunk[taken++], signals);
            }
            buffer.advance(taken);
            total += taken;
            tty->wake_after_input();
            tty->send(signals);
            if (taken > 0)
                continue;
            const auto waited =
                wait_for(*tty, tty->masters, is_nonblocking(), [&] { return tty->is_hung_up || tty->has_input_room(); });
            if (waited.is_error()) {
                if (total)
                    return total;
                return waited.error();
            }
            if (tty->is_hung_up)
                return Errno::EIO;
        }
        return total;
    }

    u32 poll(PollTable* table) override {
        if (table)
            table->add(tty->masters);
        LockGuard guard(tty->lock);
        u32 events = 0;
        if (tty->output.used() > 0 && !tty->output_stopped)
            events |= abi::POLLIN | abi::POLLRDNORM;
        if (tty->is_packet_mode && tty->packet_status)
            events |= abi::POLLIN | abi::POLLRDNORM | abi::POLLPRI;
        if (tty->has_input_room())
            events |= abi::POLLOUT | abi::POLLWRNORM;
        if (tty->slave_was_opened && tty->slave_count == 0)
            events |= abi::POLLHUP;
        return events;
    }

    Result<i64> control(u32 request, u64 argument) override {
        if (request == abi::TIOCGPTPEER) {
            RefPtr<File> slave = TRY(open_pty_slave(tty->index, {}, static_cast<u32>(argument)));
            const i32 fd =
                TRY(current().files->install(std::move(slave), (argument & abi::O_CLOEXEC) != 0));
            return i64{fd};
        }
        return tty->control(*this, request, argument, true);
    }

private:
    bool is_readable_now() const {
        return (tty->output.used() > 0 && !tty->output_stopped) || (tty->is_packet_mode && tty->packet_status) ||
               (tty->slave_was_opened && tty->slave_count == 0) || tty->is_hung_up;
    }
};

} // namespace

Result<void> initialize_ttys() {
    kernel().ttys = TRY(make<TtyState>());
    return {};
}

RefPtr<Tty> find_pty(u32 index) {
    if (index >= TtyState::kMaxPtys)
        return nullptr;
    LockGuard guard(state().lock);
    Tty* tty = state().ptys[index];
    return tty && tty->try_ref() ? RefPtr<Tty>::adopt(tty) : nullptr;
}

Result<RefPtr<Tty>> open_pty_master(u32 flags, RefPtr<File>& master) {
    RefPtr<Tty> tty = TRY(make_ref<Tty>());
    tty->settings.c_iflag = abi::TTY_STD_IFLAG;
    tty->settings.c_oflag = abi::TTY_STD_OFLAG;
    tty->settings.c_cflag = abi::TTY_STD_CFLAG;
    tty->settings.c_lflag = abi::TTY_STD_LFLAG;
    __builtin_memcpy(tty->settings.c_cc, abi::TTY_STD_CC, sizeof(abi::TTY_STD_CC));
    tty->settings.c_ispeed = tty->settings.c_ospeed = 38400;
    tty->uid = current().credentials ? current().credentials->fsuid : 0;
    tty->gid = current().credentials ? current().credentials->fsgid : 0;
    now_realtime(tty->created);
    RefPtr<MasterFile> file = TRY(make_ref<MasterFile>());
    {
        LockGuard guard(state().lock);
        u32 index = 0;
        while (index < TtyState::kMaxPtys && state().ptys[index])
            ++index;
        if (index == TtyState::kMaxPtys)
            return Errno::ENOSPC;
        tty->index = index;
        state().ptys[index] = tty.get();
        ++state().pty_count;
    }
    file->tty = tty;
    file->is_master = true;
    file->flags.store(abi::O_RDWR | (flags & abi::O_NONBLOCK));
    master = file;
    return tty;
}

namespace {

// In the devpts mount, so that ttyname(3) finds the terminal. Empty without one.
Result<Path> devpts_path(u32 index) {
    RefPtr<Mount> mount;
    {
        LockGuard guard(mount_state().lock);
        for (Mount& candidate : mount_state().mounts)
            if (std::string_view(candidate.super_block->type_name) == "devpts")
                mount = RefPtr<Mount>(&candidate);
    }
    if (!mount)
        return Path();
    base::FixedWriter<16> name;
    base::print(name, "{}", index);
    RefPtr<Dentry> dentry = TRY(lookup_dentry(*mount->root, name.view()));
    if (dentry->is_negative())
        return Path();
    return Path(std::move(mount), std::move(dentry));
}

} // namespace

Result<RefPtr<File>> open_pty_slave(u32 index, const Path& path, u32 flags) {
    RefPtr<Tty> tty = find_pty(index);
    if (!tty)
        return Errno::ENXIO;
    RefPtr<SlaveFile> file = TRY(make_ref<SlaveFile>());
    file->path = path ? path : TRY(devpts_path(index));
    if (!file->path)
        TRY(attach_anonymous_inode(*file, "pts", abi::S_IFCHR | (tty->mode == kModeUnset ? 0620 : tty->mode)));
    {
        LockGuard guard(tty->lock);
        if (tty->is_hung_up || tty->is_locked)
            return Errno::EIO;
        if (tty->is_exclusive && !current().credentials->has_capability(21))
            return Errno::EBUSY;
        ++tty->slave_count;
        tty->slave_was_opened = true;
    }
    file->tty = tty;
    file->flags.store(flags & (abi::O_ACCMODE | abi::O_NONBLOCK | abi::O_APPEND));
    if (!(flags & abi::O_NOCTTY) && (flags & abi::O_ACCMODE) != abi::O_WRONLY && current().process)
        maybe_set_controlling_tty(*tty);
    return RefPtr<File>(std::move(file));
}

} // namespace lxcore
