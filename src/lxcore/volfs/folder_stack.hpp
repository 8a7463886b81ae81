// A way through a tree: the folders that are still to be read stand in a stack of paths, each with its length
// behind it.
#pragma once

#include "host/host.hpp"
#include "lxcore/memory/arena.hpp"

namespace lxcore {

class FolderStack {
public:
    // Begins with the root. ENOMEM.
    Result<void> start() {
        m_folders.clear();
        m_path.clear();
        return push({});
    }
    // A folder in that which was popped last. ENOMEM.
    Result<void> push(std::string_view name) {
        const std::string_view above = path();
        const usize start = m_folders.size(), separator = above.empty() ? 0 : 1,
                    length = above.size() + separator + name.size();
        const auto stored = static_cast<u32>(length);
        TRY(m_folders.grow(start + length + sizeof(stored)));
        char* at = m_folders.data() + start;
        __builtin_memcpy(at, above.data(), above.size());
        if (separator)
            at[above.size()] = '/';
        __builtin_memcpy(at + length - name.size(), name.data(), name.size());
        __builtin_memcpy(at + length, &stored, sizeof(stored));
        return {};
    }
    // The next one, whose path then is path(); false when there is none, or no memory.
    bool pop() {
        if (m_folders.size() == 0)
            return false;
        u32 length;
        __builtin_memcpy(&length, m_folders.data() + m_folders.size() - sizeof(length), sizeof(length));
        const usize start = m_folders.size() - sizeof(length) - length;
        if (m_path.resize(length).is_error())
            return false;
        __builtin_memcpy(m_path.data(), m_folders.data() + start, length);
        (void)m_folders.resize(start);
        return true;
    }
    bool is_empty() const { return m_folders.size() == 0; }
    std::string_view path() const { return {m_path.data(), m_path.size()}; }

private:
    Vector<char> m_folders, m_path;
};

// What a path in the tree refers to, a folder, without following links; the root itself for an empty one.
Result<host::Handle> open_folder(host::Handle root, std::string_view path);
// The folder that a path in the tree ends in, and the last name, empty for the root itself. For paths out of the tree's own files, which
// anybody may have written who made a copy of it: EINVAL for one that leads out of it, or has empty names, "." or "..".
Result<host::Handle> open_parent(host::Handle root, std::string_view path, std::string_view& name);

} // namespace lxcore
