// lxss-host: a program of the host, started from inside. See src/interop/protocol.h for what is said to the
// host.
//
// Streams that are pipes of the host already go to the program as they are. For the others it makes pipes, or
// a pty, whose ends come here; this process copies between them and its own streams.
#include "host_relays.h"
#include "init.h"
#include "interop/protocol.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

// ---- the terminal

static int g_terminal = -1;      // the one in raw mode
static bool g_has_host_terminal; // the program's own: it does what this one does otherwise
static struct termios g_saved;

static int first_terminal(uint32_t terminals) {
    return terminals & 1 ? 0 : terminals & 2 ? 1 : terminals & 4 ? 2 : -1;
}

// What is in the background leaves the terminal's settings alone, and does not read it.
static bool is_in_background(uint32_t terminals) {
    const int terminal = first_terminal(terminals);
    return terminal >= 0 && tcgetpgrp(terminal) != getpgrp();
}

static void enter_raw_mode(uint32_t terminals) {
    if (!g_has_host_terminal || g_terminal >= 0 || is_in_background(terminals))
        return;
    g_terminal = first_terminal(terminals);
    if (g_terminal < 0 || tcgetattr(g_terminal, &g_saved) != 0) {
        g_terminal = -1;
        return;
    }
    struct termios raw = g_saved;
    cfmakeraw(&raw);
    // In the midst of a pipeline Ctrl-C is for all of it.
    if (!(terminals & 1))
        raw.c_lflag |= g_saved.c_lflag & ISIG;
    if (!(terminals & 2))
        raw.c_oflag = g_saved.c_oflag;
    tcsetattr(g_terminal, TCSANOW, &raw);
}

static void leave_raw_mode(void) {
    if (g_terminal >= 0 && tcgetpgrp(g_terminal) == getpgrp())
        tcsetattr(g_terminal, TCSADRAIN, &g_saved);
    g_terminal = -1;
}

static void get_size(struct winsize* size) {
    memset(size, 0, sizeof *size);
    for (int i = 0; i < 3; ++i)
        if (ioctl(i, TIOCGWINSZ, size) == 0)
            return;
}

// ---- the conversation

static int connect_to_host(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char* path = getenv("WSL_INTEROP");
    if (!path || *path != '/')
        path = INTEROP_SOCKET;
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(address.sun_path, path);
    const int connection = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (connection >= 0 && connect(connection, (const struct sockaddr*)&address, sizeof address) != 0) {
        const int failure = errno;
        close(connection);
        errno = failure;
        return -1;
    }
    return connection;
}

// `descriptor` goes along unless it is -1. False with errno EINVAL when it is nothing of the host's.
static bool send_packet(int connection, struct interop_header header, const char* strings, size_t length,
                        int descriptor) {
    header.version = kInteropVersion;
    struct iovec parts[2] = {{&header, sizeof header}, {(char*)strings, length}};
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    if (descriptor >= 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(&control.header), &descriptor, sizeof descriptor);
    }
    ssize_t sent;
    do
        sent = sendmsg(connection, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent >= 0;
}

struct reply {
    struct interop_header header;
    char text[1024];
    int descriptors[4];
    int count;
};

