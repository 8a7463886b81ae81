// SHA-256 by nettle.
#pragma once

#include <array>
#include <cstdint>
#include <nettle/sha2.h>

namespace lxss {

class Sha256 {
public:
    Sha256() { sha256_init(&context_); }
    void add(const char* data, size_t length) {
        sha256_update(&context_, length, reinterpret_cast<const uint8_t*>(data));
    }
    std::array<uint8_t, SHA256_DIGEST_SIZE> finish() {
        std::array<uint8_t, SHA256_DIGEST_SIZE> digest;
        sha256_digest(&context_, digest.size(), digest.data());
        return digest;
    }

private:
    sha256_ctx context_;
};

} // namespace lxss
