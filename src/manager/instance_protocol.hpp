// The control protocol between the session manager (lxssd) and an instance host (lxkernel).
//
// Transport: one connected SOCK_SEQPACKET UNIX socket, created by lxssd and inherited by lxkernel
// (--control-fd). Each packet is one Header followed by its payload; host descriptors travel beside it as
// SCM_RIGHTS. The structures are plain and fixed-size so that the freestanding side can read them without a
// runtime. A packet that is malformed (unknown type, lengths that do not add up) is logged and dropped.
#pragma once

#include <cstdint>

namespace lxss::protocol {

constexpr uint32_t kMaxPacketBytes = 192 * 1024;

// On Windows the transport is one message pipe, whose end lxkernel.exe inherits (--control=HANDLE, hexadecimal), opened for
// overlapped operation. Handles travel as values that are valid in the receiver, into which the sender has duplicated them. Each
// message is this, then the packet.
constexpr uint32_t kMaxPipeHandles = 4;
struct PipeHead {
    uint32_t handle_count;
    uint32_t reserved;
    uint64_t handles[kMaxPipeHandles];
};

enum class MessageType : uint32_t {
    // lxssd -> lxkernel
    Run = 1, // RunRequest + strings; descriptors: stdin, stdout, stderr, and trace when kRunTrace is set
    WindowSize = 2, // WindowSizeRequest
    Hangup = 3,     // SessionRequest: the client has gone; treat as a closed terminal (SIGHUP, then SIGKILL)
    Signal = 4,     // SignalRequest: deliver to the session's foreground process group
    Shutdown = 5,   // end the instance: SIGTERM to all, then SIGKILL after grace_milliseconds, then exit
    // lxkernel -> lxssd
    Ready = 16,   // the instance accepts Run requests
    Started = 17, // StartedEvent: the session's first process exists
    Exited = 18,  // ExitedEvent: the session's first process has ended; wait status as wait4(2) gives it
    Failed = 19,  // FailedEvent + text: the session could not be started
};

struct Header {
    MessageType type;
    uint32_t session_id; // chosen by lxssd, unique in the life of the instance; 0 where none applies
    uint32_t payload_bytes;
    uint32_t reserved;
};

// Flags of RunRequest. A terminal bit says that the descriptor is a host terminal, which the client has put
// into raw mode: the kernel then gives the session a pty of its own as controlling terminal, with its line
// discipline, and relays bytes between that and the host's descriptors. A descriptor without the bit is given
// to the program as it is (pipe, file, socket: byte-exact, no relay).
constexpr uint32_t kRunStdinIsTerminal = 1u << 0;
constexpr uint32_t kRunStdoutIsTerminal = 1u << 1;
constexpr uint32_t kRunStderrIsTerminal = 1u << 2;
constexpr uint32_t kRunTrace = 1u << 3;        // strace-like lines to the fourth descriptor
constexpr uint32_t kRunTraceSummary = 1u << 4; // with kRunTrace: counts and times at the end instead of lines

// Payload of Run: this structure, then `program` NUL, then argument_count strings, then environment_count
// strings, each ended by NUL. `program` is the name of a file in the guest tools folder (--guest-dir), such
// as "init"; it is run with the instance's root as its root, with uid 0, in a new session.
struct RunRequest {
    uint32_t flags;
    uint16_t rows, columns; // window size, when any terminal bit is set
    uint32_t argument_count;
    uint32_t environment_count;
    uint32_t strings_bytes; // length of what follows
};

struct WindowSizeRequest {
    uint16_t rows, columns;
};

struct SignalRequest {
    uint32_t signal; // Linux signal number, 1..64
};

struct ShutdownRequest {
    uint32_t grace_milliseconds;
};

struct StartedEvent {
    int32_t pid; // guest pid
};

struct ExitedEvent {
    int32_t wait_status;
};

struct FailedEvent {
    int32_t error_number; // positive Linux errno
    uint32_t text_bytes;  // followed by that many bytes of explanation
};

} // namespace lxss::protocol
