#include "cli/os/streams.hpp"

#include "cli/os/nt/console.hpp"
#include "manager/os/nt/windows.hpp"

#include <cstdio>
#include <fcntl.h>
#include <io.h>
#include <shellapi.h>

namespace lxss {

std::vector<std::string> prepare_launcher(int, char**) {
    static constexpr DWORD kNumbers[] = {STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE};
    for (const DWORD number : kNumbers) {
        const HANDLE handle = ::GetStdHandle(number);
        if (!handle || handle == INVALID_HANDLE_VALUE)
            ::SetStdHandle(number, handle_of(open_nothing().release()));
        else
            ::SetHandleInformation(handle, HANDLE_FLAG_INHERIT,
                                   0); // a manager started from here shall not keep it
    }
    ::_setmode(1, _O_BINARY);
    ::_setmode(2, _O_BINARY);
    int count = 0;
    wchar_t** const words = ::CommandLineToArgvW(::GetCommandLineW(), &count);
    std::vector<std::string> result;
    for (int i = 1; i < count; ++i)
        result.push_back(to_utf8(words[i]));
    ::LocalFree(words);
    return result;
}

HostDescriptor standard_stream(int number) {
    static constexpr DWORD kNumbers[] = {STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE};
    if (Console::instance().is_console(number))
        return Console::instance().stand_in(number);
    return reinterpret_cast<HostDescriptor>(::GetStdHandle(kNumbers[number]));
}

bool is_terminal(HostDescriptor descriptor) {
    DWORD mode;
    return Console::instance().is_stand_in(descriptor) || ::GetConsoleMode(handle_of(descriptor), &mode) != 0;
}

static UniqueFd checked(HANDLE handle, std::string& error) {
    UniqueFd result = owned(handle);
    if (!result)
        error = error_text(::GetLastError());
    return result;
}

UniqueFd duplicate(HostDescriptor descriptor, std::string& error) {
    HANDLE copy = nullptr;
    ::DuplicateHandle(::GetCurrentProcess(), handle_of(descriptor), ::GetCurrentProcess(), &copy, 0, FALSE,
                      DUPLICATE_SAME_ACCESS);
    return checked(copy, error);
}

static constexpr DWORD kShareAll = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;

UniqueFd open_nothing() {
    return owned(
        ::CreateFileW(L"NUL", GENERIC_READ | GENERIC_WRITE, kShareAll, nullptr, OPEN_EXISTING, 0, nullptr));
}

UniqueFd open_for_reading(const std::string& path, std::string& error) {
    return checked(::CreateFileW(wide_path(path).c_str(), GENERIC_READ, kShareAll, nullptr, OPEN_EXISTING,
                                 FILE_FLAG_BACKUP_SEMANTICS, nullptr),
                   error);
}

UniqueFd open_for_writing(const std::string& path, bool is_private, std::string& error) {
    return checked(::CreateFileW(wide_path(path).c_str(), GENERIC_READ | GENERIC_WRITE, kShareAll, nullptr,
                                 CREATE_ALWAYS,
                                 FILE_ATTRIBUTE_NORMAL | (is_private ? FILE_FLAG_OPEN_REPARSE_POINT : 0),
                                 nullptr),
                   error);
}

FileKind kind_of(HostDescriptor descriptor) {
    BY_HANDLE_FILE_INFORMATION information;
    if (::GetFileType(handle_of(descriptor)) != FILE_TYPE_DISK ||
        !::GetFileInformationByHandle(handle_of(descriptor), &information))
        return {};
    const bool is_folder = information.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY;
    return {is_folder, !is_folder, uint64_t{information.nFileSizeHigh} << 32 | information.nFileSizeLow};
}

bool file_exists(const std::string& path) {
    return ::GetFileAttributesW(wide_path(path).c_str()) != INVALID_FILE_ATTRIBUTES;
}

std::string finish_file(HostDescriptor file, const std::string& path, const std::string& final_path) {
    if (!::FlushFileBuffers(handle_of(file)) ||
        !::MoveFileExW(wide_path(path).c_str(), wide_path(final_path).c_str(), MOVEFILE_WRITE_THROUGH))
        return error_text(::GetLastError());
    return "";
}

void remove_file(const std::string& path) {
    ::DeleteFileW(wide_path(path).c_str());
}

std::string absolute_folder(std::string folder, std::string& error) {
    std::wstring full(32'768, L'\0');
    std::wstring name = to_wide(folder);
    full.resize(::GetFullPathNameW(name.c_str(), static_cast<DWORD>(full.size()), full.data(), nullptr));
    if (full.empty()) {
        error = "cannot use the folder " + folder + ": " + error_text(::GetLastError());
        return "";
    }
    std::string result = to_utf8(full);
    for (char& character : result)
        if (character == '\\')
            character = '/';
    while (result.size() > 3 && result.back() == '/')
        result.pop_back();
    return result;
}

} // namespace lxss
