// SHA-256 by Windows' own library.
#pragma once

#define WIN32_LEAN_AND_MEAN
#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>

#include <bcrypt.h>

#include <array>
#include <cstdint>

namespace lxss {

// Where the library fails, so does every comparison: the digest is of zeros then.
class Sha256 {
public:
    Sha256() {
        ::BCryptOpenAlgorithmProvider(&provider_, BCRYPT_SHA256_ALGORITHM, nullptr, 0);
        is_good_ = ::BCryptCreateHash(provider_, &hash_, nullptr, 0, nullptr, 0, 0) >= 0;
    }
    Sha256(const Sha256&) = delete;
    Sha256& operator=(const Sha256&) = delete;
    ~Sha256() {
        if (hash_)
            ::BCryptDestroyHash(hash_);
        if (provider_)
            ::BCryptCloseAlgorithmProvider(provider_, 0);
    }
    void add(const char* data, size_t length) {
        is_good_ = is_good_ && ::BCryptHashData(hash_, reinterpret_cast<UCHAR*>(const_cast<char*>(data)),
                                                static_cast<ULONG>(length), 0) >= 0;
    }
    std::array<uint8_t, 32> finish() {
        std::array<uint8_t, 32> digest{};
        if (is_good_ && ::BCryptFinishHash(hash_, digest.data(), digest.size(), 0) < 0)
            digest.fill(0);
        return digest;
    }

private:
    BCRYPT_ALG_HANDLE provider_ = nullptr;
    BCRYPT_HASH_HANDLE hash_ = nullptr;
    bool is_good_ = false;
};

} // namespace lxss
