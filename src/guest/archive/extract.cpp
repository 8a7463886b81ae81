#include "extract.hpp"

#include <archive_entry.h>
#include <cerrno>
#include <cstring>
#include <string_view>

namespace lxss {

static constexpr size_t kBlock = 256 * 1024;

bool root_relative(std::string_view name, std::string& result) {
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

static int copy_data(archive* reader, archive* writer, const std::string& shown) {
    const void* block;
    size_t size;
    la_int64_t offset;
    int result;
    while ((result = archive_read_data_block(reader, &block, &size, &offset)) == ARCHIVE_OK)
        if (archive_write_data_block(writer, block, size, offset) < ARCHIVE_OK)
            return ARCHIVE_FATAL;
    if (result != ARCHIVE_EOF && archive_errno(reader))
        throw ArchiveError("'" + shown + "': " + reason_of(reader));
    return result == ARCHIVE_EOF ? ARCHIVE_OK : result;
}

// `name` is the entry's, relative to the root.
static void extract(archive* reader, archive* writer, archive_entry* entry, const std::string& name) {
    const std::string shown = archive_entry_pathname(entry);
    archive_entry_set_pathname(entry, name.c_str());
    if (const char* link = archive_entry_hardlink(entry)) {
        std::string target;
        if (!root_relative(link, target))
            throw ArchiveError("'" + shown + "': its hard link leads out of the tree");
        archive_entry_set_hardlink(entry, target.c_str());
    }
    // The reason is asked for at once: the next operation forgets it.
    std::string problem;
    auto take = [&](int result) {
        if (result >= ARCHIVE_OK)
            return true;
        problem = "'" + shown + "': " + reason_of(writer);
        if (archive_errno(writer) > 0)
            problem += std::string(" (") + std::strerror(archive_errno(writer)) + ")";
        if (result < ARCHIVE_WARN)
            throw ArchiveError(problem);
        return false;
    };
    bool good = take(archive_write_header(writer, entry));
    if (archive_entry_size(entry) > 0)
        good = take(copy_data(reader, writer, shown)) && good;
    good = take(archive_write_finish_entry(writer)) && good;
    if (!good)
        complain("import", "warning: " + problem);
}

uint64_t extract_all(archive* reader, const ExtractOptions& options) {
    Archive writer(archive_write_disk_new());
    int flags = ARCHIVE_EXTRACT_OWNER | ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_ACL |
                ARCHIVE_EXTRACT_XATTR | ARCHIVE_EXTRACT_SECURE_NODOTDOT |
                ARCHIVE_EXTRACT_SECURE_NOABSOLUTEPATHS;
    if (!options.follow_links)
        flags |= ARCHIVE_EXTRACT_SECURE_SYMLINKS;
    archive_write_disk_set_options(writer.get(), flags);
    uint64_t count = 0;
    archive_entry* entry;
    int result;
    while ((result = archive_read_next_header(reader, &entry)) == ARCHIVE_OK || result == ARCHIVE_WARN) {
        const std::string shown = archive_entry_pathname(entry) ? archive_entry_pathname(entry) : "";
        std::string name;
        if (shown.empty() || !root_relative(shown, name))
            throw ArchiveError("'" + shown + "': the name leads out of the tree");
        if (options.wanted && !options.wanted(name))
            continue;
        extract(reader, writer.get(), entry, name);
        ++count;
        if (options.after_entry)
            options.after_entry();
    }
    if (result != ARCHIVE_EOF)
        throw ArchiveError("the archive is damaged: " + reason_of(reader));
    // Folder modes and times are set at the end.
    if (archive_write_close(writer.get()) < ARCHIVE_WARN)
        throw ArchiveError(reason_of(writer.get()));
    return count;
}

// The compressions that are built in. libarchive would start programs for others, which the archive would
// choose.
static Archive new_reader() {
    Archive reader(archive_read_new());
    for (const auto support :
         {archive_read_support_filter_bzip2, archive_read_support_filter_compress,
          archive_read_support_filter_gzip, archive_read_support_filter_lz4, archive_read_support_filter_lzip,
          archive_read_support_filter_lzma, archive_read_support_filter_xz, archive_read_support_filter_zstd})
        support(reader.get());
    archive_read_support_format_tar(reader.get());
    return reader;
}

static Archive opened(Archive reader, int result, const std::string& what) {
    if (result != ARCHIVE_OK)
        throw ArchiveError(what + " is not a tar archive: " + reason_of(reader.get()));
    return reader;
}

Archive open_tar(const std::string& path) {
    Archive reader = new_reader();
    const int result = archive_read_open_filename(reader.get(), path.c_str(), kBlock);
    return opened(std::move(reader), result, path);
}

Archive open_tar(int descriptor) {
    Archive reader = new_reader();
    const int result = archive_read_open_fd(reader.get(), descriptor, kBlock);
    return opened(std::move(reader), result, "this");
}

Archive open_tar_in_memory(const void* data, size_t size) {
    Archive reader = new_reader();
    const int result = archive_read_open_memory(reader.get(), data, size);
    return opened(std::move(reader), result, "this");
}

static la_ssize_t read_within(archive*, void* outer, const void** buffer) {
    static char bytes[kBlock];
    *buffer = bytes;
    return archive_read_data(static_cast<archive*>(outer), bytes, sizeof bytes);
}

Archive open_tar_within(archive* outer) {
    Archive reader = new_reader();
    const int result = archive_read_open(reader.get(), outer, nullptr, read_within, nullptr);
    return opened(std::move(reader), result, "this");
}

} // namespace lxss