// False when the connection has ended.
static bool receive_reply(int connection, struct reply* reply) {
    struct iovec parts[2] = {{&reply->header, sizeof reply->header}, {reply->text, sizeof reply->text - 1}};
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof reply->descriptors)];
    } control;
    struct msghdr message = {.msg_iov = parts,
                             .msg_iovlen = 2,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    ssize_t length;
    do
        length = recvmsg(connection, &message, MSG_CMSG_CLOEXEC);
    while (length < 0 && errno == EINTR);
    if (length < (ssize_t)sizeof reply->header || (message.msg_flags & MSG_CTRUNC) ||
        reply->header.version != kInteropVersion)
        return false;
    reply->text[length - (ssize_t)sizeof reply->header] = '\0';
    reply->count = 0;
    const struct cmsghdr* head = CMSG_FIRSTHDR(&message);
    if (head && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS) {
        reply->count = (int)((head->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(reply->descriptors, CMSG_DATA(head), (size_t)reply->count * sizeof(int));
    }
    return true;
}

// ---- what the program gets

struct strings {
    char* data;
    size_t length;
};

static void add_string(struct strings* strings, const char* first, const char* second) {
    const size_t length = strlen(first) + strlen(second) + 1;
    if (strings->length + length > kInteropMaxStrings) {
        dprintf(STDERR_FILENO, "lxss-host: the command line is too long\n");
        exit(kLxssFailed);
    }
    strcpy(strings->data + strings->length, first);
    strcat(strings->data + strings->length, second);
    strings->length += length;
}

// The variables that go along: what describes the terminal, and what WSLENV names.
static uint32_t add_environment(struct strings* strings) {
    uint32_t count = 0;
    const char* list = getenv("WSLENV");
    char* names = NULL;
    if (asprintf(&names, "TERM:COLORTERM:WSLENV:WSL_DISTRO_NAME:%s", list ? list : "") < 0)
        return 0;
    translate_environment(true);
    char* rest = NULL;
    for (char* item = strtok_r(names, ":", &rest); item; item = strtok_r(NULL, ":", &rest)) {
        char* name = NULL;
        item[strcspn(item, "/")] = '\0';
        const char* value = *item && !strchr(item, '=') ? getenv(item) : NULL;
        if (!value || asprintf(&name, "%s=", item) < 0)
            continue;
        add_string(strings, name, value);
        free(name);
        ++count;
    }
    free(names);
    return count;
}

static bool request_run(int connection, uint32_t terminals, char** words) {
    struct winsize size;
    get_size(&size);
    struct interop_header header = {
        .type = kInteropRun, .value = terminals, .rows = size.ws_row, .columns = size.ws_col};
    struct strings strings = {malloc(kInteropMaxStrings), 0};
    if (!strings.data)
        return false;
    char folder[PATH_MAX];
    add_string(&strings, host_path(".", folder) ? folder : "", "");
    for (; words[header.argument_count]; ++header.argument_count)
        add_string(&strings, words[header.argument_count], "");
    header.environment_count = add_environment(&strings);
    bool sent = true;
    for (size_t at = 0; sent && at < strings.length; at += kInteropTextBytes) {
        const size_t left = strings.length - at;
        sent = send_packet(connection, (struct interop_header){.type = kInteropText}, strings.data + at,
                           left < kInteropTextBytes ? left : kInteropTextBytes, -1);
    }
    free(strings.data);
    return sent && send_packet(connection, header, "", 0, -1);
}

// Hands over the streams that the host knows: a pipe or file that lxss was given.
static void hand_over_streams(int connection, uint32_t terminals) {
    for (int i = 0; i < 3; ++i) {
        struct stat status;
        const struct interop_header header = {.type = kInteropStream, .value = (uint32_t)i};
        // A pipe of the instance is refused, and stays here. So does any other file: the kernel keeps its
        // position.
        if (!(terminals & 1u << i) && fstat(i, &status) == 0 && S_ISFIFO(status.st_mode))
            send_packet(connection, header, "", 0, i);
    }
}

// ---- copying

enum { kForegroundCheckMilliseconds = 200 };

// The relays for the ends that have come. At most four.
static bool set_up_relays(struct relay* relays, size_t* count, const struct reply* reply,
                          uint32_t terminals) {
    int next = 0;
    bool good = true;
    for (int i = 0; i < 3; ++i) {
        if (!(reply->header.value & 1u << i))
            continue;
        if (next >= reply->count)
            return false;
        const int end = reply->descriptors[next++];
        good = good && add_relay(relays, count, i == 0 ? 0 : end, i == 0 ? end : i, i == 0);
    }
    if (!(reply->header.value & kInteropEndTerminal))
        return good;
    const bool has_two = reply->header.value & kInteropEndTyped;
    if (next + has_two >= reply->count)
        return false;
    const int master = reply->descriptors[next], output = terminals & 2 ? 1 : terminals & 4 ? 2 : 0;
    const int second = has_two         ? reply->descriptors[next + 1]
                       : terminals & 1 ? fcntl(master, F_DUPFD_CLOEXEC, 3)
                                       : -1;
    good = good && add_relay(relays, count, master, output, false);
    if (terminals & 1)
        good = good && second >= 0 && add_relay(relays, count, 0, second, true);
    return good;
}

// ---- the end

// As the program on the host ended.
static int end_as(int wait_status) {
    if (!WIFSIGNALED(wait_status))
        return WEXITSTATUS(wait_status);
    const int number = WTERMSIG(wait_status);
    const struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    signal(number, SIG_DFL);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    raise(number);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    return 128 + number;
}

static void send_signal(int connection, uint32_t number) {
    send_packet(connection, (struct interop_header){.type = kInteropSignal, .value = number}, "", 0, -1);
}

static void send_size(int connection) {
    struct winsize size;
    get_size(&size);
    send_packet(connection,
                (struct interop_header){.type = kInteropSize, .rows = size.ws_row, .columns = size.ws_col},
                "", 0, -1);
}

// Stops this process's group, as the program of the host has been stopped, and lets that go on once the shell
// has this one go on: at once where nobody could (an orphaned process group does not stop).
static void stop_with_program(int connection, uint32_t terminals) {
    leave_raw_mode();
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTSTP);
    kill(0, SIGTSTP);
    sigprocmask(SIG_UNBLOCK, &set, NULL); // here
    sigprocmask(SIG_BLOCK, &set, NULL);
    enter_raw_mode(terminals);
    send_size(connection);
    send_signal(connection, SIGCONT);
}

static void handle_signal(int connection, int signals, uint32_t terminals) {
    struct signalfd_siginfo information;
    if (read(signals, &information, sizeof information) != sizeof information)
        return;
    switch (information.ssi_signo) {
    case SIGWINCH:
        return send_size(connection);
    case SIGCONT:
        // The shell has changed the terminal's settings meanwhile.
        leave_raw_mode();
        enter_raw_mode(terminals);
        break;
    }
    send_signal(connection, information.ssi_signo); // SIGTSTP: what comes back is Stopped
}

static int watch_signals(void) {
    static const int kSignals[] = {SIGINT,  SIGQUIT, SIGTERM,  SIGHUP,  SIGUSR1,
                                   SIGUSR2, SIGALRM, SIGWINCH, SIGTSTP, SIGCONT};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof kSignals / sizeof *kSignals; ++i) {
        // One that is ignored, as below nohup, stays so.
        struct sigaction action;
        if (sigaction(kSignals[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            sigaddset(&set, kSignals[i]);
    }
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_CLOEXEC);
}

// Copies until the program has ended; its wait status, or -1 when the host has gone.
static int converse(int connection, int signals, uint32_t terminals, struct relay* relays, size_t count,
                    struct reply* reply) {
    for (;;) {
        // No signal tells that a job that was running has come to the foreground.
        const bool in_background = is_in_background(terminals);
        enter_raw_mode(terminals);
        struct pollfd polled[6] = {{connection, POLLIN, 0}, {signals, POLLIN, 0}};
        for (size_t i = 0; i < count; ++i) {
            const bool full = bytes_left(&relays[i]) > 0;
            polled[2 + i] = (struct pollfd){full ? relays[i].to : relays[i].from, full ? POLLOUT : POLLIN, 0};
            if (!full && relays[i].from == 0 && (terminals & 1) && in_background)
                polled[2 + i].fd = -1;
        }
        if (poll(polled, 2 + count, in_background ? kForegroundCheckMilliseconds : -1) < 0) {
            if (errno != EINTR)
                return -1;
            continue;
        }
        for (size_t i = 0; i < count; ++i) {
            if (!polled[2 + i].revents)
                continue;
            if (bytes_left(&relays[i]) > 0)
                write_some(&relays[i]);
            else
                read_some(&relays[i]);
        }
        if (polled[1].revents)
            handle_signal(connection, signals, terminals);
        if (!polled[0].revents)
            continue;
        if (!receive_reply(connection, reply))
            return -1;
        if (reply->header.type == kInteropStopped) {
            stop_with_program(connection, terminals);
        } else if (reply->header.type == kInteropExit) {
            drain(relays, count, reply->header.flags & kInteropAllEnded);
            return (int)reply->header.value;
        } else {
            return -1;
        }
    }
}

static int start(int connection, uint32_t terminals, char** words, struct reply* reply) {
    hand_over_streams(connection, terminals);
    if (!request_run(connection, terminals, words) || !receive_reply(connection, reply)) {
        dprintf(STDERR_FILENO, "lxss-host: the host does not answer\n");
        return kLxssFailed;
    }
    if (reply->header.type != kInteropStarted) {
        dprintf(STDERR_FILENO, "lxss-host: %s\n", reply->text);
        return (int)reply->header.value;
    }
    g_has_host_terminal = reply->header.value & kInteropEndTerminal;
    if (reply->header.value & kInteropInHome)
        dprintf(STDERR_FILENO,
                "lxss-host: the host does not see the current folder; running in the home folder there\n");
    return 0;
}

int run_on_host(char** words) {
    struct wsl_configuration configuration;
    read_wsl_configuration(&configuration, NULL);
    const int connection = configuration.interop_enabled ? connect_to_host() : -1;
    if (connection < 0) {
        if (!configuration.interop_enabled)
            dprintf(STDERR_FILENO,
                    "lxss-host: interop is switched off in this instance ([interop] enabled in "
                    "/etc/wsl.conf)\n");
        else
            dprintf(STDERR_FILENO,
                    "lxss-host: the host cannot be reached (%s); interop is switched off in the host's "
                    "lxss.conf, or was when the instance started\n",
                    strerror(errno));
        return kLxssFailed;
    }
    uint32_t terminals = 0;
    for (int i = 0; i < 3; ++i)
        terminals |= isatty(i) ? 1u << i : 0;
    const int signals = watch_signals();
    struct reply reply;
    const int failure = start(connection, terminals, words, &reply);
    if (failure != 0)
        return failure;
    struct relay relays[4];
    size_t count = 0;
    int wait_status = -1;
    if (set_up_relays(relays, &count, &reply, terminals)) {
        wait_status = converse(connection, signals, terminals, relays, count, &reply);
        leave_raw_mode();
    }
    if (wait_status >= 0)
        return end_as(wait_status);
    dprintf(STDERR_FILENO, "lxss-host: the connection to the host has ended\n");
    return kLxssFailed;
}

int host_command(int argc, char** argv) {
    const int first = argc > 1 && strcmp(argv[1], "--") == 0 ? 2 : 1;
    if (argc <= first || strcmp(argv[1], "--help") == 0) {
        dprintf(argc <= first ? STDERR_FILENO : STDOUT_FILENO,
                "Usage: lxss-host COMMAND [ARGUMENT...]\n"
                "Runs a program of the host, in the same folder if the host sees it.\n"
                "WSLENV names the variables that go along.\n");
        return argc <= first ? kLxssFailed : 0;
    }
    return run_on_host(argv + first);
}
