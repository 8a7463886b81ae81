// export: writes the instance it runs in to standard output as a pax tar archive.
//
//   export [--compress=none|gzip|xz|zstd|bzip2]
//
// One file system: what is mounted (proc, dev, drives) is no part of the instance. Sockets have no place in a
// tar archive and are left out with a note. A file that changes while it is read is written as it was found,
// cut or padded to the length in its header.
#include "tree.hpp"

#include <archive_entry.h>
#include <cerrno>
#include <clocale>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

using namespace lxss;

static constexpr const char* kProgram = "export";

struct EntryDeleter {
    void operator()(archive_entry* entry) const { archive_entry_free(entry); }
};
using Entry = std::unique_ptr<archive_entry, EntryDeleter>;

static bool add_compression(archive* writer, std::string_view name) {
    if (name == "none")
        return archive_write_add_filter_none(writer) == ARCHIVE_OK;
    if (name == "gzip")
        return archive_write_add_filter_gzip(writer) == ARCHIVE_OK;
    if (name == "xz")
        return archive_write_add_filter_xz(writer) == ARCHIVE_OK;
    if (name == "zstd")
        return archive_write_add_filter_zstd(writer) == ARCHIVE_OK;
    if (name == "bzip2")
        return archive_write_add_filter_bzip2(writer) == ARCHIVE_OK;
    return false;
}

static bool write_entry(archive* writer, archive_entry* entry, std::string& problem) {
    const std::string name = archive_entry_pathname(entry);
    int file = -1;
    if (archive_entry_filetype(entry) == AE_IFREG && archive_entry_size(entry) > 0) {
        file = ::open(archive_entry_sourcepath(entry), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        if (file < 0) {
            problem = "cannot read " + name + ": " + std::strerror(errno);
            return false;
        }
    }
    bool good = archive_write_header(writer, entry) >= ARCHIVE_WARN;
    if (good && file >= 0) {
        static std::vector<char> buffer(256 * 1024);
        for (int64_t left = archive_entry_size(entry); good && left > 0;) {
            const ssize_t count = ::read(file, buffer.data(), std::min<int64_t>(left, buffer.size()));
            if (count < 0 && errno == EINTR)
                continue;
            if (count < 0) {
                problem = "cannot read " + name + ": " + std::strerror(errno);
                ::close(file);
                return false;
            }
            if (count == 0)
                break; // shorter by now: the writer pads
            good = archive_write_data(writer, buffer.data(), static_cast<size_t>(count)) == count;
            left -= count;
        }
    }
    if (file >= 0)
        ::close(file);
    if (!good) {
        problem = "cannot write " + name + ": " + reason_of(writer);
    }
    return good;
}

int main(int argc, char** argv) {
    std::string compression = "none";
    for (int i = 1; i < argc; ++i) {
        if (std::strncmp(argv[i], "--compress=", 11) == 0) {
            compression = argv[i] + 11;
        } else {
            complain(kProgram, std::string("unknown argument ") + argv[i]);
            return 2;
        }
    }
    std::setlocale(LC_CTYPE, "C.UTF-8"); // names in pax headers are UTF-8, those on disk are bytes
    if (::chdir("/") != 0) {
        complain(kProgram, std::string("cannot enter /: ") + std::strerror(errno));
        return 1;
    }
    Archive writer(archive_write_new());
    archive_write_set_format_pax(writer.get());
    if (!add_compression(writer.get(), compression)) {
        complain(kProgram, "unknown compression " + compression);
        return 2;
    }
    archive_write_set_bytes_in_last_block(writer.get(), 1);
    if (archive_write_open_fd(writer.get(), STDOUT_FILENO) != ARCHIVE_OK) {
        complain(kProgram, reason_of(writer.get()));
        return 1;
    }
    Archive disk(archive_read_disk_new());
    archive_read_disk_set_symlink_physical(disk.get());
    archive_read_disk_set_behavior(disk.get(),
                                   ARCHIVE_READDISK_NO_TRAVERSE_MOUNTS | ARCHIVE_READDISK_NO_FFLAGS);
    std::unique_ptr<archive_entry_linkresolver, decltype(&archive_entry_linkresolver_free)> links(
        archive_entry_linkresolver_new(), archive_entry_linkresolver_free);
    archive_entry_linkresolver_set_strategy(links.get(), archive_format(writer.get()));
    if (archive_read_disk_open(disk.get(), ".") != ARCHIVE_OK) {
        complain(kProgram, reason_of(disk.get()));
        return 1;
    }

    Progress progress("Exporting");
    uint64_t files = 0, bytes = 0;
    for (;;) {
        Entry entry(archive_entry_new());
        const int result = archive_read_next_header2(disk.get(), entry.get());
        if (result == ARCHIVE_EOF)
            break;
        if (result < ARCHIVE_WARN) {
            // FAILED: this entry alone (gone, unreadable); FATAL: the walk cannot go on.
            complain(kProgram, reason_of(disk.get()));
            if (result == ARCHIVE_FAILED && archive_errno(disk.get()) == ENOENT)
                continue;
            return 1;
        }
        archive_read_disk_descend(disk.get());
        if (archive_entry_filetype(entry.get()) == AE_IFSOCK) {
            complain(kProgram,
                     std::string("note: the socket ") + archive_entry_pathname(entry.get()) + " is left out");
            continue;
        }
        archive_entry* whole = entry.release();
        archive_entry* spare = nullptr;
        archive_entry_linkify(links.get(), &whole, &spare);
        Entry first(whole), second(spare);
        for (archive_entry* part : {first.get(), second.get()}) {
            std::string problem;
            if (part && !write_entry(writer.get(), part, problem)) {
                complain(kProgram, problem);
                return 1;
            }
            if (part)
                bytes += static_cast<uint64_t>(archive_entry_size(part));
        }
        progress.show(++files, bytes, 0);
    }
    if (archive_write_close(writer.get()) != ARCHIVE_OK) {
        complain(kProgram, reason_of(writer.get()));
        return 1;
    }
    return 0;
}
