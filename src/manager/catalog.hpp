// The catalogs of distributions that --install knows: JSON files.
//
//   {"version": 1, "distributions": [
//     {"name": "Debian", "friendly_name": "Debian GNU/Linux 12", "source": "apt:bookworm", "default": true},
//     {"name": "Mine", "friendly_name": "My own", "source": "https://host/root.tar.xz", "sha256": "..."}]}
//
// Sources: "apt:SUITE" (packages from the host's apt sources), the absolute name of an archive on the host,
// or an address, for which the checksum is required.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

namespace lxss {

struct CatalogError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

struct Distribution {
    std::string name, friendly_name, source;
    std::string checksum; // SHA-256, 64 lower-case hexadecimal digits, or ""
    bool is_default = false;
};

// The distributions of all files, of which "" stands for none; those of an earlier one hide later ones of the
// same name, and one of them at most is the default. Throws CatalogError with a message that names the file.
std::vector<Distribution> read_catalogs(const std::vector<std::string>& files);

} // namespace lxss
