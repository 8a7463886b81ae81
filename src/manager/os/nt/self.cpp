#include "manager/os/self.hpp"

#include "manager/os/nt/windows.hpp"

#include <cstdlib>
#include <shellapi.h>

namespace lxss {

void prepare_process() {
    ::SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOOPENFILEERRORBOX);
}

std::vector<std::string> own_arguments(int, char**) {
    int count = 0;
    wchar_t** const words = ::CommandLineToArgvW(::GetCommandLineW(), &count);
    std::vector<std::string> result;
    for (int i = 1; i < count; ++i)
        result.push_back(to_utf8(words[i]));
    ::LocalFree(words);
    return result;
}

bool Starter::accept(const std::string& argument) {
    if (!argument.starts_with("--ready="))
        return false;
    ready_.reset(static_cast<HostDescriptor>(std::strtoull(argument.c_str() + 8, nullptr, 16)));
    return true;
}

void Starter::tell(const std::string& line) {
    DWORD written;
    if (ready_) {
        ::WriteFile(handle_of(ready_.get()), line.data(), static_cast<DWORD>(line.size()), &written, nullptr);
        ready_.reset();
    } else if (line != "ok") {
        const std::string text = "lxssd: " + line + "\n";
        ::WriteFile(::GetStdHandle(STD_ERROR_HANDLE), text.data(), static_cast<DWORD>(text.size()), &written,
                    nullptr);
    }
}

} // namespace lxss
