/* What lxss-host, inside an instance, and lxss-interop, on the host, say to each other. C and C++ read it.
 *
 * Transport: a SOCK_SEQPACKET UNIX connection for each program. Inside, its name is a mount of type
 * hostsocket; files and host descriptors travel beside the packets as SCM_RIGHTS. Each packet is one
 * interop_header and what belongs to its type. Both ends are on one machine and built together: native byte
 * order.
 *
 *   lxss-host                          lxss-interop
 *   Stream 0..2, as many as can go  ->                what is a pipe of the host is handed over
 *   Run                             ->
 *                                   <- Started        with the other ends of the pipes, the pty's master
 *   Signal, Size                    ->
 *                                   <- Stopped
 *                                   <- Exit
 *
 * The end of the connection hangs the program up. The data itself goes through no protocol at all.
 */
#ifndef LXSS_INTEROP_PROTOCOL_H
#define LXSS_INTEROP_PROTOCOL_H

#include <stdint.h>

enum { kInteropVersion = 2 };

enum interop_type {
    kInteropStream = 1, /* value: 0, 1 or 2; one descriptor, which is to be that stream of the program */
    kInteropRun = 2,    /* value: bit i says that stream i is the terminal; rows, columns; strings */
    kInteropSignal = 3, /* value: Linux signal number, for the program's process group */
    kInteropSize = 4,   /* rows, columns of the terminal */
    kInteropStarted =
        8, /* value: kInteropEnd* bits of the descriptors that come along, in the order of the bits */
    kInteropExit = 9,     /* value: wait status; the last packet */
    kInteropStopped = 11, /* value: signal; until a Signal of SIGCONT */
    kInteropFailed = 10,  /* value: exit code for lxss-host; strings: text for the user; the last packet */
};

enum {
    kInteropEndInput = 1,    /* write end of the pipe that is standard input */
    kInteropEndOutput = 2,   /* read end of standard output's */
    kInteropEndError = 4,    /* read end of standard error's */
    kInteropEndTerminal = 8, /* master of the pty */
    kInteropInHome = 16,     /* the folder could not be entered, and the program runs in the home folder */
};

/* Strings of Run, each ended by NUL: the host folder to start in, or ""; the words; the environment's
 * NAME=VALUE. */
struct interop_header {
    uint32_t version;
    uint32_t type;
    uint32_t value;
    uint16_t rows, columns;
    uint32_t argument_count;
    uint32_t environment_count;
};

enum { kInteropMaxPacket = 160 * 1024 };

#endif
