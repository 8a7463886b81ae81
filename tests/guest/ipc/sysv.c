// System V shared memory, semaphores and messages; POSIX message queues.
#include "harness.h"

#include <mqueue.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

TEST(shared_memory) {
    int id = shmget(IPC_PRIVATE, 8192, IPC_CREAT | 0600);
    ASSERT_OK(id);
    char* at = shmat(id, NULL, 0);
    ASSERT_TRUE(at != (void*)-1);
    EXPECT_EQ(at[0], 0);
    IN_CHILD({
        at[0] = 'c';
        EXPECT_OK(shmdt(at));
        char* again = shmat(id, NULL, SHM_RDONLY);
        EXPECT_EQ(again[0], 'c');
    });
    EXPECT_EQ(at[0], 'c');
    struct shmid_ds info;
    ASSERT_OK(shmctl(id, IPC_STAT, &info));
    EXPECT_EQ(info.shm_segsz, 8192);
    EXPECT_EQ(info.shm_nattch, 1);
    EXPECT_OK(shmctl(id, IPC_RMID, NULL));
    EXPECT_EQ(at[0], 'c');
    EXPECT_OK(shmdt(at));
    EXPECT_ERRNO(shmdt(at), EINVAL);
    EXPECT_TRUE(shmat(id, NULL, 0) == (void*)-1 && errno == EINVAL);
    EXPECT_ERRNO(shmget(IPC_PRIVATE, 0, IPC_CREAT | 0600), EINVAL);
}

TEST(keys) {
    key_t key = 0x4c580000 + getpid();
    int id = shmget(key, 4096, IPC_CREAT | IPC_EXCL | 0600);
    ASSERT_OK(id);
    EXPECT_ERRNO(shmget(key, 4096, IPC_CREAT | IPC_EXCL | 0600), EEXIST);
    EXPECT_EQ(shmget(key, 4096, 0), id);
    EXPECT_ERRNO(shmget(key, 8192, 0), EINVAL);
    EXPECT_OK(shmctl(id, IPC_RMID, NULL));
    EXPECT_ERRNO(shmget(key, 4096, 0), ENOENT);
}

TEST(semaphores) {
    int id = semget(IPC_PRIVATE, 2, IPC_CREAT | 0600);
    ASSERT_OK(id);
    EXPECT_OK(semctl(id, 0, SETVAL, 1));
    EXPECT_EQ(semctl(id, 0, GETVAL), 1);
    struct sembuf down = {0, -1, 0}, down_now = {0, -1, IPC_NOWAIT}, up = {0, 1, 0};
    EXPECT_OK(semop(id, &down, 1));
    EXPECT_ERRNO(semop(id, &down_now, 1), EAGAIN);
    pid_t child = fork();
    if (child == 0)
        _exit(semop(id, &down, 1) == 0 ? 0 : 1);
    EXPECT_OK(wait_until_asleep(child));
    EXPECT_OK(semop(id, &up, 1));
    EXPECT_EXIT(child, 0);
    // Undo at exit.
    IN_CHILD({
        struct sembuf undo = {1, 3, SEM_UNDO};
        EXPECT_OK(semop(id, &undo, 1));
        EXPECT_EQ(semctl(id, 1, GETVAL), 3);
    });
    EXPECT_EQ(semctl(id, 1, GETVAL), 0);
    struct sembuf bad = {5, 1, 0};
    EXPECT_ERRNO(semop(id, &bad, 1), EFBIG);
    child = fork();
    if (child == 0)
        _exit(semop(id, &down, 1) < 0 && errno == EIDRM ? 0 : 1);
    EXPECT_OK(wait_until_asleep(child));
    EXPECT_OK(semctl(id, 0, IPC_RMID));
    EXPECT_EXIT(child, 0);
}

TEST(messages) {
    struct {
        long type;
        char text[16];
    } message = {1, "one"};
    int id = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
    ASSERT_OK(id);
    EXPECT_OK(msgsnd(id, &message, 4, 0));
    message.type = 2;
    strcpy(message.text, "two");
    EXPECT_OK(msgsnd(id, &message, 4, 0));
    EXPECT_EQ(msgrcv(id, &message, 16, 2, 0), 4);
    EXPECT_STR(message.text, "two");
    EXPECT_ERRNO(msgrcv(id, &message, 2, 0, 0), E2BIG);
    EXPECT_EQ(msgrcv(id, &message, 16, 0, 0), 4);
    EXPECT_STR(message.text, "one");
    EXPECT_ERRNO(msgrcv(id, &message, 16, 0, IPC_NOWAIT), ENOMSG);
    message.type = 0;
    EXPECT_ERRNO(msgsnd(id, &message, 4, 0), EINVAL);
    EXPECT_OK(msgctl(id, IPC_RMID, NULL));
    EXPECT_ERRNO(msgsnd(id, &message, 4, 0), EINVAL);
}

