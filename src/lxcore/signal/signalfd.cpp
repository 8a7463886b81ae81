// signalfd(2).
#include "lxcore/fs/fd_table.hpp"
#include "lxcore/signal/calls.hpp"
#include "lxcore/signal/internal.hpp"

namespace lxcore {

namespace {

void fill(abi::signalfd_siginfo& out, const abi::siginfo& info) {
    out = {};
    out.ssi_signo = static_cast<u32>(info.si_signo);
    out.ssi_errno = info.si_errno;
    out.ssi_code = info.si_code;
    if (info.si_code == abi::SI_TIMER) {
        out.ssi_tid = static_cast<u32>(info._timer.tid);
        out.ssi_overrun = static_cast<u32>(info._timer.overrun);
        out.ssi_ptr = info._timer.value.sival_ptr;
        out.ssi_int = info._timer.value.sival_int;
    } else if (info.si_code > 0 && info.si_signo == abi::SIGCHLD) {
        out.ssi_pid = static_cast<u32>(info._sigchld.pid);
        out.ssi_uid = info._sigchld.uid;
        out.ssi_status = info._sigchld.status;
        out.ssi_utime = static_cast<u64>(info._sigchld.utime);
        out.ssi_stime = static_cast<u64>(info._sigchld.stime);
    } else if (info.si_code > 0 && info.si_code != abi::SI_KERNEL &&
               (kSynchronous & signal_bit(out.ssi_signo))) {
        out.ssi_addr = info._sigfault.addr;
    } else if (info.si_code > 0 && info.si_code != abi::SI_KERNEL && info.si_signo == abi::SIGIO) {
        out.ssi_band = static_cast<u32>(info._sigpoll.band);
        out.ssi_fd = info._sigpoll.fd;
    } else {
        out.ssi_pid = static_cast<u32>(info._rt.pid);
        out.ssi_uid = info._rt.uid;
        if (info.si_code < 0 && info.si_code != abi::SI_TKILL) {
            out.ssi_ptr = info._rt.value.sival_ptr;
            out.ssi_int = info._rt.value.sival_int;
        }
    }
}

} // namespace

// Reads and polls tell of the signals of whoever calls, not of who created the file.
class SignalFd final : public File {
public:
    std::atomic<SignalSet> mask{0};

    SignalFd* signal_fd() override { return this; }

    Result<usize> read(IoBuffer& buffer, i64) override {
        if (buffer.left() < sizeof(abi::signalfd_siginfo))
            return Errno::EINVAL;
        usize done = 0;
        while (buffer.left() >= sizeof(abi::signalfd_siginfo)) {
            abi::siginfo info;
            if (!take_pending_signal(current(), mask.load(), info)) {
                if (done)
                    break;
                TRY(wait(info));
            }
            abi::signalfd_siginfo record;
            fill(record, info);
            auto copied = buffer.copy_in(&record, sizeof record);
            if (copied.is_error())
                return done ? Result<usize>(done) : Result<usize>(copied.error());
            done += copied.value();
        }
        return done;
    }

    u32 poll(PollTable* table) override {
        Task& task = current();
        if (table)
            table->add(task.process->handlers->signal_wait);
        const SignalSet pending = task.pending.set | task.process->pending.set;
        return pending & mask.load() ? abi::POLLIN | abi::POLLRDNORM : 0;
    }

    void print_information(base::Writer& writer) override {
        base::print(writer, "sigmask:\t{:016x}\n", mask.load());
    }

private:
    Result<void> wait(abi::siginfo& info) {
        if (is_nonblocking())
            return Errno::EAGAIN;
        Task& task = current();
        Waiter waiter(task);
        waiter.attach(task.process->handlers->signal_wait);
        while (!take_pending_signal(task, mask.load(), info)) {
            if (task.is_interrupted())
                return Errno::ERESTARTSYS;
            task.sleep();
        }
        return {};
    }
};

Result<i32> sys_signalfd4(i32 fd, UserPtr<u64> mask, u64 size, HexFlags flags) {
    if (size != abi::SIGSET_SIZE || (flags & ~u64{abi::SFD_CLOEXEC | abi::SFD_NONBLOCK}))
        return Errno::EINVAL;
    const SignalSet set = TRY(mask.read()) & ~kUnblockable;
    if (fd != -1) {
        auto held = TRY(get_file(fd));
        SignalFd* file = held->signal_fd();
        if (!file)
            return Errno::EINVAL;
        file->mask.store(set);
        current().process->handlers->signal_wait.wake_all();
        return fd;
    }
    auto file = TRY(make_ref<SignalFd>());
    file->mask.store(set);
    file->flags.store(abi::O_RDWR | (flags & abi::SFD_NONBLOCK ? abi::O_NONBLOCK : 0));
    TRY(attach_anonymous_inode(*file, "[signalfd]", 0600));
    return current().files->install(file, (flags & abi::SFD_CLOEXEC) != 0);
}

Result<i32> sys_signalfd(i32 fd, UserPtr<u64> mask, u64 size) {
    return sys_signalfd4(fd, mask, size, HexFlags{0});
}

} // namespace lxcore
