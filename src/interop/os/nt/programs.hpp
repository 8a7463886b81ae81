// What can be run on Windows, and how it has ended, in the terms of Linux.
#pragma once

#include "manager/os/nt/windows.hpp"

#include <string>

namespace lxss {

// The file of the program `word`: a path, relative to `folder`, or a name that is looked for in PATH; ".exe"
// may be left out.
// "" when there is none; then `error` says why, and `exit_code` is a shell's.
std::wstring find_program(const std::string& word, const std::wstring& folder, int& exit_code,
                          std::string& error);

// As wait(2) gives it: the low eight bits of the code, or the signal that stands for the exception which has
// ended it. A code that is not 0 never becomes 0.
int wait_status_of(DWORD exit_code);

} // namespace lxss
