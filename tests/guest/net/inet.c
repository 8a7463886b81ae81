// TCP and UDP over the loopback.
#include "harness.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

static struct sockaddr_in loopback(int port) {
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

#define SIZED(name) (struct sockaddr*)&(name), sizeof(name)

// A listening socket at a free port; its address in *name.
static int listener(struct sockaddr_in* name, int flags) {
    socklen_t length = sizeof *name;
    int fd = socket(AF_INET, SOCK_STREAM | flags, 0);
    *name = loopback(0);
    if (fd < 0 || bind(fd, (struct sockaddr*)name, sizeof *name) < 0 || listen(fd, 10) < 0 ||
        getsockname(fd, (struct sockaddr*)name, &length) < 0)
        return -1;
    return fd;
}

static int connected(int pair[2]) {
    struct sockaddr_in name;
    int server = listener(&name, 0);
    pair[0] = socket(AF_INET, SOCK_STREAM, 0);
    if (server < 0 || connect(pair[0], SIZED(name)) < 0)
        return -1;
    pair[1] = accept(server, NULL, NULL);
    close(server);
    return pair[1];
}

TEST(tcp_echo) {
    int pair[2];
    char buffer[16] = {0};
    ASSERT_OK(connected(pair));
    EXPECT_EQ(write(pair[0], "hello", 5), 5);
    EXPECT_EQ(recv(pair[1], buffer, 5, MSG_WAITALL), 5);
    EXPECT_STR(buffer, "hello");
    EXPECT_EQ(send(pair[1], buffer, 5, 0), 5);
    EXPECT_EQ(recv(pair[0], buffer, 5, MSG_WAITALL | MSG_PEEK), 5);
    EXPECT_EQ(recv(pair[0], buffer, 5, MSG_WAITALL), 5);
    EXPECT_ERRNO(recv(pair[0], buffer, 5, MSG_DONTWAIT), EAGAIN);
    close(pair[0]);
    EXPECT_EQ(read(pair[1], buffer, 5), 0);
    close(pair[1]);
}

TEST(addresses) {
    struct sockaddr_in name, own, peer;
    socklen_t length = sizeof own;
    int server = listener(&name, 0), client = socket(AF_INET, SOCK_STREAM, 0);
    ASSERT_OK(server);
    EXPECT_NE(name.sin_port, 0);
    EXPECT_ERRNO(getpeername(client, (struct sockaddr*)&peer, &length), ENOTCONN);
    ASSERT_OK(connect(client, SIZED(name)));
    length = sizeof own;
    ASSERT_OK(getsockname(client, (struct sockaddr*)&own, &length));
    EXPECT_EQ(length, sizeof own);
    length = sizeof peer;
    int accepted = accept4(server, (struct sockaddr*)&peer, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    ASSERT_OK(accepted);
    EXPECT_EQ(peer.sin_port, own.sin_port);
    EXPECT_EQ(peer.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
    EXPECT_EQ(fcntl(accepted, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    EXPECT_EQ(fcntl(accepted, F_GETFD), FD_CLOEXEC);
    ASSERT_OK(getpeername(client, (struct sockaddr*)&peer, &length));
    EXPECT_EQ(peer.sin_port, name.sin_port);
    close(server), close(client), close(accepted);
}

TEST(refused_and_in_use) {
    struct sockaddr_in name;
    int server = listener(&name, 0), other = socket(AF_INET, SOCK_STREAM, 0);
    ASSERT_OK(server);
    EXPECT_ERRNO(bind(other, SIZED(name)), EADDRINUSE);
    close(server);
    EXPECT_ERRNO(connect(other, SIZED(name)), ECONNREFUSED);
    close(other);
    other = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in far = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x08080808)};
    EXPECT_ERRNO(bind(other, SIZED(far)), EADDRNOTAVAIL);
    far.sin_family = 99;
    EXPECT_ERRNO(bind(other, SIZED(far)), EAFNOSUPPORT);
    EXPECT_ERRNO(bind(other, (struct sockaddr*)&far, 4), EINVAL);
    EXPECT_ERRNO(send(other, "x", 1, MSG_NOSIGNAL), EPIPE);
    EXPECT_ERRNO(accept(other, NULL, NULL), EINVAL);
    close(other);
}

TEST(nonblocking_connect_and_accept) {
    struct sockaddr_in name;
    int server = listener(&name, SOCK_NONBLOCK), client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int error = -1;
    socklen_t length = sizeof error;
    ASSERT_OK(server);
    EXPECT_ERRNO(accept(server, NULL, NULL), EAGAIN);
    int result = connect(client, SIZED(name));
    EXPECT_TRUE(result == 0 || errno == EINPROGRESS);
    struct pollfd poller = {client, POLLOUT, 0};
    EXPECT_EQ(poll(&poller, 1, 5000), 1);
    EXPECT_EQ(poller.revents, POLLOUT);
    ASSERT_OK(getsockopt(client, SOL_SOCKET, SO_ERROR, &error, &length));
    EXPECT_EQ(error, 0);
    poller = (struct pollfd){server, POLLIN, 0};
    EXPECT_EQ(poll(&poller, 1, 5000), 1);
    int accepted = accept(server, NULL, NULL);
    EXPECT_OK(accepted);
    EXPECT_EQ(fcntl(accepted, F_GETFL) & O_NONBLOCK, 0);
    close(server), close(client), close(accepted);
    client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    result = connect(client, SIZED(name));
    if (result < 0 && errno == EINPROGRESS) {
        poller = (struct pollfd){client, POLLOUT, 0};
        EXPECT_EQ(poll(&poller, 1, 5000), 1);
        ASSERT_OK(getsockopt(client, SOL_SOCKET, SO_ERROR, &error, &length));
        EXPECT_EQ(error, ECONNREFUSED);
    } else
        EXPECT_EQ(errno, ECONNREFUSED);
    close(client);
}

TEST(half_close) {
    int pair[2];
    char byte;
    ASSERT_OK(connected(pair));
    EXPECT_OK(shutdown(pair[0], SHUT_WR));
    EXPECT_EQ(read(pair[1], &byte, 1), 0);
    EXPECT_EQ(write(pair[1], "z", 1), 1);
    EXPECT_EQ(read(pair[0], &byte, 1), 1);
    EXPECT_ERRNO(send(pair[0], "x", 1, MSG_NOSIGNAL), EPIPE);
    close(pair[0]), close(pair[1]);
}

TEST(reset) {
    int pair[2];
    char byte;
    ASSERT_OK(connected(pair));
    struct linger now = {1, 0};
    ASSERT_OK(setsockopt(pair[0], SOL_SOCKET, SO_LINGER, &now, sizeof now));
    close(pair[0]);
    struct pollfd poller = {pair[1], POLLIN, 0};
    EXPECT_EQ(poll(&poller, 1, 5000), 1);
    EXPECT_ERRNO(read(pair[1], &byte, 1), ECONNRESET);
    EXPECT_EQ(read(pair[1], &byte, 1), 0);
    close(pair[1]);
}

TEST(bulk_between_processes) {
    int pair[2];
    static char block[100000];
    ASSERT_OK(connected(pair));
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
    while ((count = read(pair[1], block, 30000)) > 0)
        total += count;
    EXPECT_EQ(total, 2000000);
    EXPECT_EXIT(child, 0);
    close(pair[1]);
}

TEST(options) {
    int fd = socket(AF_INET, SOCK_STREAM, 0), value = 1;
    socklen_t length = sizeof value;
    EXPECT_OK(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, sizeof value));
    EXPECT_OK(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, sizeof value));
    EXPECT_OK(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, sizeof value));
    value = 0;
    EXPECT_OK(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &length));
    EXPECT_EQ(value, 1);
    EXPECT_OK(getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, &length));
    EXPECT_EQ(value, 1);
    EXPECT_OK(getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &value, &length));
    EXPECT_GT(value, 1000);
    EXPECT_OK(getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &value, &length));
    EXPECT_EQ(value, IPPROTO_TCP);
    EXPECT_ERRNO(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, 1), EINVAL);
    EXPECT_ERRNO(setsockopt(fd, SOL_SOCKET, 9999, &value, sizeof value), ENOPROTOOPT);
    EXPECT_ERRNO(setsockopt(0, SOL_SOCKET, SO_REUSEADDR, &value, sizeof value), ENOTSOCK);
    close(fd);
}

