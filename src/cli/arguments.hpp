// The command line of lxss, which is that of wsl.exe. Options are read up to the first word that is none;
// what follows is the command, and no part of it is interpreted here.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

namespace lxss {

enum class Verb {
    Run,
    List,
    SetDefault,
    Terminate,
    Shutdown,
    Unregister,
    Import,
    Export,
    SetUser,
    Version,
    Help,
};

enum class RunMode {
    Login, // the user's login shell
    Shell, // words joined by spaces, through the user's shell -c
    Exec,  // words as they are
};

struct Arguments {
    Verb verb = Verb::Run;
    std::string instance; // the verb's instance; "" is the default one
    std::string user;     // Run: "" is the instance's default user. SetUser: the new one
    std::string folder;   // Run: --cd. Import: the instance's folder
    std::string file;     // Import, Export; "-" is standard input or output
    RunMode mode = RunMode::Login;
    std::vector<std::string> words;
    bool trace = false, trace_summary = false;
    std::string trace_file;
    std::string engine; // Run: "" is what the instance runs with, or "direct" when it has to be started
    bool list_verbose = false, list_quiet = false, list_running = false;
};

struct UsageError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// `words` is the command line without the program's name. Throws UsageError with a message for the user.
Arguments parse_arguments(const std::vector<std::string>& words);

extern const char* const kHelpText;

} // namespace lxss
