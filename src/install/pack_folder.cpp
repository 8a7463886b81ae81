// lxss-pack FOLDER: writes the files below a folder, an image's layout, to standard output as a tar archive
// (POSIX.1-2017, pax), which `import` reads like any other. Windows itself has had a tar only since 2018, and
// Wine has none; Debian has no archive library for mingw-w64, so that this one kind of entry is written here.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#if defined(_WIN32)
#include <fcntl.h>
#include <io.h>
#endif

namespace fs = std::filesystem;

namespace {

constexpr size_t kBlock = 512;
constexpr uint64_t kLargestField = 077777777777; // what fits a head's field for the size

struct Head {
    char name[100], mode[8], owner[8], group[8], size[12], time[12], checksum[8], type, link[100], magic[6],
        version[2];
    char owner_name[32], group_name[32], high[8], low[8], prefix[155], rest[12];
};
static_assert(sizeof(Head) == kBlock);

bool put(const void* data, size_t length) {
    return std::fwrite(data, 1, length, stdout) == length;
}

bool put_padding(uint64_t length) {
    static const char zeros[kBlock] = {};
    return put(zeros, static_cast<size_t>((kBlock - length % kBlock) % kBlock));
}

bool put_head(char type, const std::string& name, uint64_t size) {
    Head head{};
    std::memcpy(head.name, name.data(), std::min(name.size(), sizeof head.name));
    std::snprintf(head.mode, sizeof head.mode, "%07o", 0644);
    std::snprintf(head.owner, sizeof head.owner, "%07o", 0);
    std::snprintf(head.group, sizeof head.group, "%07o", 0);
    std::snprintf(head.size, sizeof head.size, "%011llo",
                  static_cast<unsigned long long>(std::min(size, kLargestField)));
    std::snprintf(head.time, sizeof head.time, "%011o", 0);
    head.type = type;
    std::memcpy(head.magic, "ustar", sizeof head.magic);
    std::memcpy(head.version, "00", sizeof head.version);
    std::memset(head.checksum, ' ', sizeof head.checksum);
    unsigned sum = 0;
    for (size_t i = 0; i < sizeof head; ++i)
        sum += reinterpret_cast<const unsigned char*>(&head)[i];
    std::snprintf(head.checksum, sizeof head.checksum, "%06o", sum);
    return put(&head, sizeof head);
}

// A record of an extended head, whose length counts itself.
std::string record(const std::string& keyword, const std::string& value) {
    const std::string text = " " + keyword + "=" + value + "\n";
    size_t length = text.size() + 1;
    while (std::to_string(length).size() + text.size() != length)
        ++length;
    return std::to_string(length) + text;
}

std::string pack(const fs::path& file, const std::string& name) {
    std::ifstream source(file, std::ios::binary);
    std::error_code failure;
    const uint64_t size = fs::file_size(file, failure);
    if (!source || failure)
        return "it cannot be opened";
    std::string more;
    if (name.size() > sizeof Head::name)
        more += record("path", name);
    if (size > kLargestField)
        more += record("size", std::to_string(size));
    if (!more.empty() &&
        (!put_head('x', "pax", more.size()) || !put(more.data(), more.size()) || !put_padding(more.size())))
        return "the archive cannot be written";
    if (!put_head('0', name, size))
        return "the archive cannot be written";
    std::vector<char> block(256 * 1024);
    for (uint64_t left = size; left != 0;) {
        const auto wanted = static_cast<std::streamsize>(std::min<uint64_t>(left, block.size()));
        if (!source.read(block.data(), wanted))
            return "it cannot be read, or becomes shorter meanwhile";
        if (!put(block.data(), static_cast<size_t>(wanted)))
            return "the archive cannot be written";
        left -= static_cast<uint64_t>(wanted);
    }
    return put_padding(size) ? "" : "the archive cannot be written";
}

std::string text_of(const fs::path& path) {
    const std::u8string text = path.generic_u8string();
    return {text.begin(), text.end()};
}

int complain(const fs::path& file, const std::string& why) {
    std::fprintf(stderr, "lxss-pack: %s: %s\n", text_of(file).c_str(), why.c_str());
    return 1;
}

int run(const std::vector<fs::path>& arguments) {
    if (arguments.size() != 2) {
        std::fputs("Usage: lxss-pack FOLDER\n", stderr);
        return 2;
    }
    const fs::path& folder = arguments[1];
    std::error_code failure;
    for (fs::recursive_directory_iterator at(folder, failure), end; !failure && at != end;
         at.increment(failure))
        if (at->is_regular_file(failure))
            if (const std::string problem = pack(at->path(), text_of(at->path().lexically_relative(folder)));
                !problem.empty())
                return complain(at->path(), problem);
    if (failure)
        return complain(folder, failure.message());
    const char end[2 * kBlock] = {};
    return put(end, sizeof end) && std::fflush(stdout) == 0
               ? 0
               : complain(folder, "the archive cannot be written");
}

} // namespace

#if defined(_WIN32)
int wmain(int count, wchar_t** words) {
    ::_setmode(1, _O_BINARY);
#else
int main(int count, char** words) {
#endif
    return run(std::vector<fs::path>(words, words + count));
}
