// User and group ids, supplementary groups, capabilities, umask.
#include "harness.h"

#include <grp.h>
#include <linux/capability.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>

static int ids_are(uid_t real, uid_t effective, uid_t saved) {
    uid_t a, b, c;
    getresuid(&a, &b, &c);
    return a == real && b == effective && c == saved;
}

TEST(ids_agree) {
    uid_t real, effective, saved;
    ASSERT_OK(getresuid(&real, &effective, &saved));
    EXPECT_EQ(getuid(), real);
    EXPECT_EQ(geteuid(), effective);
    gid_t rgid, egid, sgid;
    ASSERT_OK(getresgid(&rgid, &egid, &sgid));
    EXPECT_EQ(getgid(), rgid);
    EXPECT_EQ(getegid(), egid);
    EXPECT_ERRNO(syscall(SYS_getresuid, 8, 8, 8), EFAULT);
}

TEST(root_gives_up_and_cannot_return) {
    NEED_ROOT();
    IN_CHILD({
        EXPECT_OK(setuid(1234));
        EXPECT_TRUE(ids_are(1234, 1234, 1234));
        EXPECT_ERRNO(setuid(0), EPERM);
        EXPECT_ERRNO(setresuid(0, -1, -1), EPERM);
        EXPECT_ERRNO(setgid(0 + 99), EPERM);
    });
}

TEST(effective_id_back_and_forth) {
    NEED_ROOT();
    IN_CHILD({
        EXPECT_OK(seteuid(1234));
        EXPECT_TRUE(ids_are(0, 1234, 0));
        EXPECT_ERRNO(setresuid(77, 77, 77), EPERM);
        EXPECT_OK(seteuid(0));
        EXPECT_TRUE(ids_are(0, 0, 0));
        EXPECT_OK(setreuid(1, 2));
        EXPECT_TRUE(ids_are(1, 2, 2));
        EXPECT_OK(setreuid(2, 1));
        EXPECT_TRUE(ids_are(2, 1, 1));
    });
}

TEST(setresuid_keeps_with_minus_one) {
    NEED_ROOT();
    IN_CHILD({
        EXPECT_OK(setresuid(10, 20, 0));
        EXPECT_TRUE(ids_are(10, 20, 0));
        EXPECT_OK(setresuid(-1, -1, -1));
        EXPECT_TRUE(ids_are(10, 20, 0));
        EXPECT_OK(setresuid(-1, 0, -1));
        EXPECT_TRUE(ids_are(10, 0, 0));
    });
}

TEST(group_ids) {
    NEED_ROOT();
    IN_CHILD({
        gid_t a, b, c;
        EXPECT_OK(setresgid(5, 6, 7));
        getresgid(&a, &b, &c);
        EXPECT_EQ(a * 100 + b * 10 + c, 567);
        EXPECT_OK(setregid(8, 9));
        getresgid(&a, &b, &c);
        EXPECT_EQ(a * 100 + b * 10 + c, 899);
        EXPECT_OK(setgid(4));
        getresgid(&a, &b, &c);
        EXPECT_EQ(a * 100 + b * 10 + c, 444);
    });
}

TEST(supplementary_groups) {
    NEED_ROOT();
    IN_CHILD({
        static const gid_t set[3] = {30, 10, 20};
        gid_t got[8];
        EXPECT_OK(setgroups(3, set));
        EXPECT_EQ(getgroups(0, NULL), 3);
        EXPECT_EQ(getgroups(8, got), 3);
        EXPECT_EQ(got[0] + got[1] + got[2], 60);
        EXPECT_ERRNO(getgroups(2, got), EINVAL);
        EXPECT_OK(setgroups(0, NULL));
        EXPECT_EQ(getgroups(8, got), 0);
        EXPECT_ERRNO(syscall(SYS_setgroups, 65537, set), EINVAL);
        become_other_user();
        EXPECT_ERRNO(setgroups(3, set), EPERM);
    });
}

