// AF_UNIX sockets.
#include "harness.h"

#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

static struct sockaddr_un name_of(const char* path) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    strncpy(name.sun_path, path, sizeof name.sun_path - 1);
    return name;
}

#define SIZED(name) (struct sockaddr*)&(name), sizeof(name)

TEST(stream_pair) {
    int pair[2];
    char buffer[16] = {0};
    ASSERT_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
    EXPECT_EQ(fcntl(pair[0], F_GETFD), FD_CLOEXEC);
    EXPECT_EQ(write(pair[0], "ab", 2), 2);
    EXPECT_EQ(send(pair[0], "cd", 2, 0), 2);
    EXPECT_EQ(read(pair[1], buffer, 3), 3);
    EXPECT_STR(buffer, "abc");
    EXPECT_EQ(recv(pair[1], buffer, 16, 0), 1);
    close(pair[0]);
    EXPECT_EQ(read(pair[1], buffer, 16), 0);
    on_signal(SIGPIPE, SIG_IGN, 0);
    EXPECT_ERRNO(write(pair[1], "x", 1), EPIPE);
    EXPECT_ERRNO(send(pair[1], "x", 1, MSG_NOSIGNAL), EPIPE);
    close(pair[1]);
}

TEST(datagrams_keep_boundaries) {
    int pair[2];
    char buffer[16] = {0};
    ASSERT_OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
    EXPECT_EQ(send(pair[0], "one", 3, 0), 3);
    EXPECT_EQ(send(pair[0], "", 0, 0), 0);
    EXPECT_EQ(send(pair[0], "three", 5, 0), 5);
    EXPECT_EQ(recv(pair[1], buffer, 2, 0), 2);
    EXPECT_EQ(recv(pair[1], buffer, 16, 0), 0);
    EXPECT_EQ(recv(pair[1], buffer, 2, MSG_TRUNC), 5);
    EXPECT_ERRNO(recv(pair[1], buffer, 16, MSG_DONTWAIT), EAGAIN);
    close(pair[0]), close(pair[1]);
}

TEST(sequenced_packets) {
    int pair[2];
    char buffer[16] = {0};
    ASSERT_OK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair));
    EXPECT_EQ(send(pair[0], "one", 3, 0), 3);
    EXPECT_EQ(send(pair[0], "two2", 4, 0), 4);
    EXPECT_EQ(recv(pair[1], buffer, 16, 0), 3);
    EXPECT_EQ(recv(pair[1], buffer, 16, 0), 4);
    close(pair[0]);
    EXPECT_EQ(recv(pair[1], buffer, 16, 0), 0);
    close(pair[1]);
}

TEST(peek_and_waitall) {
    int pair[2];
    char buffer[16] = {0};
    ASSERT_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    EXPECT_EQ(send(pair[0], "hello", 5, 0), 5);
    EXPECT_EQ(recv(pair[1], buffer, 3, MSG_PEEK), 3);
    EXPECT_EQ(recv(pair[1], buffer, 16, MSG_PEEK), 5);
    int count = 0;
    EXPECT_OK(ioctl(pair[1], FIONREAD, &count));
    EXPECT_EQ(count, 5);
    pid_t child = fork();
    if (child == 0) {
        sleep_ms(20);
        _exit(send(pair[0], "12345", 5, 0) == 5 ? 0 : 1);
    }
    EXPECT_EQ(recv(pair[1], buffer, 10, MSG_WAITALL), 10);
    EXPECT_EXIT(child, 0);
    close(pair[0]), close(pair[1]);
}

TEST(bind_listen_connect_accept) {
    SCRATCH();
    struct sockaddr_un name = name_of("sock"), got;
    socklen_t length = sizeof got;
    struct stat info;
    char buffer[8] = {0};
    int server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
    EXPECT_ERRNO(connect(client, SIZED(name)), ENOENT);
    ASSERT_OK(bind(server, SIZED(name)));
    ASSERT_OK(stat("sock", &info));
    EXPECT_TRUE(S_ISSOCK(info.st_mode));
    EXPECT_ERRNO(connect(client, SIZED(name)), ECONNREFUSED);
    EXPECT_ERRNO(accept(server, NULL, NULL), EINVAL);
    ASSERT_OK(listen(server, 5));
    ASSERT_OK(connect(client, SIZED(name)));
    EXPECT_ERRNO(connect(client, SIZED(name)), EISCONN);
    int peer = accept4(server, (struct sockaddr*)&got, &length, SOCK_CLOEXEC);
    ASSERT_OK(peer);
    EXPECT_EQ(length, 2); // the client has no name
    EXPECT_EQ(write(client, "hi", 2), 2);
    EXPECT_EQ(read(peer, buffer, 8), 2);
    length = sizeof got;
    ASSERT_OK(getpeername(client, (struct sockaddr*)&got, &length));
    EXPECT_STR(got.sun_path, "sock");
    EXPECT_EQ(length, 2 + 5);
    close(peer), close(client), close(server);
    client = socket(AF_UNIX, SOCK_STREAM, 0);
    EXPECT_ERRNO(connect(client, SIZED(name)), ECONNREFUSED);
    EXPECT_ERRNO(bind(client, SIZED(name)), EADDRINUSE);
    EXPECT_ERRNO(write(client, "x", 1), ENOTCONN);
    close(client);
}

