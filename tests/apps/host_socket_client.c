// A guest program that connects to a UNIX socket of the host: host_socket_client TASK SOCKET [ARGUMENT].
// Its output is what host_sockets_test.py compares; a failed call prints its name and errno, and ends with 1.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CHECK(call)                                                                                                    \
    ({                                                                                                                 \
        const long result_ = (long)(call);                                                                             \
        if (result_ < 0) {                                                                                             \
            printf("%.*s: %s\n", (int)strcspn(#call, "("), #call, strerrorname_np(errno));                             \
            exit(1);                                                                                                   \
        }                                                                                                              \
        result_;                                                                                                       \
    })

static int connect_to(const char* path, int type) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    const int fd = (int)CHECK(socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
    CHECK(connect(fd, (struct sockaddr*)&address, sizeof address));
    return fd;
}

static long send_fd(int fd, int passed) {
    char byte = 'f';
    struct iovec part = {&byte, 1};
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(&control.header), &passed, sizeof passed);
    return sendmsg(fd, &message, 0);
}

// Receives a byte and up to `room` descriptors; returns how many.
static int receive_fds(int fd, int* fds, int room, int* flags) {
    char byte;
    struct iovec part = {&byte, 1};
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(16 * sizeof(int))];
    } control;
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control,
                             .msg_controllen = CMSG_LEN((size_t)room * sizeof(int))};
    CHECK(recvmsg(fd, &message, MSG_CMSG_CLOEXEC));
    *flags = message.msg_flags;
    const struct cmsghdr* head = CMSG_FIRSTHDR(&message);
    if (!head)
        return 0;
    const int count = (int)((head->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    memcpy(fds, CMSG_DATA(head), (size_t)count * sizeof(int));
    return count;
}

// Everything there and back.
static void echo(const char* path) {
    const int fd = connect_to(path, SOCK_STREAM);
    unsigned char out[65536], in[65536];
    size_t sent = 0, received = 0;
    const size_t total = 8 << 20;
    bool same = true;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    while (received < total) {
        struct pollfd polled = {fd, (short)(POLLIN | (sent < total ? POLLOUT : 0)), 0};
        CHECK(poll(&polled, 1, 30000));
        if (polled.revents & POLLOUT) {
            const size_t length = total - sent < sizeof out ? total - sent : sizeof out;
            for (size_t i = 0; i < length; ++i)
                out[i] = (unsigned char)((sent + i) * 131 >> 3);
            const ssize_t count = write(fd, out, length);
            if (count < 0 && errno != EAGAIN)
                CHECK(count);
            sent += count > 0 ? (size_t)count : 0;
            if (sent == total)
                CHECK(shutdown(fd, SHUT_WR));
        }
        if (polled.revents & POLLIN) {
            const ssize_t count = CHECK(read(fd, in, sizeof in));
            for (ssize_t i = 0; i < count; ++i)
                same = same && in[i] == (unsigned char)((received + (size_t)i) * 131 >> 3);
            received += (size_t)count;
        }
    }
    struct pollfd last = {fd, POLLIN, 0};
    CHECK(poll(&last, 1, 30000));
    printf("%zu %s, then %zd\n", received, same ? "same" : "different", read(fd, in, 1));
}

static void packets(const char* path) {
    const int fd = connect_to(path, SOCK_SEQPACKET);
    char bytes[100];
    CHECK(send(fd, "one", 3, 0));
    CHECK(send(fd, "three", 5, 0));
    for (int i = 0; i < 2; ++i) {
        const ssize_t count = CHECK(recv(fd, bytes, sizeof bytes, 0));
        printf("%.*s\n", (int)count, bytes);
    }
    struct sockaddr_un name;
    socklen_t length = sizeof name;
    CHECK(getpeername(fd, (struct sockaddr*)&name, &length));
    struct ucred peer;
    socklen_t peer_length = sizeof peer;
    CHECK(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &peer_length));
    int error = -1;
    socklen_t error_length = sizeof error;
    CHECK(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_length));
    printf("family %d, uid %u, error %d\n", name.sun_family, peer.uid, error);
    CHECK(connect(fd, (struct sockaddr*)&name, sizeof name)); // EISCONN
}

// Descriptors from the host: of each its kind, and its content.
static void receive(const char* path) {
    const int fd = connect_to(path, SOCK_STREAM);
    int fds[16], flags;
    const int count = receive_fds(fd, fds, 16, &flags);
    for (int i = 0; i < count; ++i) {
        struct stat status;
        CHECK(fstat(fds[i], &status));
        printf("%c %d %d ", S_ISREG(status.st_mode) ? 'f' : S_ISFIFO(status.st_mode) ? 'p' : S_ISSOCK(status.st_mode) ? 's' : '?',
               fcntl(fds[i], F_GETFL) & O_ACCMODE, fcntl(fds[i], F_GETFD));
        char bytes[32] = "";
        if (S_ISREG(status.st_mode)) {
            const char* map = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fds[i], 0);
            printf("size %ld, mapped %.8s, ", (long)status.st_size, map == MAP_FAILED ? "not" : map);
            CHECK(pread(fds[i], bytes, 8, 0));
            printf("read %s\n", bytes);
        } else if ((fcntl(fds[i], F_GETFL) & O_ACCMODE) == O_WRONLY) {
            printf("wrote %ld\n", CHECK(write(fds[i], "written", 7)));
        } else {
            CHECK(read(fds[i], bytes, sizeof bytes - 1));
            printf("read %s\n", bytes);
        }
    }
    // More than there is room for.
    int more[16];
    const int second = receive_fds(fd, more, 1, &flags);
    printf("%d, %s\n", second, flags & MSG_CTRUNC ? "cut short" : "whole");
    // The mapping of a shared file is seen by the host.
    char* shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fds[0], 0);
    if (shared == MAP_FAILED)
        CHECK(-1);
    strcpy(shared, "from inside");
    CHECK(write(fd, "x", 1));
    CHECK(read(fd, shared + 100, 1));
}

