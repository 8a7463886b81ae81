// Controlling terminals and job control: credentials(7), tty_ioctl(4), setpgid(2).
#include "abi/signal.hpp"
#include "lxcore/signal/signals.hpp"
#include "lxcore/task/task_table.hpp"
#include "lxcore/tty/tty.hpp"

namespace lxcore {

namespace {

void signal_group(i32 pgid, u32 signal) {
    if (pgid <= 0)
        return;
    LockGuard guard(task_state().tree_lock);
    if (ProcessGroup* group = find_group(pgid))
        send_signal_to_group(*group, signal);
}

} // namespace

RefPtr<Tty> current_tty() {
    LockGuard guard(task_state().tree_lock);
    Session* session = current().process->session;
    return session ? RefPtr<Tty>(session->tty) : nullptr;
}

Tty* Process::controlling_tty() const { return session ? session->tty : nullptr; }

void Tty::send(const Signals& signals) {
    if (signals.count == 0)
        return;
    i32 group;
    {
        LockGuard guard(lock);
        group = foreground;
    }
    for (u32 i = 0; i < signals.count; ++i)
        signal_group(group, signals.numbers[i]);
}

Result<void> check_job_control(Tty& tty, u32 signal) {
    Task& task = current();
    Process& process = *task.process;
    // Unlocked look first: nearly always the terminal's foreground group itself asks.
    if (!process.session || process.session->tty != &tty || !process.group || tty.foreground == 0 ||
        process.group->pgid == tty.foreground)
        return {};
    const bool is_deaf = is_ignored_or_blocked(task, signal);
    LockGuard guard(task_state().tree_lock);
    if (is_deaf) {
        if (signal == abi::SIGTTIN)
            return Errno::EIO;
        return {};
    }
    if (is_orphaned_group(*process.group))
        return Errno::EIO;
    send_signal_to_group(*process.group, signal);
    return Errno::ERESTARTSYS;
}

Result<void> set_controlling_tty(Tty& tty, bool steal) {
    Process& process = *current().process;
    LockGuard guard(task_state().tree_lock);
    Session* session = process.session;
    if (session->leader != &process)
        return Errno::EPERM;
    if (session->tty == &tty)
        return {};
    if (session->tty)
        return Errno::EPERM;
    LockGuard tty_guard(tty.lock);
    if (tty.session) {
        if (!steal || !current().credentials->has_capability(21 /* CAP_SYS_ADMIN */))
            return Errno::EPERM;
        tty.session->tty = nullptr;
        tty.session->tty_holder = nullptr;
    }
    tty_guard.unlock();
    attach_session(tty, *session, process.group->pgid);
    return {};
}

void attach_session(Tty& tty, Session& session, i32 foreground) {
    LockGuard guard(tty.lock);
    tty.session = &session;
    tty.foreground = foreground;
    session.tty = &tty;
    session.tty_holder = RefPtr<SharedObject>(&tty);
}

void maybe_set_controlling_tty(Tty& tty) {
    Process& process = *current().process;
    if (process.session && process.session->leader == &process && !process.session->tty && !tty.session)
        (void)set_controlling_tty(tty, false);
}

void session_leader_exited(Session& session) {
    RefPtr<SharedObject> holder;
    i32 group = 0;
    {
        LockGuard guard(task_state().tree_lock);
        Tty* tty = session.tty;
        if (!tty)
            return;
        LockGuard tty_guard(tty->lock);
        group = tty->foreground;
        tty->session = nullptr;
        tty->foreground = 0;
        session.tty = nullptr;
        holder = std::move(session.tty_holder);
    }
    signal_group(group, abi::SIGHUP);
    signal_group(group, abi::SIGCONT);
}

void Tty::hang_up() {
    i32 group = 0, leader = 0;
    RefPtr<SharedObject> holder;
    {
        LockGuard tree(task_state().tree_lock);
        LockGuard guard(lock);
        if (is_hung_up)
            return;
        is_hung_up = true;
        group = foreground;
        if (session) {
            leader = session->leader ? session->leader->pid : 0;
            session->tty = nullptr;
            holder = std::move(session->tty_holder);
        }
        session = nullptr;
        foreground = 0;
    }
    if (leader) {
        LockGuard tree(task_state().tree_lock);
        if (Process* process = find_process(leader)) {
            send_kernel_signal(*process, abi::SIGHUP);
            send_kernel_signal(*process, abi::SIGCONT);
        }
    }
    signal_group(group, abi::SIGHUP);
    signal_group(group, abi::SIGCONT);
    readers.wake_all();
    writers.wake_all();
    masters.wake_all();
}

} // namespace lxcore
