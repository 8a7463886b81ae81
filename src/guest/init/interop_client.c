// Programs of the host, started from inside: lxss-host, and what is made of it.
#include "interop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static int g_terminal = -1; // the one in raw mode
static struct termios g_saved;

static void enter_raw_mode(uint32_t terminals) {
    for (int i = 0; i < 3 && g_terminal < 0; ++i)
        if (terminals & 1u << i)
            g_terminal = i;
    if (g_terminal < 0 || tcgetpgrp(g_terminal) != getpgrp() || tcgetattr(g_terminal, &g_saved) != 0) {
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
    if (g_terminal >= 0)
        tcsetattr(g_terminal, TCSADRAIN, &g_saved);
    g_terminal = -1;
}

static void get_size(struct winsize* size) {
    memset(size, 0, sizeof *size);
    for (int i = 0; i < 3; ++i)
        if (ioctl(i, TIOCGWINSZ, size) == 0)
            return;
}

static void append_string(struct buffer* buffer, const char* text) { append(buffer, text, strlen(text) + 1); }

// The variables that go along: what describes the terminal, and what WSLENV names.
static uint32_t append_environment(struct buffer* buffer) {
    uint32_t count = 0;
    char names[8192];
    const char* list = getenv("WSLENV");
    snprintf(names, sizeof names, "TERM:COLORTERM:WSLENV:WSL_DISTRO_NAME:%s", list ? list : "");
    translate_environment(true);
    char* rest = NULL;
    for (char* item = strtok_r(names, ":", &rest); item; item = strtok_r(NULL, ":", &rest)) {
        item[strcspn(item, "/")] = '\0';
        const char* value = *item ? getenv(item) : NULL;
        if (!value)
            continue;
        append(buffer, item, strlen(item));
        append(buffer, "=", 1);
        append_string(buffer, value);
        ++count;
    }
    return count;
}

static void request_run(struct buffer* out, uint32_t terminals, char** words) {
    struct winsize size;
    get_size(&size);
    struct interop_run run = {terminals, size.ws_row, size.ws_col, 0, 0};
    struct buffer payload = {0};
    append(&payload, &run, sizeof run);
    char folder[PATH_MAX];
    append_string(&payload, host_path(".", folder) ? folder : "");
    for (; words[run.argument_count]; ++run.argument_count)
        append_string(&payload, words[run.argument_count]);
    run.environment_count = append_environment(&payload);
    memcpy(payload.data, &run, sizeof run);
    if (buffered(&payload) > kInteropMaxFrame) {
        dprintf(STDERR_FILENO, "lxss-host: the command line is too long\n");
        exit(kLxssFailed);
    }
    append_frame(out, 0, kInteropRun, payload.data, buffered(&payload));
    free(payload.data);
}

// As the program on the host ended.
static int end_as(int wait_status) {
    leave_raw_mode();
    if (!WIFSIGNALED(wait_status))
        return WEXITSTATUS(wait_status);
    const int number = WTERMSIG(wait_status);
    signal(number, SIG_DFL);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    raise(number);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    return 128 + number;
}

static bool write_all(int descriptor, const char* bytes, size_t length) {
    while (length > 0) {
        const ssize_t count = write(descriptor, bytes, length);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0 && errno == EAGAIN) {
            struct pollfd polled = {descriptor, POLLOUT, 0};
            poll(&polled, 1, -1);
            continue;
        }
        if (count < 0)
            return false;
        bytes += count;
        length -= (size_t)count;
    }
    return true;
}

struct conversation {
    struct buffer in, out;
    uint32_t credit;
    bool input_ended;
    int exit_code; // -1 until the end
};

static void take(struct conversation* conversation, const struct interop_frame* frame, const char* payload) {
    uint32_t number = 0;
    if (frame->length == sizeof number)
        memcpy(&number, payload, sizeof number);
    switch (frame->type) {
    case kInteropOutput:
    case kInteropError:
        // A reader that has gone ends a program of the instance by SIGPIPE; so it does the one on the host.
        if (!write_all(frame->type == kInteropOutput ? STDOUT_FILENO : STDERR_FILENO, payload, frame->length)) {
            number = SIGPIPE;
            append_frame(&conversation->out, 0, kInteropSignal, &number, sizeof number);
        }
        append_frame(&conversation->out, 0, kInteropCredit, &frame->length, sizeof frame->length);
        break;
    case kInteropCredit:
        conversation->credit += number;
        break;
    case kInteropExit:
        conversation->exit_code = end_as((int)number);
        break;
    case kInteropFailed:
        leave_raw_mode();
        dprintf(STDERR_FILENO, "lxss-host: %.*s\n", (int)frame->length, payload);
        // As a shell has it: 127 for what is not there.
        conversation->exit_code = frame->length > 9 && strstr(payload, "not found") ? 127 : kLxssFailed;
        break;
    }
}

