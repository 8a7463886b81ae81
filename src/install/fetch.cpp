// lxss-fetch URL SHA256 FILE: loads a file and checks it. What an earlier call has left in FILE.partial is
// gone on with. Progress is shown on a terminal. Exits with 0 when FILE is there and has the checksum.
#include "install/checksum.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <curl/curl.h>
#include <filesystem>
#include <memory>
#include <string>
#include <unistd.h>

namespace fs = std::filesystem;
using lxss::sha256_of;

static constexpr long kStalledSeconds = 60;

struct Transfer {
    CURL* handle;
    FILE* file;
    bool started = false;
};

// A server that does not know ranges sends all again, with status 200.
static size_t write_block(char* data, size_t, size_t length, void* user) {
    Transfer& transfer = *static_cast<Transfer*>(user);
    if (!transfer.started) {
        transfer.started = true;
        long status = 0;
        curl_easy_getinfo(transfer.handle, CURLINFO_RESPONSE_CODE, &status);
        if (status == 200 &&
            (std::fseek(transfer.file, 0, SEEK_SET) != 0 || ::ftruncate(::fileno(transfer.file), 0) != 0))
            return 0;
    }
    return std::fwrite(data, 1, length, transfer.file);
}

static int show_progress(void* user, curl_off_t total, curl_off_t now, curl_off_t, curl_off_t) {
    const auto before = *static_cast<const curl_off_t*>(user);
    if (total > 0)
        std::fprintf(stderr, "\rLoading: %3d%%, %lld MiB\033[K",
                     static_cast<int>((before + now) * 100 / (before + total)),
                     static_cast<long long>((before + now) >> 20));
    return 0;
}

static CURLcode load(const char* url, const fs::path& partial) {
    // Reading and writing, so that the position is ours; "ab" would always append.
    const std::unique_ptr<FILE, int (*)(FILE*)> file(
        std::fopen(partial.c_str(), fs::exists(partial) ? "r+b" : "w+b"), &std::fclose);
    if (!file || std::fseek(file.get(), 0, SEEK_END) != 0)
        return CURLE_WRITE_ERROR;
    curl_off_t before = std::ftell(file.get());
    const std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(), &curl_easy_cleanup);
    Transfer transfer{curl.get(), file.get()};
    curl_easy_setopt(curl.get(), CURLOPT_URL, url);
    curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, "https,http,ftp,file");
    curl_easy_setopt(curl.get(), CURLOPT_REDIR_PROTOCOLS_STR, "https,http");
    curl_easy_setopt(curl.get(), CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl.get(), CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(curl.get(), CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl.get(), CURLOPT_LOW_SPEED_TIME, kStalledSeconds);
    curl_easy_setopt(curl.get(), CURLOPT_RESUME_FROM_LARGE, before);
    curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, write_block);
    curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &transfer);
    if (::isatty(STDERR_FILENO)) {
        curl_easy_setopt(curl.get(), CURLOPT_NOPROGRESS, 0L);
        curl_easy_setopt(curl.get(), CURLOPT_XFERINFOFUNCTION, show_progress);
        curl_easy_setopt(curl.get(), CURLOPT_XFERINFODATA, &before);
    }
    const CURLcode result = curl_easy_perform(curl.get());
    if (::isatty(STDERR_FILENO))
        std::fputs("\r\033[K", stderr);
    long status = 0;
    curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
    // 416: it is all there.
    return result == CURLE_HTTP_RETURNED_ERROR && status == 416 ? CURLE_OK : result;
}

int main(int argc, char** argv) {
    if (argc != 4) {
        std::fputs("Usage: lxss-fetch URL SHA256 FILE\n", stderr);
        return 2;
    }
    const std::string checksum = argv[2];
    const fs::path target = argv[3], partial = target.string() + ".partial";
    std::error_code failure;
    fs::create_directories(target.parent_path(), failure);
    if (fs::exists(target) && sha256_of(target) == checksum)
        return 0;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    const CURLcode result = load(argv[1], partial);
    if (result != CURLE_OK) {
        std::fprintf(stderr, "lxss-fetch: cannot load %s: %s; the next try goes on where this one ended\n",
                     argv[1], curl_easy_strerror(result));
        return 1;
    }
    if (sha256_of(partial) != checksum) {
        fs::remove(partial, failure);
        std::fprintf(stderr, "lxss-fetch: %s does not have the checksum of the catalog; it was removed\n",
                     argv[1]);
        return 1;
    }
    fs::rename(partial, target, failure);
    if (failure) {
        std::fprintf(stderr, "lxss-fetch: cannot write %s: %s\n", target.c_str(), failure.message().c_str());
        return 1;
    }
    return 0;
}
