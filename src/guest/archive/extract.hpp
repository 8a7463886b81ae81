// Unpacking into / of the instance.
#pragma once

#include "tree.hpp"

#include <functional>
#include <stdexcept>
#include <string>

namespace lxss {

// The message is for the user.
struct ArchiveError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Makes the name relative to the root: "./etc" and "/etc" both mean etc, "" becomes ".". False for one with a
// "..".
bool root_relative(std::string_view name, std::string& result);

struct ExtractOptions {
    // Whether paths may lead through symbolic links that are there already. Links out of the tree do not
    // matter, since the tree is the whole world here; links within it must not be planted by the archive
    // itself.
    bool follow_links = false;
    // Called with each name; false leaves the entry out.
    std::function<bool(const std::string& name)> wanted;
    std::function<void()> after_entry;
};

// Unpacks every entry of an open archive into the current folder, which must be /. Owners are taken by
// number. Returns how many there were; throws ArchiveError at the first that cannot be kept whole.
uint64_t extract_all(archive* reader, const ExtractOptions& options);

// A tar archive, plain or compressed: in a file, behind a descriptor, in memory that outlives it, or behind
// another archive's current entry. Throw ArchiveError.
Archive open_tar(const std::string& path);
Archive open_tar(int descriptor);
Archive open_tar_in_memory(const void* data, size_t size);
Archive open_tar_within(archive* outer);

} // namespace lxss