TEST(groups_give_access) {
    NEED_ROOT();
    SCRATCH();
    ASSERT_OK(put_file("f", "x"));
    ASSERT_OK(chown("f", 0, 777));
    ASSERT_OK(chmod("f", 0640));
    IN_CHILD({
        gid_t group = 777;
        EXPECT_OK(setgroups(1, &group));
        EXPECT_OK(setresgid(5, 5, 5));
        EXPECT_OK(setresuid(5, 5, 5));
        EXPECT_OK(open("f", O_RDONLY));
        EXPECT_ERRNO(open("f", O_WRONLY), EACCES);
    });
}

TEST(ordinary_user_may_not) {
    pid_t child = fork();
    if (child == 0) {
        if (geteuid() == 0)
            EXPECT_OK(become_other_user());
        EXPECT_ERRNO(setuid(0), EPERM);
        EXPECT_ERRNO(setgid(0), EPERM);
        EXPECT_ERRNO(chroot("/"), EPERM);
        EXPECT_ERRNO(sethostname("x", 1), EPERM);
        EXPECT_ERRNO(syscall(SYS_mount, "none", "/tmp", "tmpfs", 0, 0), EPERM);
        EXPECT_OK(setuid(getuid()));
        _exit(0);
    }
    EXPECT_EXIT(child, 0);
}

TEST(file_system_ids) {
    NEED_ROOT();
    SCRATCH();
    ASSERT_OK(chmod(".", 0777));
    IN_CHILD({
        struct stat info;
        EXPECT_EQ(setfsuid(OTHER_UID), 0);
        EXPECT_EQ(setfsuid(-1), OTHER_UID);
        EXPECT_OK(put_file("f", "x"));
        EXPECT_OK(stat("f", &info));
        EXPECT_EQ(info.st_uid, OTHER_UID);
    });
}

TEST(capabilities) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    memset(data, 0, sizeof data);
    ASSERT_OK(syscall(SYS_capget, &header, data));
    if (geteuid() == 0)
        EXPECT_TRUE(data[0].effective & 1 << CAP_CHOWN);
    else
        EXPECT_EQ(data[0].effective, 0);
    header.version = 1;
    EXPECT_ERRNO(syscall(SYS_capget, &header, data), EINVAL);
    EXPECT_EQ(header.version, _LINUX_CAPABILITY_VERSION_3);
    EXPECT_EQ(prctl(PR_CAPBSET_READ, 500, 0, 0, 0), -1);
}

TEST(capabilities_are_lost_with_root) {
    NEED_ROOT();
    IN_CHILD({
        struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
        struct __user_cap_data_struct data[2];
        EXPECT_OK(seteuid(99));
        EXPECT_OK(syscall(SYS_capget, &header, data));
        EXPECT_EQ(data[0].effective, 0);
        EXPECT_NE(data[0].permitted, 0);
        EXPECT_OK(seteuid(0));
        EXPECT_OK(syscall(SYS_capget, &header, data));
        EXPECT_NE(data[0].effective, 0);
        EXPECT_OK(setuid(99));
        EXPECT_OK(syscall(SYS_capget, &header, data));
        EXPECT_EQ(data[0].permitted, 0);
    });
}

TEST(umask_rules) {
    SCRATCH();
    struct stat info;
    EXPECT_EQ(umask(027), 022);
    EXPECT_EQ(umask(01777), 027);
    EXPECT_EQ(umask(027), 0777);
    close(open("f", O_WRONLY | O_CREAT, 0666));
    ASSERT_OK(stat("f", &info));
    EXPECT_EQ(info.st_mode & 07777, 0640);
    ASSERT_OK(mkdir("d", 0777));
    ASSERT_OK(stat("d", &info));
    EXPECT_EQ(info.st_mode & 07777, 0750);
    IN_CHILD(EXPECT_EQ(umask(0), 027));
    EXPECT_EQ(umask(022), 027);
}
