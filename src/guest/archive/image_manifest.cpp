#include "image_manifest.hpp"

#include "extract.hpp"

#include <nlohmann/json.hpp>
#include <string_view>

namespace lxss {

using nlohmann::json;

// Indexes of indexes; the specification knows of no use for more than one in another.
static constexpr int kMaxIndexDepth = 4;
// Levels of arrays and objects: real ones have half a dozen. What copies or frees a document goes down all of
// them.
static constexpr int kMaxJsonDepth = 64;

static json parse(const ReadImageFile& read, const std::string& name) {
    const std::string text = read(name);
    const auto refuse_depth = [&](int depth, json::parse_event_t, const json&) {
        if (depth > kMaxJsonDepth)
            throw ArchiveError("the image's '" + name + "' is nested too deeply");
        return true;
    };
    try {
        return json::parse(text, refuse_depth);
    } catch (const json::exception& problem) {
        throw ArchiveError("the image is damaged: '" + name + "': " + problem.what());
    }
}

static std::string blob_name(const json& descriptor) {
    const std::string digest = descriptor.at("digest");
    const std::string_view prefix = "sha256:";
    if (!digest.starts_with(prefix) || digest.size() != prefix.size() + 64 ||
        digest.find_first_not_of("0123456789abcdef", prefix.size()) != digest.npos)
        throw ArchiveError("the image has a checksum of an unknown kind: " + digest);
    return "blobs/sha256/" + digest.substr(prefix.size());
}

// The manifest of the image for this platform; an index may list indexes.
static json find_manifest(const ReadImageFile& read, const json& index, int depth) {
    const json* chosen = nullptr;
    for (const json& descriptor : index.at("manifests")) {
        const json platform = descriptor.value("platform", json::object());
        const bool fits =
            platform.value("architecture", "amd64") == "amd64" && platform.value("os", "linux") == "linux";
        if (fits && !chosen)
            chosen = &descriptor;
    }
    if (!chosen || depth > kMaxIndexDepth)
        throw ArchiveError("the image holds nothing for linux/amd64");
    json document = parse(read, blob_name(*chosen));
    return document.contains("manifests") ? find_manifest(read, document, depth + 1) : document;
}

template <typename Function>
static std::vector<std::string> names_of(const Function& collect) {
    std::vector<std::string> names;
    try {
        collect(names);
    } catch (const json::exception& problem) {
        throw ArchiveError(std::string("the image is damaged: ") + problem.what());
    }
    if (names.empty())
        throw ArchiveError("the image has no layers");
    return names;
}

std::vector<std::string> oci_layers(const ReadImageFile& read) {
    return names_of([&](std::vector<std::string>& names) {
        const json manifest = find_manifest(read, parse(read, "index.json"), 0);
        for (const json& layer : manifest.at("layers"))
            names.push_back(blob_name(layer));
    });
}

std::vector<std::string> docker_layers(const ReadImageFile& read) {
    return names_of([&](std::vector<std::string>& names) {
        const json manifest = parse(read, "manifest.json");
        for (const json& layer : manifest.at(0).at("Layers"))
            names.push_back(layer);
    });
}

} // namespace lxss
