// --list.
#include "cli/conversation.hpp"
#include "cli/verbs.hpp"

#include <algorithm>
#include <cstdio>

namespace lxss {

namespace {

struct Row {
    std::string name, folder, state;
    bool is_default;
};

// The default instance comes first.
std::vector<Row> read_rows() {
    Request request;
    request.header.message = ClientMessage::List;
    request.forward_signals = false;
    std::vector<Row> rows;
    converse(request, [&](const ClientPacket& item) {
        const auto& text = item.arguments;
        if (text.size() >= 4)
            rows.push_back({text[0], text[1], text[2], text[3] == "default"});
    });
    std::stable_sort(rows.begin(), rows.end(),
                     [](const Row& left, const Row& right) { return left.is_default && !right.is_default; });
    return rows;
}

bool is_at_rest_or_running(const Row& row) {
    return row.state == "Stopped" || row.state == "Running" || row.state == "Stopping";
}

} // namespace

int list_instances(const Arguments& arguments) {
    std::vector<Row> rows = read_rows();
    const bool none_at_all = rows.empty();
    if (arguments.list_running)
        std::erase_if(rows, [](const Row& row) { return row.state != "Running"; });
    else if (!arguments.list_all && !arguments.list_verbose)
        std::erase_if(rows, [](const Row& row) { return !is_at_rest_or_running(row); });

    if (arguments.list_quiet) {
        for (const Row& row : rows)
            std::printf("%s\n", row.name.c_str());
        return std::fflush(stdout) == 0 ? 0 : kLxssFailed;
    }
    if (rows.empty())
        throw LauncherError(arguments.list_running && !none_at_all
                                ? "there are no running instances"
                                : "there is no instance yet; 'lxss --install' makes one of a distribution, "
                                  "'lxss --import NAME FOLDER FILE.tar' one of an archive");
    if (arguments.list_verbose) {
        int width = 4;
        for (const Row& row : rows)
            width = std::max(width, static_cast<int>(row.name.size()));
        // The columns of wsl.exe, and the folder. The version is that of the design: a kernel in user mode.
        std::printf("  %-*s%-16s%-11s%s\n", width + 4, "NAME", "STATE", "VERSION", "FOLDER");
        for (const Row& row : rows)
            std::printf("%c %-*s%-16s%-11s%s\n", row.is_default ? '*' : ' ', width + 4, row.name.c_str(),
                        row.state.c_str(), "1", row.folder.c_str());
    } else {
        std::printf("lxss instances:\n");
        for (const Row& row : rows)
            std::printf("%s%s\n", row.name.c_str(), row.is_default ? " (Default)" : "");
    }
    return std::fflush(stdout) == 0 ? 0 : kLxssFailed;
}

} // namespace lxss
