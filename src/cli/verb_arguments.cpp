// The verbs of the command line, and their operands.
#include "cli/arguments.hpp"

#include "manager/instance_name.hpp"

namespace lxss {

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

static std::string not_empty(std::string value, const std::string& what) {
    if (value.empty())
        throw UsageError(what + " must have a name");
    return value;
}

static void parse_list(Reader& reader, Arguments& arguments) {
    arguments.verb = Verb::List;
    while (!reader.done()) {
        const std::string word = reader.take();
        if (word == "-v" || word == "--verbose")
            arguments.list_verbose = true;
        else if (word == "-q" || word == "--quiet")
            arguments.list_quiet = true;
        else if (word == "--running")
            arguments.list_running = true;
        else if (word == "--all")
            arguments.list_all = true;
        else if (word == "-o" || word == "--online")
            arguments.verb = Verb::ListOnline;
        else
            throw UsageError("--list does not know '" + word + "'");
    }
    if ((arguments.list_quiet && arguments.list_verbose) || (arguments.list_all && arguments.list_running) ||
        (arguments.verb == Verb::ListOnline &&
         (arguments.list_verbose || arguments.list_all || arguments.list_running)))
        throw UsageError("these options of --list exclude one another");
}

static void parse_install(Reader& reader, Arguments& arguments) {
    arguments.verb = Verb::Install;
    while (!reader.done()) {
        const std::string word = reader.take();
        if (word == "-d" || word == "--distribution")
            arguments.instance = checked_name(reader.value(word, "the name of a distribution"));
        else if (word == "--name")
            arguments.name = checked_name(reader.value(word, "a name for the instance"));
        else if (word == "--location")
            arguments.folder = not_empty(reader.value(word, "a folder for the instance"), "the folder");
        else if (word == "-f" || word == "--from-file")
            arguments.file = not_empty(reader.value(word, "the name of an archive"), "the archive");
        else if (word == "-n" || word == "--no-launch")
            arguments.no_launch = true;
        else if (word == "--portable")
            arguments.portable = true;
        else if (!word.starts_with('-') && arguments.instance.empty())
            arguments.instance = checked_name(word);
        else
            throw UsageError("--install does not know '" + word + "'");
    }
    if (!arguments.file.empty() && !arguments.instance.empty())
        throw UsageError("--install takes either a distribution of the catalog or --from-file");
}

static void parse_manage(Reader& reader, Arguments& arguments, const std::string& option) {
    const std::string setting = reader.value(option + " " + arguments.instance, "what is to be changed");
    if (setting == "--set-default-user") {
        arguments.verb = Verb::SetUser;
        arguments.user = checked_user(reader.value(setting, "the name of a user"));
    } else if (setting == "--move" || setting == "-m") {
        arguments.verb = Verb::Move;
        arguments.folder = not_empty(reader.value(setting, "a folder"), "the folder");
    } else if (setting == "--rename") {
        arguments.verb = Verb::Rename;
        arguments.name = checked_name(reader.value(setting, "the new name"));
    } else {
        throw UsageError("--manage does not know '" + setting + "'");
    }
}

// A name below /mnt.
static std::string checked_mount_name(std::string name) {
    if (name.empty() || name.find_first_of("/\n") != name.npos || name == "." || name == "..")
        throw UsageError("'" + name + "' cannot be the name of a mount point in /mnt");
    return name;
}

static void parse_mount(Reader& reader, Arguments& arguments, const std::string& option) {
    arguments.verb = Verb::Mount;
    arguments.folder = not_empty(reader.value(option, "a folder or a drive of the host"), "the folder");
    while (!reader.done()) {
        const std::string word = reader.take();
        if (word == "--name" || word == "-n")
            arguments.name = checked_mount_name(reader.value(word, "a name for the mount point in /mnt"));
        else if (word == "--options" || word == "-o")
            arguments.options = reader.value(word, "options of the file system");
        else if (word == "-d" || word == "--distribution")
            arguments.instance = checked_name(reader.value(word, "the name of an instance"));
        else
            throw UsageError("--mount does not know '" + word + "'");
    }
}

static void parse_unmount(Reader& reader, Arguments& arguments) {
    arguments.verb = Verb::Unmount;
    while (!reader.done()) {
        const std::string word = reader.take();
        if (word == "-d" || word == "--distribution")
            arguments.instance = checked_name(reader.value(word, "the name of an instance"));
        else if (!word.starts_with('-') && arguments.name.empty())
            arguments.name = not_empty(word, "what is to be unmounted");
        else
            throw UsageError("--unmount does not know '" + word + "'");
    }
}

static std::string parse_format(const std::string& format) {
    if (format == "tar")
        return "none";
    if (format == "tar.gz")
        return "gzip";
    if (format == "tar.xz")
        return "xz";
    if (format == "tar.zst")
        return "zstd";
    if (format == "tar.bz2")
        return "bzip2";
    throw UsageError("--format is tar, tar.gz, tar.xz, tar.zst or tar.bz2, not '" + format + "'");
}

bool parse_verb(const std::string& option, Reader& reader, Arguments& arguments) {
    auto named = [&](Verb verb) {
        arguments.verb = verb;
        arguments.instance = checked_name(reader.value(option, "the name of an instance"));
    };
    if (option == "-l" || option == "--list") {
        parse_list(reader, arguments);
    } else if (option == "--install") {
        parse_install(reader, arguments);
    } else if (option == "-s" || option == "--set-default") {
        named(Verb::SetDefault);
    } else if (option == "-t" || option == "--terminate") {
        named(Verb::Terminate);
    } else if (option == "--unregister") {
        named(Verb::Unregister);
    } else if (option == "--shutdown") {
        arguments.verb = Verb::Shutdown;
        if (!reader.done() && reader.peek() == "--force") {
            reader.take();
            arguments.force = true;
        }
    } else if (option == "--import") {
        named(Verb::Import);
        arguments.folder = not_empty(reader.value(option, "a folder for the instance"), "the folder");
        arguments.file =
            not_empty(reader.value(option, "the name of an archive, or - for standard input"), "the archive");
        while (!reader.done() && (reader.peek() == "--version" || reader.peek() == "--portable")) {
            if (reader.take() == "--portable")
                arguments.portable = true;
            else if (reader.value("--version", "1") != "1")
                throw UsageError("there is one kind of instance here, which is wsl.exe's version 1");
        }
    } else if (option == "--import-in-place") {
        named(Verb::ImportInPlace);
        arguments.folder = not_empty(reader.value(option, "the folder of an instance"), "the folder");
    } else if (option == "--export") {
        named(Verb::Export);
        arguments.file =
            not_empty(reader.value(option, "the name of the archive to write, or - for standard output"),
                      "the archive");
        if (!reader.done() && reader.peek() == "--format") {
            reader.take();
            arguments.format = parse_format(reader.value("--format", "a format"));
        }
    } else if (option == "--manage") {
        named(Verb::SetUser);
        parse_manage(reader, arguments, option);
    } else if (option == "--check") {
        named(Verb::Check);
        if (!reader.done() && reader.peek() == "--repair") {
            reader.take();
            arguments.repair = true;
        }
    } else if (option == "--mount") {
        parse_mount(reader, arguments, option);
    } else if (option == "--unmount") {
        parse_unmount(reader, arguments);
    } else if (option == "--status") {
        arguments.verb = Verb::Status;
    } else if (option == "--system-info") {
        arguments.verb = Verb::SystemInfo;
    } else if (option == "--debug-shell") {
        arguments.verb = Verb::DebugShell;
    } else if (option == "--version" || option == "-v") {
        arguments.verb = Verb::Version;
    } else if (option == "-h" || option == "--help") {
        arguments.verb = Verb::Help;
    } else if (option == "--set-version" || option == "--set-default-version" || option == "--update" ||
               option == "--uninstall") {
        throw UsageError("'" + option +
                         "' of wsl.exe has no meaning here: there is one kind of instance, and "
                         "lxss itself is installed and updated as any program of this system");
    } else {
        return false;
    }
    reader.end(option);
    return true;
}

} // namespace lxss
