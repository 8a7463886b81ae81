#include "lxcore/volfs/folder_stack.hpp"

namespace lxcore {

namespace {

bool stays_in_tree(std::string_view path) {
    for (bool has_more = !path.empty(); has_more;) {
        const usize slash = path.find('/');
        const std::string_view name = path.substr(0, slash);
        if (name.empty() || name == "." || name == "..")
            return false;
        has_more = slash != std::string_view::npos;
        if (has_more)
            path.remove_prefix(slash + 1);
    }
    return true;
}

} // namespace

Result<host::Handle> open_folder(host::Handle root, std::string_view path) {
    host::Handle folder = TRY(host::open_at(root, {}, host::kOpenRead | host::kOpenDirectory, 0));
    while (!path.empty()) {
        const std::string_view name = path.substr(0, path.find('/'));
        path.remove_prefix(base::min(name.size() + 1, path.size()));
        Result<host::Handle> next = host::open_at(folder, name, host::kOpenRead | host::kOpenDirectory, 0);
        host::close(folder);
        folder = TRY(next);
    }
    return folder;
}

Result<host::Handle> open_parent(host::Handle root, std::string_view path, std::string_view& name) {
    if (!stays_in_tree(path))
        return Errno::EINVAL;
    const usize slash = path.rfind('/');
    const bool is_top = slash == std::string_view::npos;
    name = is_top ? path : path.substr(slash + 1);
    return open_folder(root, is_top ? std::string_view() : path.substr(0, slash));
}

} // namespace lxcore
