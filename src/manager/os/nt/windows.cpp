#include "manager/os/nt/windows.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <sddl.h>

namespace lxss {

void close_descriptor(HostDescriptor descriptor) {
    ::CloseHandle(handle_of(descriptor));
}

std::wstring to_wide(const std::string& text) {
    const int length =
        ::MultiByteToWideChar(CP_UTF8, 0, text.data(), static_cast<int>(text.size()), nullptr, 0);
    std::wstring result(static_cast<size_t>(length), L'\0');
    ::MultiByteToWideChar(CP_UTF8, 0, text.data(), static_cast<int>(text.size()), result.data(), length);
    return result;
}

std::string to_utf8(const std::wstring& text) {
    const int length = ::WideCharToMultiByte(CP_UTF8, 0, text.data(), static_cast<int>(text.size()), nullptr,
                                             0, nullptr, nullptr);
    std::string result(static_cast<size_t>(length), '\0');
    ::WideCharToMultiByte(CP_UTF8, 0, text.data(), static_cast<int>(text.size()), result.data(), length,
                          nullptr, nullptr);
    return result;
}

std::wstring wide_path(const std::string& path) {
    std::wstring result = to_wide(path);
    for (wchar_t& character : result)
        if (character == L'/')
            character = L'\\';
    if (result.size() > 3 && result[1] == L':' && result[2] == L'\\')
        return L"\\\\?\\" + result;
    return result;
}

std::string error_text(DWORD error) {
    wchar_t* text = nullptr;
    const DWORD length = ::FormatMessageW(FORMAT_MESSAGE_ALLOCATE_BUFFER | FORMAT_MESSAGE_FROM_SYSTEM |
                                              FORMAT_MESSAGE_IGNORE_INSERTS,
                                          nullptr, error, 0, reinterpret_cast<wchar_t*>(&text), 0, nullptr);
    std::wstring result(text ? text : L"", length);
    ::LocalFree(text);
    while (!result.empty() && (result.back() == L'\n' || result.back() == L'\r' || result.back() == L'.'))
        result.pop_back();
    return result.empty() ? "Windows error " + std::to_string(error) : to_utf8(result);
}

int errno_of(DWORD error) {
    switch (error) {
    case ERROR_SUCCESS:
        return 0;
    case ERROR_FILE_NOT_FOUND:
    case ERROR_PATH_NOT_FOUND:
        return ENOENT;
    case ERROR_ACCESS_DENIED:
        return EACCES;
    case ERROR_SHARING_VIOLATION:
    case ERROR_LOCK_VIOLATION:
        return EBUSY;
    case ERROR_ALREADY_EXISTS:
    case ERROR_FILE_EXISTS:
        return EEXIST;
    case ERROR_DIR_NOT_EMPTY:
        return ENOTEMPTY;
    case ERROR_DISK_FULL:
        return ENOSPC;
    case ERROR_DIRECTORY:
        return ENOTDIR;
    case ERROR_NOT_SAME_DEVICE:
        return EXDEV;
    default:
        return EIO;
    }
}

std::wstring environment_variable(const wchar_t* name) {
    std::wstring value(32'768, L'\0');
    value.resize(::GetEnvironmentVariableW(name, value.data(), static_cast<DWORD>(value.size())));
    return value;
}

// The name's length in "NAME=value". (Windows has variables that begin with "=".)
static size_t name_length(const std::wstring& variable) {
    return std::min(variable.find(L'=', 1), variable.size());
}

static int compare_names(const std::wstring& left, const std::wstring& right) {
    return ::CompareStringOrdinal(left.data(), static_cast<int>(name_length(left)), right.data(),
                                  static_cast<int>(name_length(right)), TRUE) -
           CSTR_EQUAL;
}

std::wstring environment_block(const std::vector<std::string>& more,
                               const std::vector<std::string>& without) {
    std::vector<std::wstring> variables, gone;
    wchar_t* const block = ::GetEnvironmentStringsW();
    for (const wchar_t* at = block; *at; at += std::wcslen(at) + 1)
        variables.emplace_back(at);
    ::FreeEnvironmentStringsW(block);
    for (const std::string& name : without)
        gone.push_back(to_wide(name));
    for (const std::string& variable : more)
        gone.push_back(to_wide(variable));
    std::erase_if(variables, [&](const std::wstring& variable) {
        return std::any_of(gone.begin(), gone.end(),
                           [&](const std::wstring& name) { return compare_names(variable, name) == 0; });
    });
    for (const std::string& variable : more)
        variables.push_back(to_wide(variable));
    std::sort(variables.begin(), variables.end(), [](const std::wstring& left, const std::wstring& right) {
        return compare_names(left, right) < 0;
    });
    std::wstring result;
    for (const std::wstring& variable : variables)
        result += variable + L'\0';
    return result + L'\0';
}

std::string hexadecimal(uint64_t number) {
    std::string text;
    for (; number != 0 || text.empty(); number >>= 4)
        text.insert(text.begin(), "0123456789abcdef"[number & 15]);
    return text;
}

uint64_t from_hexadecimal(const std::string& digits) {
    char* end = nullptr;
    const uint64_t number = std::strtoull(digits.c_str(), &end, 16);
    return *end == '\0' ? number : 0;
}

std::wstring local_pipe_name(const std::string& name) {
    return L"\\\\.\\pipe\\" + to_wide(name.substr(1));
}

std::wstring command_line(const std::vector<std::string>& words) {
    std::wstring line;
    for (const std::string& text : words) {
        const std::wstring word = to_wide(text);
        if (!line.empty())
            line += L' ';
        if (!word.empty() && word.find_first_of(L" \t\n\v\"") == word.npos) {
            line += word;
            continue;
        }
        line += L'"';
        size_t slashes = 0;
        for (const wchar_t character : word) {
            if (character == L'\\') {
                ++slashes;
                continue;
            }
            line.append(character == L'"' ? 2 * slashes + 1 : slashes, L'\\');
            slashes = 0;
            line += character;
        }
        line.append(2 * slashes, L'\\');
        line += L'"';
    }
    return line;
}

void make_inheritable(HANDLE handle) {
    ::SetHandleInformation(handle, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT);
}

std::wstring own_user() {
    HANDLE token = nullptr;
    if (!::OpenProcessToken(::GetCurrentProcess(), TOKEN_QUERY, &token))
        return L"";
    const UniqueFd closer = owned(token);
    alignas(8) char buffer[256];
    DWORD length = 0;
    wchar_t* text = nullptr;
    if (!::GetTokenInformation(token, TokenUser, buffer, sizeof buffer, &length) ||
        !::ConvertSidToStringSidW(reinterpret_cast<TOKEN_USER*>(buffer)->User.Sid, &text))
        return L"";
    std::wstring result = text;
    ::LocalFree(text);
    return result;
}

} // namespace lxss
