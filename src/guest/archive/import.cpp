// import: unpacks a tar archive from standard input into / of the instance it runs in.
//
//   import [--size=BYTES]
//
// Any compression that libarchive knows is recognised by itself. Owners are taken by number: the names of
// another system mean nothing here. The instance is empty before and is thrown away after a failure, so the
// first entry that cannot be kept whole ends the work.
#include "tree.hpp"

#include <archive_entry.h>
#include <cerrno>
#include <clocale>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace lxss;

static constexpr const char* kProgram = "import";

// Makes the name relative to the root: "./etc" and "/etc" both mean etc. False for one with a "..".
static bool root_relative(std::string_view name, std::string& result) {
    result.clear();
    while (!name.empty()) {
        const std::string_view part = name.substr(0, name.find('/'));
        name.remove_prefix(std::min(part.size() + 1, name.size()));
        if (part == "..")
            return false;
        if (part.empty() || part == ".")
            continue;
        if (!result.empty())
            result += '/';
        result += part;
    }
    if (result.empty())
        result = ".";
    return true;
}

static int extract(archive* reader, archive* writer, archive_entry* entry, std::string& problem) {
    const std::string shown = archive_entry_pathname(entry) ? archive_entry_pathname(entry) : "";
    std::string name;
    if (shown.empty() || !root_relative(shown, name)) {
        problem = "'" + shown + "': the name leads out of the tree";
        return ARCHIVE_FATAL;
    }
    archive_entry_set_pathname(entry, name.c_str());
    if (const char* link = archive_entry_hardlink(entry)) {
        std::string target;
        if (!root_relative(link, target)) {
            problem = "'" + shown + "': its hard link leads out of the tree";
            return ARCHIVE_FATAL;
        }
        archive_entry_set_hardlink(entry, target.c_str());
    }
    int result = archive_write_header(writer, entry);
    if (result >= ARCHIVE_WARN && archive_entry_size(entry) > 0) {
        const void* block;
        size_t size;
        la_int64_t offset;
        while ((result = archive_read_data_block(reader, &block, &size, &offset)) == ARCHIVE_OK) {
            if (archive_write_data_block(writer, block, size, offset) < ARCHIVE_OK) {
                result = ARCHIVE_FATAL;
                break;
            }
        }
        if (result != ARCHIVE_EOF && archive_errno(reader)) {
            problem = "'" + shown + "': " + archive_error_string(reader);
            return ARCHIVE_FATAL;
        }
        if (result == ARCHIVE_EOF)
            result = ARCHIVE_OK;
    }
    const int finished = archive_write_finish_entry(writer);
    if (finished < result)
        result = finished;
    if (result < ARCHIVE_OK) {
        const char* text = archive_error_string(writer);
        problem = "'" + shown + "': " + (text ? text : "cannot be made");
        if (archive_errno(writer) > 0)
            problem += std::string(" (") + std::strerror(archive_errno(writer)) + ")";
    }
    return result;
}

int main(int argc, char** argv) {
    uint64_t total = 0;
    for (int i = 1; i < argc; ++i) {
        if (std::strncmp(argv[i], "--size=", 7) == 0) {
            total = std::strtoull(argv[i] + 7, nullptr, 10);
        } else {
            complain(kProgram, std::string("unknown argument ") + argv[i]);
            return 2;
        }
    }
    std::setlocale(LC_CTYPE, "C.UTF-8"); // names in pax headers are UTF-8, those on disk are bytes
    ::umask(0);
    if (::chdir("/") != 0) {
        complain(kProgram, std::string("cannot enter /: ") + std::strerror(errno));
        return 1;
    }
    Archive reader(archive_read_new());
    archive_read_support_filter_all(reader.get());
    archive_read_support_format_tar(reader.get());
    if (archive_read_open_fd(reader.get(), STDIN_FILENO, 256 * 1024) != ARCHIVE_OK) {
        complain(kProgram, std::string("this is not a tar archive: ") + archive_error_string(reader.get()));
        return 1;
    }
    Archive writer(archive_write_disk_new());
    archive_write_disk_set_options(
        writer.get(), ARCHIVE_EXTRACT_OWNER | ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_TIME |
                          ARCHIVE_EXTRACT_ACL | ARCHIVE_EXTRACT_XATTR | ARCHIVE_EXTRACT_SECURE_SYMLINKS |
                          ARCHIVE_EXTRACT_SECURE_NODOTDOT | ARCHIVE_EXTRACT_SECURE_NOABSOLUTEPATHS);
    Progress progress("Importing");
    uint64_t files = 0;
    archive_entry* entry;
    int result;
    while ((result = archive_read_next_header(reader.get(), &entry)) == ARCHIVE_OK ||
           result == ARCHIVE_WARN) {
        std::string problem;
        const int extracted = extract(reader.get(), writer.get(), entry, problem);
        if (extracted < ARCHIVE_WARN) {
            complain(kProgram, problem);
            return 1;
        }
        if (extracted == ARCHIVE_WARN)
            complain(kProgram, "warning: " + problem);
        progress.show(++files, static_cast<uint64_t>(archive_filter_bytes(reader.get(), -1)), total);
    }
    if (result != ARCHIVE_EOF) {
        complain(kProgram, std::string("the archive is damaged: ") + archive_error_string(reader.get()));
        return 1;
    }
    // Folder modes and times are set at the end.
    if (archive_write_close(writer.get()) < ARCHIVE_WARN) {
        complain(kProgram, archive_error_string(writer.get()));
        return 1;
    }
    if (files == 0) {
        complain(kProgram, "the archive is empty");
        return 1;
    }
    return 0;
}
