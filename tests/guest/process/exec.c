// execve: arguments, environment, errors, scripts, what survives and what does not.
#define HARNESS_CHILD_MAIN child_main
#include "harness.h"

#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>

extern char** environ;

// This program as the executed one: "@verb ...".
static int child_main(int argc, char** argv) {
    const char* verb = argv[1];
    if (strcmp(verb, "@args") == 0) {
        for (int i = 2; i < argc; i++)
            note(argv[i]);
        for (char** at = environ; *at; at++)
            note(*at);
        return argc;
    }
    if (strcmp(verb, "@exit") == 0)
        return atoi(argv[2]);
    if (strcmp(verb, "@fd-open") == 0)
        return fcntl(atoi(argv[2]), F_GETFD) >= 0 ? 1 : 0;
    if (strcmp(verb, "@count-args") == 0)
        return (argc - 2) / 1000;
    if (strcmp(verb, "@length") == 0)
        return strlen(argv[2]) == 131071 ? 0 : 1;
    if (strcmp(verb, "@signals") == 0) {
        struct sigaction now;
        sigset_t mask, pending;
        int result = 0;
        sigaction(SIGUSR1, NULL, &now);
        result |= now.sa_handler == SIG_IGN ? 1 : 0;
        sigaction(SIGUSR2, NULL, &now);
        result |= now.sa_handler == SIG_DFL ? 2 : 0;
        sigprocmask(SIG_SETMASK, NULL, &mask);
        result |= sigismember(&mask, SIGHUP) ? 4 : 0;
        sigpending(&pending);
        result |= sigismember(&pending, SIGHUP) ? 8 : 0;
        stack_t stack;
        sigaltstack(NULL, &stack);
        result |= stack.ss_flags == SS_DISABLE ? 16 : 0;
        struct itimerval timer;
        getitimer(ITIMER_REAL, &timer);
        result |= timer.it_value.tv_sec > 10 ? 32 : 0;
        return result;
    }
    if (strcmp(verb, "@same-pid") == 0) {
        char name[17] = {0};
        prctl(PR_GET_NAME, name);
        return getpid() == atoi(argv[2]) && syscall(SYS_gettid) == getpid() && strcmp(name, argv[3]) == 0 ? 0
                                                                                                          : 1;
    }
    if (strcmp(verb, "@ids") == 0) {
        uid_t real, effective, saved;
        getresuid(&real, &effective, &saved);
        return (real == 0) | (effective == 0) << 1 | (saved == 0) << 2;
    }
    return 77;
}

static void some_handler(int number) {
    (void)number;
}

static int run(const char* verb, const char* argument, const char* other) {
    pid_t child = fork();
    if (child == 0) {
        execl(h_self, "exec", verb, argument, other, NULL);
        _exit(98);
    }
    return h_wait(child);
}

TEST(arguments_and_environment) {
    pid_t child = fork();
    if (child == 0) {
        char* arguments[] = {"zero", "@args", "one", "", "two words", NULL};
        char* variables[] = {"A=1", "EMPTY=", "noequals", NULL};
        execve(h_self, arguments, variables);
        _exit(98);
    }
    EXPECT_EXIT(child, 5);
}

TEST(exit_code) {
    EXPECT_EQ(run("@exit", "33", NULL), 33 << 8);
}

TEST(errors) {
    SCRATCH();
    char* arguments[] = {"x", NULL};
    ASSERT_OK(put_file("plain", "not a program"));
    ASSERT_OK(mkdir("d", 0755));
    EXPECT_ERRNO(execve("missing", arguments, environ), ENOENT);
    EXPECT_ERRNO(execve("", arguments, environ), ENOENT);
    EXPECT_ERRNO(execve("plain", arguments, environ), EACCES);
    EXPECT_ERRNO(execve("plain/x", arguments, environ), ENOTDIR);
    EXPECT_ERRNO(execve("d", arguments, environ), EACCES);
    ASSERT_OK(chmod("plain", 0755));
    EXPECT_ERRNO(execve("plain", arguments, environ), ENOEXEC);
    ASSERT_OK(put_file("empty", ""));
    ASSERT_OK(chmod("empty", 0755));
    EXPECT_ERRNO(execve("empty", arguments, environ), ENOEXEC);
    EXPECT_ERRNO(syscall(SYS_execve, 8, arguments, environ), EFAULT);
    EXPECT_ERRNO(syscall(SYS_execve, h_self, 8, environ), EFAULT);
    int fd = open("plain", O_WRONLY);
    EXPECT_ERRNO(execve("plain", arguments, environ), ETXTBSY);
    close(fd);
    ASSERT_OK(symlink("loop", "loop"));
    EXPECT_ERRNO(execve("loop", arguments, environ), ELOOP);
}

