// The parts of the check: private to check*.cpp.
#pragma once

#include "abi/fcntl.hpp"
#include "base/format.hpp"
#include "lxcore/memory/arena.hpp"
#include "lxcore/volfs/attributes.hpp"
#include "lxcore/volfs/check.hpp"
#include "lxcore/volfs/host_permissions.hpp"
#include "lxcore/volfs/places.hpp"
#include "lxcore/volfs/whiteout.hpp"

namespace lxcore {

// Files with several names: whether all of them are in the tree.
class LinkTable {
public:
    struct File {
        u64 device, inode;
        u32 links, names;
        usize path; // of one of them, in `paths`
        usize path_length;
    };
    // Counts one name. ENOMEM.
    Result<void> add(const host::FileInfo& info, std::string_view path);
    const Vector<File>& files() const { return m_files; }
    std::string_view path_of(const File& file) const {
        return {m_paths.data() + file.path, file.path_length};
    }

private:
    Result<void> rehash();
    usize slot_of(u64 inode) const { return (inode * 0x9e37'79b9'7f4a'7c15) & (m_slots.size() - 1); }
    Vector<File> m_files;
    Vector<u32> m_slots; // index + 1 into m_files, open addressing
    Vector<char> m_paths;
};

class Checker final : HostReport {
public:
    Checker(host::Handle root, TreeWork work, void (*print)(std::string_view), HostCheck host_check)
        : m_root(root), m_work(work), m_repair(work != TreeWork::Check), m_print(print), m_host_check(host_check) {}
    i32 run();

private:
    // What one file's attributes say of it.
    struct Seen {
        u32 mode = 0;           // with LXATTRB's type
        bool is_marked = false; // kSpecialsName
        bool has_lxattrb = false;
    };
    struct Frame {
        host::Handle handle;
        u64 number;
        usize path_length;
        usize names, next, names_end; // in m_names; names and next point to lengths
        bool is_marked, has_specials;
    };

    // check.cpp
    void tell(const HostFinding& finding) override;
    Result<void> check_record();
    Result<void> adopt_nt_tree();
    Result<void> open_attributes();
    Result<void> adopt_copy();
    Result<void> check_leftovers();
    Result<void> walk();
    Result<void> enter(host::Handle handle, u64 number, const Seen& seen);
    Result<void> leave();
    Result<void> check_entry(Frame& frame, std::string_view name);
    Result<bool> check_name(Frame& frame, std::string_view name);
    void check_links();

    // check_file.cpp
    Result<host::Handle> open_entry(host::Handle folder, std::string_view name, const host::FileInfo& info);
    Result<Seen> check_attributes(host::Handle file, host::FileInfo& info);
    Result<void> check_lxattrb(host::Handle file, const host::FileInfo& info, Seen& seen);
    Result<void> check_lxxattr(host::Handle file, u64 number);
    Result<void> check_permissions(host::Handle file, const host::FileInfo& info, const Seen& seen);
    Result<void> convert_special(host::Handle folder, std::string_view name, const host::FileInfo& info);
    Result<void> store(host::Handle file, u64 number, const VolfsMetadata& metadata);

    // Says what is wrong at the present path. `mend` -> Result<void> is called when it is to be repaired.
    template <typename Mend>
    void problem(std::string_view what, Mend&& mend) {
        report(what, m_repair ? mend() : Result<void>(Errno::OK), true);
    }
    void problem_without_remedy(std::string_view what) { report(what, {}, false); }
    void report(std::string_view what, const Result<void>& outcome, bool has_remedy);
    // Something that could not be looked at.
    void failure(std::string_view what, Errno error);
    void say(std::string_view text);
    std::string_view path() const { return {m_path.data(), m_path.size()}; }

    host::Handle m_root;
    TreeWork m_work;
    bool m_repair;
    void (*m_print)(std::string_view);
    HostCheck m_host_check;
    VolfsStorage m_storage;
    VolfsAttributes m_attributes;
    bool m_has_record = false;
    Vector<Frame> m_frames;
    Vector<char> m_names; // of the folders in m_frames, each after its length
    Vector<char> m_path;  // of what is looked at
    LinkTable m_links;
    u64 m_files = 0, m_found = 0, m_repaired = 0, m_failures = 0;
};

} // namespace lxcore
