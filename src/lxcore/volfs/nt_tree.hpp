// A tree that the NT host has laid out, copied to another host: names get their own bytes again, and what the
// metadata store knows of the files goes to where this host keeps it. docs/decisions/metadata-side-store.md.
#pragma once

#include "lxcore/volfs/places.hpp"

namespace lxcore {

// Why that cannot be done, for the user, or empty. Writes nothing.
std::string_view objection_to_nt_tree(host::Handle root);

// Does it. A kill at any point leaves a tree of the NT host's, with which the next call goes on.
Result<void> adopt_nt_tree(host::Handle root, AdoptedFiles& adopted);

} // namespace lxcore
