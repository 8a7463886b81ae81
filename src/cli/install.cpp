// --install and --list --online: distributions of the catalog.
#include "cli/conversation.hpp"
#include "cli/os/helper_process.hpp"
#include "cli/os/streams.hpp"
#include "cli/verbs.hpp"
#include "manager/instance_name.hpp"
#include "manager/paths.hpp"

#include <algorithm>
#include <cstdio>

namespace lxss {

namespace {

struct Distribution {
    std::string name, friendly_name, source, checksum, cache_file;
    bool is_default = false;
};

std::vector<Distribution> read_catalog() {
    Request request;
    request.header.message = ClientMessage::Catalog;
    request.forward_signals = false;
    std::vector<Distribution> distributions;
    converse(request, [&](const ClientPacket& item) {
        const auto& text = item.arguments;
        if (text.size() >= 6)
            distributions.push_back({text[0], text[1], text[2], text[3], text[4], text[5] == "default"});
    });
    return distributions;
}

// A name for an instance, from that of an archive.
std::string name_from_file(const std::string& file) {
    std::string name = file.substr(file.find_last_of("/\\") + 1);
    name = name.substr(0, name.find(".tar"));
    name = name.substr(0, name.find_last_of('.'));
    if (!valid_instance_name(name))
        throw UsageError("no instance can be named after " + file + "; give it a name with --name");
    return name;
}

// Makes the instance; returns when it is whole.
void make_instance(const Distribution& distribution, const std::string& name, const std::string& folder,
                   uint32_t flags) {
    const std::string& source = distribution.source;
    if (source.starts_with("apt:")) {
        const auto packages = start_debian_packages(source.substr(4));
        import_archive(name, folder, packages->output(), flags | kClientSetUp);
        return packages->finish();
    }
    if (source.find("://") == std::string::npos)
        return import_file(name, folder, source, flags);
    // With its checksum in the name, so that a file that is there already is the right one.
    HelperProcess fetch(
        {helper_program("lxss-fetch"), source, distribution.checksum, distribution.cache_file}, false);
    fetch.finish();
    import_file(name, folder, distribution.cache_file, flags);
    remove_file(distribution.cache_file);
}

} // namespace

int list_online() {
    const std::vector<Distribution> distributions = read_catalog();
    int width = 4;
    for (const Distribution& distribution : distributions)
        width = std::max(width, static_cast<int>(distribution.name.size()));
    std::printf("The following is a list of valid distributions that can be installed.\n"
                "Install using 'lxss --install <Distro>'.\n\n%-*s%s\n",
                width + 4, "NAME", "FRIENDLY NAME");
    for (const Distribution& distribution : distributions)
        std::printf("%-*s%s\n", width + 4, distribution.name.c_str(), distribution.friendly_name.c_str());
    return std::fflush(stdout) == 0 ? 0 : kLxssFailed;
}

int install_instance(const Arguments& arguments) {
    std::string name = arguments.name;
    const bool talks = is_terminal(standard_stream(2));
    if (!arguments.file.empty()) {
        if (name.empty())
            name = name_from_file(arguments.file);
        if (talks)
            std::fprintf(stderr, "Installing: %s\n", arguments.file.c_str());
        import_file(name, arguments.folder, arguments.file, import_flags(arguments));
    } else {
        const std::vector<Distribution> distributions = read_catalog();
        const auto found = std::find_if(distributions.begin(), distributions.end(), [&](const auto& item) {
            return arguments.instance.empty() ? item.is_default
                                              : same_instance_name(item.name, arguments.instance);
        });
        if (found == distributions.end())
            throw LauncherError(
                arguments.instance.empty()
                    ? "the catalog has no default distribution; 'lxss --list --online' names them"
                    : "there is no distribution '" + arguments.instance +
                          "' in the catalog; 'lxss --list --online' names them");
        if (name.empty())
            name = found->name;
        if (talks)
            std::fprintf(stderr, "Installing: %s\n", found->friendly_name.c_str());
        make_instance(*found, name, arguments.folder, import_flags(arguments));
    }
    std::printf("Distribution successfully installed. It can be launched via 'lxss -d %s'\n", name.c_str());
    std::fflush(stdout);
    if (arguments.no_launch || !is_terminal(standard_stream(0)) || !is_terminal(standard_stream(1)))
        return 0;
    std::printf("Launching %s...\n", name.c_str());
    std::fflush(stdout);
    Arguments run;
    run.instance = name;
    return run_command(run);
}

} // namespace lxss