// glibc's resolver gives up where this cannot be set.
TEST(error_reports_can_be_asked_for) {
    int fd = socket(AF_INET, SOCK_DGRAM, 0), value = 1;
    socklen_t length = sizeof value;
    char byte;
    struct msghdr message = {0};
    EXPECT_OK(setsockopt(fd, IPPROTO_IP, IP_RECVERR, &value, sizeof value));
    value = 0;
    EXPECT_OK(getsockopt(fd, IPPROTO_IP, IP_RECVERR, &value, &length));
    EXPECT_EQ(value, 1);
    EXPECT_ERRNO(recvmsg(fd, &message, MSG_ERRQUEUE), EAGAIN);
    EXPECT_ERRNO(recv(fd, &byte, 1, MSG_DONTWAIT), EAGAIN);
    value = 0;
    EXPECT_OK(setsockopt(fd, IPPROTO_IP, IP_RECVERR, &value, sizeof value));
    close(fd);
}

TEST(udp) {
    struct sockaddr_in one = loopback(0), two = loopback(0), from;
    socklen_t length = sizeof one;
    char buffer[16] = {0};
    int a = socket(AF_INET, SOCK_DGRAM, 0), b = socket(AF_INET, SOCK_DGRAM, 0);
    ASSERT_OK(bind(a, SIZED(one)));
    ASSERT_OK(bind(b, SIZED(two)));
    ASSERT_OK(getsockname(a, (struct sockaddr*)&one, &length));
    ASSERT_OK(getsockname(b, (struct sockaddr*)&two, &length));
    EXPECT_EQ(sendto(a, "ping", 4, 0, SIZED(two)), 4);
    EXPECT_EQ(recvfrom(b, buffer, 2, MSG_TRUNC, (struct sockaddr*)&from, &length), 4);
    EXPECT_EQ(from.sin_port, one.sin_port);
    EXPECT_EQ(sendto(b, "", 0, 0, SIZED(one)), 0);
    EXPECT_EQ(recv(a, buffer, 16, 0), 0);
    EXPECT_ERRNO(send(a, "x", 1, 0), EDESTADDRREQ);
    ASSERT_OK(connect(a, SIZED(two)));
    EXPECT_EQ(send(a, "x", 1, 0), 1);
    EXPECT_EQ(recv(b, buffer, 16, 0), 1);
    static char huge[70000];
    EXPECT_ERRNO(send(a, huge, sizeof huge, 0), EMSGSIZE);
    EXPECT_ERRNO(listen(a, 1), EOPNOTSUPP);
    close(b);
    EXPECT_EQ(send(a, "x", 1, 0), 1);
    struct pollfd poller = {a, POLLIN, 0};
    EXPECT_EQ(poll(&poller, 1, 2000), 1);
    EXPECT_ERRNO(recv(a, buffer, 16, MSG_DONTWAIT), ECONNREFUSED);
    close(a);
}

