// Which file had which number: what makes the side store (attributes.hpp) of use to a copy of the tree that
// host tools have made, in which all numbers are others. A list in the tree's root, written when the instance
// ends and removed when it starts, so that it is there in a tree at rest and never out of date.
// docs/decisions/metadata-side-store.md.
#pragma once

#include "lxcore/volfs/attributes.hpp"

namespace lxcore {

// Writes the list of all files in the tree at `root` of which `attributes` knows something: whole or not at
// all.
Result<void> record_places(host::Handle root, VolfsAttributes& attributes);

// Removes it.
Result<void> forget_places(host::Handle root);

struct AdoptedFiles {
    u64 found = 0, missing = 0; // in the list, and in this tree or not
};
// Gives the files of a copied tree, by their paths, what `before`, the store that came with it, knows of them
// by their numbers there. ENOENT: there is no list, or none that is whole.
Result<AdoptedFiles> adopt_by_places(host::Handle root, VolfsAttributes& before, VolfsAttributes& now);

} // namespace lxcore
