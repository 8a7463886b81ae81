// Checksums of files, as the catalog and container images name them.
#pragma once

#include <filesystem>
#include <fstream>
#include <nettle/sha2.h>
#include <string>
#include <vector>

namespace lxss {

// The SHA-256 of the file in 64 lower-case hexadecimal digits. Of a file that cannot be read it is that of
// what could.
inline std::string sha256_of(const std::filesystem::path& path) {
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

} // namespace lxss