TEST(too_many_arguments) {
    size_t size = 3 << 20;
    char* big = malloc(size + 1);
    memset(big, 'x', size);
    big[size] = 0;
    char* arguments[] = {"exec", "@length", big, NULL};
    EXPECT_ERRNO(execve(h_self, arguments, environ), E2BIG);
    big[131072] = 0; // MAX_ARG_STRLEN counts the NUL
    EXPECT_ERRNO(execve(h_self, arguments, environ), E2BIG);
    big[131071] = 0;
    pid_t child = fork();
    if (child == 0) {
        execve(h_self, arguments, environ);
        _exit(98);
    }
    EXPECT_EXIT(child, 0);
    free(big);
}

TEST(thousands_of_arguments) {
    static char* arguments[9003];
    arguments[0] = "exec", arguments[1] = "@count-args";
    for (int i = 2; i < 9002; i++)
        arguments[i] = "argument";
    pid_t child = fork();
    if (child == 0) {
        execve(h_self, arguments, environ);
        _exit(98);
    }
    EXPECT_EXIT(child, 9);
}

static void write_script(const char* name, const char* first_line) {
    struct h_text text = {0, {0}};
    h_add(&text, "#!");
    h_add(&text, first_line);
    h_add(&text, "\n");
    put_file(name, text.bytes);
    chmod(name, 0755);
}

TEST(scripts) {
    SCRATCH();
    struct h_text line = {0, {0}};
    h_add(&line, " ");
    h_add(&line, h_self);
    h_add(&line, " @args  with blanks ");
    write_script("script", line.bytes);
    pid_t child = fork();
    if (child == 0) {
        char* arguments[] = {"zero", "one", NULL};
        char* none[] = {NULL};
        execve("./script", arguments, none);
        _exit(98);
    }
    // The rest of the line is one argument, so the verb is not known.
    EXPECT_EXIT(child, 77);
    line = (struct h_text){0, {0}};
    h_add(&line, h_self);
    h_add(&line, " @args");
    write_script("script", line.bytes);
    child = fork();
    if (child == 0) {
        char* arguments[] = {"zero", "one", NULL};
        char* none[] = {NULL};
        execve("./script", arguments, none);
        _exit(98);
    }
    EXPECT_EXIT(child, 4);
    // A script may have a script as its interpreter.
    write_script("outer", "./script");
    child = fork();
    if (child == 0) {
        char* arguments[] = {"zero", NULL};
        char* none[] = {NULL};
        execve("./outer", arguments, none);
        _exit(98);
    }
    EXPECT_EXIT(child, 4);
}

TEST(script_errors) {
    SCRATCH();
    char* arguments[] = {"x", NULL};
    write_script("missing-interpreter", "/nowhere/at/all");
    EXPECT_ERRNO(execve("missing-interpreter", arguments, environ), ENOENT);
    write_script("none", "");
    EXPECT_ERRNO(execve("none", arguments, environ), ENOEXEC);
    write_script("self", "./self");
    EXPECT_ERRNO(execve("self", arguments, environ), ELOOP);
}

TEST(close_on_exec) {
    int kept = open("/dev/null", O_RDONLY), closed = open("/dev/null", O_RDONLY | O_CLOEXEC);
    char number[8] = {(char)('0' + kept), 0};
    EXPECT_EQ(run("@fd-open", number, NULL), 1 << 8);
    number[0] = (char)('0' + closed);
    EXPECT_EQ(run("@fd-open", number, NULL), 0);
    close(kept), close(closed);
}

TEST(signals_across_exec) {
    pid_t child = fork();
    if (child == 0) {
        static char area[65536];
        stack_t stack = {.ss_sp = area, .ss_size = sizeof area};
        sigaltstack(&stack, NULL);
        signal(SIGUSR1, SIG_IGN);
        signal(SIGUSR2, some_handler);
        block_signal(SIGHUP);
        raise(SIGHUP);
        alarm(100);
        execl(h_self, "exec", "@signals", NULL);
        _exit(98);
    }
    EXPECT_EXIT(child, 63);
}

TEST(failed_exec_changes_nothing) {
    char* arguments[] = {"x", NULL};
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    on_signal(SIGUSR1, some_handler, 0);
    EXPECT_ERRNO(execve("/nowhere", arguments, environ), ENOENT);
    EXPECT_OK(fcntl(fd, F_GETFD));
    struct sigaction now;
    sigaction(SIGUSR1, NULL, &now);
    EXPECT_TRUE(now.sa_handler == some_handler);
    close(fd);
}

