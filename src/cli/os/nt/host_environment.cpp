#include "cli/os/host_environment.hpp"

#include "manager/os/nt/windows.hpp"

namespace lxss {

std::optional<std::string> environment_value(const std::string& name) {
    const std::wstring value = environment_variable(to_wide(name).c_str());
    if (value.empty())
        return std::nullopt; // Windows has no empty variables
    return to_utf8(value);
}

std::string current_folder() {
    std::wstring folder(32'768, L'\0');
    folder.resize(::GetCurrentDirectoryW(static_cast<DWORD>(folder.size()), folder.data()));
    return to_utf8(folder);
}

bool names_folder_of_host(const std::string& folder) {
    return folder.starts_with("\\\\") ||
           (folder.size() > 2 && folder[1] == ':' && (folder[2] == '\\' || folder[2] == '/'));
}

// Windows has neither an X11 nor a PulseAudio server of its own.
std::vector<std::string> host_environment() {
    const std::optional<std::string> path = environment_value("PATH");
    return path ? std::vector<std::string>{"LXSS_HOST_PATH=" + *path} : std::vector<std::string>{};
}

} // namespace lxss
