// The instance host's side of the control protocol (src/manager/instance_protocol.hpp), the same on every host but for how
// packets and handles come in.
#pragma once

#include <string_view>

#include "host/host.hpp"
#include "manager/instance_protocol.hpp"

namespace host::control {

inline constexpr usize kMaxHandles = 4;

struct Packet {
    lxss::protocol::Header header;
    const char* payload;
    usize payload_bytes;
    Handle handles[kMaxHandles]; // streams
    usize handle_count;
};

// ---- given by the host

// Waits for the next packet; `buffer` has lxss::protocol::kMaxPacketBytes. False when the manager has gone.
bool receive_packet(char* buffer, Packet& packet);
// Whole, and not mixed with another thread's.
void send_packet(lxss::protocol::MessageType type, u32 session_id, const void* payload, u32 bytes,
                 std::string_view text = {});
// Ends the instance host, when all pico processes have ended.
[[noreturn]] void end_host();

// ---- for the host's main program

void send_ready();
// Reports the ends of sessions: entry of a kernel thread of its own.
[[noreturn]] void report_sessions();
// Serves requests until the manager shuts the instance down or goes away; then ends the instance.
[[noreturn]] void serve_control();

} // namespace host::control
