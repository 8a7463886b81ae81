#include "cli/verbs.hpp"

#include "cli/conversation.hpp"
#include "cli/os/streams.hpp"

#include <algorithm>
#include <cstdio>

namespace lxss {

int simple_request(const Arguments& arguments) {
    Request request;
    request.forward_signals = false;
    switch (arguments.verb) {
    case Verb::SetDefault:
        request.header.message = ClientMessage::SetDefault;
        break;
    case Verb::Terminate:
        request.header.message = ClientMessage::Terminate;
        break;
    case Verb::Unregister:
        request.header.message = ClientMessage::Unregister;
        break;
    case Verb::SetUser:
        request.header.message = ClientMessage::SetUser;
        break;
    default:
        throw LauncherError("not a simple request");
    }
    request.arguments = {arguments.instance};
    if (arguments.verb == Verb::SetUser)
        request.arguments.push_back(arguments.user);
    converse(request);
    return 0;
}

int list_instances(const Arguments& arguments) {
    Request request;
    request.header.message = ClientMessage::List;
    request.forward_signals = false;
    struct Row {
        std::string name, folder, state;
        bool is_default;
    };
    std::vector<Row> rows;
    converse(request, [&](const ClientPacket& item) {
        if (item.arguments.size() < 4)
            return;
        if (!arguments.list_running || item.arguments[2] == "Running")
            rows.push_back(
                {item.arguments[0], item.arguments[1], item.arguments[2], !item.arguments[3].empty()});
    });
    if (rows.empty() && !arguments.list_quiet) {
        std::fprintf(
            stderr, arguments.list_running
                        ? "lxss: no instance is running\n"
                        : "lxss: there is no instance yet; 'lxss --import NAME FOLDER FILE.tar' makes one\n");
        return 0;
    }
    int width = 4;
    for (const Row& row : rows)
        width = std::max(width, static_cast<int>(row.name.size()));
    if (arguments.list_verbose)
        std::printf("  %-*s  %-12s  %s\n", width, "NAME", "STATE", "FOLDER");
    for (const Row& row : rows) {
        if (arguments.list_verbose)
            std::printf("%c %-*s  %-12s  %s\n", row.is_default ? '*' : ' ', width, row.name.c_str(),
                        row.state.c_str(), row.folder.c_str());
        else
            std::printf("%s%s\n", row.name.c_str(),
                        row.is_default && !arguments.list_quiet ? " (Default)" : "");
    }
    return std::fflush(stdout) == 0 ? 0 : 1;
}

int import_instance(const Arguments& arguments) {
    std::string error;
    const UniqueFd archive = arguments.file == "-" ? duplicate(standard_stream(0), error)
                                                   : open_for_reading(arguments.file, error);
    if (!archive)
        throw LauncherError("cannot open " + arguments.file + ": " + error);
    const FileKind kind = kind_of(archive.get());
    if (kind.is_folder)
        throw LauncherError(arguments.file + " is a folder; a tar archive is needed");
    if (is_terminal(archive.get()))
        throw LauncherError("the archive would be read from the terminal; name a file");
    // Progress is shown to people only: the archive's size tells the helper to do so.
    std::string size;
    if (is_terminal(standard_stream(2)) && kind.is_regular)
        size = std::to_string(kind.size);
    const std::string folder = absolute_folder(arguments.folder, error);
    if (folder.empty())
        throw LauncherError(error);
    Request request;
    request.header.message = ClientMessage::Import;
    request.arguments = {arguments.instance, folder, size};
    request.descriptors = {archive.get(), standard_stream(1), standard_stream(2)};
    converse(request);
    return 0;
}

static const char* compression_of(const std::string& file) {
    if (file.ends_with(".gz") || file.ends_with(".tgz"))
        return "gzip";
    if (file.ends_with(".xz") || file.ends_with(".txz"))
        return "xz";
    if (file.ends_with(".zst") || file.ends_with(".zstd") || file.ends_with(".tzst"))
        return "zstd";
    if (file.ends_with(".bz2") || file.ends_with(".tbz2"))
        return "bzip2";
    return "none";
}

int export_instance(const Arguments& arguments) {
    const UniqueFd no_input = open_nothing();
    Request request;
    request.header.message = ClientMessage::Export;
    request.arguments = {arguments.instance, compression_of(arguments.file)};
    if (arguments.file == "-") {
        if (is_terminal(standard_stream(1)))
            throw LauncherError("the archive would be written to the terminal; redirect it, or name a file");
        request.descriptors = {no_input.get(), standard_stream(1), standard_stream(2)};
        converse(request);
        return 0;
    }
    if (file_exists(arguments.file))
        throw LauncherError(arguments.file + " exists already; remove it first, or name another file");
    // A half-written archive never bears the name that was asked for.
    const std::string partial = arguments.file + ".partial";
    std::string error;
    UniqueFd archive = open_for_writing(partial, true, error);
    if (!archive)
        throw LauncherError("cannot write " + partial + ": " + error);
    request.descriptors = {no_input.get(), archive.get(), standard_stream(2)};
    try {
        converse(request);
        error = finish_file(archive.get(), partial, arguments.file);
        if (!error.empty())
            throw LauncherError("cannot write " + arguments.file + ": " + error);
    } catch (...) {
        archive.reset();
        remove_file(partial);
        throw;
    }
    return 0;
}

} // namespace lxss