TEST(abstract_names) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int length = snprintf(name.sun_path + 1, 60, "lxss-test-%d", getpid());
    socklen_t size = (socklen_t)(2 + 1 + length);
    int server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
    ASSERT_OK(bind(server, (struct sockaddr*)&name, size));
    EXPECT_ERRNO(bind(client, (struct sockaddr*)&name, size), EADDRINUSE);
    ASSERT_OK(listen(server, 1));
    ASSERT_OK(connect(client, (struct sockaddr*)&name, size));
    // The length is part of the name.
    int other = socket(AF_UNIX, SOCK_STREAM, 0);
    EXPECT_ERRNO(connect(other, (struct sockaddr*)&name, size + 1), ECONNREFUSED);
    close(server), close(client);
    EXPECT_ERRNO(connect(other, (struct sockaddr*)&name, size), ECONNREFUSED);
    close(other);
}

TEST(named_datagrams) {
    SCRATCH();
    struct sockaddr_un one = name_of("one"), two = name_of("two"), from;
    socklen_t length = sizeof from;
    char buffer[8] = {0};
    int a = socket(AF_UNIX, SOCK_DGRAM, 0), b = socket(AF_UNIX, SOCK_DGRAM, 0);
    ASSERT_OK(bind(a, SIZED(one)));
    ASSERT_OK(bind(b, SIZED(two)));
    EXPECT_EQ(sendto(a, "msg", 3, 0, SIZED(two)), 3);
    EXPECT_EQ(recvfrom(b, buffer, 8, 0, (struct sockaddr*)&from, &length), 3);
    EXPECT_STR(from.sun_path, "one");
    EXPECT_ERRNO(send(a, "x", 1, 0), ENOTCONN);
    struct sockaddr_un none = name_of("none");
    EXPECT_ERRNO(sendto(a, "x", 1, 0, SIZED(none)), ENOENT);
    ASSERT_OK(connect(a, SIZED(two)));
    EXPECT_EQ(send(a, "x", 1, 0), 1);
    close(a), close(b);
}

static long send_descriptor(int socket, int fd) {
    char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8)));
    struct iovec part = {"d", 1};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    memset(control, 0, sizeof control);
    struct cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    return sendmsg(socket, &message, 0);
}

static int receive_descriptor(int socket, int flags) {
    char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8))), byte;
    struct iovec part = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    if (recvmsg(socket, &message, flags) != 1)
        return -1;
    struct cmsghdr* header = CMSG_FIRSTHDR(&message);
    int fd = -1;
    if (header && header->cmsg_type == SCM_RIGHTS)
        memcpy(&fd, CMSG_DATA(header), sizeof fd);
    return fd;
}

TEST(passing_descriptors) {
    SCRATCH();
    int pair[2];
    ASSERT_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    pid_t child = fork();
    if (child == 0) {
        int fd = open("f", O_RDWR | O_CREAT, 0600);
        EXPECT_EQ(write(fd, "passed", 6), 6);
        EXPECT_EQ(send_descriptor(pair[0], fd), 1);
        _exit(0);
    }
    EXPECT_EXIT(child, 0);
    int fd = receive_descriptor(pair[1], MSG_CMSG_CLOEXEC);
    ASSERT_GE(fd, 0);
    char buffer[8] = {0};
    EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 6);
    EXPECT_EQ(pread(fd, buffer, 8, 0), 6);
    EXPECT_STR(buffer, "passed");
    EXPECT_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    close(fd);
    EXPECT_ERRNO(send_descriptor(pair[0], 999), EBADF);
    // A descriptor that nobody takes is closed with its message.
    int pipes[2];
    char byte;
    ASSERT_OK(pipe(pipes));
    EXPECT_EQ(send_descriptor(pair[0], pipes[1]), 1);
    close(pipes[1]);
    EXPECT_EQ(read(pair[1], &byte, 1), 1);
    EXPECT_EQ(read(pipes[0], &byte, 1), 0);
    close(pipes[0]), close(pair[0]), close(pair[1]);
}

TEST(a_socket_passed_over_itself) {
    int pair[2];
    ASSERT_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    EXPECT_EQ(send_descriptor(pair[0], pair[1]), 1);
    int fd = receive_descriptor(pair[1], 0);
    ASSERT_GE(fd, 0);
    EXPECT_EQ(write(fd, "x", 1), 1);
    char byte;
    EXPECT_EQ(read(pair[0], &byte, 1), 1);
    close(fd), close(pair[0]), close(pair[1]);
}

