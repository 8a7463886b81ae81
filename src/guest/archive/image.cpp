#include "image.hpp"

#include "extract.hpp"
#include "image_manifest.hpp"
#include "install/checksum.hpp"

#include <archive_entry.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

namespace lxss {

namespace fs = std::filesystem;

static const fs::path kRoot = "/";
static constexpr const char* kImageFolder = ".lxss-image"; // the image's own files meanwhile
static constexpr std::string_view kWhiteout = ".wh.";
static constexpr std::string_view kOpaque = ".wh..wh..opq";
static constexpr uintmax_t kMaxJson = 16 << 20;

bool is_container_image() {
    for (const char* folder : {"etc", "usr", "bin", "lib", "sbin"})
        if (fs::exists(fs::symlink_status(kRoot / folder)))
            return false;
    return fs::is_regular_file(fs::symlink_status(kRoot / "manifest.json")) ||
           fs::is_regular_file(fs::symlink_status(kRoot / "oci-layout"));
}

// A file of the image, which must be one: no link leads out of it.
static fs::path image_file(const std::string& name) {
    std::string relative;
    if (!root_relative(name, relative))
        throw ArchiveError("the image names '" + name + "', which leads out of it");
    const fs::path path = kRoot / kImageFolder / relative;
    if (fs::is_regular_file(fs::symlink_status(path)))
        return path;
    // Older `docker save` writes a layer that it has written before as a link to that.
    std::error_code failure;
    const fs::path target = fs::canonical(path, failure);
    if (failure || !fs::is_regular_file(target) ||
        target.lexically_relative(kRoot / kImageFolder).native().starts_with(".."))
        throw ArchiveError("the image lacks '" + name + "'");
    return target;
}

// "blobs/sha256/..." is checked against its name.
static fs::path checked_file(const std::string& name) {
    const fs::path path = image_file(name);
    const std::string_view prefix = "blobs/sha256/";
    const size_t at = name.find(prefix);
    if (at != name.npos && sha256_of(path) != name.substr(at + prefix.size()))
        throw ArchiveError("the image is damaged: '" + name +
                           "' does not have the checksum that it is named after");
    return path;
}

static std::string read_file(const std::string& name) {
    const fs::path path = checked_file(name);
    if (fs::file_size(path) > kMaxJson)
        throw ArchiveError("the image's '" + name + "' is too large");
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

static bool is_own(const std::string& name) {
    return name == kImageFolder || name.starts_with(std::string(kImageFolder) + "/");
}

// What this layer takes away of those below.
static void apply_whiteouts(const fs::path& layer) {
    const Archive reader = open_tar(layer);
    archive_entry* entry;
    int result;
    while ((result = archive_read_next_header(reader.get(), &entry)) == ARCHIVE_OK ||
           result == ARCHIVE_WARN) {
        std::string name;
        if (!archive_entry_pathname(entry) || !root_relative(archive_entry_pathname(entry), name) ||
            is_own(name))
            continue;
        const fs::path path = kRoot / name;
        const std::string last = path.filename();
        if (last == kOpaque) {
            std::vector<fs::path> children;
            if (fs::is_directory(path.parent_path()))
                for (const auto& child : fs::directory_iterator(path.parent_path()))
                    children.push_back(child.path());
            for (const fs::path& child : children)
                if (child != kRoot / kImageFolder)
                    fs::remove_all(child);
        } else if (last.starts_with(kWhiteout)) {
            const std::string hidden = last.substr(kWhiteout.size());
            if (hidden.empty() || hidden == "." || hidden == "..")
                throw ArchiveError("the image takes away '" + name + "', which is no name of a file");
            const fs::path target = path.parent_path() / hidden;
            if (target == kRoot / kImageFolder)
                throw ArchiveError("the image names '" + name + "', which is lxss's own");
            fs::remove_all(target);
        }
    }
}

static void apply_layer(const fs::path& layer) {
    apply_whiteouts(layer);
    ExtractOptions options;
    // A layer goes through the links of those below it (lib -> usr/lib).
    options.follow_links = true;
    options.wanted = [](const std::string& name) {
        if (is_own(name))
            throw ArchiveError("the image names '" + name + "', which is lxss's own");
        const std::string last = name.substr(name.rfind('/') + 1);
        return !last.starts_with(kWhiteout);
    };
    const Archive reader = open_tar(layer);
    extract_all(reader.get(), options);
}

void unpack_container_image() {
    try {
        fs::create_directory(kRoot / kImageFolder);
        std::vector<fs::path> parts;
        for (const auto& part : fs::directory_iterator(kRoot))
            if (part.path() != kRoot / kImageFolder)
                parts.push_back(part.path());
        for (const fs::path& part : parts)
            fs::rename(part, kRoot / kImageFolder / part.filename());
        const bool is_oci = fs::exists(kRoot / kImageFolder / "index.json");
        for (const std::string& name : is_oci ? oci_layers(read_file) : docker_layers(read_file))
            apply_layer(checked_file(name));
        fs::remove_all(kRoot / kImageFolder);
    } catch (const fs::filesystem_error& problem) {
        throw ArchiveError(problem.what());
    }
}

} // namespace lxss
