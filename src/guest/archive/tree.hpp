// What import and export share.
#pragma once

#include <archive.h>
#include <cstdint>
#include <memory>
#include <string>

namespace lxss {

struct ArchiveDeleter {
    void operator()(archive* handle) const { archive_free(handle); }
};
using Archive = std::unique_ptr<archive, ArchiveDeleter>;

// Why the last operation failed; libarchive does not always know.
std::string reason_of(archive* handle);

// "name: problem" on standard error.
void complain(const char* program, const std::string& text);

// A line that is rewritten in place, at most ten times a second; nothing unless standard error is a terminal.
class Progress {
public:
    explicit Progress(const char* verb);
    ~Progress();
    void show(uint64_t files, uint64_t bytes_done, uint64_t bytes_total);

private:
    const char* verb_;
    bool enabled_, shown_ = false;
    int64_t last_milliseconds_ = 0;
};

} // namespace lxss