TEST(pid_stays_and_name_changes) {
    SCRATCH();
    ASSERT_OK(symlink(h_self, "a-rather-long-program-name"));
    pid_t child = fork();
    if (child == 0) {
        char number[16] = {0};
        struct h_text text = {0, {0}};
        h_add_number(&text, getpid());
        memcpy(number, text.bytes, 15);
        execl("./a-rather-long-program-name", "argv0", "@same-pid", number, "a-rather-long-p", NULL);
        _exit(98);
    }
    EXPECT_EXIT(child, 0);
}

static void* exec_in_thread(void* unused) {
    (void)unused;
    struct h_text text = {0, {0}};
    h_add_number(&text, getpid());
    const char* name = strrchr(h_self, '/') + 1;
    execl(h_self, "exec", "@same-pid", text.bytes, name, NULL);
    _exit(98);
}

TEST(exec_from_a_thread) {
    if (strcmp(h_self, "/proc/self/exe") == 0)
        SKIP("needs to know its own path");
    pid_t child = fork();
    if (child == 0) {
        pthread_t thread;
        pthread_create(&thread, NULL, exec_in_thread, NULL);
        for (;;)
            pause();
    }
    EXPECT_EXIT(child, 0);
}

TEST(vfork_and_exec) {
    for (int i = 0; i < 5; i++) {
        pid_t child = vfork();
        if (child == 0) {
            execl(h_self, "exec", "@exit", "12", NULL);
            _exit(98);
        }
        EXPECT_EXIT(child, 12);
    }
}

TEST(posix_spawn_works_and_reports) {
    pid_t child = -1;
    char* arguments[] = {"exec", "@exit", "14", NULL};
    ASSERT_EQ(posix_spawn(&child, h_self, NULL, NULL, arguments, environ), 0);
    EXPECT_EXIT(child, 14);
    EXPECT_EQ(posix_spawn(&child, "/nowhere/at/all", NULL, NULL, arguments, environ), ENOENT);
    EXPECT_EQ(posix_spawn(&child, "/", NULL, NULL, arguments, environ), EACCES);
}

TEST(posix_spawn_file_actions) {
    int pipes[2];
    char buffer[64] = {0};
    pid_t child = -1;
    ASSERT_OK(pipe2(pipes, O_CLOEXEC));
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipes[1], 1);
    char* arguments[] = {"exec", "@args", "through", NULL};
    char* none[] = {NULL};
    ASSERT_EQ(posix_spawn(&child, h_self, &actions, NULL, arguments, none), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(pipes[1]);
    EXPECT_EQ(read(pipes[0], buffer, sizeof buffer), 10);
    EXPECT_STR(buffer, "# through\n");
    EXPECT_EXIT(child, 3);
    close(pipes[0]);
}

TEST(fexecve_and_execveat) {
    char* arguments[] = {"exec", "@exit", "15", NULL};
    int fd = open(h_self, O_RDONLY | O_CLOEXEC);
    ASSERT_OK(fd);
    pid_t child = fork();
    if (child == 0) {
        syscall(SYS_execveat, fd, "", arguments, environ, AT_EMPTY_PATH);
        _exit(98);
    }
    EXPECT_EXIT(child, 15);
    EXPECT_ERRNO(syscall(SYS_execveat, fd, "", arguments, environ, 0), ENOENT);
    EXPECT_ERRNO(syscall(SYS_execveat, -1, "x", arguments, environ, 0), EBADF);
    close(fd);
}

TEST(set_id_program) {
    NEED_ROOT();
    SCRATCH();
    int in = open(h_self, O_RDONLY), out = open("copy", O_WRONLY | O_CREAT, 0755);
    static char block[65536];
    long length;
    while ((length = read(in, block, sizeof block)) > 0)
        EXPECT_EQ(write(out, block, length), length);
    close(in), close(out);
    ASSERT_OK(chmod("copy", 04755));
    pid_t child = fork();
    if (child == 0) {
        if (become_other_user() < 0)
            _exit(97);
        execl("./copy", "copy", "@ids", NULL);
        _exit(98);
    }
    EXPECT_EXIT(child, 6); // effective and saved, not real
    child = fork();
    if (child == 0) {
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        become_other_user();
        execl("./copy", "copy", "@ids", NULL);
        _exit(98);
    }
    EXPECT_EXIT(child, 0);
}

TEST(no_permission_to_execute) {
    NEED_ROOT();
    SCRATCH();
    char* arguments[] = {"x", NULL};
    ASSERT_OK(put_file("f", "#!/bin/sh\n"));
    ASSERT_OK(chmod("f", 0744));
    IN_CHILD({
        EXPECT_OK(become_other_user());
        EXPECT_ERRNO(execve("f", arguments, environ), EACCES);
    });
    ASSERT_OK(chmod("f", 0644));
    EXPECT_ERRNO(execve("f", arguments, environ), EACCES);
}
