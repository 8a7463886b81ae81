#include "image.hpp"

#include "extract.hpp"

#include <archive_entry.h>
#include <filesystem>
#include <fstream>
#include <nettle/sha2.h>
#include <nlohmann/json.hpp>
#include <vector>

namespace lxss {

namespace fs = std::filesystem;
using nlohmann::json;

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

static std::string sha256_of(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    sha256_ctx context;
    sha256_init(&context);
    std::vector<char> block(256 * 1024);
    while (file.read(block.data(), static_cast<std::streamsize>(block.size())), file.gcount() > 0)
        sha256_update(&context, static_cast<size_t>(file.gcount()),
                      reinterpret_cast<const uint8_t*>(block.data()));
    uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_digest(&context, sizeof digest, digest);
    std::string text;
    for (const uint8_t byte : digest)
        for (const int half : {byte >> 4, byte & 15})
            text += "0123456789abcdef"[half];
    return text;
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

static json read_json(const std::string& name) {
    const fs::path path = checked_file(name);
    if (fs::file_size(path) > kMaxJson)
        throw ArchiveError("the image's '" + name + "' is too large");
    std::ifstream file(path);
    return json::parse(file);
}

static std::string blob_name(const json& descriptor) {
    const std::string digest = descriptor.at("digest");
    const size_t colon = digest.find(':');
    if (!digest.starts_with("sha256:") ||
        digest.find_first_not_of("0123456789abcdef", colon + 1) != digest.npos)
        throw ArchiveError("the image has a checksum of an unknown kind: " + digest);
    return "blobs/sha256/" + digest.substr(colon + 1);
}

// The manifest of the image for this platform; an index may list indexes.
static json find_manifest(const json& index, int depth) {
    const json* chosen = nullptr;
    for (const json& descriptor : index.at("manifests")) {
        const json platform = descriptor.value("platform", json::object());
        const bool fits =
            platform.value("architecture", "amd64") == "amd64" && platform.value("os", "linux") == "linux";
        if (fits && !chosen)
            chosen = &descriptor;
    }
    if (!chosen || depth > 4)
        throw ArchiveError("the image holds nothing for linux/amd64");
    json document = read_json(blob_name(*chosen));
    return document.contains("manifests") ? find_manifest(document, depth + 1) : document;
}

static std::vector<std::string> layer_names() {
    std::vector<std::string> names;
    if (fs::exists(kRoot / kImageFolder / "index.json")) {
        const json manifest = find_manifest(read_json("index.json"), 0);
        for (const json& layer : manifest.at("layers"))
            names.push_back(blob_name(layer));
    } else {
        const json manifest = read_json("manifest.json");
        for (const json& layer : manifest.at(0).at("Layers"))
            names.push_back(layer);
    }
    if (names.empty())
        throw ArchiveError("the image has no layers");
    return names;
}

static bool is_own(const std::string& name) {
    return name == kImageFolder || name.starts_with(std::string(kImageFolder) + "/");
}

// What this layer takes away of those below.
static void apply_whiteouts(const fs::path& layer) {
    const Archive reader = open_tar(layer);
    archive_entry* entry;
    while (archive_read_next_header(reader.get(), &entry) >= ARCHIVE_WARN) {
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
        } else if (last.starts_with(kWhiteout) && last.size() > kWhiteout.size()) {
            fs::remove_all(path.parent_path() / last.substr(kWhiteout.size()));
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
        for (const std::string& name : layer_names())
            apply_layer(checked_file(name));
        fs::remove_all(kRoot / kImageFolder);
    } catch (const json::exception& problem) {
        throw ArchiveError(std::string("the image is damaged: ") + problem.what());
    } catch (const fs::filesystem_error& problem) {
        throw ArchiveError(problem.what());
    }
}

} // namespace lxss
