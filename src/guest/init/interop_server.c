// `init --interop`: the middle of interop. Standard input and output are the connection to the host; programs of the
// instance connect to INTEROP_SOCKET, and to the sockets that are led to sockets of the host.
#include "interop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { kMaxConnections = 512, kMaxForwards = 32, kHostBacklog = 4 << 20 };

struct connection {
    int socket; // -1: free
    bool opened, is_forward, input_ended;
    bool ending;      // all has come from the host; goes when it is written
    uint32_t credit;  // forwards: bytes that may still be sent to the host
    struct buffer in, out;
};

struct forward {
    int listener;
    char inside[sizeof(((struct sockaddr_un*)0)->sun_path)];
    char outside[PATH_MAX];
};

static struct connection g_connections[kMaxConnections]; // the index is the channel
static struct forward g_forwards[kMaxForwards];
static size_t g_forward_count;
static struct buffer g_from_host, g_to_host;

static void close_connection(uint32_t channel, bool tell_host) {
    struct connection* connection = &g_connections[channel];
    if (tell_host && connection->opened && !connection->ending)
        append_frame(&g_to_host, channel, kInteropHangup, "", 0);
    close(connection->socket);
    free(connection->in.data);
    free(connection->out.data);
    memset(connection, 0, sizeof *connection);
    connection->socket = -1;
}

static void accept_connection(int listener, const struct forward* forward) {
    const int socket = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (socket < 0)
        return;
    for (uint32_t channel = 0; channel < kMaxConnections; ++channel) {
        struct connection* connection = &g_connections[channel];
        if (connection->socket >= 0)
            continue;
        connection->socket = socket;
        if (forward) {
            connection->opened = connection->is_forward = true;
            connection->credit = kInteropWindow;
            append_frame(&g_to_host, channel, kInteropConnect, forward->outside, strlen(forward->outside) + 1);
        }
        return;
    }
    close(socket);
}

static int listen_at(const char* path, mode_t mode) {
    struct sockaddr_un address;
    if (!socket_address(path, &address))
        return -1;
    unlink(path);
    const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener < 0 || bind(listener, (const struct sockaddr*)&address, sizeof address) != 0 ||
        chmod(path, mode) != 0 || listen(listener, 64) != 0) {
        const int failure = errno;
        if (listener >= 0)
            close(listener);
        errno = failure;
        return -1;
    }
    return listener;
}

// Two names, each ended by NUL.
static bool add_forward(const char* names, size_t length) {
    const size_t first = strnlen(names, length);
    if (length == 0 || names[length - 1] != '\0' || first + 1 >= length)
        return false;
    const char* outside = names + first + 1;
    struct forward* forward = NULL;
    for (size_t i = 0; i < g_forward_count; ++i)
        if (strcmp(g_forwards[i].inside, names) == 0)
            forward = &g_forwards[i];
    if (strlen(outside) >= sizeof forward->outside || first >= sizeof forward->inside)
        return false;
    if (!forward) {
        if (g_forward_count == kMaxForwards)
            return false;
        const int listener = listen_at(names, 0666);
        if (listener < 0) {
            complain(errno, "interop: cannot listen at %s", names);
            return false;
        }
        forward = &g_forwards[g_forward_count++];
        forward->listener = listener;
        strcpy(forward->inside, names);
    }
    strcpy(forward->outside, outside);
    return true;
}

// A frame of a client; false when it does not follow the protocol.
static bool take_from_client(uint32_t channel, const struct interop_frame* frame, const char* payload) {
    struct connection* connection = &g_connections[channel];
    if (frame->type == kInteropForward) {
        const bool good = !connection->opened && add_forward(payload, frame->length);
        append_frame(&connection->out, 0, good ? kInteropExit : kInteropFailed, "\0\0\0", 4);
        connection->ending = true;
        return true;
    }
    const bool opens = frame->type == kInteropRun || frame->type == kInteropConnect;
    if (opens == connection->opened || frame->type >= kInteropOutput)
        return false;
    connection->opened = true;
    append_frame(&g_to_host, channel, frame->type, payload, frame->length);
    return true;
}

static void read_client(uint32_t channel) {
    struct connection* connection = &g_connections[channel];
    if (connection->is_forward) {
        char bytes[kInteropMaxData];
        const size_t room = connection->credit < sizeof bytes ? connection->credit : sizeof bytes;
        const ssize_t count = read(connection->socket, bytes, room);
        if (count > 0) {
            connection->credit -= (uint32_t)count;
            append_frame(&g_to_host, channel, kInteropInput, bytes, (size_t)count);
        } else if (count == 0) {
            connection->input_ended = true;
            append_frame(&g_to_host, channel, kInteropInputEnd, "", 0);
        } else if (errno != EAGAIN && errno != EINTR) {
            close_connection(channel, true);
        }
        return;
    }
    bool good = fill(&connection->in, connection->socket), broken = false;
    struct interop_frame frame;
    while (!broken && next_frame(&connection->in, &frame, &broken)) {
        broken = !take_from_client(channel, &frame, connection->in.data + connection->in.start + sizeof frame);
        consume(&connection->in, sizeof frame + frame.length);
    }
    if (!good || broken)
        close_connection(channel, true);
}

