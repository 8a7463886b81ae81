#include "cli/conversation.hpp"

#include "cli/os/client_events.hpp"

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
            events_.watch(request_.terminal);
        terminal_.enter();
        for (int attempt = 0;; ++attempt) {
            connection_ =
                send_request(request_.header, request_.arguments, request_.environment, request_.descriptors);
            try {
                for (;;) {
                    wait();
                    ClientPacket reply = receive_reply(connection_);
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
    // Until the manager has sent something.
    void wait() {
        if (!events_.is_watching())
            return; // receive_reply() blocks
        for (;;) {
            bool has_reply = false;
            if (!wait_for_reply(connection_.waitable(), events_, hung_up_ ? kHangupMilliseconds : -1,
                                has_reply))
                throw LauncherError("the terminal has been closed", 128 + kHangupSignal);
            if (has_reply)
                return;
            handle(events_.take());
        }
    }

    void handle(const ClientEvent& event) {
        switch (event.kind) {
        case ClientEvent::Kind::None:
            return;
        case ClientEvent::Kind::Resized:
            send_size();
            return;
        case ClientEvent::Kind::Suspend:
            // From outside only; Ctrl-Z goes to the session. Resumed finds the way back.
            terminal_.leave();
            ClientEvents::suspend_process();
            return;
        case ClientEvent::Kind::Resumed:
            if (request_.terminal.descriptor != kNoDescriptor) {
                terminal_.leave();
                terminal_.enter();
                send_size();
            }
            return;
        case ClientEvent::Kind::Signal:
            break;
        }
        if (event.signal == kHangupSignal)
            hung_up_ = true;
        ClientHeader header{};
        header.message = ClientMessage::Signal;
        header.value = static_cast<uint32_t>(event.signal);
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
        send_client_packet(connection_, header, {}); // a failure shows at the next reply
    }

    const Request& request_;
    RawTerminal terminal_;
    Connection connection_;
    ClientEvents events_;
    bool hung_up_ = false, sent_more_ = false;
};

} // namespace

ClientPacket converse(const Request& request, const std::function<void(const ClientPacket&)>& on_item) {
    return Conversation(request).run(on_item);
}

} // namespace lxss
