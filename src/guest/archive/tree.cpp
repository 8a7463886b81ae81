#include "tree.hpp"

#include <cstdio>
#include <ctime>
#include <unistd.h>

namespace lxss {

std::string reason_of(archive* handle) {
    const char* text = archive_error_string(handle);
    return text ? text : "no reason is known";
}

void complain(const char* program, const std::string& text) {
    ::dprintf(2, "%s: %s\n", program, text.c_str());
}

Progress::Progress(const char* verb) : verb_(verb), enabled_(::isatty(2)) {}

Progress::~Progress() {
    if (shown_)
        ::dprintf(2, "\r\033[K");
}

void Progress::show(uint64_t files, uint64_t bytes_done, uint64_t bytes_total) {
    if (!enabled_)
        return;
    timespec now;
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    const int64_t milliseconds = now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
    if (milliseconds - last_milliseconds_ < 100)
        return;
    last_milliseconds_ = milliseconds;
    shown_ = true;
    if (bytes_total)
        ::dprintf(2, "\r%s: %3u%%, %llu files\033[K", verb_,
                  static_cast<unsigned>(bytes_done * 100 / bytes_total),
                  static_cast<unsigned long long>(files));
    else
        ::dprintf(2, "\r%s: %llu files, %llu MiB\033[K", verb_, static_cast<unsigned long long>(files),
                  static_cast<unsigned long long>(bytes_done >> 20));
}

} // namespace lxss
