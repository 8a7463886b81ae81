/* What lxss-host, inside an instance, and lxss-interop, on the host, say to each other. C and C++ read it.
 *
 * Transport: a SOCK_SEQPACKET UNIX connection for each program, as the instance sees it; on Windows the
 * host's side is a message pipe. Inside, its name is a mount of type hostsocket; files and host descriptors
 * travel beside the packets as SCM_RIGHTS. Each packet is one interop_header and what belongs to its type.
 * Both ends are on one machine and built together: native byte order.
 *
 *   lxss-host                          lxss-interop
 *   Stream 0..2, as many as can go  ->                what is a pipe of the host is handed over
 *   Text, as often as needed        ->
 *   Run                             ->
 *                                   <- Started        with the other ends of the pipes, the terminal's
 *   Signal, Size                    ->
 *                                   <- Stopped
 *                                   <- Exit
 *
 * The end of the connection hangs the program up. The data itself goes through no protocol at all.
 */
#ifndef LXSS_INTEROP_PROTOCOL_H
#define LXSS_INTEROP_PROTOCOL_H

#include <stdint.h>

enum { kInteropVersion = 3 };

enum interop_type {
    kInteropStream = 1, /* value: 0, 1 or 2; one descriptor, which is to be that stream of the program */
    kInteropRun = 2, /* value: bit i says that stream i is the terminal; rows, columns; counts of strings */
    kInteropSignal = 3, /* value: Linux signal number, for the program's process group */
    kInteropSize = 4,   /* rows, columns of the terminal */
    kInteropText = 5,   /* a part of the strings of Run, kInteropTextBytes at most */
    kInteropStarted =
        8, /* value: kInteropEnd* bits of the descriptors that come along, in the order of the bits */
    kInteropExit = 9,     /* value: wait status; flags: kInteropAllEnded; the last packet */
    kInteropStopped = 11, /* value: signal; until a Signal of SIGCONT */
    kInteropFailed = 10,  /* value: exit code for lxss-host; strings: text for the user; the last packet */
};

enum {
    kInteropEndInput = 1,    /* write end of the pipe that is standard input */
    kInteropEndOutput = 2,   /* read end of standard output's */
    kInteropEndError = 4,    /* read end of standard error's */
    kInteropEndTerminal = 8, /* the terminal's own end: master of the pty */
    kInteropEndTyped = 16,   /* where reading and writing want two: this one for what is typed */
    kInteropInHome = 32,     /* the folder could not be entered, and the program runs in the home folder */
};

/* Of Exit: nothing of the program runs on, so that the pipes come to their end by themselves. */
enum { kInteropAllEnded = 1 };

/* Strings of Run, each ended by NUL: the host folder to start in, or ""; the words; the environment's
 * NAME=VALUE. All are at most kInteropMaxStrings bytes. Streams that are to be the terminal get pipes, as
 * others do, when there is no kInteropEndTerminal in the answer. */
struct interop_header {
    uint32_t version;
    uint32_t type;
    uint32_t value;
    uint16_t rows, columns;
    uint32_t argument_count;
    uint32_t environment_count;
    uint32_t flags;
};

enum { kInteropMaxStrings = 160 * 1024, kInteropTextBytes = 3072 };

#endif
