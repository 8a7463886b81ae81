// ioctl_tty(2).
#include "abi/signal.hpp"
#include "lxcore/signal/signals.hpp"
#include "lxcore/task/task_table.hpp"
#include "lxcore/tty/tty.hpp"

namespace lxcore {

namespace {

template <typename T>
Result<i64> write_out(u64 address, const T& value) {
    TRY(copy_to_user(address, &value, sizeof(value)));
    return i64{0};
}

template <typename T>
Result<T> read_in(u64 address) {
    T value;
    TRY(copy_from_user(&value, address, sizeof(value)));
    return value;
}

// struct termio of System V, which TCGETA and TCSETA pass.
struct Termio {
    u16 iflag, oflag, cflag, lflag;
    u8 line, cc[8];
};

bool changes_settings(u32 request) {
    switch (request) {
    case abi::TCSETS: case abi::TCSETSW: case abi::TCSETSF: case abi::TCSETS2: case abi::TCSETSW2:
    case abi::TCSETSF2: case abi::TCSETA: case abi::TCSETAW: case abi::TCSETAF: case abi::TCSBRK:
    case abi::TCSBRKP: case abi::TCXONC: case abi::TCFLSH: case abi::TIOCSPGRP: case abi::TIOCSTI:
        return true;
    default:
        return false;
    }
}

// Waits until the master has taken all output.
Result<void> drain_output(Tty& tty) {
    Task& task = current();
    Waiter waiter(task);
    waiter.attach(tty.writers);
    for (;;) {
        {
            LockGuard guard(tty.lock);
            if (tty.output.used() == 0 || tty.is_hung_up)
                return {};
        }
        if (task.sleep() == SleepResult::Interrupted)
            return Errno::ERESTARTSYS;
    }
}

} // namespace

Result<void> Tty::set_window_size(const abi::winsize& new_size) {
    i32 group;
    {
        LockGuard guard(lock);
        if (__builtin_memcmp(&size, &new_size, sizeof(size)) == 0)
            return {};
        size = new_size;
        group = foreground;
    }
    if (group) {
        LockGuard guard(task_state().tree_lock);
        if (ProcessGroup* members = find_group(group))
            send_signal_to_group(*members, abi::SIGWINCH);
    }
    return {};
}

Result<void> Tty::set_settings(u32 request, u64 argument) {
    abi::termios2 wanted{};
    {
        LockGuard guard(lock);
        wanted = settings;
    }
    bool waits = false, flushes = false;
    switch (request) {
    case abi::TCSETSF: flushes = true; [[fallthrough]];
    case abi::TCSETSW: waits = true; [[fallthrough]];
    case abi::TCSETS:
        TRY(copy_from_user(&wanted, argument, sizeof(abi::termios)));
        break;
    case abi::TCSETSF2: flushes = true; [[fallthrough]];
    case abi::TCSETSW2: waits = true; [[fallthrough]];
    case abi::TCSETS2:
        TRY(copy_from_user(&wanted, argument, sizeof(abi::termios2)));
        break;
    default: {
        flushes = request == abi::TCSETAF;
        waits = request != abi::TCSETA;
        const Termio old = TRY(read_in<Termio>(argument));
        wanted.c_iflag = (wanted.c_iflag & 0xffff0000) | old.iflag;
        wanted.c_oflag = (wanted.c_oflag & 0xffff0000) | old.oflag;
        wanted.c_cflag = (wanted.c_cflag & 0xffff0000) | old.cflag;
        wanted.c_lflag = (wanted.c_lflag & 0xffff0000) | old.lflag;
        wanted.c_line = old.line;
        __builtin_memcpy(wanted.c_cc, old.cc, sizeof(old.cc));
    }
    }
    if (waits)
        TRY(drain_output(*this));
    {
        LockGuard guard(lock);
        if (flushes)
            input.clear();
        const bool was_canonical = is_canonical();
        settings = wanted;
        // The line discipline is always N_TTY.
        settings.c_line = 0;
        if (was_canonical && !is_canonical())
            input.commit_all();
        if (!(settings.c_iflag & abi::IXON))
            output_stopped = false;
    }
    readers.wake_all();
    writers.wake_all();
    return {};
}

Result<i64> Tty::control(File& file, u32 request, u64 argument, bool is_master) {
    if (!is_master && changes_settings(request))
        TRY(check_job_control(*this, abi::SIGTTOU));
    switch (request) {
    case abi::TCGETS: {
        LockGuard guard(lock);
        return write_out(argument, *reinterpret_cast<const abi::termios*>(&settings));
    }
    case abi::TCGETS2: {
        LockGuard guard(lock);
        return write_out(argument, settings);
    }
    case abi::TCGETA: {
        LockGuard guard(lock);
        Termio old{static_cast<u16>(settings.c_iflag), static_cast<u16>(settings.c_oflag),
                   static_cast<u16>(settings.c_cflag), static_cast<u16>(settings.c_lflag), settings.c_line, {}};
        __builtin_memcpy(old.cc, settings.c_cc, sizeof(old.cc));
        return write_out(argument, old);
    }
    case abi::TCSETS: case abi::TCSETSW: case abi::TCSETSF: case abi::TCSETS2: case abi::TCSETSW2:
    case abi::TCSETSF2: case abi::TCSETA: case abi::TCSETAW: case abi::TCSETAF:
        TRY(set_settings(request, argument));
        return i64{0};
    case abi::TIOCGWINSZ: {
        LockGuard guard(lock);
        return write_out(argument, size);
    }
    case abi::TIOCSWINSZ:
        TRY(set_window_size(TRY(read_in<abi::winsize>(argument))));
        return i64{0};
    case abi::TIOCGPGRP: {
        // The master may ask for the slave's group, a slave only as one's own controlling terminal.
        if (!is_master && current().process->controlling_tty() != this)
            return Errno::ENOTTY;
        return write_out(argument, foreground);
    }
    case abi::TIOCSPGRP: {
        const i32 group = TRY(read_in<i32>(argument));
        Process& process = *current().process;
        if (!is_master && process.controlling_tty() != this)
            return Errno::ENOTTY;
        if (group < 0)
            return Errno::EINVAL;
        LockGuard guard(task_state().tree_lock);
        ProcessGroup* members = find_group(group);
        if (!members)
            return Errno::ESRCH;
        if (members->session != session)
            return Errno::EPERM;
        LockGuard tty_guard(lock);
        foreground = group;
        return i64{0};
    }
    case abi::TIOCGSID: {
        LockGuard guard(task_state().tree_lock);
        if (!session || (!is_master && current().process->session != session))
            return Errno::ENOTTY;
        return write_out(argument, session->sid);
    }
    case abi::TIOCSCTTY:
        if (is_master)
            return Errno::ENOTTY;
        TRY(set_controlling_tty(*this, argument == 1));
        return i64{0};
    case abi::TIOCNOTTY: {
        Process& process = *current().process;
        if (process.controlling_tty() != this)
            return Errno::ENOTTY;
        if (process.session->leader == &process)
            session_leader_exited(*process.session);
        // A member that is not the leader keeps the session's terminal: per-process terminals are not kept.
        return i64{0};
    }
    case abi::TIOCINQ: {
        LockGuard guard(lock);
        const i32 count = static_cast<i32>(is_master ? output.used() : input.available(is_canonical()));
        return write_out(argument, count);
    }
    case abi::TIOCOUTQ: {
        LockGuard guard(lock);
        const i32 count = is_master ? 0 : static_cast<i32>(output.used());
        return write_out(argument, count);
    }
    case abi::TIOCSTI: {
        if (!current().credentials->has_capability(21) && current().process->controlling_tty() != this)
            return Errno::EPERM;
        const u8 byte = TRY(read_in<u8>(argument));
        Signals signals;
        {
            LockGuard guard(lock);
            receive(byte, signals);
        }
        wake_after_input();
        send(signals);
        return i64{0};
    }
    case abi::TCFLSH: {
        if (argument > abi::TCIOFLUSH)
            return Errno::EINVAL;
        {
            LockGuard guard(lock);
            const bool flushes_input = argument != abi::TCOFLUSH, flushes_output = argument != abi::TCIFLUSH;
            // On the master both are seen from the other side.
            if (is_master ? flushes_output : flushes_input)
                input.clear();
            if (is_master ? flushes_input : flushes_output)
                output.clear();
            if (is_packet_mode && !is_master)
                packet_status |= static_cast<u8>((flushes_input ? abi::TIOCPKT_FLUSHREAD : 0) |
                                                 (flushes_output ? abi::TIOCPKT_FLUSHWRITE : 0));
        }
        writers.wake_all();
        masters.wake_all();
        return i64{0};
    }
    case abi::TCXONC:
        if (argument > abi::TCION)
            return Errno::EINVAL;
        {
            LockGuard guard(lock);
            if (argument == abi::TCOOFF)
                output_stopped = true;
            else if (argument == abi::TCOON)
                output_stopped = false;
            else
                (void)put_output(control_character(argument == abi::TCIOFF ? abi::VSTOP : abi::VSTART));
        }
        writers.wake_all();
        masters.wake_all();
        return i64{0};
    case abi::TCSBRK:
    case abi::TCSBRKP:
        if (!is_master)
            TRY(drain_output(*this));
        return i64{0};
    case abi::TIOCSBRK:
    case abi::TIOCCBRK:
        return i64{0};
    case abi::TIOCEXCL:
    case abi::TIOCNXCL:
        is_exclusive = request == abi::TIOCEXCL;
        return i64{0};
    case abi::TIOCGEXCL:
        return write_out(argument, static_cast<i32>(is_exclusive));
    case abi::TIOCGETD:
        return write_out(argument, i32{abi::N_TTY});
    case abi::TIOCSETD:
        if (TRY(read_in<i32>(argument)) != static_cast<i32>(abi::N_TTY))
            return Errno::EINVAL;
        return i64{0};
    case abi::TIOCGDEV:
        return write_out(argument, static_cast<u32>(is_master ? (5 << 8) | 2 : (136 + index / 256) << 8 | index % 256));
    case abi::TIOCVHANGUP:
        if (!current().credentials->has_capability(21))
            return Errno::EPERM;
        hang_up();
        return i64{0};
    default:
        break;
    }
    if (!is_master)
        return Errno::ENOTTY;
    switch (request) {
    case abi::TIOCGPTN:
        return write_out(argument, index);
    case abi::TIOCSPTLCK:
        is_locked = TRY(read_in<i32>(argument)) != 0;
        return i64{0};
    case abi::TIOCGPTLCK:
        return write_out(argument, static_cast<i32>(is_locked));
    case abi::TIOCPKT: {
        const i32 on = TRY(read_in<i32>(argument));
        LockGuard guard(lock);
        is_packet_mode = on != 0;
        packet_status = 0;
        return i64{0};
    }
    case abi::TIOCGPKT:
        return write_out(argument, static_cast<i32>(is_packet_mode));
    case abi::TIOCSIG: {
        if (argument != abi::SIGINT && argument != abi::SIGQUIT && argument != abi::SIGTSTP)
            return Errno::EINVAL;
        Signals signals;
        signals.add(static_cast<u32>(argument));
        send(signals);
        return i64{0};
    }
    default:
        (void)file;
        return Errno::ENOTTY;
    }
}

} // namespace lxcore
