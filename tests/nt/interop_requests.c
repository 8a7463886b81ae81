// Requests to lxss-interop that make no sense, as anybody inside an instance can send them. Each must end in
// a refusal or in the end of the connection. Prints a line for each: its name, and the exit code of the
// refusal, or "closed", or the errno of what could not be sent.
#include "interop/protocol.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { kPatienceMilliseconds = 20000 };

static const char g_name[] = "/run/lxss/interop";

static int connect_to_host(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, g_name);
    const int connection = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    if (connect(connection, (struct sockaddr*)&address, sizeof address) != 0) {
        printf("connect %s\n", strerror(errno));
        exit(0);
    }
    return connection;
}

static void send_request(int connection, struct interop_header header, const char* text, size_t length) {
    struct iovec parts[] = {{&header, sizeof header}, {(char*)text, length}};
    const struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    if (sendmsg(connection, &message, MSG_NOSIGNAL) < 0 && errno != EPIPE)
        printf("(%s) ", strerror(errno));
}

static void report(const char* name, int connection) {
    struct interop_header header = {0};
    struct pollfd polled = {connection, POLLIN, 0};
    char text[2048];
    struct iovec parts[] = {{&header, sizeof header}, {text, sizeof text}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    if (poll(&polled, 1, kPatienceMilliseconds) != 1)
        printf("%s no answer\n", name);
    else if (recvmsg(connection, &message, 0) <= 0)
        printf("%s closed\n", name);
    else if (header.type == kInteropFailed)
        printf("%s %u\n", name, header.value);
    else
        printf("%s type %u\n", name, header.type);
    close(connection);
}

static void run(const char* name, struct interop_header header, const char* strings, size_t length) {
    const int connection = connect_to_host();
    const struct interop_header text = {.version = kInteropVersion, .type = kInteropText};
    for (size_t at = 0; at < length; at += kInteropTextBytes)
        send_request(connection, text, strings + at,
                     length - at < kInteropTextBytes ? length - at : kInteropTextBytes);
    header.version = kInteropVersion;
    header.type = kInteropRun;
    send_request(connection, header, "", 0);
    report(name, connection);
}

#define TEXT(literal) literal, sizeof literal - 1

// `requests mount NAME`: what connecting to another name of the host gives.
int main(int argc, char** argv) {
    setvbuf(stdout, NULL, _IONBF, 0);
    if (argc == 3) {
        if (mount(argv[2], g_name, "hostsocket", 0, NULL) != 0)
            return 1;
        connect_to_host();
        return 0;
    }
    int connection = connect_to_host();
    send(connection, "short", 5, 0);
    report("short", connection);
    connection = connect_to_host();
    send_request(connection, (struct interop_header){.version = 99, .type = kInteropRun}, "", 0);
    report("version", connection);
    run("empty", (struct interop_header){0}, "", 0);
    run("no words", (struct interop_header){0}, TEXT("\0"));
    run("too many words", (struct interop_header){.argument_count = ~0u}, TEXT("\0cmd.exe\0"));
    run("too few words", (struct interop_header){.argument_count = 1}, TEXT("\0cmd.exe\0more\0"));
    run("no end", (struct interop_header){.argument_count = 1}, TEXT("\0cmd.exe"));
    run("no value", (struct interop_header){.argument_count = 1, .environment_count = 1},
        TEXT("\0cmd.exe\0NAME\0"));
    run("no name", (struct interop_header){.argument_count = 1, .environment_count = 1},
        TEXT("\0cmd.exe\0=value\0"));
    run("no program", (struct interop_header){.argument_count = 1}, TEXT("\0\0"));
    run("no file", (struct interop_header){.argument_count = 1}, TEXT("\0\\\\.\\pipe\\lxss\0"));
    static char much[kInteropMaxStrings + 1];
    memset(much, 'x', sizeof much);
    run("too much", (struct interop_header){.argument_count = 1}, much, sizeof much);
    connection = connect_to_host();
    send_request(connection, (struct interop_header){.version = kInteropVersion, .type = kInteropText}, much,
                 4000);
    for (unsigned type = 0; type < 20; ++type)
        if (type != kInteropRun)
            send_request(connection,
                         (struct interop_header){.version = kInteropVersion, .type = type, .value = ~0u}, "",
                         0);
    send_request(connection, (struct interop_header){.version = kInteropVersion, .type = kInteropRun}, "", 0);
    report("any type", connection);
    // Left alone in the midst.
    for (int i = 0; i < 20; ++i)
        close(connect_to_host());
    return 0;
}
