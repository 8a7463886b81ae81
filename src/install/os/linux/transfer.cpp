#include "install/os/transfer.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <curl/curl.h>
#include <memory>
#include <unistd.h>

namespace fs = std::filesystem;

namespace lxss {

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

std::string load(const std::string& address, const fs::path& partial) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
    // Reading and writing, so that the position is ours; "ab" would always append.
    const std::unique_ptr<FILE, int (*)(FILE*)> file(
        std::fopen(partial.c_str(), fs::exists(partial) ? "r+b" : "w+b"), &std::fclose);
    if (!file || std::fseek(file.get(), 0, SEEK_END) != 0)
        return "cannot write " + partial.string() + ": " + std::strerror(errno);
    curl_off_t before = std::ftell(file.get());
    const std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(), &curl_easy_cleanup);
    Transfer transfer{curl.get(), file.get()};
    curl_easy_setopt(curl.get(), CURLOPT_URL, address.c_str());
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
    const bool is_good = result == CURLE_OK || (result == CURLE_HTTP_RETURNED_ERROR && status == 416);
    return is_good ? "" : curl_easy_strerror(result);
}

} // namespace lxss
