// Pseudo terminals: the line discipline, window size, sessions and job control.
#include "harness.h"

#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <termios.h>

static int master, slave;
static char slave_name[64];

static int open_pair(void) {
    master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0 ||
        ptsname_r(master, slave_name, sizeof slave_name) != 0)
        return -1;
    slave = open(slave_name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    return slave;
}

static void close_pair(void) {
    close(slave);
    close(master);
}

static void set_flags(tcflag_t local_off, tcflag_t out_off) {
    struct termios settings;
    tcgetattr(slave, &settings);
    settings.c_lflag &= ~local_off;
    settings.c_oflag &= ~out_off;
    tcsetattr(slave, TCSANOW, &settings);
}

static const char* read_text(int fd) {
    static char text[512];
    struct pollfd poller = {fd, POLLIN, 0};
    text[0] = 0;
    if (poll(&poller, 1, 2000) == 1 && poller.revents & POLLIN) {
        long length = read(fd, text, sizeof text - 1);
        text[length > 0 ? length : 0] = 0;
    }
    return text;
}

static int readable(int fd) {
    struct pollfd poller = {fd, POLLIN, 0};
    return poll(&poller, 1, 30) == 1;
}

static void type(const char* text) {
    EXPECT_EQ(write(master, text, strlen(text)), strlen(text));
}

TEST(open_and_names) {
    struct stat info;
    ASSERT_OK(open_pair());
    EXPECT_EQ(strncmp(slave_name, "/dev/pts/", 9), 0);
    EXPECT_EQ(isatty(slave), 1);
    EXPECT_EQ(isatty(master), 1);
    ASSERT_OK(fstat(slave, &info));
    EXPECT_TRUE(S_ISCHR(info.st_mode));
    EXPECT_EQ(info.st_rdev >> 8 & 0xff, 136);
    int number = -1;
    EXPECT_OK(ioctl(master, TIOCGPTN, &number));
    EXPECT_EQ(number, atoi(slave_name + 9));
    char name[64];
    EXPECT_EQ(ttyname_r(slave, name, sizeof name), 0);
    EXPECT_STR(name, slave_name);
    close_pair();
    // Its name goes with it, unless another program has got the number at that moment: then with one of the next.
    int left = open(slave_name, O_RDWR | O_NOCTTY);
    for (int tries = 0; left >= 0 && tries < 20; ++tries) {
        close(left);
        ASSERT_OK(open_pair());
        close_pair();
        left = open(slave_name, O_RDWR | O_NOCTTY);
    }
    EXPECT_EQ(left < 0 ? errno : 0, ENOENT);
}

TEST(locked_until_unlocked) {
    int fd = posix_openpt(O_RDWR | O_NOCTTY);
    ASSERT_OK(fd);
    char name[64];
    ASSERT_EQ(ptsname_r(fd, name, sizeof name), 0);
    EXPECT_ERRNO(open(name, O_RDWR | O_NOCTTY), EIO);
    EXPECT_OK(unlockpt(fd));
    int other = open(name, O_RDWR | O_NOCTTY);
    EXPECT_OK(other);
    close(other), close(fd);
}

TEST(default_settings) {
    struct termios settings;
    ASSERT_OK(open_pair());
    ASSERT_OK(tcgetattr(slave, &settings));
    EXPECT_EQ(settings.c_lflag & (ICANON | ECHO | ISIG | IEXTEN), ICANON | ECHO | ISIG | IEXTEN);
    EXPECT_EQ(settings.c_iflag & (ICRNL | IXON), ICRNL | IXON);
    EXPECT_EQ(settings.c_oflag & (OPOST | ONLCR), OPOST | ONLCR);
    EXPECT_EQ(settings.c_cc[VINTR], 3);
    EXPECT_EQ(settings.c_cc[VERASE], 127);
    EXPECT_EQ(settings.c_cc[VEOF], 4);
    EXPECT_EQ(settings.c_cc[VKILL], 21);
    close_pair();
    int pipes[2];
    ASSERT_OK(pipe(pipes));
    EXPECT_ERRNO(tcgetattr(pipes[0], &settings), ENOTTY);
    close(pipes[0]), close(pipes[1]);
}

