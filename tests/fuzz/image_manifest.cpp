// The JSON of container images. The input is the files in the order in which they are asked for, each ended
// by a NUL; the last one stands for all that follow.
#include "guest/archive/image_manifest.hpp"

#include "guest/archive/extract.hpp"

#include <cstdlib>
#include <string_view>

static void read_with(std::vector<std::string> (*layers)(const lxss::ReadImageFile&),
                      std::string_view input) {
    std::string_view rest = input;
    int reads = 0;
    const lxss::ReadImageFile read = [&](const std::string& name) {
        if (++reads > 100)
            std::abort(); // an image could go on for ever
        if (name.find("..") != name.npos)
            std::abort(); // names of blobs are of digits
        const std::string_view text = rest.substr(0, rest.find('\0'));
        if (text.size() < rest.size())
            rest.remove_prefix(text.size() + 1);
        return std::string(text);
    };
    try {
        if (layers(read).empty())
            std::abort(); // "the image has no layers" is an error
    } catch (const lxss::ArchiveError&) {
    }
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    read_with(lxss::oci_layers, input);
    read_with(lxss::docker_layers, input);
    return 0;
}
