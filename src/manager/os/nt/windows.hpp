// Windows' headers, and text as Windows wants it.
#pragma once

#define WIN32_LEAN_AND_MEAN
#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>

#include "manager/unique_fd.hpp"

#include <string>
#include <vector>

namespace lxss {

inline HANDLE handle_of(HostDescriptor descriptor) {
    return reinterpret_cast<HANDLE>(descriptor);
}
// INVALID_HANDLE_VALUE and null become none.
inline UniqueFd owned(HANDLE handle) {
    return UniqueFd(handle ? reinterpret_cast<HostDescriptor>(handle) : kNoDescriptor);
}

std::wstring to_wide(const std::string& text);
std::string to_utf8(const std::wstring& text);
// A file's name for any function of Windows: absolute ones may have more than 260 characters.
std::wstring wide_path(const std::string& path);

// Of GetLastError(): a message, and errno's value.
std::string error_text(DWORD error);
int errno_of(DWORD error);

std::wstring environment_variable(const wchar_t* name);

// This process's environment but for the variables `without`, and `more` ("NAME=value"), as CreateProcessW
// takes it.
std::wstring environment_block(const std::vector<std::string>& more,
                               const std::vector<std::string>& without = {});

// Digits of the number, as handles are told to programs that inherit them; and back, 0 for anything else.
std::string hexadecimal(uint64_t number);
uint64_t from_hexadecimal(const std::string& digits);

// The pipe behind a name that host::connect_local() takes: "@lxss-...".
std::wstring local_pipe_name(const std::string& name);

// A command line that CommandLineToArgvW and the C run-time take apart again. Words that need no quotes have
// none: cmd.exe and others look at the line itself.
std::wstring command_line(const std::vector<std::string>& words);

// Inherited by processes started with it in their list.
void make_inheritable(HANDLE handle);

// The user of this process, as S-1-...
std::wstring own_user();

} // namespace lxss