// Descriptors to the host: a file of the instance, a pipe of it, one of the host.
static void give(const char* path) {
    const int fd = connect_to(path, SOCK_STREAM);
    const int file = (int)CHECK(open("/tmp/host-socket-file", O_RDWR | O_CREAT | O_TRUNC, 0600));
    CHECK(unlink("/tmp/host-socket-file"));
    CHECK(write(file, "in a file", 9));
    printf("file %ld\n", CHECK(send_fd(fd, file)));
    int pipes[2];
    CHECK(pipe(pipes));
    printf("pipe %s\n", send_fd(fd, pipes[0]) < 0 ? strerrorname_np(errno) : "sent");
    printf("stdin %ld\n", CHECK(send_fd(fd, 0)));
    printf("itself %ld\n", CHECK(send_fd(fd, fd)));
    char bytes[32] = "";
    CHECK(read(fd, bytes, sizeof bytes - 1));
    printf("%s\n", bytes);
}

// A buffer as Wayland's clients make it: the host sees what is drawn after it was sent.
static void buffer(const char* path) {
    const int fd = connect_to(path, SOCK_STREAM);
    const int memory = (int)CHECK(memfd_create("buffer", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    CHECK(ftruncate(memory, 8192));
    CHECK(fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK));
    char* map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    if (map == MAP_FAILED)
        CHECK(-1);
    strcpy(map, "before");
    CHECK(send_fd(fd, memory));
    char byte;
    CHECK(read(fd, &byte, 1));
    strcpy(map + 4096, "after");
    CHECK(write(fd, "x", 1));
    CHECK(read(fd, &byte, 1));
    printf("%s\n", map + 100); // written by the host
}

static void readiness(const char* path) {
    const int fd = connect_to(path, SOCK_STREAM);
    const int set = (int)CHECK(epoll_create1(0));
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    CHECK(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event));
    printf("%d\n", epoll_wait(set, &event, 1, 0));
    CHECK(write(fd, "x", 1)); // the host answers
    printf("%ld\n", CHECK(epoll_wait(set, &event, 1, 20000)));
    char bytes[16] = "";
    CHECK(recv(fd, bytes, 1, MSG_PEEK));
    CHECK(recv(fd, bytes, 6, MSG_WAITALL));
    printf("%s\n", bytes);
    struct timeval patience = {0, 20000};
    CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience));
    printf("%s\n", read(fd, bytes, 1) < 0 ? strerrorname_np(errno) : "read");
    CHECK(write(fd, "y", 1)); // the host closes
    printf("%ld\n", CHECK(epoll_wait(set, &event, 1, 20000)));
    printf("%ld\n", CHECK(read(fd, bytes, 1)));
    signal(SIGPIPE, SIG_IGN);
    while (write(fd, bytes, 1) >= 0) {
    }
    printf("%s\n", strerrorname_np(errno));
}

// The X11 connection set-up, as libxcb does it: with the cookie of $XAUTHORITY for $DISPLAY.
static void x11(void) {
    char path[64], cookie[16] = "", bytes[4096];
    bool found = false;
    const char* file = getenv("XAUTHORITY");
    const int number = atoi(strrchr(getenv("DISPLAY"), ':') + 1);
    snprintf(path, sizeof path, "/tmp/.X11-unix/X%d", number);
    FILE* stream = file ? fopen(file, "r") : NULL;
    while (stream) {
        char fields[4][256];
        const int family = getc(stream) << 8 | getc(stream);
        bool whole = true;
        for (int i = 0; i < 4; ++i) {
            const int high = getc(stream), low = getc(stream);
            whole = whole && low != EOF && (high << 8 | low) < 256;
            if (whole) {
                const size_t length = (size_t)(high << 8 | low);
                whole = fread(fields[i], 1, length, stream) == length;
                fields[i][whole ? length : 0] = '\0';
                if (i == 3 && length == 16 && family == 0xffff && strcmp(fields[2], "MIT-MAGIC-COOKIE-1") == 0 &&
                    (!*fields[1] || atoi(fields[1]) == number)) {
                    memcpy(cookie, fields[3], 16);
                    found = true;
                }
            }
        }
        if (!whole || found)
            break;
    }
    const int fd = connect_to(path, SOCK_STREAM);
    char request[12 + 20 + 16] = {'l', 0, 11, 0, 0, 0, found ? 18 : 0, 0, found ? 16 : 0};
    memcpy(request + 12, "MIT-MAGIC-COOKIE-1", 18);
    memcpy(request + 32, cookie, 16);
    CHECK(write(fd, request, found ? sizeof request : 12));
    const ssize_t count = CHECK(recv(fd, bytes, 8, MSG_WAITALL));
    printf("%s %d.%d\n", count == 8 && bytes[0] == 1 ? "accepted" : "refused", bytes[2], bytes[4]);
}

int main(int argc, char** argv) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    alarm(60);
    if (argc == 2 && strcmp(argv[1], "x11") == 0)
        x11();
    else if (argc != 3)
        return 2;
    else if (strcmp(argv[1], "echo") == 0)
        echo(argv[2]);
    else if (strcmp(argv[1], "packets") == 0)
        packets(argv[2]);
    else if (strcmp(argv[1], "receive") == 0)
        receive(argv[2]);
    else if (strcmp(argv[1], "give") == 0)
        give(argv[2]);
    else if (strcmp(argv[1], "buffer") == 0)
        buffer(argv[2]);
    else if (strcmp(argv[1], "readiness") == 0)
        readiness(argv[2]);
    else
        return 2;
    return 0;
}
