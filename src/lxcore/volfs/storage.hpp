// How a VolFs tree is kept on its host: chosen when the tree is new, recorded in it, and checked at each
// start, so that a tree that was copied to a host of another kind still opens, or says why not. See
// docs/decisions/volfs-metadata.md.
#pragma once

#include "host/host.hpp"
#include "lxcore/volfs/host_name.hpp"

namespace lxcore {

struct VolfsStorage {
    enum class Metadata : u8 {
        Attributes, // extended attributes of the host's files
        SideStore,  // a log beside them (attributes.hpp)
    };
    Metadata metadata = Metadata::Attributes;
    NameRule names = NameRule::Raw;
    // Whether every directory with files whose type the host does not know says so (kSpecialsName). A tree
    // that VolFs did not make has no such marks: there, each file is looked at.
    bool are_specials_marked = true;
};

// Whether names and attributes are in the form of the NT host, which only that host undoes: it keeps a folder of its own in the
// tree, and hides it, so that whoever sees it is another host.
bool is_kept_by_nt_host(host::Handle root);
inline constexpr std::string_view kKeptByNtHost =
    "its names and attributes are in the form of the Windows host that it was copied from; 'lxss --check NAME --repair' makes it one "
    "of this host's";

// The record: a text file of this name in the tree's root, which guests do not see.
inline constexpr std::string_view kStorageRecordName = ".lxss-storage";

// The storage of the tree at `root`: as recorded, or, without a record, what the host can do, which is then
// recorded unless `read_only`. When the tree cannot be opened on this host, EINVAL and a line in the log that
// says why.
base::Result<VolfsStorage> open_storage(host::Handle root, bool read_only);

// What a tree without a record is taken for on a host that can do that.
struct HostAbilities;
base::Result<VolfsStorage> guess_storage(host::Handle root, const HostAbilities& host);

// What the host under `root` can do, by trying; files that it makes for that are gone when it returns.
struct HostAbilities {
    bool has_attributes, has_windows_names, ignores_case;
    bool has_lasting_numbers; // a file keeps its inode number for good
};
base::Result<HostAbilities> probe_host(host::Handle root);

// Reads a record's text; false with the line that is not understood.
bool parse_storage(std::string_view text, VolfsStorage& storage, std::string_view& bad_line);
// Writes the record anew: whole or not at all.
base::Result<void> record_storage(host::Handle root, const VolfsStorage& storage);
// The recorded storage. ENOENT, EINVAL.
base::Result<VolfsStorage> read_storage(host::Handle root);

// Removes the files and empty folders in `folder`.
base::Result<void> remove_entries(host::Handle folder);

} // namespace lxcore