TEST(several_messages_at_once) {
    struct sockaddr_in name = loopback(0);
    socklen_t length = sizeof name;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    ASSERT_OK(bind(fd, SIZED(name)));
    ASSERT_OK(getsockname(fd, (struct sockaddr*)&name, &length));
    ASSERT_OK(connect(fd, SIZED(name)));
    char buffers[3][8] = {{0}};
    struct iovec out[2] = {{"one", 3}, {"second", 6}}, in[3];
    struct mmsghdr messages[3];
    memset(messages, 0, sizeof messages);
    for (int i = 0; i < 2; i++)
        messages[i].msg_hdr.msg_iov = &out[i], messages[i].msg_hdr.msg_iovlen = 1;
    EXPECT_EQ(sendmmsg(fd, messages, 2, 0), 2);
    EXPECT_EQ(messages[1].msg_len, 6);
    memset(messages, 0, sizeof messages);
    for (int i = 0; i < 3; i++) {
        in[i] = (struct iovec){buffers[i], 7};
        messages[i].msg_hdr.msg_iov = &in[i], messages[i].msg_hdr.msg_iovlen = 1;
    }
    EXPECT_EQ(recvmmsg(fd, messages, 3, MSG_DONTWAIT, NULL), 2);
    EXPECT_STR(buffers[1], "second");
    close(fd);
}