TEST(posix_queues) {
    struct mq_attr attributes = {.mq_maxmsg = 2, .mq_msgsize = 16};
    char buffer[16] = {0};
    unsigned priority = 0;
    struct h_text name = {0, {0}};
    h_add(&name, "/lxss-test-");
    h_add_number(&name, getpid());
    mqd_t queue = mq_open(name.bytes, O_RDWR | O_CREAT | O_EXCL | O_NONBLOCK, 0600, &attributes);
    if (queue < 0 && errno == ENOSYS)
        SKIP("no POSIX message queues in this kernel");
    ASSERT_OK(queue);
    EXPECT_OK(mq_send(queue, "low", 4, 1));
    EXPECT_OK(mq_send(queue, "high", 5, 9));
    EXPECT_ERRNO(mq_send(queue, "x", 1, 0), EAGAIN);
    EXPECT_EQ(mq_receive(queue, buffer, 16, &priority), 5);
    EXPECT_EQ(priority, 9);
    EXPECT_ERRNO(mq_receive(queue, buffer, 4, &priority), EMSGSIZE);
    EXPECT_EQ(mq_receive(queue, buffer, 16, &priority), 4);
    EXPECT_ERRNO(mq_receive(queue, buffer, 16, &priority), EAGAIN);
    EXPECT_OK(mq_close(queue));
    EXPECT_OK(mq_unlink(name.bytes));
    EXPECT_ERRNO(mq_unlink(name.bytes), ENOENT);
}

// Who asks to be told of a message is told once, and takes that back by closing any descriptor of the queue: mq_notify(3), mq_close(3).
TEST(queue_notifications) {
    struct h_text name = {0, {0}};
    h_add(&name, "/lxss-test-notify-");
    h_add_number(&name, getpid());
    mqd_t queue = mq_open(name.bytes, O_RDWR | O_CREAT | O_EXCL | O_NONBLOCK, 0600, NULL);
    if (queue < 0 && errno == ENOSYS)
        SKIP("no POSIX message queues in this kernel");
    ASSERT_OK(queue);
    ASSERT_OK(mq_unlink(name.bytes));
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    ASSERT_OK(sigprocmask(SIG_BLOCK, &set, NULL));
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 77};
    struct timespec at_once = {0, 0};
    siginfo_t info;

    EXPECT_OK(mq_notify(queue, &event));
    EXPECT_ERRNO(mq_notify(queue, &event), EBUSY);
    IN_CHILD({ // a child is not the one to be told: its ways out take nothing back
        EXPECT_ERRNO(mq_notify(queue, &event), EBUSY);
        EXPECT_OK(mq_close(queue));
    });
    EXPECT_OK(mq_send(queue, "a", 1, 0));
    EXPECT_EQ(sigtimedwait(&set, &info, &at_once), SIGUSR1);
    EXPECT_EQ(info.si_code, SI_MESGQ);
    EXPECT_EQ(info.si_value.sival_int, 77);
    EXPECT_EQ(info.si_pid, getpid());
    // Once only, and only when the queue was empty.
    EXPECT_OK(mq_notify(queue, &event));
    EXPECT_OK(mq_send(queue, "b", 1, 0));
    EXPECT_ERRNO(sigtimedwait(&set, &info, &at_once), EAGAIN);
    EXPECT_OK(mq_notify(queue, NULL));

    // Closed by the one to be told, while another process still has it open.
    int go[2];
    ASSERT_OK(pipe(go));
    EXPECT_OK(mq_notify(queue, &event));
    pid_t child = fork();
    ASSERT_OK(child);
    if (child == 0) {
        char byte;
        if (read(go[0], &byte, 1) != 1)
            _exit(1);
        _exit(mq_notify(queue, &event) == 0 ? 0 : 2);
    }
    int second = dup(queue);
    ASSERT_OK(second);
    EXPECT_OK(close(second));
    EXPECT_EQ(write(go[1], "x", 1), 1);
    int status;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);

    // Killed.
    child = fork();
    ASSERT_OK(child);
    if (child == 0) {
        (void)mq_notify(queue, &event);
        (void)raise(SIGKILL);
    }
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status));
    EXPECT_OK(mq_notify(queue, &event));
    EXPECT_OK(mq_close(queue));
    EXPECT_OK(sigprocmask(SIG_UNBLOCK, &set, NULL));
}
