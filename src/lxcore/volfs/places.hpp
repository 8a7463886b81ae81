// Which file had which number: what makes the side store (attributes.hpp) of use to a copy of the tree that
// host tools have made, in which all numbers are others. A list in the tree's root, written when the instance
// ends and removed when it starts, so that it is there in a tree at rest and never out of date.
// docs/decisions/metadata-side-store.md.
#pragma once

#include "base/format.hpp"
#include "lxcore/volfs/attributes.hpp"

namespace lxcore {

// Writes the list of all files in the tree at `root` of which `attributes` knows something: whole or not at
// all.
Result<void> record_places(host::Handle root, VolfsAttributes& attributes);

// Whether there is a whole one of that store.
bool has_places(host::Handle root, u64 tree);

// Removes it.
Result<void> forget_places(host::Handle root);

struct AdoptedFiles {
    u64 found = 0, missing = 0; // in the list, and in this tree or not
};
struct Place {
    host::Handle folder;
    std::string_view name; // empty: the folder itself, the tree's root
    host::FileInfo info;
};
class PlaceTaker {
public:
    // What is at that place is a copy of the file whose number in the list is `before`.
    virtual Result<void> take(u64 before, const Place& place) = 0;

protected:
    ~PlaceTaker() = default;
};
// Finds the files of a copied tree by their paths. `tree`: what the store that came with the copy belonged to. ENOENT: there is no
// list of it, or none that is whole.
Result<AdoptedFiles> adopt_by_places(host::Handle root, u64 tree, PlaceTaker& taker);
// What has come of it, for the user; null: there was no list.
void describe(base::Writer& out, const AdoptedFiles* adopted);

} // namespace lxcore
