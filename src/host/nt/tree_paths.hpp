// Paths of open files relative to the tree's root, as the host spells them.
#pragma once

#include "host/nt/files.hpp"

namespace host::nt {

// In UTF-16 units; paths of the host have 32,767 at most.
inline constexpr usize kLargestPath = 30'000;

// Memory for a path, too large for a kernel stack. bytes() is null when there is none.
class PathBuffer {
public:
    static constexpr usize kBytes = 64 * 1024;
    PathBuffer();
    LXSS_NO_COPY(PathBuffer);
    ~PathBuffer();
    u8* bytes() { return static_cast<u8*>(m_memory); }
    WCHAR* units() { return static_cast<WCHAR*>(m_memory); }

private:
    PVOID m_memory = nullptr;
};

// The path of an open file of the tree, without a separator before or behind it; empty for the root. False
// when it cannot be had.
bool tree_path(HANDLE object, WCHAR* out, usize capacity, usize& length);

NTSTATUS open_in_tree(const WCHAR* path, usize length, ACCESS_MASK access, ULONG options, HANDLE* object);

// Where handles keep the name by which they were opened when their file, or a folder above it, is renamed
// (Wine; not Windows), calls that go by it fail, or reach another file. What such a host's rename does in
// addition: a scope around it.
class NameKeeper {
public:
    explicit NameKeeper(HANDLE object);
    LXSS_NO_COPY(NameKeeper);
    // The rename was done: all handles of the instance that were opened below the old name are opened anew by
    // the new one.
    void renamed();

private:
    HANDLE m_object;
    bool m_is_needed;
    Identity m_identity{};
    PathBuffer m_old;
    usize m_old_length = 0;
};

// For files_start.cpp: whether names of handles follow renames, tried in the folder `hidden`.
bool do_handles_follow_renames(HANDLE hidden);

} // namespace host::nt
