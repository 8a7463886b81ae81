// timerfd_create(2).
#include "abi/prctl.hpp"

#include "lxcore/fs/fd_table.hpp"
#include "lxcore/time/calls.hpp"
#include "lxcore/time/clock.hpp"
#include "lxcore/time/timer.hpp"

namespace lxcore {

namespace {

// Readers and pollers look at the clock themselves; the timer thread is needed only to wake those who sleep.
class Alarm final : public Timer {
public:
    Mutex lock; // outside of the timer queue's
    WaitQueue wait;
    i32 clock = abi::CLOCK_MONOTONIC;
    u32 set_flags = 0;
    u64 interval = 0;
    u64 target = 0; // on the monotonic clock; 0: not armed
    u64 ticks = 0;  // expirations that nobody has read

    void expired(u64) override {
        {
            LockGuard guard(lock);
            if (!advance(host::monotonic_ns()))
                return;
        }
        wait.wake(abi::POLLIN | abi::POLLRDNORM);
    }

    // Counts what has expired by now and arms for the next. lock held. Whether there is anything to read.
    bool advance(u64 now) {
        if (target && now >= target) {
            if (interval) {
                const u64 passed = (now - target) / interval + 1;
                ticks += passed;
                target += passed * interval;
                (void)arm(base::max(target, now + kShortestPeriod));
            } else {
                ++ticks;
                target = 0;
            }
        }
        return ticks != 0;
    }

    abi::itimerspec setting() {
        LockGuard guard(lock);
        const u64 now = host::monotonic_ns();
        advance(now);
        return {timespec_of(interval), timespec_of(target ? (target > now ? target - now : 1) : 0)};
    }

private:
    static constexpr u64 kShortestPeriod = 50'000;
};

} // namespace

class TimerFd final : public File {
public:
    explicit TimerFd(RefPtr<Alarm> alarm) : m_alarm(std::move(alarm)) {}
    ~TimerFd() override { m_alarm->disarm(); }
    TimerFd* timer_fd() override { return this; }

    Result<usize> read(IoBuffer& buffer, i64) override {
        if (buffer.left() < sizeof(u64))
            return Errno::EINVAL;
        u64 ticks = take();
        if (!ticks) {
            if (is_nonblocking())
                return Errno::EAGAIN;
            Task& task = current();
            Waiter waiter(task);
            waiter.attach(m_alarm->wait);
            while (!(ticks = take())) {
                if (task.is_interrupted())
                    return Errno::ERESTARTSYS;
                task.sleep(next());
            }
        }
        return buffer.copy_in(&ticks, sizeof ticks);
    }

    u32 poll(PollTable* table) override {
        if (table)
            table->add(m_alarm->wait);
        LockGuard guard(m_alarm->lock);
        return m_alarm->advance(host::monotonic_ns()) ? abi::POLLIN | abi::POLLRDNORM : 0;
    }

    void print_information(base::Writer& writer) override {
        const abi::itimerspec setting = m_alarm->setting();
        base::print(writer, "clockid: {}\nticks: {}\nsettime flags: 0{:o}\n", m_alarm->clock, m_alarm->ticks,
                    m_alarm->set_flags);
        base::print(writer, "it_value: ({}, {})\nit_interval: ({}, {})\n", setting.it_value.tv_sec,
                    setting.it_value.tv_nsec, setting.it_interval.tv_sec, setting.it_interval.tv_nsec);
    }

    abi::itimerspec get() { return m_alarm->setting(); }

    Result<void> set(const abi::itimerspec& wanted, u32 flags) {
        Alarm& alarm = *m_alarm;
        LockGuard guard(alarm.lock);
        alarm.set_flags = flags;
        alarm.ticks = 0;
        alarm.interval = nanoseconds(wanted.it_interval);
        alarm.target = 0;
        const u64 value = nanoseconds(wanted.it_value);
        if (value == 0 || value == host::kNoDeadline) {
            alarm.disarm();
            return {};
        }
        alarm.target =
            (flags & abi::TFD_TIMER_ABSTIME) ? TRY(deadline_of(alarm.clock, value)) : deadline_after(value);
        return alarm.arm(alarm.target);
    }

private:
    u64 take() {
        LockGuard guard(m_alarm->lock);
        m_alarm->advance(host::monotonic_ns());
        return std::exchange(m_alarm->ticks, 0);
    }
    u64 next() {
        LockGuard guard(m_alarm->lock);
        return m_alarm->target ? m_alarm->target : host::kNoDeadline;
    }

    RefPtr<Alarm> m_alarm;
};

Result<i32> sys_timerfd_create(Clock clock, HexFlags flags) {
    if (flags & ~u64{abi::TFD_CLOEXEC | abi::TFD_NONBLOCK})
        return Errno::EINVAL;
    switch (clock) {
    case abi::CLOCK_REALTIME:
    case abi::CLOCK_MONOTONIC:
    case abi::CLOCK_BOOTTIME:
        break;
    case abi::CLOCK_REALTIME_ALARM:
    case abi::CLOCK_BOOTTIME_ALARM:
        if (!current().credentials->has_capability(abi::CAP_WAKE_ALARM))
            return Errno::EPERM;
        break;
    default:
        return Errno::EINVAL;
    }
    auto alarm = TRY(make_ref<Alarm>());
    alarm->clock = clock;
    auto file = TRY(make_ref<TimerFd>(alarm));
    file->flags.store(abi::O_RDWR | (flags & abi::TFD_NONBLOCK ? abi::O_NONBLOCK : 0));
    TRY(attach_anonymous_inode(*file, "[timerfd]", 0600));
    return current().files->install(file, (flags & abi::TFD_CLOEXEC) != 0);
}

Result<void> sys_timerfd_settime(Fd fd, i32 flags, UserPtr<abi::itimerspec> value,
                                 UserPtr<abi::itimerspec> old_value) {
    const abi::itimerspec wanted = TRY(value.read());
    const u32 bits = static_cast<u32>(flags);
    if ((bits & ~(abi::TFD_TIMER_ABSTIME | abi::TFD_TIMER_CANCEL_ON_SET)) || !is_valid(wanted.it_value) ||
        !is_valid(wanted.it_interval))
        return Errno::EINVAL;
    auto held = TRY(get_file(fd));
    TimerFd* timer = held->timer_fd();
    if (!timer)
        return Errno::EINVAL;
    const abi::itimerspec old = timer->get();
    TRY(timer->set(wanted, bits));
    if (old_value)
        TRY(old_value.write(old));
    return {};
}

Result<void> sys_timerfd_gettime(Fd fd, UserPtr<abi::itimerspec> value) {
    auto held = TRY(get_file(fd));
    TimerFd* timer = held->timer_fd();
    if (!timer)
        return Errno::EINVAL;
    return value.write(timer->get());
}

} // namespace lxcore