TEST(canonical_lines) {
    ASSERT_OK(open_pair());
    set_flags(ECHO, 0);
    type("abc");
    EXPECT_FALSE(readable(slave));
    type("\rsecond\n");
    EXPECT_STR(read_text(slave), "abc\n");
    EXPECT_STR(read_text(slave), "second\n");
    type("long line\n");
    char part[5] = {0};
    EXPECT_EQ(read(slave, part, 4), 4);
    EXPECT_STR(part, "long");
    EXPECT_STR(read_text(slave), " line\n");
    close_pair();
}

TEST(line_editing) {
    ASSERT_OK(open_pair());
    set_flags(ECHO, 0);
    type("abX\177c\n");
    EXPECT_STR(read_text(slave), "abc\n");
    type("all gone\025kept\n");
    EXPECT_STR(read_text(slave), "kept\n");
    type("one two\027three\n");
    EXPECT_STR(read_text(slave), "one three\n");
    type("\177\177ok\n");
    EXPECT_STR(read_text(slave), "ok\n");
    type("lit\026\003eral\n");
    EXPECT_STR(read_text(slave), "lit\003eral\n");
    close_pair();
}

TEST(end_of_file_character) {
    char byte;
    ASSERT_OK(open_pair());
    set_flags(ECHO, 0);
    type("partial\004");
    EXPECT_STR(read_text(slave), "partial");
    type("\004");
    EXPECT_TRUE(readable(slave));
    EXPECT_EQ(read(slave, &byte, 1), 0);
    close_pair();
}

TEST(echo) {
    ASSERT_OK(open_pair());
    type("hi\n");
    EXPECT_STR(read_text(master), "hi\r\n");
    EXPECT_STR(read_text(slave), "hi\n");
    type("a\177");
    EXPECT_STR(read_text(master), "a\b \b");
    type("\001");
    EXPECT_STR(read_text(master), "^A");
    close_pair();
}

TEST(output_processing) {
    ASSERT_OK(open_pair());
    EXPECT_EQ(write(slave, "a\nb\n", 4), 4);
    EXPECT_STR(read_text(master), "a\r\nb\r\n");
    set_flags(0, ONLCR);
    EXPECT_EQ(write(slave, "a\n", 2), 2);
    EXPECT_STR(read_text(master), "a\n");
    set_flags(0, OPOST);
    EXPECT_EQ(write(slave, "\t\n", 2), 2);
    EXPECT_STR(read_text(master), "\t\n");
    close_pair();
}

TEST(raw_mode) {
    struct termios settings;
    char buffer[8] = {0};
    ASSERT_OK(open_pair());
    ASSERT_OK(tcgetattr(slave, &settings));
    cfmakeraw(&settings);
    ASSERT_OK(tcsetattr(slave, TCSANOW, &settings));
    type("\003\r\004");
    EXPECT_EQ(read(slave, buffer, 8), 3);
    EXPECT_STR(buffer, "\003\r\004");
    EXPECT_FALSE(readable(master));
    // VMIN 0, VTIME 1: a time-out of a tenth of a second.
    settings.c_cc[VMIN] = 0;
    settings.c_cc[VTIME] = 1;
    ASSERT_OK(tcsetattr(slave, TCSANOW, &settings));
    long start = now_ms();
    EXPECT_EQ(read(slave, buffer, 8), 0);
    EXPECT_GE(now_ms() - start, 80);
    settings.c_cc[VTIME] = 0;
    settings.c_cc[VMIN] = 4;
    ASSERT_OK(tcsetattr(slave, TCSANOW, &settings));
    pid_t child = fork();
    if (child == 0) {
        type("12");
        sleep_ms(20);
        type("34");
        _exit(0);
    }
    EXPECT_EQ(read(slave, buffer, 8), 4);
    EXPECT_EXIT(child, 0);
    close_pair();
}

