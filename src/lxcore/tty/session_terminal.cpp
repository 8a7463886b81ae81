// The relay between a session's pty and the host's terminal: a kernel thread of the instance host.
#include "lxcore/tty/session_terminal.hpp"

#include "abi/fcntl.hpp"
#include "abi/poll.hpp"
#include "lxcore/task/life.hpp"
#include "lxcore/tty/tty.hpp"

namespace lxcore {

namespace {

constexpr usize kChunk = 4096;

class Relay final : public SessionTerminal {
public:
    host::Handle input_handle = host::kNoHandle, output_handle = host::kNoHandle;
    RefPtr<Tty> pty;
    RefPtr<File> master;
    std::atomic<u32> closing{0};  // the session has ended: drain and stop
    std::atomic<u32> finished{0}; // word that drain_and_close waits on
    Task* thread = nullptr;

    ~Relay() override {
        if (output_handle != input_handle && output_handle != host::kNoHandle)
            host::close(output_handle);
        if (input_handle != host::kNoHandle)
            host::close(input_handle);
    }

    void resize(u16 rows, u16 columns) override {
        (void)pty->set_window_size({rows, columns, 0, 0});
    }
    void hang_up() override { pty->hang_up(); }
    i32 foreground_group() override { return pty->foreground; }

    void drain_and_close() override {
        slave = nullptr;
        closing.store(1, std::memory_order_release);
        pty->masters.wake_all();
        // A host terminal that takes nothing (stopped by the user) must not hold the session's end for ever.
        const u64 deadline = host::monotonic_ns() + 5'000'000'000;
        while (finished.load(std::memory_order_acquire) == 0 && host::monotonic_ns() < deadline)
            (void)host::wait(reinterpret_cast<u32*>(&finished), 0, deadline);
    }

    void run(Task& task);

private:
    bool write_output(Task& task);
    bool read_input();
};

// Takes what the pty has for the host's terminal; false when the terminal is gone.
bool Relay::write_output(Task& task) {
    PageBuffer page;
    if (!page)
        return false;
    for (;;) {
        usize length = 0;
        {
            LockGuard guard(pty->lock);
            if (pty->output.used() > 0 && !pty->output_stopped) {
                IoBuffer buffer(page.data(), kChunk);
                const auto got = pty->output.read(buffer);
                length = got.is_ok() ? got.value() : 0;
            }
        }
        if (length == 0)
            return true;
        pty->writers.wake(abi::POLLOUT | abi::POLLWRNORM);
        for (usize done = 0; done < length;) {
            const abi::iovec vector{reinterpret_cast<u64>(page.data() + done), length - done};
            const auto written = host::stream_write(output_handle, &vector, 1);
            if (written.is_ok()) {
                done += written.value();
                continue;
            }
            if (written.error() != Errno::EAGAIN && written.error() != Errno::EINTR)
                return false;
            host::PollItem item{output_handle, abi::POLLOUT, 0};
            (void)host::poll_interruptible(&item, 1, host::monotonic_ns() + 1'000'000'000);
            if (item.returned & (abi::POLLERR | abi::POLLNVAL))
                return false;
        }
        (void)task;
    }
}

// False at the end of the terminal's input.
bool Relay::read_input() {
    char chunk[512];
    const abi::iovec vector{reinterpret_cast<u64>(chunk), sizeof(chunk)};
    const auto got = host::stream_read(input_handle, &vector, 1);
    if (got.is_error())
        return got.error() == Errno::EAGAIN || got.error() == Errno::EINTR;
    if (got.value() == 0)
        return false;
    usize done = 0;
    while (done < got.value()) {
        Tty::Signals signals;
        const usize before = done;
        {
            LockGuard guard(pty->lock);
            while (done < got.value() && signals.count < 8 && pty->has_input_room())
                pty->receive(static_cast<u8>(chunk[done++]), signals);
        }
        pty->wake_after_input();
        pty->send(signals);
        if (done == before) {
            // Nobody reads: as a terminal does, the rest is lost with a bell.
            LockGuard guard(pty->lock);
            (void)pty->put_output('\a');
            break;
        }
    }
    return true;
}

void Relay::run(Task& task) {
    bool has_input = true;
    for (;;) {
        Waiter waiter(task);
        waiter.attach(pty->masters);
        if (!write_output(task)) {
            pty->hang_up();
            break;
        }
        bool room;
        {
            LockGuard guard(pty->lock);
            room = pty->has_input_room();
            if (pty->output.used() > 0 && !pty->output_stopped)
                continue;
        }
        if (closing.load(std::memory_order_acquire))
            break;
        host::PollItem item{input_handle, abi::POLLIN, 0};
        const bool watches = has_input && room;
        (void)task.sleep_with_host(&item, watches ? 1 : 0, host::kNoDeadline);
        if (!watches)
            continue;
        if (item.returned & abi::POLLIN)
            has_input = read_input();
        else if (item.returned & (abi::POLLHUP | abi::POLLERR | abi::POLLNVAL))
            has_input = false;
        if (!has_input)
            pty->hang_up();
    }
    master = nullptr; // hangs up what still has the slave open
    finished.store(1, std::memory_order_release);
    host::wake(reinterpret_cast<u32*>(&finished), ~0u);
}

// The newest relay finds its object through the state: entries of kernel threads take no argument.
void relay_thread(host::ThreadBlock& block) {
    auto& task = static_cast<Task&>(block);
    {
        RefPtr<Relay> relay = RefPtr<Relay>::adopt(static_cast<Relay*>(task.kernel_argument));
        relay->run(task);
    }
    end_kernel_thread(task);
}

} // namespace

Result<RefPtr<SessionTerminal>> create_session_terminal(host::Handle input, host::Handle output, u16 rows,
                                                        u16 columns) {
    auto made = make_ref<Relay>();
    if (made.is_error()) {
        host::close(input);
        if (output != input)
            host::close(output);
        return made.error();
    }
    RefPtr<Relay> relay = made.release_value();
    relay->input_handle = input;
    relay->output_handle = output;
    relay->pty = TRY(open_pty_master(0, relay->master));
    TRY(attach_anonymous_inode(*relay->master, "ptmx", abi::S_IFCHR | 0666));
    relay->pty->is_locked = false;
    relay->pty->size = {rows, columns, 0, 0};
    relay->slave = TRY(open_pty_slave(relay->pty->index, {}, abi::O_RDWR | abi::O_NOCTTY));
    relay->tty = relay->pty.get();
    relay->tty_holder = relay->pty;
    relay->ref(); // the thread's
    auto thread = create_kernel_thread(relay_thread, relay.get());
    if (thread.is_error()) {
        relay->unref();
        return thread.error();
    }
    return RefPtr<SessionTerminal>(std::move(relay));
}

} // namespace lxcore
