#include "manager/instance_folder.hpp"

#include "test_folder.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace lxss;

TEST(InstanceFolder, IsMadeAndRemoved) {
    TestFolder folder;
    const std::string path = folder / "a/b";
    bool made = false;
    std::string error;
    ASSERT_TRUE(prepare_instance_folder(path, made, error)) << error;
    EXPECT_TRUE(made);
    struct stat status;
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0700u);
    ASSERT_EQ(::stat((path + "/rootfs").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0755u);

    std::filesystem::create_directories(path + "/rootfs/deep/er");
    std::ofstream(path + "/rootfs/deep/file") << "x";
    std::filesystem::create_symlink("/etc", path + "/rootfs/deep/link");
    ::chmod((path + "/rootfs/deep").c_str(), 0);
    EXPECT_EQ(remove_instance_folder(path, true, 0), 0);
    EXPECT_FALSE(std::filesystem::exists(path));
    EXPECT_TRUE(std::filesystem::exists("/etc/passwd"));
}

TEST(InstanceFolder, EmptyOneIsTakenAndKept) {
    TestFolder folder;
    bool made = true;
    std::string error;
    ASSERT_TRUE(prepare_instance_folder(folder.path, made, error)) << error;
    EXPECT_FALSE(made);
    EXPECT_EQ(remove_instance_folder(folder.path, made, 0), 0);
    EXPECT_TRUE(std::filesystem::is_empty(folder.path));
}

TEST(InstanceFolder, FullOneIsRefused) {
    TestFolder folder;
    std::ofstream(folder / "precious") << "x";
    bool made = true;
    std::string error;
    EXPECT_FALSE(prepare_instance_folder(folder.path, made, error));
    EXPECT_EQ(file_text(folder / "precious"), "x");
}

TEST(InstanceFolder, LockIsExclusive) {
    TestFolder folder;
    std::string error;
    bool held = true;
    UniqueFd first = lock_instance_folder(folder.path, held, error);
    ASSERT_TRUE(first) << error;
    EXPECT_FALSE(held);
    EXPECT_FALSE(lock_instance_folder(folder.path, held, error));
    EXPECT_TRUE(held);
    EXPECT_NE(error.find("another lxss"), std::string::npos);
    EXPECT_EQ(remove_instance_folder(folder.path, false, 0), EBUSY);
    first.reset();
    EXPECT_TRUE(lock_instance_folder(folder.path, held, error));
}

// A manager that was killed leaves the process that removes; its successor starts another.
TEST(InstanceFolder, TwoRemovalsAtOnceBothSucceed) {
    for (const bool has_lock : {true, false}) {
        TestFolder folder;
        const std::string path = folder / "one";
        for (int part = 0; part < 20; ++part) {
            const std::string inner = path + "/rootfs/" + std::to_string(part);
            std::filesystem::create_directories(inner);
            for (int file = 0; file < 100; ++file)
                std::ofstream(inner + "/" + std::to_string(file)) << "x";
        }
        if (has_lock)
            std::ofstream(path + "/lock").flush();
        const pid_t other = ::fork();
        if (other == 0)
            ::_exit(remove_instance_folder(path, true, 60));
        EXPECT_EQ(remove_instance_folder(path, true, 60), 0) << has_lock;
        int wait_status = -1;
        ASSERT_EQ(::waitpid(other, &wait_status, 0), other);
        EXPECT_EQ(wait_status, 0) << has_lock;
        EXPECT_FALSE(std::filesystem::exists(path));
    }
}

TEST(InstanceFolder, DeepTreesAreRemoved) {
    TestFolder folder;
    const std::string path = folder / "one";
    std::filesystem::create_directories(path + "/rootfs");
    UniqueFd place(::open((path + "/rootfs").c_str(), O_RDONLY | O_DIRECTORY));
    for (int level = 0; level < 2'000; ++level) {
        ASSERT_EQ(::mkdirat(place.get(), "d", 0700), 0);
        ASSERT_EQ(::mknodat(place.get(), "file", 0600, 0), 0);
        UniqueFd inner(::openat(place.get(), "d", O_RDONLY | O_DIRECTORY));
        if (level % 100 == 0)
            ::fchmod(place.get(), 0);
        place = std::move(inner);
        ASSERT_TRUE(place);
    }
    rlimit whole;
    ::getrlimit(RLIMIT_NOFILE, &whole);
    const rlimit few{200, whole.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &few);
    EXPECT_EQ(remove_instance_folder(path, true, 0), 0);
    ::setrlimit(RLIMIT_NOFILE, &whole);
    EXPECT_FALSE(std::filesystem::exists(path));
}
