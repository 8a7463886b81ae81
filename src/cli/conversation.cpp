#include "cli/conversation.hpp"

#include <cerrno>
#include <csignal>
#include <initializer_list>
#include <poll.h>
#include <sys/signalfd.h>

namespace lxss {

// After SIGHUP the session has this long to end by itself; then lxss goes, and the manager hangs the session
// up.
static constexpr int kHangupMilliseconds = 1000;

namespace {

class Conversation {
public:
    explicit Conversation(const Request& request) : request_(request), terminal_(request.terminal) {}

    ClientPacket run(const std::function<void(const ClientPacket&)>& on_item) {
        if (request_.forward_signals)
            watch_signals();
        terminal_.enter();
        for (int attempt = 0;; ++attempt) {
            socket_ =
                send_request(request_.header, request_.arguments, request_.environment, request_.descriptors);
            try {
                for (;;) {
                    wait();
                    ClientPacket reply = receive_reply(socket_.get());
                    if (reply.header.message != ClientMessage::Item)
                        return reply;
                    on_item(reply);
                }
            } catch (const RequestUnread&) {
                if (attempt == 5 || sent_more_)
                    throw;
            }
        }
    }

private:
    void watch_signals() {
        sigset_t set;
        ::sigemptyset(&set);
        for (int number : {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGWINCH, SIGCONT})
            ::sigaddset(&set, number);
        if (request_.terminal.descriptor >= 0)
            ::sigaddset(&set, SIGTSTP);
        ::sigprocmask(SIG_BLOCK, &set, nullptr);
        signals_.reset(::signalfd(-1, &set, SFD_CLOEXEC));
    }

    // Until the manager has sent something.
    void wait() {
        if (!signals_)
            return; // receive_reply() blocks
        for (;;) {
            pollfd polled[2] = {{socket_.get(), POLLIN, 0}, {signals_.get(), POLLIN, 0}};
            const int count = ::poll(polled, 2, hung_up_ ? kHangupMilliseconds : -1);
            if (count < 0 && errno != EINTR)
                throw LauncherError("poll failed");
            if (count == 0)
                throw LauncherError("the terminal has been closed", 128 + SIGHUP);
            if (count > 0 && polled[0].revents)
                return;
            signalfd_siginfo information;
            if (count > 0 && ::read(signals_.get(), &information, sizeof information) == sizeof information)
                handle_signal(static_cast<int>(information.ssi_signo));
        }
    }

    void handle_signal(int number) {
        switch (number) {
        case SIGWINCH:
            send_size();
            return;
        case SIGTSTP:
            // From outside only; Ctrl-Z goes to the session. SIGCONT finds the way back.
            terminal_.leave();
            ::raise(SIGSTOP);
            return;
        case SIGCONT:
            if (request_.terminal.descriptor >= 0) {
                terminal_.leave();
                terminal_.enter();
                send_size();
            }
            return;
        case SIGHUP:
            hung_up_ = true;
            break;
        }
        ClientHeader header{};
        header.message = ClientMessage::Signal;
        header.value = static_cast<uint32_t>(number); // the host's numbers are Linux's on this host
        send(header);
    }

    void send_size() {
        const WindowSize size = terminal_size();
        if (size.rows == 0 && size.columns == 0)
            return;
        ClientHeader header{};
        header.message = ClientMessage::WindowSize;
        header.rows = size.rows;
        header.columns = size.columns;
        send(header);
    }

    void send(const ClientHeader& header) {
        sent_more_ = true;
        send_client_packet(socket_.get(), header, {}); // a failure shows at the next reply
    }

    const Request& request_;
    RawTerminal terminal_;
    UniqueFd socket_, signals_;
    bool hung_up_ = false, sent_more_ = false;
};

} // namespace

ClientPacket converse(const Request& request, const std::function<void(const ClientPacket&)>& on_item) {
    return Conversation(request).run(on_item);
}

} // namespace lxss
