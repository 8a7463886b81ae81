// The protocol between the launcher (lxss) and the session manager (lxssd).
//
// Transport: one SOCK_SEQPACKET UNIX connection per request; both ends check the peer's user with
// SO_PEERCRED. Each packet is one ClientHeader followed by strings ended by NUL: first the arguments, then
// the environment. Host descriptors travel beside it as SCM_RIGHTS. The connection is the session: when it
// closes, the session's terminal is closed (Hangup), or an import is undone.
//
// Both programs are built together; a differing kClientProtocolVersion means that an older lxssd still runs.
#pragma once

#include <cstdint>

namespace lxss {

constexpr uint32_t kClientProtocolVersion = 2;

enum class ClientMessage : uint32_t {
    // lxss -> lxssd. `arguments` below are the strings of the packet.
    Run =
        1, // instance or "", user or "", folder or "", then the words; descriptors 0, 1, 2 and perhaps trace
    WindowSize = 2,     // rows, columns
    Signal = 3,         // value: Linux signal number
    List = 4,           // answered by Item packets, then Done
    SetDefault = 5,     // instance
    Terminate = 6,      // instance
    Shutdown = 7,       // flag kClientForce; ends every instance, then lxssd
    Unregister = 8,     // instance
    Import = 9,         // name, absolute folder or "" (in the user's instance folder), archive size or "";
                        // descriptors: archive, stdout, stderr
    Export = 10,        // instance, compression ("none", "gzip", ...); descriptors: stdin, archive, stderr
    SetUser = 11,       // instance, user name: the instance's default user
    ImportInPlace = 12, // name, absolute folder that holds an instance
    Rename = 13,        // instance, new name
    Move = 14,          // instance, absolute folder; perhaps a descriptor: a terminal, for progress
    Status = 15,        // answered by Item packets (what, value), then Done
    Catalog = 16, // answered by Item packets (name, friendly name, source, checksum, where to load it to,
                  // "default" or ""), then Done
    Tool = 17,    // instance or "", what init is to do, its operands; descriptors 0, 1, 2; answered as Run
    // lxssd -> lxss
    Exited = 32, // value: wait status of the command; the last packet
    Error = 33,  // text for the user; value: exit code for lxss; the last packet
    Done = 34,   // the request has been carried out; the last packet
    Item = 35,   // List: name, folder, state, "default" or ""
};

// Flags of Run. The terminal bits have the meaning and values of instance_protocol.hpp.
constexpr uint32_t kClientTerminalMask = 7;
constexpr uint32_t kClientTrace = 1u << 3;
constexpr uint32_t kClientTraceSummary = 1u << 4;
// The engine that the instance must have; neither: any.
constexpr uint32_t kClientEngineDirect = 1u << 5;
constexpr uint32_t kClientEngineTranslate = 1u << 6;
// How the words are run; kClientRunShell: through the user's shell -c, a login shell with both; neither:
// directly.
constexpr uint32_t kClientRunLogin = 1u << 8;
constexpr uint32_t kClientRunShell = 1u << 9;

// Of Import: the archive brings packages and a script that installs them, which is run in the new instance.
constexpr uint32_t kClientSetUp = 1u << 11;
// Of Import: host tools of any kind can copy the tree (a Linux host's; lxkernel --portable).
constexpr uint32_t kClientPortable = 1u << 12;
// Of Shutdown: no SIGTERM first.
constexpr uint32_t kClientForce = 1u << 10;

struct ClientHeader {
    uint32_t version;
    ClientMessage message;
    uint32_t flags;
    uint32_t value;
    uint16_t rows, columns;
    uint32_t argument_count;
    uint32_t environment_count;
    uint32_t strings_bytes;
};

} // namespace lxss
