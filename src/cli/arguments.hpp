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
    ListOnline,
    Install,
    SetDefault,
    Terminate,
    Shutdown,
    Unregister,
    Import,
    ImportInPlace,
    Export,
    SetUser,
    Rename,
    Move,
    Mount,
    Unmount,
    Status,
    SystemInfo,
    DebugShell,
    Check,
    Version,
    Help,
};

enum class RunMode {
    Login,      // the user's login shell
    Shell,      // words joined by spaces, through the user's shell -c
    LoginShell, // the same, with the shell started as a login shell
    Exec,       // words as they are
};

struct Arguments {
    Verb verb = Verb::Run;
    std::string instance; // the verb's instance; "" is the default one. Install: the catalog's name
    std::string user;     // Run: "" is the instance's default user. SetUser: the new one
    std::string folder;  // Run: --cd. Import, ImportInPlace, Move, Install: the instance's. Mount: the host's
    std::string file;    // Import, Export, Install; "-" is standard input or output
    std::string name;    // Install, Rename: of the new instance. Mount, Unmount: below /mnt
    std::string options; // Mount: of the file system
    std::string format;  // Export: compression, "" goes by the file's suffix
    RunMode mode = RunMode::Login;
    std::vector<std::string> words; // Run
    bool trace = false, trace_summary = false;
    std::string trace_file;
    std::string engine; // Run: "" is what the instance runs with, or "direct" when it has to be started
    bool list_verbose = false, list_quiet = false, list_running = false, list_all = false;
    bool force = false;     // Shutdown
    bool no_launch = false; // Install
    bool portable = false;  // Import, Install
    bool repair = false;    // Check
};

struct UsageError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// The words of a command line, one after the other.
class Reader {
public:
    explicit Reader(const std::vector<std::string>& words) : words_(words) {}

    bool done() const { return next_ == words_.size(); }
    const std::string& peek() const { return words_[next_]; }
    std::string take() { return words_[next_++]; }
    std::vector<std::string> rest() {
        std::vector<std::string> result(words_.begin() + static_cast<std::ptrdiff_t>(next_), words_.end());
        next_ = words_.size();
        return result;
    }
    // The operand of `option`; UsageError without one.
    std::string value(const std::string& option, const char* what);
    void end(const std::string& option);

private:
    const std::vector<std::string>& words_;
    size_t next_ = 0;
};

// `words` is the command line without the program's name. Throws UsageError with a message for the user.
Arguments parse_arguments(const std::vector<std::string>& words);

// Reads the verb that `option` names, with its operands; false when it names none.
bool parse_verb(const std::string& option, Reader& reader, Arguments& arguments);

// The argument, or UsageError.
std::string checked_name(std::string name);
std::string checked_user(std::string user);

extern const char* const kHelpText;

} // namespace lxss