TEST(credentials) {
    int pair[2], one = 1;
    struct ucred peer;
    socklen_t length = sizeof peer;
    ASSERT_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    ASSERT_OK(getsockopt(pair[0], SOL_SOCKET, SO_PEERCRED, &peer, &length));
    EXPECT_EQ(peer.pid, getpid());
    EXPECT_EQ(peer.uid, geteuid());
    ASSERT_OK(setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof one));
    pid_t child = fork();
    if (child == 0)
        _exit(write(pair[0], "c", 1) == 1 ? 0 : 1);
    EXPECT_EXIT(child, 0);
    char control[CMSG_SPACE(sizeof(struct ucred))] __attribute__((aligned(8))), byte;
    struct iovec part = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    EXPECT_EQ(recvmsg(pair[1], &message, 0), 1);
    struct cmsghdr* header = CMSG_FIRSTHDR(&message);
    ASSERT_TRUE(header != NULL);
    EXPECT_EQ(header->cmsg_type, SCM_CREDENTIALS);
    memcpy(&peer, CMSG_DATA(header), sizeof peer);
    EXPECT_EQ(peer.pid, child);
    EXPECT_EQ(peer.gid, getegid());
    close(pair[0]), close(pair[1]);
}

TEST(shutdown_halves) {
    int pair[2];
    char byte;
    on_signal(SIGPIPE, SIG_IGN, 0);
    ASSERT_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    EXPECT_OK(shutdown(pair[0], SHUT_WR));
    EXPECT_ERRNO(write(pair[0], "x", 1), EPIPE);
    EXPECT_EQ(read(pair[1], &byte, 1), 0);
    EXPECT_EQ(write(pair[1], "y", 1), 1);
    EXPECT_EQ(read(pair[0], &byte, 1), 1);
    struct pollfd poller = {pair[1], POLLIN | POLLRDHUP, 0};
    EXPECT_EQ(poll(&poller, 1, 0), 1);
    EXPECT_EQ(poller.revents, POLLIN | POLLRDHUP);
    EXPECT_ERRNO(shutdown(pair[0], 7), EINVAL);
    close(pair[0]), close(pair[1]);
}

TEST(options_and_errors) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), value = -1;
    socklen_t length = sizeof value;
    ASSERT_OK(fd);
    EXPECT_EQ(fcntl(fd, F_GETFL), O_RDWR | O_NONBLOCK);
    EXPECT_OK(getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &length));
    EXPECT_EQ(value, SOCK_STREAM);
    EXPECT_OK(getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &value, &length));
    EXPECT_EQ(value, AF_UNIX);
    EXPECT_OK(getsockopt(fd, SOL_SOCKET, SO_ERROR, &value, &length));
    EXPECT_EQ(value, 0);
    EXPECT_OK(getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &length));
    EXPECT_EQ(value, 0);
    EXPECT_ERRNO(getsockopt(fd, SOL_SOCKET, 9999, &value, &length), ENOPROTOOPT);
    EXPECT_ERRNO(read(fd, &value, 1), EINVAL);
    EXPECT_ERRNO(listen(fd, 1), EINVAL);
    close(fd);
    EXPECT_ERRNO(socket(AF_UNIX, 77, 0), EINVAL);
    EXPECT_ERRNO(socket(AF_UNIX, SOCK_RDM, 0), ESOCKTNOSUPPORT);
    EXPECT_ERRNO(socket(AF_UNIX, SOCK_STREAM, 77), EPROTONOSUPPORT);
    EXPECT_ERRNO(socket(200, SOCK_STREAM, 0), EAFNOSUPPORT);
    EXPECT_ERRNO(listen(0, 1), ENOTSOCK);
    EXPECT_ERRNO(listen(999, 1), EBADF);
}

TEST(full_stream_blocks_and_goes_on) {
    int pair[2];
    static char block[65536];
    ASSERT_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    pid_t child = fork();
    if (child == 0) {
        close(pair[1]);
        for (int i = 0; i < 20; i++)
            if (write(pair[0], block, sizeof block) != sizeof block)
                _exit(1);
        _exit(0);
    }
    close(pair[0]);
    long total = 0, count;
    while ((count = read(pair[1], block, 50000)) > 0)
        total += count;
    EXPECT_EQ(total, 20 * 65536);
    EXPECT_EXIT(child, 0);
    close(pair[1]);
}

TEST(unlinked_listener_and_backlog) {
    SCRATCH();
    struct sockaddr_un name = name_of("sock");
    int server = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), clients[3];
    ASSERT_OK(bind(server, SIZED(name)));
    ASSERT_OK(listen(server, 1));
    EXPECT_ERRNO(accept(server, NULL, NULL), EAGAIN);
    for (int i = 0; i < 3; i++)
        clients[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    EXPECT_OK(connect(clients[0], SIZED(name)));
    EXPECT_OK(connect(clients[1], SIZED(name)));
    EXPECT_ERRNO(connect(clients[2], SIZED(name)), EAGAIN);
    struct pollfd poller = {server, POLLIN, 0};
    EXPECT_EQ(poll(&poller, 1, 0), 1);
    // Closing the listener resets who waits in the queue.
    close(server);
    char byte;
    EXPECT_ERRNO(read(clients[0], &byte, 1), ECONNRESET);
    for (int i = 0; i < 3; i++)
        close(clients[i]);
}
