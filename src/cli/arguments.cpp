#include "cli/arguments.hpp"

#include "manager/instance_name.hpp"

#include <optional>

namespace lxss {

const char* const kHelpText =
    R"(lxss runs Linux programs in an instance: a Linux system of its own, without virtual machine or root.

Usage: lxss [OPTIONS] [COMMAND...]       run COMMAND through the user's shell, or open a login shell
       lxss [OPTIONS] -e COMMAND...      run COMMAND directly
       lxss VERB

Options:
  -d, --distribution NAME   the instance to use, instead of the default one
  -u, --user USER           run as this user of the instance
      --cd DIR              start in this folder of the instance; ~ is the user's home
  -e, --exec                run COMMAND without a shell
  --                        what follows is the command, even if it starts with a dash
      --engine=NAME         how the instance runs its programs: direct (in place) or translate (from a
                            code cache); it must not be running with another one
      --trace               write the system calls of COMMAND to standard error
      --trace=summary       write their counts and times at the end instead
      --trace-file FILE     write the trace to FILE

Verbs:
  -l, --list [-v|-q] [--running]    list the instances, with state and folder (-v) or names alone (-q)
  -s, --set-default NAME            make NAME the default instance
  -t, --terminate NAME              end everything that runs in NAME
      --shutdown                    end every instance, and the session manager
      --import NAME FOLDER FILE     make an instance in FOLDER from a tar archive of a root file system
                                    (plain or compressed by gzip, xz, zstd or bzip2; - is standard input)
      --export NAME FILE            write the instance to a tar archive, compressed as FILE's suffix says
                                    (.gz .tgz .xz .zst .bz2; - is standard output)
      --unregister NAME             remove the instance and all its files
      --manage NAME --set-default-user USER
                                    run commands as USER when no --user is given
      --version                     print the version
  -h, --help                        print this text

The exit code is that of COMMAND, 128+N if signal N ended it, or 1 with a message if lxss could not run it.
)";

namespace {

class Reader {
public:
    explicit Reader(const std::vector<std::string>& words) : words_(words) {}

    bool done() const { return next_ == words_.size(); }
    const std::string& peek() const { return words_[next_]; }
    std::string take() { return words_[next_++]; }
    std::vector<std::string> rest() {
        std::vector<std::string> result(words_.begin() + static_cast<long>(next_), words_.end());
        next_ = words_.size();
        return result;
    }
    std::string value(const std::string& option, const char* what) {
        if (done())
            throw UsageError(option + " needs " + what);
        return take();
    }
    void end(const std::string& option) {
        if (!done())
            throw UsageError("'" + peek() + "' is one word too many after " + option);
    }

private:
    const std::vector<std::string>& words_;
    size_t next_ = 0;
};

std::string checked_name(std::string name) {
    if (!valid_instance_name(name))
        throw UsageError("'" + name + "' cannot be the name of an instance: " + kInstanceNameRule);
    return name;
}

std::string checked_user(std::string user) {
    if (user.empty() || user.find_first_of(":/\n") != user.npos || user.starts_with('-'))
        throw UsageError("'" + user + "' cannot be the name of a user");
    return user;
}

// Reads the verb that `option` names with its operands; false when it names none.
bool parse_verb(const std::string& option, Reader& reader, Arguments& arguments) {
    auto named = [&](Verb verb) {
        arguments.verb = verb;
        arguments.instance = checked_name(reader.value(option, "the name of an instance"));
    };
    if (option == "-l" || option == "--list") {
        arguments.verb = Verb::List;
        while (!reader.done()) {
            const std::string word = reader.take();
            if (word == "-v" || word == "--verbose")
                arguments.list_verbose = true;
            else if (word == "-q" || word == "--quiet")
                arguments.list_quiet = true;
            else if (word == "--running")
                arguments.list_running = true;
            else if (word != "--all")
                throw UsageError("--list does not know '" + word + "'");
        }
    } else if (option == "-s" || option == "--set-default") {
        named(Verb::SetDefault);
    } else if (option == "-t" || option == "--terminate") {
        named(Verb::Terminate);
    } else if (option == "--unregister") {
        named(Verb::Unregister);
    } else if (option == "--shutdown") {
        arguments.verb = Verb::Shutdown;
    } else if (option == "--import") {
        named(Verb::Import);
        arguments.folder = reader.value(option, "a folder for the instance");
        arguments.file = reader.value(option, "the name of a tar archive, or - for standard input");
        if (arguments.folder.empty() || arguments.file.empty())
            throw UsageError("--import needs a folder and an archive that have names");
    } else if (option == "--export") {
        named(Verb::Export);
        arguments.file = reader.value(option, "the name of the archive to write, or - for standard output");
        if (arguments.file.empty())
            throw UsageError("--export needs an archive that has a name");
    } else if (option == "--manage") {
        named(Verb::SetUser);
        const std::string setting =
            reader.value(option + " " + arguments.instance, "--set-default-user USER");
        if (setting != "--set-default-user")
            throw UsageError("--manage does not know '" + setting + "'");
        arguments.user = checked_user(reader.value(setting, "the name of a user"));
    } else if (option == "--version" || option == "-v") {
        arguments.verb = Verb::Version;
    } else if (option == "-h" || option == "--help") {
        arguments.verb = Verb::Help;
    } else {
        return false;
    }
    reader.end(option);
    return true;
}

} // namespace

Arguments parse_arguments(const std::vector<std::string>& words) {
    Arguments arguments;
    Reader reader(words);
    bool options_seen = false;
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
                continue;
            }
            run_rest(RunMode::Shell);
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

        if (option == "--trace") {
            if (attached && *attached != "summary")
                throw UsageError("--trace does not know '" + *attached + "'; --trace=summary is there");
            arguments.trace = true;
            arguments.trace_summary = attached.has_value();
        } else if (option == "-d" || option == "--distribution") {
            arguments.instance = checked_name(value("the name of an instance"));
        } else if (option == "-u" || option == "--user") {
            arguments.user = checked_user(value("the name of a user"));
        } else if (option == "--cd") {
            arguments.folder = value("the name of a folder");
            if (arguments.folder != "~" && !arguments.folder.starts_with('/') &&
                !arguments.folder.starts_with("~/"))
                throw UsageError(
                    "--cd takes a folder of the instance: a name that starts with / or ~/, or ~");
        } else if (option == "--engine") {
            arguments.engine = value("the name of an engine");
            if (arguments.engine != "direct" && arguments.engine != "translate")
                throw UsageError("--engine does not know '" + arguments.engine + "'; direct and translate are there");
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
            run_rest(RunMode::Shell);
            break;
        } else if (!options_seen && parse_verb(option, reader, arguments)) {
            return arguments;
        } else {
            throw UsageError("'" + option + "' is no option of lxss" + (options_seen ? " here" : "") +
                             "; 'lxss --help' lists them");
        }
        options_seen = true;
    }
    return arguments;
}

} // namespace lxss
