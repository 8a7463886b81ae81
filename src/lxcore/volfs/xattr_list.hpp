// Linux extended attributes of one file in the layout of WSL 1's LXXATTR. Plain functions over bytes: no
// lock, no host.
#pragma once

#include <string_view>

#include "abi/xattr.hpp"
#include "base/result.hpp"
#include "base/types.hpp"

namespace lxcore {

struct XattrEntry {
    std::string_view name, value; // in the list's bytes
};

// Walks a list; `at` begins as 0. False at its end and where it is malformed, which is_valid_xattr_list()
// tells apart.
bool next_xattr(std::string_view list, usize& at, XattrEntry& entry);
bool is_valid_xattr_list(std::string_view list);
// The attribute of that name; false when there is none.
bool find_xattr(std::string_view list, std::string_view name, XattrEntry& entry);

// Writes `list` with `name` set to `value`, or without it (`value` null), into `out`: the number of bytes, 0
// for a list that has become empty. The others keep their order and their bytes. ENOSPC when it does not fit.
base::Result<usize> change_xattr_list(std::string_view list, std::string_view name,
                                      const std::string_view* value, char* out, usize capacity);

} // namespace lxcore
