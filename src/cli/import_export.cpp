// Instances from archives, and archives from instances.
#include "cli/conversation.hpp"
#include "cli/os/helper_process.hpp"
#include "cli/os/streams.hpp"
#include "cli/verbs.hpp"
#include "manager/paths.hpp"

namespace lxss {

std::string whole_folder_name(const std::string& folder) {
    std::string error;
    const std::string whole = absolute_folder(folder, error);
    if (whole.empty())
        throw LauncherError(error);
    return whole;
}

void import_archive(const std::string& name, const std::string& folder, HostDescriptor archive,
                    uint32_t flags) {
    // Progress is shown to people only: the archive's size tells the helper to do so.
    std::string size;
    const FileKind kind = kind_of(archive);
    if (is_terminal(standard_stream(2)) && kind.is_regular)
        size = std::to_string(kind.size);
    Request request;
    request.header.message = ClientMessage::Import;
    request.header.flags = flags;
    request.arguments = {name, folder.empty() ? "" : whole_folder_name(folder), size};
    request.descriptors = {archive, standard_stream(1), standard_stream(2)};
    converse(request);
}

uint32_t import_flags(const Arguments& arguments) {
    return arguments.portable ? kClientPortable : 0;
}

void import_file(const std::string& name, const std::string& folder, const std::string& file,
                 uint32_t flags) {
    std::string error;
    const UniqueFd archive =
        file == "-" ? duplicate(standard_stream(0), error) : open_for_reading(file, error);
    if (!archive)
        throw LauncherError("cannot open " + file + ": " + error);
    if (is_terminal(archive.get()))
        throw LauncherError("the archive would be read from the terminal; name a file");
    if (!kind_of(archive.get()).is_folder)
        return import_archive(name, folder, archive.get(), flags);
    if (!file_exists(file + "/oci-layout"))
        throw LauncherError(file +
                            " is a folder and no OCI image layout; name an archive, or register a folder "
                            "that holds an instance with --import-in-place");
    HelperProcess pack({helper_program("lxss-pack"), file});
    import_archive(name, folder, pack.output(), flags);
    pack.finish();
}

int import_instance(const Arguments& arguments) {
    import_file(arguments.instance, arguments.folder, arguments.file, import_flags(arguments));
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
    request.arguments = {arguments.instance,
                         arguments.format.empty() ? compression_of(arguments.file) : arguments.format};
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
