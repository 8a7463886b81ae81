// A portable tree (storage.hpp) that host tools have copied from a Linux host to the NT host, which makes it one of its own: the host
// sees to the names, here is what VolFs has to do. docs/decisions/metadata-side-store.md, "From Linux to the NT host".
#pragma once

#include "lxcore/volfs/places.hpp"

namespace lxcore {

// Whether the tree's record says so.
bool is_portable_tree(host::Handle root);

// Why it cannot be taken over, for the user, or empty. Writes nothing.
std::string_view objection_to_portable_tree(host::Handle root);

// Sets what the tree's side store knows of its files as the host's attributes, by the list of places. Doing it again does no harm.
Result<AdoptedFiles> adopt_portable_files(host::Handle root);

// After that: the tree is the host's own from the rename of its record on.
Result<void> finish_portable_tree(host::Handle root);

} // namespace lxcore
