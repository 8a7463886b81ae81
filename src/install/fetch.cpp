// lxss-fetch URL SHA256 FILE: loads a file and checks it. What an earlier call has left in FILE.partial is
// gone on with. Progress is shown on a terminal. Exits with 0 when FILE is there and has the checksum.
#include "install/checksum.hpp"
#include "install/os/transfer.hpp"

#include <cstdio>
#include <string>
#include <vector>

namespace fs = std::filesystem;
using namespace lxss;

static int fetch(const std::string& address, const std::string& checksum, const fs::path& target) {
    fs::path partial = target;
    partial += ".partial";
    std::error_code failure;
    fs::create_directories(target.parent_path(), failure);
    if (fs::exists(target, failure) && sha256_of(target) == checksum)
        return 0;
    const std::string problem = load(address, partial);
    if (!problem.empty()) {
        if (fs::file_size(partial, failure) == 0)
            fs::remove(partial, failure);
        std::fprintf(stderr, "lxss-fetch: cannot load %s: %s; the next try goes on where this one ended\n",
                     address.c_str(), problem.c_str());
        return 1;
    }
    if (sha256_of(partial) != checksum) {
        fs::remove(partial, failure);
        std::fprintf(stderr, "lxss-fetch: %s does not have the checksum of the catalog; it was removed\n",
                     address.c_str());
        return 1;
    }
    fs::rename(partial, target, failure);
    if (failure) {
        std::fprintf(stderr, "lxss-fetch: cannot write %s: %s\n", target.string().c_str(),
                     failure.message().c_str());
        return 1;
    }
    return 0;
}

static int run(int count, const fs::path* arguments) {
    if (count != 4) {
        std::fputs("Usage: lxss-fetch URL SHA256 FILE\n", stderr);
        return 2;
    }
    return fetch(arguments[1].string(), arguments[2].string(), arguments[3]);
}

#if defined(_WIN32) // where the others have no Unicode
int wmain(int count, wchar_t** words) {
#else
int main(int count, char** words) {
#endif
    return run(count, std::vector<fs::path>(words, words + count).data());
}
