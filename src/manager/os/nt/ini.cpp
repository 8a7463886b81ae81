// ini_parse_stream() of inih's interface (/usr/include/ini.h) for the Windows build: the distribution has the
// library for Linux alone, and its source in no package that builds install.
#include <cctype>
#include <cstring>
#include <ini.h>
#include <string>

static std::string stripped(std::string text) {
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())))
        text.pop_back();
    size_t start = 0;
    while (start < text.size() && std::isspace(static_cast<unsigned char>(text[start])))
        ++start;
    return text.substr(start);
}

// A comment within a line starts with a ; after a space.
static std::string without_comment(const std::string& text) {
    for (size_t at = 0; at < text.size(); ++at)
        if (text[at] == ';' && (at == 0 || std::isspace(static_cast<unsigned char>(text[at - 1]))))
            return text.substr(0, at);
    return text;
}

extern "C" int ini_parse_stream(ini_reader reader, void* stream, ini_handler handler, void* user) {
    char buffer[INI_MAX_LINE];
    std::string section;
    int number = 0, error = 0;
    while (reader(buffer, sizeof buffer, stream)) {
        ++number;
        const char* start = buffer;
        if (number == 1 && std::memcmp(start, "\xef\xbb\xbf", 3) == 0)
            start += 3;
        const std::string line = stripped(start);
        if (line.empty() || line[0] == ';' || line[0] == '#')
            continue;
        if (line[0] == '[') {
            const size_t end = line.find(']');
            if (end != line.npos)
                section = line.substr(1, end - 1);
            else if (!error)
                error = number;
            continue;
        }
        const std::string pair = without_comment(line);
        const size_t separator = pair.find_first_of("=:");
        if (separator == pair.npos) {
            if (!error)
                error = number;
            continue;
        }
        const std::string name = stripped(pair.substr(0, separator)),
                          value = stripped(pair.substr(separator + 1));
        if (!handler(user, section.c_str(), name.c_str(), value.c_str()) && !error)
            error = number;
    }
    return error;
}
