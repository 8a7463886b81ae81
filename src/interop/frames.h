// What travels between an instance and the host's side of interop: frames over one stream, for many channels.
// Inside, each client speaks the same frames over its own connection to the server, which fills in the channel.
//
//   client (lxss-host) -- UNIX socket of the instance --> init --interop -- host socket --> lxss-interop
//
// C and C++ read it. Both ends are on one machine and built together: native byte order, no version.
#ifndef LXSS_INTEROP_FRAMES_H
#define LXSS_INTEROP_FRAMES_H

#include <stdint.h>

enum interop_frame_type {
    // From inside. The first frame of a channel is one of these two.
    kInteropRun = 1,     // struct interop_run and its strings
    kInteropConnect = 2, // the name of a UNIX socket of the host; from then on data both ways
    kInteropSignal = 3,  // uint32_t: for the foreground processes
    kInteropSize = 4,    // uint16_t rows, columns
    kInteropHangup = 5,  // the client has gone; ends the channel
    // Both ways.
    kInteropInput = 8,     // bytes of standard input, or from the connection's client
    kInteropInputEnd = 9,  // no more of them
    kInteropCredit = 10,   // uint32_t: so many bytes more may be sent, of Input or of Output and Error together
    // From the host.
    kInteropOutput = 16, // bytes of standard output, or of the connection
    kInteropError = 17,  // bytes of standard error
    kInteropExit = 18,   // int32_t: wait status; ends the channel
    kInteropFailed = 19, // text for the user; ends the channel
    // From a client to the server inside alone: two names of UNIX sockets, of the instance and of the host, each ended
    // by NUL. Connections to the first, which the server makes, lead to the second. Answered by Exit or Failed.
    kInteropForward = 24,
};

struct interop_frame {
    uint32_t channel; // chosen by the side inside; free again after the channel's end
    uint32_t type;
    uint32_t length; // of what follows
};

// Bytes that may be under way on a channel in one direction before a Credit, and in one frame.
enum { kInteropWindow = 256 * 1024, kInteropMaxFrame = 128 * 1024, kInteropMaxData = 32 * 1024 };

// Followed by strings that are ended by NUL: the host folder to start in or "", the arguments, the environment.
struct interop_run {
    uint32_t terminals; // bit i: descriptor i is a terminal
    uint16_t rows, columns;
    uint32_t argument_count;
    uint32_t environment_count;
};

#endif
