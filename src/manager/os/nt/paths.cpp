#include "manager/paths.hpp"

#include "manager/os/nt/windows.hpp"

#include <cerrno>

namespace lxss {

static std::string with_slashes(std::string path) {
    for (char& character : path)
        if (character == '\\')
            character = '/';
    while (path.size() > 3 && path.back() == '/')
        path.pop_back();
    return path;
}

std::string data_folder() {
    if (const std::wstring home = environment_variable(L"LXSS_HOME"); !home.empty())
        return with_slashes(to_utf8(home));
    if (const std::wstring data = environment_variable(L"LOCALAPPDATA"); !data.empty())
        return with_slashes(to_utf8(data)) + "/lxss";
    return "";
}

std::string configuration_file() {
    const std::string folder = data_folder();
    return folder.empty() ? "" : folder + "/lxss.conf";
}

std::string runtime_folder() {
    return data_folder() + "/run";
}

std::string program_path() {
    std::wstring path(32'768, L'\0');
    path.resize(::GetModuleFileNameW(nullptr, path.data(), static_cast<DWORD>(path.size())));
    std::string result = with_slashes(to_utf8(path));
    return result.starts_with("//?/") ? result.substr(4) : result;
}

std::string program_folder() {
    const std::string program = program_path();
    return program.substr(0, program.rfind('/'));
}

// The folder that holds bin/, libexec/ and share/.
static std::string installation() {
    const std::string programs = program_folder();
    return programs.substr(0, programs.rfind('/'));
}

std::string guest_programs_folder() {
    return installation() + "/libexec/guest";
}
std::string shared_file(const char* name) {
    return installation() + "/share/lxss/" + name;
}
std::string helper_program(const char* name) {
    return installation() + "/libexec/lxss/" + name + ".exe";
}
std::string program_file(const char* name) {
    const std::string file = program_folder() + "/" + name;
    return file.ends_with(".exe") ? file : file + ".exe";
}

bool make_folders(const std::string& folder) {
    for (size_t end = folder.find('/', 3);; end = folder.find('/', end + 1)) {
        const std::wstring part = wide_path(folder.substr(0, end));
        if (!::CreateDirectoryW(part.c_str(), nullptr) && ::GetLastError() != ERROR_ALREADY_EXISTS) {
            // A folder above may be unwritable and yet be there.
            errno = errno_of(::GetLastError());
            const DWORD attributes = ::GetFileAttributesW(part.c_str());
            if (attributes == INVALID_FILE_ATTRIBUTES || !(attributes & FILE_ATTRIBUTE_DIRECTORY))
                return false;
        }
        if (end == folder.npos)
            return true;
    }
}

} // namespace lxss