TEST(flushing_and_queues) {
    int count = -1;
    ASSERT_OK(open_pair());
    set_flags(ECHO, 0);
    type("line\n");
    EXPECT_TRUE(readable(slave));
    EXPECT_OK(ioctl(slave, FIONREAD, &count));
    EXPECT_EQ(count, 5);
    EXPECT_OK(tcflush(slave, TCIFLUSH));
    EXPECT_FALSE(readable(slave));
    EXPECT_OK(tcdrain(slave));
    EXPECT_ERRNO(tcflush(slave, 99), EINVAL);
    close_pair();
}

TEST(nonblocking_read) {
    char byte;
    ASSERT_OK(open_pair());
    ASSERT_OK(fcntl(slave, F_SETFL, O_RDWR | O_NONBLOCK));
    EXPECT_ERRNO(read(slave, &byte, 1), EAGAIN);
    ASSERT_OK(fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK));
    EXPECT_ERRNO(read(master, &byte, 1), EAGAIN);
    close_pair();
}

TEST(hang_up) {
    char byte;
    ASSERT_OK(open_pair());
    close(master);
    EXPECT_EQ(read(slave, &byte, 1), 0);
    EXPECT_ERRNO(write(slave, "x", 1), EIO);
    close(slave);
    ASSERT_OK(open_pair());
    EXPECT_EQ(write(slave, "bye", 3), 3);
    close(slave);
    EXPECT_STR(read_text(master), "bye");
    EXPECT_ERRNO(read(master, &byte, 1), EIO);
    struct pollfd poller = {master, POLLIN, 0};
    EXPECT_EQ(poll(&poller, 1, 0), 1);
    EXPECT_EQ(poller.revents, POLLHUP);
    close(master);
}

static volatile int signals, last_signal;
static void counting(int number) {
    last_signal = number;
    signals++;
}

// Makes the calling child a session leader with the pair's slave as its terminal.
static void take_terminal(void) {
    EXPECT_OK(setsid());
    EXPECT_OK(open_pair());
    EXPECT_OK(ioctl(slave, TIOCSCTTY, 0));
}

TEST(controlling_terminal) {
    IN_CHILD({
        take_terminal();
        int tty = open("/dev/tty", O_RDWR);
        EXPECT_OK(tty);
        EXPECT_EQ(write(tty, "via", 3), 3);
        EXPECT_STR(read_text(master), "via");
        EXPECT_EQ(tcgetpgrp(slave), getpgrp());
        EXPECT_EQ(tcgetsid(slave), getsid(0));
        signal(SIGHUP, SIG_IGN);
        EXPECT_OK(ioctl(tty, TIOCNOTTY));
        EXPECT_ERRNO(open("/dev/tty", O_RDWR), ENXIO);
        EXPECT_ERRNO(tcgetpgrp(slave), ENOTTY);
    });
}

TEST(open_gives_a_controlling_terminal) {
    IN_CHILD({
        EXPECT_OK(setsid());
        EXPECT_OK(open_pair());
        EXPECT_ERRNO(open("/dev/tty", O_RDWR), ENXIO);
        int fd = open(slave_name, O_RDWR);
        EXPECT_OK(fd);
        EXPECT_OK(open("/dev/tty", O_RDWR));
    });
}

TEST(signal_characters) {
    IN_CHILD({
        take_terminal();
        set_flags(ECHO, 0);
        on_signal(SIGINT, counting, 0);
        on_signal(SIGQUIT, counting, 0);
        signals = 0;
        type("discarded\003");
        WAIT_UNTIL(signals == 1);
        EXPECT_EQ(last_signal, SIGINT);
        type("\034");
        WAIT_UNTIL(signals == 2);
        EXPECT_EQ(last_signal, SIGQUIT);
        type("rest\n");
        EXPECT_STR(read_text(slave), "rest\n");
        set_flags(ISIG, 0);
        type("\003\n");
        EXPECT_STR(read_text(slave), "\003\n");
        EXPECT_EQ(signals, 2);
    });
}

