// What a futex word is known by, see futex(2): two addresses of the same word, in whichever processes, give the
// same key when the word is shared.
#pragma once

#include "base/result.hpp"
#include "base/types.hpp"

namespace lxcore {

class Mm;

struct FutexKey {
    u64 object = 0; // address of the Mm, of the inode, or of whatever holds the shared bytes
    u64 offset = 0; // guest address in an Mm, else byte offset in the object
    bool operator==(const FutexKey&) const = default;
};

// Key of the word at `address`. With `shared`, a word in a shared mapping is named by what is mapped; everything
// else is named by (mm, address). EFAULT when nothing is mapped there.
base::Result<FutexKey> futex_key(Mm& mm, u64 address, bool shared);

} // namespace lxcore
