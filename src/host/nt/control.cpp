// Control packets over a message pipe; handles come as values of this process's (instance_protocol.hpp). Reading and writing go on
// in two threads at once, so that both are overlapped.
#include "host/nt/control.hpp"

#include "host/control/control.hpp"
#include "host/nt/files_state.hpp"
#include "host/nt/nt_files.hpp"
#include "host/nt/streams.hpp"

namespace host {

using namespace nt;
using namespace lxss::protocol;

namespace {

HANDLE g_pipe, g_read_event, g_write_event;
constexpr usize kMessageBytes = sizeof(PipeHead) + kMaxPacketBytes;
u8 g_incoming[kMessageBytes], g_outgoing[4096];
SharedLock g_write_lock;

NTSTATUS finish(NTSTATUS status, IO_STATUS_BLOCK& io, HANDLE event) {
    if (status == STATUS_PENDING) {
        (void)NtWaitForSingleObject(event, FALSE, nullptr);
        status = io.Status;
    }
    return status;
}

} // namespace

void nt::use_control_pipe(HANDLE pipe) {
    g_pipe = pipe;
    g_read_event = CreateEventW(nullptr, TRUE, FALSE, nullptr);
    g_write_event = CreateEventW(nullptr, TRUE, FALSE, nullptr);
}

namespace control {

void send_packet(MessageType type, u32 session_id, const void* payload, u32 bytes, std::string_view text) {
    preserve_vectors();
    SharedGuard guard(g_write_lock);
    const PipeHead pipe_head{};
    const Header header{type, session_id, bytes + static_cast<u32>(text.size()), 0};
    if (sizeof(pipe_head) + sizeof(header) + bytes + text.size() > sizeof(g_outgoing))
        return;
    u8* at = g_outgoing;
    const auto put = [&at](const void* data, usize length) {
        __builtin_memcpy(at, data, length);
        at += length;
    };
    put(&pipe_head, sizeof(pipe_head));
    put(&header, sizeof(header));
    put(payload, bytes);
    put(text.data(), text.size());
    IO_STATUS_BLOCK io{};
    (void)finish(NtWriteFile(g_pipe, g_write_event, nullptr, nullptr, &io, g_outgoing, static_cast<ULONG>(at - g_outgoing),
                             nullptr, nullptr),
                 io, g_write_event);
}

bool receive_packet(char* buffer, Packet& packet) {
    preserve_vectors();
    IO_STATUS_BLOCK io{};
    const NTSTATUS status =
        finish(NtReadFile(g_pipe, g_read_event, nullptr, nullptr, &io, g_incoming, kMessageBytes, nullptr, nullptr), io,
               g_read_event);
    packet = {};
    if (status < 0 || io.Information < sizeof(PipeHead))
        return false;
    PipeHead head;
    __builtin_memcpy(&head, g_incoming, sizeof(head));
    HANDLE objects[kMaxHandles];
    Handle streams[kMaxHandles];
    const usize count = base::min<usize>(head.handle_count, kMaxHandles);
    for (usize i = 0; i < count; ++i)
        objects[i] = reinterpret_cast<HANDLE>(head.handles[i]);
    adopt_streams(objects, count, streams);
    for (usize i = 0; i < count; ++i) {
        if (streams[i] != kNoHandle)
            packet.handles[packet.handle_count++] = streams[i];
        else
            log("control: a stream could not be taken over");
    }
    const usize length = io.Information - sizeof(head);
    __builtin_memcpy(buffer, g_incoming + sizeof(head), length);
    packet.payload = buffer + sizeof(Header);
    if (length >= sizeof(Header)) {
        __builtin_memcpy(&packet.header, buffer, sizeof(Header));
        packet.payload_bytes = length - sizeof(Header);
    }
    return true;
}

void end_host() {
    end_files();
    for (;;)
        ExitProcess(0);
}

} // namespace control

} // namespace host
