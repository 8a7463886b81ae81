#include "cli/os/host_environment.hpp"

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>
#include <sys/stat.h>

namespace lxss {

// As much as the instance's init takes.
static constexpr size_t kMaxCookieBytes = 4096;

static std::string variable(const char* name) {
    const char* value = std::getenv(name);
    return value ? value : "";
}

static bool is_socket(const std::string& path) {
    struct stat status;
    return ::stat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode);
}

// Takes a 16-bit length and so many bytes (the X library's .Xauthority format: big-endian) off `rest`.
static bool take_counted(std::string_view& rest, std::string& whole) {
    if (rest.size() < 2)
        return false;
    const size_t length = 2 + (static_cast<uint8_t>(rest[0]) << 8 | static_cast<uint8_t>(rest[1]));
    if (rest.size() < length)
        return false;
    whole += rest.substr(0, length);
    rest.remove_prefix(length);
    return true;
}

// The display's cookies in hexadecimal digits, each good for any host: the instance has another host name.
static std::string cookies(const std::string& display_number) {
    std::string path = variable("XAUTHORITY");
    if (path.empty())
        path = variable("HOME") + "/.Xauthority";
    std::ifstream file(path, std::ios::binary);
    const std::string content{std::istreambuf_iterator<char>(file), {}};
    std::string result;
    for (std::string_view rest = content; rest.size() > 2;) {
        rest.remove_prefix(2); // the family of the address
        std::string address, number, name_and_data;
        if (!take_counted(rest, address) || !take_counted(rest, number) ||
            !take_counted(rest, name_and_data) || !take_counted(rest, name_and_data))
            break;
        if (number.size() > 2 && number.substr(2) != display_number)
            continue;
        result += std::string("\xff\xff\0\0", 4) + number + name_and_data; // FamilyWild, no address
    }
    std::string digits;
    for (const char byte : result.substr(0, kMaxCookieBytes))
        for (const int half : {static_cast<uint8_t>(byte) >> 4, byte & 15})
            digits += "0123456789abcdef"[half];
    return digits;
}

std::optional<std::string> environment_value(const std::string& name) {
    const char* value = std::getenv(name.c_str());
    return value ? std::optional<std::string>(value) : std::nullopt;
}

std::string current_folder() {
    std::error_code failure;
    return std::filesystem::current_path(failure).string();
}

bool names_folder_of_host(const std::string&) {
    return false;
}

std::vector<std::string> host_environment() {
    std::vector<std::string> environment;
    if (const std::string display = variable("DISPLAY"); !display.empty()) {
        // ":0", ":0.0" and "unix:0" are local; others go over the network as they are.
        const size_t colon = display.rfind(':');
        const bool is_local = colon == 0 || (colon != display.npos && display.substr(0, colon) == "unix");
        const std::string number =
            std::to_string(std::atoi(display.c_str() + (colon == display.npos ? 0 : colon + 1)));
        const std::string socket = is_local ? "/tmp/.X11-unix/X" + number : "";
        if (!is_local || is_socket(socket)) {
            environment.push_back("LXSS_X11=" + display + "=" + socket);
            if (const std::string digits = cookies(number); !digits.empty())
                environment.push_back("LXSS_XAUTHORITY=" + digits);
        }
    }
    if (std::string wayland = variable("WAYLAND_DISPLAY"); !wayland.empty()) {
        if (!wayland.starts_with('/'))
            wayland = variable("XDG_RUNTIME_DIR") + "/" + wayland;
        if (is_socket(wayland))
            environment.push_back("LXSS_WAYLAND=" + wayland);
    }
    std::string pulse = variable("PULSE_SERVER");
    if (pulse.starts_with("unix:"))
        pulse = pulse.substr(5);
    else if (pulse.empty() && !variable("XDG_RUNTIME_DIR").empty())
        pulse = variable("XDG_RUNTIME_DIR") + "/pulse/native";
    if (pulse.starts_with('/') && is_socket(pulse))
        environment.push_back("LXSS_PULSE=" + pulse);
    return environment;
}

} // namespace lxss
