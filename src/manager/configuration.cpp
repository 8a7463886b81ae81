#include "manager/configuration.hpp"

#include "manager/instance_name.hpp"
#include "manager/os/files.hpp"

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ini.h>
#include <memory>
#include <string_view>

namespace lxss {

namespace {

std::string lower(std::string text) {
    for (char& character : text)
        if (character >= 'A' && character <= 'Z')
            character = static_cast<char>(character + 32);
    return text;
}

class Reader {
public:
    Reader(std::string path, Configuration& configuration)
        : path_(std::move(path)), configuration_(configuration) {}

    void read() {
        const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path_.c_str(), "r"), &std::fclose);
        if (!file) {
            if (errno != ENOENT)
                configuration_.problems.push_back(path_ + ": " + std::strerror(errno));
            return;
        }
        file_ = file.get();
        // inih gives the first line that it cannot parse, and goes on after it.
        if (const int line = ini_parse_stream(&Reader::next_line, this, &Reader::handle, this); line > 0)
            problem_at(line, "this is neither [section], name = value, nor a comment");
    }

private:
    // Counts the lines, which inih does not tell the handler; a line that it would split is left out.
    static char* next_line(char* buffer, int size, void* stream) {
        Reader& self = *static_cast<Reader*>(stream);
        for (;;) {
            if (!std::fgets(buffer, size, self.file_))
                return nullptr;
            ++self.line_;
            const size_t length = std::strlen(buffer);
            if (length + 1 < static_cast<size_t>(size) || buffer[length - 1] == '\n')
                return buffer;
            for (int next = std::fgetc(self.file_); next != '\n' && next != EOF;)
                next = std::fgetc(self.file_);
            self.problem_at(self.line_, "the line is too long and is left out");
        }
    }

    static int handle(void* user, const char* section, const char* name, const char* value) {
        static_cast<Reader*>(user)->take(lower(section), name, value);
        return 1;
    }

    void problem_at(int line, const std::string& text) {
        configuration_.problems.push_back(path_ + ":" + std::to_string(line) + ": " + text);
    }
    void problem(const std::string& text) { problem_at(line_, text); }

    void take(const std::string& section, const std::string& name, std::string value) {
        if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
            value = value.substr(1, value.size() - 2);
        const std::string key = lower(name);
        if (section == "general")
            return take_general(key, name, value);
        if (section.starts_with("instance."))
            return take_instance(configuration_.instances[section.substr(9)], key, name, value);
        if (section == "drives")
            return take_drive(key, name, value);
        problem("there is no section [" + section + "]");
    }

    void take_drive(const std::string& key, const std::string& name, const std::string& value) {
        std::string folder;
        if (key.find_first_of("/=\n") != key.npos || key == "." || key == "..")
            return problem("'" + name + "' cannot be the name of a drive");
        if (value == "off") {
            configuration_.drives.erase(key);
        } else if (take_folder(name, value, folder); !folder.empty()) {
            configuration_.drives[key] = folder;
        }
    }

    void take_general(const std::string& key, const std::string& name, const std::string& value) {
        if (key == "defaultinstance") {
            if (valid_instance_name(value))
                configuration_.default_instance = value;
            else
                problem("'" + value + "' cannot be an instance: " + kInstanceNameRule);
        } else if (key == "instancefolder") {
            take_folder(name, value, configuration_.instance_folder);
        } else if (key == "catalog") {
            take_folder(name, value, configuration_.catalog);
        } else if (key == "instanceidletimeout") {
            take_milliseconds(name, value, configuration_.idle_timeout, -1);
        } else if (key == "manageridletimeout") {
            take_milliseconds(name, value, configuration_.manager_idle_timeout, 0);
        } else if (key == "stoptimeout") {
            take_milliseconds(name, value, configuration_.stop_timeout, 0);
        } else {
            problem("there is no setting " + name + " in [general]");
        }
    }

    void take_instance(InstanceConfiguration& instance, const std::string& key, const std::string& name,
                       const std::string& value) {
        std::chrono::milliseconds time;
        bool keep = false;
        if (key == "instanceidletimeout") {
            if (take_milliseconds(name, value, time, -1))
                instance.idle_timeout = time;
        } else if (key == "keepalive") {
            if (take_boolean(name, value, keep) && keep)
                instance.idle_timeout = std::chrono::milliseconds(-1);
        } else if (key == "interop") {
            take_boolean(name, value, instance.interop);
        } else {
            problem("there is no setting " + name + " for an instance");
        }
    }

    bool take_milliseconds(const std::string& name, const std::string& value,
                           std::chrono::milliseconds& target, int least) {
        int number = 0;
        const auto [end, failure] = std::from_chars(value.data(), value.data() + value.size(), number);
        if (failure != std::errc() || end != value.data() + value.size() || number < least) {
            problem(name + " is a number of milliseconds" + (least < 0 ? ", or -1 for never" : "") +
                    ", not '" + value + "'");
            return false;
        }
        target = std::chrono::milliseconds(number);
        return true;
    }

    bool take_boolean(const std::string& name, const std::string& value, bool& target) {
        const std::string word = lower(value);
        const bool yes = word == "true" || word == "yes" || word == "1";
        if (!yes && word != "false" && word != "no" && word != "0") {
            problem(name + " is true or false, not '" + value + "'");
            return false;
        }
        target = yes;
        return true;
    }

    void take_folder(const std::string& name, const std::string& value, std::string& target) {
        const char* home = std::getenv("HOME");
        if (value.starts_with("~/") && home && *home == '/')
            target = std::string(home) + value.substr(1);
        else if (is_absolute_path(value))
            target = value;
        else
            problem(name + " is an absolute name or one that starts with ~/, not '" + value + "'");
    }

    std::string path_;
    Configuration& configuration_;
    FILE* file_ = nullptr;
    int line_ = 0;
};

} // namespace

const InstanceConfiguration& Configuration::of_instance(const std::string& name) const {
    static const InstanceConfiguration kNothingSet;
    const auto found = instances.find(lower(name));
    return found == instances.end() ? kNothingSet : found->second;
}

std::chrono::milliseconds Configuration::idle_timeout_of(const std::string& name) const {
    return of_instance(name).idle_timeout.value_or(idle_timeout);
}

Configuration read_configuration(const std::string& path, const std::string& default_instance_folder) {
    Configuration configuration;
    configuration.instance_folder = default_instance_folder;
    configuration.drives = host_drives();
    Reader(path, configuration).read();
    return configuration;
}

} // namespace lxss
