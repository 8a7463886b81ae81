#include "manager/os/files.hpp"

#include "manager/os/nt/windows.hpp"

// After windows.hpp.
#include <iphlpapi.h>
#include <winsock2.h>
#include <ws2tcpip.h>

namespace lxss {

std::string replace_file(const std::string& path, const std::string& text) {
    const std::string aside = path + ".new";
    auto failed = [&](const char* what) {
        const std::string reason = error_text(::GetLastError());
        ::DeleteFileW(wide_path(aside).c_str());
        return "cannot " + std::string(what) + " " + path + ": " + reason;
    };
    UniqueFd file = owned(::CreateFileW(wide_path(aside).c_str(), GENERIC_WRITE, 0, nullptr, CREATE_ALWAYS,
                                        FILE_ATTRIBUTE_NORMAL, nullptr));
    DWORD written = 0;
    if (!file ||
        !::WriteFile(handle_of(file.get()), text.data(), static_cast<DWORD>(text.size()), &written,
                     nullptr) ||
        written != text.size() || !::FlushFileBuffers(handle_of(file.get())))
        return failed("write");
    file.reset();
    if (!::MoveFileExW(wide_path(aside).c_str(), wide_path(path).c_str(),
                       MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH))
        return failed("replace");
    return "";
}

UniqueFd open_log(const std::string& path, std::string& error) {
    UniqueFd log = owned(::CreateFileW(wide_path(path).c_str(), FILE_APPEND_DATA | SYNCHRONIZE,
                                       FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, nullptr,
                                       OPEN_ALWAYS, FILE_ATTRIBUTE_NORMAL, nullptr));
    if (!log)
        error = "cannot open " + path + ": " + error_text(::GetLastError());
    return log;
}

HostDescriptor given_descriptor() {
    return reinterpret_cast<HostDescriptor>(::GetStdHandle(STD_OUTPUT_HANDLE));
}

void show(HostDescriptor terminal, const std::string& text) {
    DWORD written;
    ::WriteFile(reinterpret_cast<HANDLE>(terminal), text.data(), static_cast<DWORD>(text.size()), &written,
                nullptr);
}

UniqueFd duplicate_descriptor(HostDescriptor descriptor) {
    HANDLE copy = nullptr;
    if (!::DuplicateHandle(::GetCurrentProcess(), handle_of(descriptor), ::GetCurrentProcess(), &copy, 0,
                           FALSE, DUPLICATE_SAME_ACCESS))
        return {};
    return owned(copy);
}

bool is_absolute_path(const std::string& path) {
    const auto is_slash = [](char character) { return character == '/' || character == '\\'; };
    return path.size() >= 3 &&
           ((path[1] == ':' && is_slash(path[2])) || (is_slash(path[0]) && is_slash(path[1])));
}

std::map<std::string, std::string> host_drives() {
    std::map<std::string, std::string> drives;
    for (DWORD letters = ::GetLogicalDrives(), index = 0; letters >> index != 0; ++index) {
        const auto letter = static_cast<char>('a' + index);
        const wchar_t root[] = {static_cast<wchar_t>(letter), L':', L'\\', 0};
        const UINT type = letters >> index & 1 ? ::GetDriveTypeW(root) : DRIVE_UNKNOWN;
        const bool is_wanted = type == DRIVE_FIXED || type == DRIVE_REMOVABLE || type == DRIVE_REMOTE;
        // An empty card reader has a letter, too.
        if (is_wanted && ::GetVolumeInformationW(root, nullptr, 0, nullptr, nullptr, nullptr, nullptr, 0))
            drives[std::string(1, letter)] = {static_cast<char>(letter - 'a' + 'A'), ':'};
    }
    return drives;
}

std::string host_resolver_configuration() {
    ULONG bytes = 0;
    ::GetNetworkParams(nullptr, &bytes);
    std::vector<char> buffer(bytes);
    auto* parameters = reinterpret_cast<FIXED_INFO*>(buffer.data());
    if (bytes == 0 || ::GetNetworkParams(parameters, &bytes) != ERROR_SUCCESS)
        return "";
    std::string text;
    for (const IP_ADDR_STRING* server = &parameters->DnsServerList; server; server = server->Next)
        if (server->IpAddress.String[0])
            text += std::string("nameserver ") + server->IpAddress.String + "\n";
    if (parameters->DomainName[0])
        text += std::string("search ") + parameters->DomainName + "\n";
    return text;
}

} // namespace lxss