static void read_input(struct conversation* conversation) {
    char bytes[kInteropMaxData];
    const size_t room = conversation->credit < sizeof bytes ? conversation->credit : sizeof bytes;
    const ssize_t count = read(STDIN_FILENO, bytes, room);
    if (count < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (count <= 0) {
        conversation->input_ended = true;
        append_frame(&conversation->out, 0, kInteropInputEnd, "", 0);
        return;
    }
    conversation->credit -= (uint32_t)count;
    append_frame(&conversation->out, 0, kInteropInput, bytes, (size_t)count);
}

static void forward_signal(struct conversation* conversation, int signals) {
    struct signalfd_siginfo information;
    if (read(signals, &information, sizeof information) != sizeof information)
        return;
    if (information.ssi_signo == SIGWINCH) {
        struct winsize size;
        get_size(&size);
        const uint16_t both[2] = {size.ws_row, size.ws_col};
        append_frame(&conversation->out, 0, kInteropSize, both, sizeof both);
    } else {
        append_frame(&conversation->out, 0, kInteropSignal, &information.ssi_signo, sizeof(uint32_t));
    }
}

static int run_on_host(char** words) {
    const int connection = connect_to_interop();
    if (connection < 0) {
        dprintf(STDERR_FILENO, "lxss-host: the host cannot be reached (%s); interop may be switched off, in "
                               "/etc/wsl.conf or in the host's lxss.conf\n",
                strerror(errno));
        return kLxssFailed;
    }
    uint32_t terminals = 0;
    for (int i = 0; i < 3; ++i)
        terminals |= isatty(i) ? 1u << i : 0;
    struct conversation conversation = {{0}, {0}, kInteropWindow, false, -1};
    request_run(&conversation.out, terminals, words);

    signal(SIGPIPE, SIG_IGN);
    sigset_t set;
    sigemptyset(&set);
    for (int i = 0; i < 8; ++i)
        sigaddset(&set, ((const int[]){SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGWINCH, SIGALRM})[i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
    const int signals = signalfd(-1, &set, SFD_CLOEXEC);
    enter_raw_mode(terminals);
    while (conversation.exit_code < 0) {
        struct pollfd polled[3] = {
            {connection, buffered(&conversation.out) ? POLLIN | POLLOUT : POLLIN, 0},
            {signals, POLLIN, 0},
            {conversation.input_ended || conversation.credit == 0 ? -1 : STDIN_FILENO, POLLIN, 0},
        };
        if (poll(polled, 3, -1) < 0 && errno != EINTR)
            break;
        if ((polled[0].revents & POLLOUT) && !drain(&conversation.out, connection))
            break;
        if (polled[0].revents & ~POLLOUT) {
            bool broken = !fill(&conversation.in, connection);
            struct interop_frame frame;
            while (conversation.exit_code < 0 && next_frame(&conversation.in, &frame, &broken)) {
                take(&conversation, &frame, conversation.in.data + conversation.in.start + sizeof frame);
                consume(&conversation.in, sizeof frame + frame.length);
            }
            if (broken)
                break;
        }
        if (polled[1].revents)
            forward_signal(&conversation, signals);
        if (polled[2].revents)
            read_input(&conversation);
    }
    leave_raw_mode();
    if (conversation.exit_code >= 0)
        return conversation.exit_code;
    dprintf(STDERR_FILENO, "lxss-host: the connection to the host has ended\n");
    return kLxssFailed;
}

int host_command(int argc, char** argv) {
    if (argc < 2 || strcmp(argv[1], "--help") == 0) {
        dprintf(STDERR_FILENO, "Usage: lxss-host COMMAND [ARGUMENT...]\n"
                               "Runs a program of the host, in the same folder if the host has it.\n");
        return argc < 2 ? kLxssFailed : 0;
    }
    return run_on_host(argv + 1);
}

// The words that name files, which may be about to be made, as the host sees them.
static void translate_words(char** words) {
    for (; *words; ++words) {
        char path[PATH_MAX], parent[PATH_MAX];
        if (strstr(*words, "://") || **words == '-')
            continue;
        if (host_path(*words, path)) {
            *words = strdup(path);
            continue;
        }
        const char* slash = strrchr(*words, '/');
        snprintf(parent, sizeof parent, "%.*s", slash ? (int)(slash - *words + 1) : 1, slash ? *words : ".");
        const size_t length = host_path(parent, path) ? strlen(path) : 0;
        if (length == 0) {
            dprintf(STDERR_FILENO, "lxss: the host does not see %s\n", *words);
            exit(kLxssFailed);
        }
        snprintf(path + length, sizeof path - length, "/%s", slash ? slash + 1 : *words);
        *words = strdup(path);
    }
}

// `prefix`, then the words of the command line.
static int run_with(char** prefix, size_t prefix_length, int argc, char** argv) {
    char** words = calloc(prefix_length + (size_t)argc, sizeof *words);
    if (!words)
        return kLxssFailed;
    memcpy(words, prefix, prefix_length * sizeof *words);
    memcpy(words + prefix_length, argv + 1, ((size_t)argc - 1) * sizeof *words);
    translate_words(words + prefix_length);
    return run_on_host(words);
}

int open_on_host(int argc, char** argv) {
    if (argc < 2) {
        dprintf(STDERR_FILENO, "Usage: %s ADDRESS-OR-FILE...\nOpens it with the host's browser or program for it.\n",
                argv[0]);
        return kLxssFailed;
    }
    return run_with((char*[]){"xdg-open"}, 1, argc, argv);
}

int edit_on_host(int argc, char** argv) {
    if (argc < 2) {
        dprintf(STDERR_FILENO, "Usage: lxss-edit FILE...\nEdits it with the host's $VISUAL or $EDITOR.\n");
        return kLxssFailed;
    }
    return run_with((char*[]){"sh", "-c", "exec ${VISUAL:-${EDITOR:-vi}} \"$@\"", "sh"}, 4, argc, argv);
}
