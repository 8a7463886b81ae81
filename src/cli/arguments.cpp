#include "cli/arguments.hpp"

#include "cli/os/host_environment.hpp"
#include <optional>

namespace lxss {

std::string Reader::value(const std::string& option, const char* what) {
    if (done())
        throw UsageError(option + " needs " + what);
    return take();
}

void Reader::end(const std::string& option) {
    if (!done())
        throw UsageError("'" + peek() + "' is one word too many after " + option);
}

// Verbs of one instance, which --distribution may name as well.
static bool takes_distribution(Verb verb) {
    return verb == Verb::DebugShell || verb == Verb::SystemInfo || verb == Verb::Mount ||
           verb == Verb::Unmount;
}

Arguments parse_arguments(const std::vector<std::string>& words) {
    Arguments arguments;
    Reader reader(words);
    bool options_seen = false, only_distribution = true;
    std::optional<RunMode> shell_type;
    auto run_rest = [&](RunMode mode) {
        arguments.words = reader.rest();
        if (!arguments.words.empty())
            arguments.mode = mode;
    };
    while (!reader.done()) {
        if (reader.peek().size() < 2 || reader.peek()[0] != '-') {
            if (reader.peek() == "~" && arguments.folder.empty()) {
                reader.take();
                arguments.folder = "~";
                options_seen = true;
                only_distribution = false;
                continue;
            }
            run_rest(shell_type.value_or(RunMode::Shell));
            break;
        }
        // --option=value means the same as --option value.
        std::string option = reader.take();
        std::optional<std::string> attached;
        if (const size_t equals = option.find('='); option.starts_with("--") && equals != option.npos) {
            attached = option.substr(equals + 1);
            option.resize(equals);
        }
        auto value = [&](const char* what) { return attached ? *attached : reader.value(option, what); };

        const bool is_distribution = option == "-d" || option == "--distribution";
        if (option == "--trace") {
            if (attached && *attached != "summary")
                throw UsageError("--trace does not know '" + *attached + "'; --trace=summary is there");
            arguments.trace = true;
            arguments.trace_summary = attached.has_value();
        } else if (is_distribution) {
            arguments.instance = checked_name(value("the name of an instance"));
        } else if (option == "-u" || option == "--user") {
            arguments.user = checked_user(value("the name of a user"));
        } else if (option == "--cd") {
            arguments.folder = value("the name of a folder");
            if (arguments.folder != "~" && !arguments.folder.starts_with('/') &&
                !arguments.folder.starts_with("~/") && !names_folder_of_host(arguments.folder))
                throw UsageError(
                    "--cd takes a folder of the instance: a name that starts with / or ~/, or ~");
        } else if (option == "--shell-type") {
            const std::string type = value("standard, login or none");
            if (type == "standard")
                shell_type = RunMode::Shell;
            else if (type == "login")
                shell_type = RunMode::LoginShell;
            else if (type == "none")
                shell_type = RunMode::Exec;
            else
                throw UsageError("--shell-type is standard, login or none, not '" + type + "'");
        } else if (option == "--engine") {
            arguments.engine = value("the name of an engine");
            if (arguments.engine != "direct" && arguments.engine != "translate")
                throw UsageError("--engine does not know '" + arguments.engine +
                                 "'; direct and translate are there");
        } else if (option == "--trace-file") {
            arguments.trace_file = value("the name of a file");
            arguments.trace = true;
        } else if (attached) {
            throw UsageError("'" + option + "=' is no option of lxss; 'lxss --help' lists them");
        } else if (option == "-e" || option == "--exec") {
            if (reader.done())
                throw UsageError(option + " needs a command");
            run_rest(RunMode::Exec);
            break;
        } else if (option == "--") {
            run_rest(shell_type.value_or(RunMode::Shell));
            break;
        } else if (only_distribution && parse_verb(option, reader, arguments)) {
            if (options_seen && !takes_distribution(arguments.verb))
                throw UsageError(option + " takes no options before it");
            return arguments;
        } else {
            throw UsageError("'" + option + "' is no option of lxss" + (options_seen ? " here" : "") +
                             "; 'lxss --help' lists them");
        }
        options_seen = true;
        only_distribution = only_distribution && is_distribution;
    }
    return arguments;
}

} // namespace lxss
