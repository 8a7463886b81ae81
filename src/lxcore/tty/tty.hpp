// Terminals: the N_TTY line discipline over pseudo-terminals. See termios(3), ioctl_tty(2), pty(7).
//
// Every terminal of an instance is a pty: programs hold its slave, and its master is held by another program (tmux, sshd) or
// by the relay to the host's terminal (session_terminal.cpp).
//
// Locks: Tty::lock guards one terminal. Signals are sent after it was released (they need tree_lock, which is outer).
#pragma once

#include "abi/termios.hpp"
#include "lxcore/fs/file.hpp"
#include "lxcore/task/task.hpp"
#include "lxcore/tty/buffers.hpp"

namespace lxcore {

inline constexpr u32 kModeUnset = ~0u;

class Tty final : public SharedObject {
public:
    Mutex lock;
    u32 index = 0;
    abi::termios2 settings{};
    abi::winsize size{};
    InputBuffer input;
    OutputRing output;

    Session* session = nullptr; // whose controlling terminal it is
    i32 foreground = 0;         // pgid
    u32 slave_count = 0;        // open slave files
    bool slave_was_opened = false;
    bool is_hung_up = false;    // the master has gone, or vhangup
    bool is_locked = true;      // TIOCSPTLCK
    bool is_exclusive = false;
    bool is_packet_mode = false;
    bool output_stopped = false;
    bool literal_next = false;
    bool is_erasing = false;    // within a run of ECHOPRT
    u8 packet_status = 0;
    u32 column = 0;             // of the cursor, for tabs and erasing
    u32 edit_column = 0;        // where the line being edited began
    u32 uid = 0, gid = 0;
    u32 mode = kModeUnset; // of the slave's node; unset until devpts, whose options decide, first shows it
    abi::timespec created{};

    WaitQueue readers;  // of the slave, pollers too
    WaitQueue writers;  // of the slave
    WaitQueue masters;  // who read, write or poll the master

    // -- line discipline (line_discipline.cpp); `lock` held. Signals to send are collected.
    struct Signals {
        u32 numbers[8];
        u32 count = 0;
        void add(u32 number) {
            if (count < 8)
                numbers[count++] = number;
        }
    };
    void receive(u8 byte, Signals& signals);
    // Whether receive() would lose a byte now.
    bool has_input_room() const;
    // Processed output; false when there is no room for it.
    bool put_output(u8 byte);
    void echo(u8 byte);
    void wake_after_input();

    u8 control_character(u32 which) const { return settings.c_cc[which]; }
    bool is_canonical() const { return settings.c_lflag & abi::ICANON; }

    // -- without `lock`
    void send(const Signals& signals); // to the foreground group
    void hang_up();                    // SIGHUP and SIGCONT to the session; everything ends with EIO or end of file
    Result<void> set_window_size(const abi::winsize& size);
    Result<i64> control(File& file, u32 request, u64 argument, bool is_master);

private:
    void erase(u8 which);
    void echo_erase(u8 byte, u32 column_before);
    u32 column_of_edit() const;
    Result<void> set_settings(u32 request, u64 argument);
};

// ---- job control (job_control.cpp) ---------------------------------------------------------------------------

// The current task's controlling terminal; null when it has none.
RefPtr<Tty> current_tty();
// Read (or write with TOSTOP, or change) by a background process: signals the group and returns ERESTARTSYS; EIO for orphaned
// groups or when the signal is blocked or ignored (reads), nothing for others. `signal`: SIGTTIN or SIGTTOU.
Result<void> check_job_control(Tty& tty, u32 signal);
// Makes `tty` the controlling terminal of the current process's session. EPERM.
Result<void> set_controlling_tty(Tty& tty, bool steal);
// Gives a new session the terminal it was started on. tree_lock held.
void attach_session(Tty& tty, Session& session, i32 foreground);
// As at open() without O_NOCTTY: if the session leader has none and it is nobody's.
void maybe_set_controlling_tty(Tty& tty);
// The session loses its terminal: SIGHUP and SIGCONT to the foreground group. By exit of a session leader; tree_lock not
// held.
void session_leader_exited(Session& session);

// ---- pseudo-terminals (pty.cpp) ---------------------------------------------------------------------------------

struct TtyState : ArenaObject {
    Mutex lock;
    static constexpr u32 kMaxPtys = 1024;
    Tty* ptys[kMaxPtys]; // not counted; a Tty takes itself out
    u32 pty_count = 0;
};

Result<void> initialize_ttys();
// A new pty; its master is `master`. ENOSPC.
Result<RefPtr<Tty>> open_pty_master(u32 flags, RefPtr<File>& master);
// The slave of an existing pty. EIO when it is locked, ENXIO without a master. Without `path`, the
// file is the one in devpts (TIOCGPTPEER).
Result<RefPtr<File>> open_pty_slave(u32 index, const Path& path, u32 flags);
RefPtr<Tty> find_pty(u32 index);

// Both kinds of file tell.
class TtyFile : public File {
public:
    RefPtr<Tty> tty;
    bool is_master = false;
};

} // namespace lxcore
