// import: unpacks an archive from standard input into / of the instance it runs in.
//
//   import [--size=BYTES] [--set-up]
//
// The archive is a tar of a root file system, or of a container image (docker save, OCI image layout), with
// any compression that open_tar() knows. With --set-up it brings packages, see set_up.hpp. Owners are taken
// by number: the names of another system mean nothing here. The instance is empty before and is thrown away
// after a failure, so the first entry that cannot be kept whole ends the work.
#include "extract.hpp"
#include "image.hpp"
#include "set_up.hpp"

#include <cerrno>
#include <clocale>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

using namespace lxss;

static constexpr const char* kProgram = "import";

static void import(uint64_t total, bool set_up) {
    if (::chdir("/") != 0)
        throw ArchiveError(std::string("cannot enter /: ") + std::strerror(errno));
    const Archive reader = open_tar(STDIN_FILENO);
    {
        Progress progress("Importing");
        uint64_t files = 0;
        ExtractOptions options;
        options.after_entry = [&] {
            progress.show(++files, static_cast<uint64_t>(archive_filter_bytes(reader.get(), -1)), total);
        };
        if (extract_all(reader.get(), options) == 0)
            throw ArchiveError("the archive is empty");
    }
    if (set_up)
        set_up_from_packages();
    else if (is_container_image())
        unpack_container_image();
}

int main(int argc, char** argv) {
    uint64_t total = 0;
    bool set_up = false;
    for (int i = 1; i < argc; ++i) {
        if (std::strncmp(argv[i], "--size=", 7) == 0) {
            total = std::strtoull(argv[i] + 7, nullptr, 10);
        } else if (std::strcmp(argv[i], "--set-up") == 0) {
            set_up = true;
        } else {
            complain(kProgram, std::string("unknown argument ") + argv[i]);
            return 2;
        }
    }
    std::setlocale(LC_CTYPE, "C.UTF-8"); // names in pax headers are UTF-8, those on disk are bytes
    ::umask(0);
    try {
        import(total, set_up);
    } catch (const std::exception& problem) {
        complain(kProgram, problem.what());
        return 1;
    }
    return 0;
}
