// Checksums of files, as the catalog and container images name them.
#pragma once

#if defined(_WIN32)
#include "install/os/nt/sha256.hpp"
#else
#include "install/os/linux/sha256.hpp"
#endif

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace lxss {

// The SHA-256 of the file in 64 lower-case hexadecimal digits. Of a file that cannot be read it is that of
// what could.
inline std::string sha256_of(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    Sha256 sum;
    std::vector<char> block(256 * 1024);
    while (file.read(block.data(), static_cast<std::streamsize>(block.size())), file.gcount() > 0)
        sum.add(block.data(), static_cast<size_t>(file.gcount()));
    std::string text;
    for (const uint8_t byte : sum.finish())
        for (const int half : {byte >> 4, byte & 15})
            text += "0123456789abcdef"[half];
    return text;
}

} // namespace lxss
