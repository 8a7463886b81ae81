#include "install/os/transfer.hpp"

#define WIN32_LEAN_AND_MEAN
#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>

#include <shlwapi.h>
#include <winhttp.h>

#include <cstdio>
#include <fstream>
#include <io.h>
#include <memory>
#include <vector>

namespace fs = std::filesystem;

namespace lxss {

namespace {

constexpr int kStalledMilliseconds = 60'000;

struct Closer {
    void operator()(void* handle) const { ::WinHttpCloseHandle(handle); }
};
using Handle = std::unique_ptr<void, Closer>;

// Of the last call, in the words of Windows or by its number: texts of WinHTTP are in its own library.
std::string last_problem() {
    const DWORD error = ::GetLastError();
    if (error == ERROR_WINHTTP_SECURE_FAILURE || error == ERROR_WINHTTP_SECURE_CHANNEL_ERROR)
        return "no secure connection: this computer does not trust the server's certificate, or it is "
               "another server's";
    char text[512];
    const DWORD length = ::FormatMessageA(
        FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_FROM_HMODULE | FORMAT_MESSAGE_IGNORE_INSERTS,
        ::GetModuleHandleA("winhttp.dll"), error, 0, text, sizeof text, nullptr);
    std::string result(text, length);
    while (!result.empty() && (result.back() == '\n' || result.back() == '\r' || result.back() == '.'))
        result.pop_back();
    return result.empty() ? "Windows error " + std::to_string(error) : result;
}

void show_progress(uint64_t now, uint64_t total) {
    if (total > 0 && ::_isatty(2))
        std::fprintf(stderr, "\rLoading: %3d%%, %llu MiB\033[K", static_cast<int>(now * 100 / total),
                     now >> 20);
}

// Opened so that the position is ours, at the end of what is there.
class Target {
public:
    explicit Target(const fs::path& path)
        : file_(::_wfopen(path.c_str(), fs::exists(path) ? L"r+b" : L"w+b"), &std::fclose) {
        if (file_ && ::_fseeki64(file_.get(), 0, SEEK_END) == 0)
            length_ = static_cast<uint64_t>(::_ftelli64(file_.get()));
    }
    explicit operator bool() const { return file_ != nullptr; }
    uint64_t length() const { return length_; }
    bool empty() {
        length_ = 0;
        return std::fflush(file_.get()) == 0 && ::_chsize_s(::_fileno(file_.get()), 0) == 0 &&
               ::_fseeki64(file_.get(), 0, SEEK_SET) == 0;
    }
    bool add(const char* data, size_t count) {
        length_ += count;
        return std::fwrite(data, 1, count, file_.get()) == count;
    }
    bool finish() { return std::fflush(file_.get()) == 0; }

private:
    std::unique_ptr<FILE, int (*)(FILE*)> file_;
    uint64_t length_ = 0;
};

constexpr const char* kCannotWrite = "the file cannot be written";

std::string copy_file(const std::wstring& address, Target& target) {
    wchar_t path[32'768];
    DWORD length = static_cast<DWORD>(std::size(path));
    if (::PathCreateFromUrlW(address.c_str(), path, &length, 0) != S_OK)
        return "no address of a file";
    std::ifstream source(fs::path(path), std::ios::binary);
    if (!source)
        return "the file cannot be opened";
    source.seekg(static_cast<std::streamoff>(target.length()));
    std::vector<char> block(256 * 1024);
    while (source.read(block.data(), static_cast<std::streamsize>(block.size())), source.gcount() > 0)
        if (!target.add(block.data(), static_cast<size_t>(source.gcount())))
            return kCannotWrite;
    return target.finish() ? "" : kCannotWrite;
}

// Where a part begins and how long the whole is: "bytes 5-9/10".
bool content_range(HINTERNET request, uint64_t& start, uint64_t& whole) {
    wchar_t text[128];
    DWORD bytes = sizeof text;
    unsigned long long first = 0, last = 0, total = 0;
    const bool is_known =
        ::WinHttpQueryHeaders(request, WINHTTP_QUERY_CONTENT_RANGE, nullptr, text, &bytes, nullptr) &&
        ::swscanf(text, L"bytes %llu-%llu/%llu", &first, &last, &total) == 3;
    start = first;
    whole = total;
    return is_known;
}

std::string take_answer(HINTERNET request, Target& target) {
    DWORD status = 0, bytes = sizeof status;
    ::WinHttpQueryHeaders(request, WINHTTP_QUERY_STATUS_CODE | WINHTTP_QUERY_FLAG_NUMBER, nullptr, &status,
                          &bytes, nullptr);
    uint64_t start = 0, whole = 0;
    if (status == HTTP_STATUS_PARTIAL_CONTENT) {
        if (!content_range(request, start, whole) || start != target.length())
            return "the server sent another part than it was asked for";
    } else if (status == 416) { // it is all there
        return "";
    } else if (status == HTTP_STATUS_OK) { // also of a server that does not know ranges
        wchar_t text[32];
        bytes = sizeof text;
        if (::WinHttpQueryHeaders(request, WINHTTP_QUERY_CONTENT_LENGTH, nullptr, text, &bytes, nullptr))
            whole = ::_wcstoui64(text, nullptr, 10);
        if (!target.empty())
            return kCannotWrite;
    } else {
        return "the server answered with status " + std::to_string(status);
    }
    std::vector<char> block(64 * 1024);
    for (;;) {
        DWORD got = 0;
        if (!::WinHttpReadData(request, block.data(), static_cast<DWORD>(block.size()), &got)) {
            target.finish();
            return last_problem();
        }
        if (got == 0)
            break;
        if (!target.add(block.data(), got))
            return kCannotWrite;
        show_progress(target.length(), whole);
    }
    if (!target.finish())
        return kCannotWrite;
    return whole != 0 && target.length() < whole ? "the connection ended early" : "";
}

} // namespace

std::string load(const std::string& address, const fs::path& partial) {
    const std::wstring wide = fs::path(address).wstring();
    Target target(partial);
    if (!target)
        return kCannotWrite;
    if (address.starts_with("file:"))
        return copy_file(wide, target);
    URL_COMPONENTS parts{};
    parts.dwStructSize = sizeof parts;
    parts.dwHostNameLength = parts.dwUrlPathLength = parts.dwExtraInfoLength = ~DWORD{0};
    if (!::WinHttpCrackUrl(wide.c_str(), 0, 0, &parts) ||
        (parts.nScheme != INTERNET_SCHEME_HTTP && parts.nScheme != INTERNET_SCHEME_HTTPS))
        return "only addresses of http, https and file are known here";
    const Handle session(
        ::WinHttpOpen(L"lxss-fetch", WINHTTP_ACCESS_TYPE_DEFAULT_PROXY, nullptr, nullptr, 0));
    const std::wstring host(parts.lpszHostName, parts.dwHostNameLength);
    const Handle connection(session ? ::WinHttpConnect(session.get(), host.c_str(), parts.nPort, 0)
                                    : nullptr);
    const std::wstring path(parts.lpszUrlPath, parts.dwUrlPathLength + parts.dwExtraInfoLength);
    const Handle request(
        connection ? ::WinHttpOpenRequest(connection.get(), L"GET", path.c_str(), nullptr, nullptr, nullptr,
                                          parts.nScheme == INTERNET_SCHEME_HTTPS ? WINHTTP_FLAG_SECURE : 0)
                   : nullptr);
    if (!request)
        return last_problem();
    ::WinHttpSetTimeouts(request.get(), kStalledMilliseconds, kStalledMilliseconds, kStalledMilliseconds,
                         kStalledMilliseconds);
    const std::wstring range =
        target.length() ? L"Range: bytes=" + std::to_wstring(target.length()) + L"-" : L"";
    if (!::WinHttpSendRequest(request.get(), range.empty() ? nullptr : range.c_str(),
                              range.empty() ? 0 : ~DWORD{0}, nullptr, 0, 0, 0) ||
        !::WinHttpReceiveResponse(request.get(), nullptr))
        return last_problem();
    std::string problem = take_answer(request.get(), target);
    if (::_isatty(2))
        std::fputs("\r\033[K", stderr);
    return problem;
}

} // namespace lxss
