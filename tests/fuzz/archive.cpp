// import's way with an archive: unpacking, and, if that gave a container image, making a root file system of
// it.
//
// Each input is unpacked into a tmpfs of bounded size, in a root of its own, as in an instance. Beyond
// crashes and sanitizers' findings: an archive that may not go through links reaches nothing beside the
// folder that it is unpacked into.
//
// Needs CAP_SYS_ADMIN and CAP_SYS_CHROOT, or user namespaces.
#include "guest/archive/extract.hpp"
#include "guest/archive/image.hpp"

#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

namespace fs = std::filesystem;

namespace {

int host_root = -1, jail = -1;

[[noreturn]] void die(const char* what) {
    std::perror(what);
    std::abort();
}

void write_text(const char* path, const char* text) {
    FILE* file = std::fopen(path, "w");
    if (!file || std::fputs(text, file) < 0 || std::fclose(file) != 0)
        die(path);
}

void check(bool good, const char* what) {
    if (!good)
        die(what);
}

void leave() {
    check(::fchdir(host_root) == 0 && ::chroot(".") == 0, "leave");
}

// The root is `folder` of the jail, and the current folder.
void enter(const char* folder) {
    leave();
    check(::fchdir(jail) == 0 && ::chdir(folder) == 0 && ::chroot(".") == 0 && ::chdir("/") == 0, "enter");
}

void clear() {
    leave();
    check(::fchdir(jail) == 0, "clear");
    for (const auto& item : fs::directory_iterator("."))
        fs::remove_all(item.path());
}

} // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
    if (::geteuid() == 0) {
        check(::unshare(CLONE_NEWNS) == 0, "unshare");
    } else {
        const std::string uid = "0 " + std::to_string(::geteuid()) + " 1";
        const std::string gid = "0 " + std::to_string(::getegid()) + " 1";
        check(::unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0, "unshare");
        write_text("/proc/self/setgroups", "deny");
        write_text("/proc/self/uid_map", uid.c_str());
        write_text("/proc/self/gid_map", gid.c_str());
    }
    check(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0, "make mounts private");
    char folder[] = "/tmp/lxss-fuzz-XXXXXX";
    check(::mkdtemp(folder), "mkdtemp");
    // Devices of the archive are no devices of this machine.
    check(::mount("tmpfs", folder, "tmpfs", MS_NODEV | MS_NOSUID | MS_NOEXEC, "size=16m,nr_inodes=4k") == 0,
          "mount");
    host_root = ::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    jail = ::open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    check(host_root >= 0 && jail >= 0, "open");
    ::umount2(folder, MNT_DETACH); // the descriptor keeps it
    ::rmdir(folder);
    ::umask(0);
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace lxss;
    const int here = ::open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    clear();
    check(::mkdir("root", 0755) == 0, "mkdir");
    enter(".");
    check(::chdir("root") == 0, "chdir");
    bool good = true;
    try {
        const Archive reader = open_tar_in_memory(data, size);
        extract_all(reader.get(), {});
    } catch (const ArchiveError&) {
        good = false;
    }
    check(::chdir("/") == 0, "chdir");
    size_t count = 0;
    for (const auto& item : fs::directory_iterator("/"))
        count += item.path() == "/root" ? 1 : 2;
    if (count != 1 || !fs::is_directory(fs::symlink_status("/root")))
        std::abort(); // it got out
    if (good) {
        enter("root");
        try {
            if (is_container_image())
                unpack_container_image();
        } catch (const ArchiveError&) {
        }
    }
    clear();
    leave();
    check(::fchdir(here) == 0, "back");
    ::close(here);
    return 0;
}