TEST(window_size) {
    IN_CHILD({
        take_terminal();
        struct winsize size = {0, 0, 0, 0};
        EXPECT_OK(ioctl(slave, TIOCGWINSZ, &size));
        EXPECT_EQ(size.ws_row + size.ws_col, 0);
        signals = 0;
        on_signal(SIGWINCH, counting, 0);
        size.ws_row = 25;
        size.ws_col = 80;
        EXPECT_OK(ioctl(master, TIOCSWINSZ, &size));
        WAIT_UNTIL(signals == 1);
        EXPECT_OK(ioctl(master, TIOCSWINSZ, &size));
        sleep_ms(10);
        EXPECT_EQ(signals, 1); // the size is the same
        size.ws_row = 0;
        EXPECT_OK(ioctl(slave, TIOCGWINSZ, &size));
        EXPECT_EQ(size.ws_row, 25);
    });
}

TEST(background_read_stops) {
    IN_CHILD({
        take_terminal();
        pid_t child = fork();
        if (child == 0) {
            setpgid(0, 0);
            char byte;
            long got = read(slave, &byte, 1);
            _exit(got == 1 ? 3 : 4);
        }
        setpgid(child, child);
        int status = 0;
        EXPECT_EQ(waitpid(child, &status, WUNTRACED), child);
        EXPECT_TRUE(WIFSTOPPED(status));
        EXPECT_EQ(WSTOPSIG(status), SIGTTIN);
        EXPECT_OK(tcsetpgrp(slave, child));
        EXPECT_EQ(tcgetpgrp(slave), child);
        EXPECT_OK(kill(child, SIGCONT));
        type("x\n");
        EXPECT_EXIT(child, 3);
    });
}

TEST(background_write_and_tostop) {
    IN_CHILD({
        take_terminal();
        struct termios settings;
        pid_t child = fork();
        if (child == 0) {
            setpgid(0, 0);
            EXPECT_EQ(write(slave, "fine", 4), 4);
            signal(SIGTTOU, SIG_IGN);
            EXPECT_OK(tcsetpgrp(slave, getpgrp()));
            _exit(0);
        }
        EXPECT_EXIT(child, 0);
        signal(SIGTTOU, SIG_IGN);
        EXPECT_OK(tcsetpgrp(slave, getpgrp()));
        signal(SIGTTOU, SIG_DFL);
        EXPECT_OK(tcgetattr(slave, &settings));
        settings.c_lflag |= TOSTOP;
        EXPECT_OK(tcsetattr(slave, TCSANOW, &settings));
        child = fork();
        if (child == 0) {
            setpgid(0, 0);
            _exit(write(slave, "stop", 4) == 4 ? 0 : 1);
        }
        int status = 0;
        EXPECT_EQ(waitpid(child, &status, WUNTRACED), child);
        EXPECT_TRUE(WIFSTOPPED(status));
        EXPECT_EQ(WSTOPSIG(status), SIGTTOU);
        kill(child, SIGKILL);
        EXPECT_KILLED(child, SIGKILL);
        EXPECT_ERRNO(tcsetpgrp(slave, 0x3ffffff), ESRCH);
        EXPECT_ERRNO(tcsetpgrp(slave, -1), EINVAL);
    });
}

TEST(leader_exit_hangs_up_the_foreground) {
    int pipes[2];
    ASSERT_OK(pipe(pipes));
    pid_t leader = fork();
    if (leader == 0) {
        take_terminal();
        pid_t child = fork();
        if (child == 0) {
            EXPECT_EQ(write(pipes[1], "r", 1), 1);
            for (;;)
                pause();
        }
        char byte;
        EXPECT_EQ(read(pipes[0], &byte, 1), 1);
        _exit(0);
    }
    close(pipes[1]);
    EXPECT_EXIT(leader, 0);
    char byte;
    EXPECT_EQ(read(pipes[0], &byte, 1), 0); // SIGHUP ended the other one
    close(pipes[0]);
}

TEST(master_close_sends_sighup) {
    pid_t leader = fork();
    if (leader == 0) {
        take_terminal();
        close(master);
        for (;;)
            pause();
    }
    EXPECT_KILLED(leader, SIGHUP);
}
