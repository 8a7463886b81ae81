#include "host/control/control.hpp"

#include "lxcore/boot.hpp"
#include "lxcore/memory/arena.hpp"
#include "lxcore/task/life.hpp"

namespace host::control {

using namespace lxss::protocol;

namespace {

// From SIGTERM to SIGKILL when the manager has died: as long as it would have given by itself.
constexpr u64 kOrphanGraceNs = 3'000'000'000;

void close_handles(Packet& packet) {
    for (usize i = 0; i < packet.handle_count; ++i)
        host::close(packet.handles[i]);
    packet.handle_count = 0;
}

bool is_well_formed(const Packet& packet) { return packet.header.payload_bytes == packet.payload_bytes; }

// The strings of a Run request: the number of NUL-terminated texts must be right.
bool has_strings(std::string_view strings, u64 count) {
    if (strings.empty() || strings.back() != 0)
        return false;
    u64 found = 0;
    for (char character : strings)
        found += character == 0;
    return found == count;
}

void run_session(Packet& packet) {
    RunRequest request{};
    const u32 session = packet.header.session_id;
    const auto refuse = [&](Errno error, std::string_view text) {
        close_handles(packet);
        const FailedEvent event{static_cast<i32>(error), static_cast<u32>(text.size())};
        send_packet(MessageType::Failed, session, &event, sizeof(event), text);
    };
    if (packet.payload_bytes < sizeof(request))
        return refuse(Errno::EINVAL, "malformed request");
    __builtin_memcpy(&request, packet.payload, sizeof(request));
    std::string_view strings{packet.payload + sizeof(request), packet.payload_bytes - sizeof(request)};
    if (request.strings_bytes != strings.size() ||
        !has_strings(strings, 1 + u64{request.argument_count} + request.environment_count))
        return refuse(Errno::EINVAL, "malformed request");
    const bool trace = (request.flags & kRunTrace) != 0;
    if (packet.handle_count != (trace ? 4u : 3u))
        return refuse(Errno::EINVAL, "wrong number of descriptors");
    lxcore::SessionStart start{};
    start.session_id = session;
    start.program = std::string_view(strings.data());
    start.strings = strings.substr(start.program.size() + 1);
    start.argument_count = request.argument_count;
    start.environment_count = request.environment_count;
    for (usize i = 0; i < 3; ++i)
        start.streams[i] = packet.handles[i];
    start.is_terminal[0] = (request.flags & kRunStdinIsTerminal) != 0;
    start.is_terminal[1] = (request.flags & kRunStdoutIsTerminal) != 0;
    start.is_terminal[2] = (request.flags & kRunStderrIsTerminal) != 0;
    start.rows = request.rows;
    start.columns = request.columns;
    start.trace = trace ? packet.handles[3] : kNoHandle;
    start.trace_summary = (request.flags & kRunTraceSummary) != 0;
    packet.handle_count = 0; // they are the session's now, also on failure
    const auto pid = lxcore::start_session(start);
    if (pid.is_error())
        return refuse(pid.error(), "the program could not be started");
    const StartedEvent event{pid.value()};
    send_packet(MessageType::Started, session, &event, sizeof(event));
}

template <typename Request>
bool read_payload(const Packet& packet, Request& request) {
    if (packet.payload_bytes != sizeof(request))
        return false;
    __builtin_memcpy(&request, packet.payload, sizeof(request));
    return true;
}

[[noreturn]] void end_instance(u64 grace_ns) {
    lxcore::shut_down(grace_ns);
    log("the instance has ended");
    end_host();
}

} // namespace

void send_ready() { send_packet(MessageType::Ready, 0, nullptr, 0); }

void report_sessions() {
    u32* word = lxcore::session_events_word();
    const auto send_all = [] {
        u64 session = 0;
        i32 status = 0;
        while (lxcore::next_session_event(&session, &status)) {
            lxcore::finish_session(static_cast<u32>(session));
            const ExitedEvent event{status};
            send_packet(MessageType::Exited, static_cast<u32>(session), &event, sizeof(event));
        }
    };
    for (;;) {
        const u32 seen = __atomic_load_n(word, __ATOMIC_ACQUIRE);
        send_all();
        if (lxcore::init_has_ended()) {
            log("init has ended, and with it the instance");
            lxcore::shut_down(0);
            send_all();
            end_host();
        }
        wait(word, seen, kNoDeadline);
    }
}

void serve_control() {
    constexpr usize kBufferPages = kMaxPacketBytes / base::kPageSize;
    auto* buffer = static_cast<char*>(lxcore::allocate_pages(kBufferPages));
    if (!buffer)
        base::panic("no memory for control packets", __FILE__, __LINE__);
    Packet packet{};
    while (receive_packet(buffer, packet)) {
        const u32 session = packet.header.session_id;
        WindowSizeRequest size{};
        SignalRequest signal{};
        ShutdownRequest shutdown{};
        if (!is_well_formed(packet)) {
            log("control: malformed packet dropped");
        } else if (packet.header.type == MessageType::Run) {
            run_session(packet);
        } else if (packet.header.type == MessageType::WindowSize && read_payload(packet, size)) {
            lxcore::resize_session(session, size.rows, size.columns);
        } else if (packet.header.type == MessageType::Hangup) {
            lxcore::hang_up_session(session);
        } else if (packet.header.type == MessageType::Signal && read_payload(packet, signal)) {
            lxcore::signal_session(session, signal.signal);
        } else if (packet.header.type == MessageType::Shutdown && read_payload(packet, shutdown)) {
            end_instance(u64{shutdown.grace_milliseconds} * 1'000'000);
        } else {
            log("control: unknown packet dropped");
        }
        close_handles(packet);
    }
    log("the session manager has gone");
    end_instance(kOrphanGraceNs);
}

} // namespace host::control
