#include "interop/os/nt/programs.hpp"

#include "interop/host_program.hpp"

namespace lxss {

namespace {

// A path, or what SearchPathW makes of a name; ".exe" is tried where the name has no suffix.
std::wstring search(const std::wstring& folders, const std::wstring& name) {
    std::wstring found(32'768, L'\0');
    found.resize(std::min<size_t>(::SearchPathW(folders.c_str(), name.c_str(), L".exe",
                                                static_cast<DWORD>(found.size()), found.data(), nullptr),
                                  found.size()));
    return found;
}

bool is_portable_executable(const std::wstring& path, DWORD& error) {
    const UniqueFd file = owned(::CreateFileW(path.c_str(), GENERIC_READ,
                                              FILE_SHARE_READ | FILE_SHARE_DELETE | FILE_SHARE_WRITE, nullptr,
                                              OPEN_EXISTING, 0, nullptr));
    char magic[2] = {};
    DWORD got = 0;
    if (!file || !::ReadFile(handle_of(file.get()), magic, sizeof magic, &got, nullptr)) {
        error = ::GetLastError();
        return false;
    }
    error = ERROR_BAD_EXE_FORMAT;
    return got == sizeof magic && magic[0] == 'M' && magic[1] == 'Z';
}

} // namespace

std::wstring find_program(const std::string& word, const std::wstring& folder, int& exit_code,
                          std::string& error) {
    std::wstring name = to_wide(word);
    const bool is_path = name.find_first_of(L"/\\:") != name.npos;
    for (wchar_t& character : name)
        if (character == L'/')
            character = L'\\';
    const bool is_absolute =
        name.starts_with(L"\\\\") || (name.size() > 2 && name[1] == L':' && name[2] == L'\\');
    if (is_path && !is_absolute)
        name = name[0] == L'\\' ? folder.substr(0, 2) + name : folder + L"\\" + name;
    const std::wstring path = search(is_path ? L"" : environment_variable(L"PATH"), name);
    exit_code = kNotFound;
    if (path.empty()) {
        error = word +
                (is_path ? ": No such file or directory (on the host)" : ": command not found on the host");
        return path;
    }
    // Windows itself would run a batch file by cmd.exe, which takes words apart in ways of its own: an
    // argument could become a command.
    DWORD failure = 0;
    if (is_portable_executable(path, failure))
        return path;
    exit_code = kNotExecutable;
    error = word + ": " +
            (failure == ERROR_BAD_EXE_FORMAT ? "no program of Windows (cmd.exe /c runs batch files)"
                                             : error_text(failure));
    return L"";
}

int wait_status_of(DWORD exit_code) {
    constexpr struct {
        DWORD code;
        int signal; // of Linux
    } kExceptions[] = {
        {0xc000'0005, 11}, {0xc000'0006, 7},  {0xc000'001d, 4}, {0xc000'0094, 8}, {0xc000'0095, 8},
        {0xc000'0096, 4},  {0xc000'00fd, 11}, {0xc000'013a, 2}, {0xc000'0409, 6}, {0x8000'0003, 5},
    };
    for (const auto& row : kExceptions)
        if (row.code == exit_code)
            return row.signal;
    const DWORD low = exit_code & 0xff;
    return static_cast<int>(exit_code != 0 && low == 0 ? 0xff : low) << 8;
}

} // namespace lxss