static void take_from_host(const struct interop_frame* frame, const char* payload) {
    if (frame->channel >= kMaxConnections)
        return;
    struct connection* connection = &g_connections[frame->channel];
    // It may have gone meanwhile, and its Hangup be under way.
    if (connection->socket < 0 || !connection->opened || connection->ending)
        return;
    const bool ends = frame->type == kInteropExit || frame->type == kInteropFailed;
    if (!connection->is_forward)
        append_frame(&connection->out, frame->channel, frame->type, payload, frame->length);
    else if (frame->type == kInteropOutput)
        append(&connection->out, payload, frame->length);
    else if (frame->type == kInteropCredit && frame->length == sizeof(uint32_t)) {
        uint32_t more;
        memcpy(&more, payload, sizeof more);
        connection->credit += more;
    }
    connection->ending = ends;
}

static void write_client(uint32_t channel) {
    struct connection* connection = &g_connections[channel];
    const size_t before = buffered(&connection->out);
    if (!drain(&connection->out, connection->socket))
        return close_connection(channel, true);
    const uint32_t written = (uint32_t)(before - buffered(&connection->out));
    if (connection->is_forward && written > 0 && !connection->ending)
        append_frame(&g_to_host, channel, kInteropCredit, &written, sizeof written);
    if (connection->ending && buffered(&connection->out) == 0)
        close_connection(channel, false);
}

// Whether the host's side is there still.
static bool read_host(void) {
    if (!fill(&g_from_host, STDIN_FILENO))
        return false;
    bool broken = false;
    struct interop_frame frame;
    while (next_frame(&g_from_host, &frame, &broken)) {
        take_from_host(&frame, g_from_host.data + g_from_host.start + sizeof frame);
        consume(&g_from_host, sizeof frame + frame.length);
    }
    return !broken;
}

static void serve(int listener) {
    static struct pollfd polled[2 + kMaxForwards + kMaxConnections];
    for (;;) {
        for (uint32_t channel = 0; channel < kMaxConnections; ++channel)
            if (g_connections[channel].socket >= 0 &&
                (buffered(&g_connections[channel].out) > 0 || g_connections[channel].ending))
                write_client(channel);
        if (!drain(&g_to_host, STDOUT_FILENO))
            return;
        const bool host_is_slow = buffered(&g_to_host) > kHostBacklog;
        polled[0] = (struct pollfd){STDIN_FILENO, buffered(&g_to_host) ? POLLIN | POLLOUT : POLLIN, 0};
        polled[1] = (struct pollfd){host_is_slow ? -1 : listener, POLLIN, 0};
        for (size_t i = 0; i < kMaxForwards; ++i)
            polled[2 + i] = (struct pollfd){i < g_forward_count && !host_is_slow ? g_forwards[i].listener : -1, POLLIN, 0};
        struct pollfd* const clients = polled + 2 + kMaxForwards;
        for (uint32_t channel = 0; channel < kMaxConnections; ++channel) {
            const struct connection* connection = &g_connections[channel];
            short events = buffered(&connection->out) > 0 ? POLLOUT : 0;
            if (!host_is_slow && !connection->ending && !connection->input_ended &&
                (!connection->is_forward || connection->credit > 0))
                events |= POLLIN;
            clients[channel] = (struct pollfd){events ? connection->socket : -1, events, 0};
        }
        if (poll(polled, sizeof polled / sizeof *polled, -1) < 0 && errno != EINTR)
            return;
        if ((polled[0].revents & ~POLLOUT) && !read_host())
            return;
        for (uint32_t channel = 0; channel < kMaxConnections; ++channel)
            if ((clients[channel].revents & ~POLLOUT) && g_connections[channel].socket == clients[channel].fd)
                read_client(channel);
        for (size_t i = 0; i < g_forward_count; ++i)
            if (polled[2 + i].revents)
                accept_connection(g_forwards[i].listener, &g_forwards[i]);
        if (polled[1].revents)
            accept_connection(listener, NULL);
    }
}

int interop_server(int argc, char** argv) {
    const char* rootfs = argc > 0 ? option_value(argv[0], "--rootfs=") : NULL;
    make_folder("/run", 0755);
    make_folder(RUN_FOLDER, 0755);
    if (rootfs)
        write_file(ROOTFS_FILE, rootfs);
    struct wsl_configuration configuration;
    read_wsl_configuration(&configuration, NULL);
    if (!configuration.interop_enabled) {
        unlink(INTEROP_SOCKET);
        return 0;
    }
    signal(SIGPIPE, SIG_IGN);
    for (uint32_t channel = 0; channel < kMaxConnections; ++channel)
        g_connections[channel].socket = -1;
    fcntl(STDOUT_FILENO, F_SETFL, O_NONBLOCK);
    fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
    const int listener = listen_at(INTEROP_SOCKET, 0666);
    if (listener < 0) {
        complain(errno, "interop: cannot listen at %s", INTEROP_SOCKET);
        return kLxssFailed;
    }
    // The host waits for this frame: sessions that start after it find the socket.
    append_frame(&g_to_host, 0, kInteropCredit, "", 0);
    serve(listener);
    unlink(INTEROP_SOCKET);
    return 0;
}
