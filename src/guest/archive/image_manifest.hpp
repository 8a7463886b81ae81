// What the JSON files of a container image say.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace lxss {

// The content of a file of the image, checked against its name where that is a checksum. Throws ArchiveError.
using ReadImageFile = std::function<std::string(const std::string& name)>;

// The files of the layers of the image for linux/amd64, the lowest first. Both throw ArchiveError, also for
// files that are no JSON, or JSON of another shape.
std::vector<std::string> oci_layers(const ReadImageFile& read);    // from index.json
std::vector<std::string> docker_layers(const ReadImageFile& read); // from manifest.json

} // namespace lxss
