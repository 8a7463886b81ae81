#include "manager/instance_folder.hpp"

#include "manager/os/nt/windows.hpp"

namespace lxss {

UniqueFd lock_instance_folder(const std::string& folder, bool& held, std::string& error) {
    const std::string path = folder + "/lock";
    UniqueFd lock = owned(::CreateFileW(wide_path(path).c_str(), GENERIC_READ | GENERIC_WRITE, 0, nullptr,
                                        OPEN_ALWAYS, FILE_ATTRIBUTE_NORMAL, nullptr));
    held = !lock && ::GetLastError() == ERROR_SHARING_VIOLATION;
    if (held)
        error = "another lxss uses " + folder + " (its lock is held); end it there first";
    else if (!lock)
        error = "cannot open " + path + ": " + error_text(::GetLastError());
    return lock;
}

} // namespace lxss