TEST(ipv6_loopback) {
    struct sockaddr_in6 name = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    socklen_t length = sizeof name;
    char buffer[8] = {0};
    int server = socket(AF_INET6, SOCK_STREAM, 0);
    if (server < 0 || bind(server, SIZED(name)) < 0) {
        close(server);
        SKIP("needs IPv6");
    }
    ASSERT_OK(listen(server, 1));
    ASSERT_OK(getsockname(server, (struct sockaddr*)&name, &length));
    EXPECT_EQ(length, sizeof name);
    int client = socket(AF_INET6, SOCK_STREAM, 0);
    ASSERT_OK(connect(client, SIZED(name)));
    int accepted = accept(server, NULL, NULL);
    EXPECT_EQ(write(accepted, "six", 3), 3);
    EXPECT_EQ(read(client, buffer, 8), 3);
    close(server), close(client), close(accepted);
}

TEST(epoll_with_tcp) {
    int pair[2], epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.u32 = 5};
    char buffer[8];
    ASSERT_OK(connected(pair));
    ASSERT_OK(epoll_ctl(epoll, EPOLL_CTL_ADD, pair[1], &event));
    EXPECT_EQ(epoll_wait(epoll, &event, 1, 0), 0);
    EXPECT_EQ(write(pair[0], "x", 1), 1);
    EXPECT_EQ(epoll_wait(epoll, &event, 1, 2000), 1);
    EXPECT_EQ(event.events, EPOLLIN);
    EXPECT_EQ(epoll_wait(epoll, &event, 1, 0), 0);
    EXPECT_EQ(read(pair[1], buffer, 8), 1);
    close(pair[0]);
    EXPECT_EQ(epoll_wait(epoll, &event, 1, 2000), 1);
    EXPECT_EQ(event.events, EPOLLIN | EPOLLRDHUP);
    close(pair[1]), close(epoll);
}

TEST(sendfile_to_a_socket) {
    SCRATCH();
    int pair[2];
    char buffer[16] = {0};
    ASSERT_OK(put_file("f", "file-to-net"));
    ASSERT_OK(connected(pair));
    int fd = open("f", O_RDONLY);
    EXPECT_EQ(sendfile(pair[0], fd, NULL, 100), 11);
    EXPECT_EQ(recv(pair[1], buffer, 11, MSG_WAITALL), 11);
    EXPECT_STR(buffer, "file-to-net");
    close(fd), close(pair[0]), close(pair[1]);
}

TEST(privileged_ports) {
    pid_t child = fork();
    if (child == 0) {
        if (geteuid() == 0)
            EXPECT_OK(become_other_user());
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        struct sockaddr_in name = loopback(81);
        const char* first = file_text("/proc/sys/net/ipv4/ip_unprivileged_port_start");
        if (atoi(first) > 81)
            EXPECT_ERRNO(bind(fd, SIZED(name)), EACCES);
        EXPECT_ERRNO(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), EPERM);
        _exit(0);
    }
    EXPECT_EXIT(child, 0);
}
