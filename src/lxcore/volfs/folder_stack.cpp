#include "lxcore/volfs/folder_stack.hpp"

namespace lxcore {

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

} // namespace lxcore
