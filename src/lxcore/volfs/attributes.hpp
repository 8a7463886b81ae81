// Where the attributes of a tree's host files are kept: with the files, as extended attributes of the host,
// or, where its files can hold none, in the side store, a log in the tree's root
// (docs/decisions/metadata-side-store.md).
#pragma once

#include "base/side_store.hpp"
#include "host/host.hpp"
#include "lxcore/memory/arena.hpp"
#include "lxcore/sync/lock.hpp"
#include "lxcore/volfs/storage.hpp"

namespace lxcore {

class VolfsAttributes {
public:
    VolfsAttributes() = default;
    LXSS_NO_COPY(VolfsAttributes);
    ~VolfsAttributes() { close(); }

    // As `storage` says. A store that is not there yet is made. With `read_only` nothing is written. ESTALE:
    // the store belongs to another tree (this one is a copy of it); EIO: it is damaged; ENOSPC, ENOMEM.
    Result<void> open(host::Handle root, const VolfsStorage& storage, bool read_only);
    void close();
    // Of the copy of a tree: the store that has come with it, whatever it belongs to, for reading; and, in its place, an empty one for
    // this tree, which takes the name with replace_copied(). What it replaces keeps the name kBrokenSideStoreName.
    Result<void> open_copied(host::Handle folder, std::string_view name);
    Result<void> open_fresh(host::Handle root);
    static Result<void> replace_copied(host::Handle root);
    // Why open() failed, for the user.
    static std::string_view objection(Errno error);
    // Whether VolFs keeps them in a side store of its own.
    bool is_beside_files() const { return m_index != nullptr; }
    // What a side store belongs to, VolFs' own or the host's (host::attribute_store()); 0 where the files hold all. Whether it has
    // something of a file.
    u64 tree() const { return m_index ? m_tree : host::attribute_store(); }
    bool knows(u64 number) {
        return m_index ? base::SideStore(m_file, *m_index).has_attributes(number) : host::is_in_attribute_store(number);
    }
    // Of a side store: permission bits (-1: none are recorded), which only the NT host's has, and its header's flags.
    i32 permissions(u64 number) { return base::SideStore(m_file, *m_index).permissions(number); }
    u32 flags() const { return m_flags; }
    // What is known of a file of the side store becomes what `to` knows of `to_number`, whose attributes are in a side store too.
    Result<void> copy(u64 number, VolfsAttributes& to, u64 to_number);

    // As the host's functions, of the host file `number`, of which `file` is an open handle; the side store
    // needs none.
    Result<usize> get(host::Handle file, u64 number, const char* name, void* value, usize capacity);
    Result<void> set(host::Handle file, u64 number, const char* name, const void* value, usize length);
    Result<usize> list(host::Handle file, u64 number, char* names, usize capacity);
    Result<void> remove(host::Handle file, u64 number, const char* name);

    // The last name of a file has gone, or its number was given to a new one: nothing is known of it.
    Result<void> forget(u64 number);
    // With the file that is being synchronised.
    Result<void> flush();
    // Calls visit(number) -> Result<void> for each file that the side store knows.
    template <typename Visit>
    Result<void> for_each_file(Visit&& visit) {
        return m_index ? base::SideStore(m_file, *m_index).for_each_file(visit) : Result<void>();
    }

private:
    // The log, through host calls.
    class Log final : public base::SideStoreFile {
    public:
        Result<usize> read(u64 offset, void* buffer, usize length) override;
        Result<void> write(u64 offset, const void* data, usize length) override;
        Result<void> truncate(u64 length) override;
        Result<void> flush() override;
        u8* take_buffer() override;
        void give_back(u8* buffer) override;
        host::Handle handle = host::kNoHandle;
        bool is_read_only = false;
    };
    // `is_own`: it must belong to the tree.
    Result<void> open_log(host::Handle root, std::string_view name, u32 mode, bool is_own);
    Result<void> compact(host::Handle root, base::SideStore& store);

    Log m_file;
    base::SideStoreIndex* m_index = nullptr; // null: with the files
    u64 m_tree = 0;                          // what the log belongs to
    u32 m_flags = 0;                         // of its header
    Mutex m_lock;                            // of changes; a leaf
};

} // namespace lxcore
