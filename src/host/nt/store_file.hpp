// The side store's log as a file of Windows, and its place (docs/decisions/metadata-side-store.md).
#pragma once

#include "host/nt/files.hpp"

namespace host::nt {

class StoreFile final : public SideStoreFile {
public:
    // With `read_only`, nothing is cut off either: what follows the last whole record counts for nothing
    // anyway.
    explicit StoreFile(HANDLE object, bool read_only = false) : m_object(object), m_is_read_only(read_only) {}
    Result<usize> read(u64 offset, void* buffer, usize length) override;
    Result<void> write(u64 offset, const void* data, usize length) override;
    Result<void> truncate(u64 length) override;
    Result<void> flush() override;
    u8* take_buffer() override;
    void give_back(u8* buffer) override;

private:
    HANDLE m_object;
    bool m_is_read_only;
};

inline constexpr std::string_view kStoreName = "attributes.log", kNewStoreName = "attributes.new",
                                  kBrokenStoreName = "attributes.broken";
// Flags of the store: how the tree's names are spelled; that all else is in extended attributes, and the
// store stays empty.
inline constexpr u32 kStoreEscapesCase = 1, kStoreIsUnused = 2;

inline constexpr ACCESS_MASK kStoreReadAccess = kAttributeAccess | FILE_READ_DATA;
inline constexpr ACCESS_MASK kStoreAccess = kStoreReadAccess | FILE_WRITE_DATA | DELETE;

// A file in the hidden folder.
NTSTATUS open_hidden(std::string_view name, ULONG disposition, HANDLE* object,
                     ACCESS_MASK access = kStoreAccess);
// Gives one that is open another name there, or with FileLinkInformation a further one; what has that name
// already goes.
NTSTATUS rename_hidden(HANDLE object, std::string_view name,
                       FILE_INFORMATION_CLASS how = FileRenameInformation);
u64 length_of(HANDLE object);

// As SideStore::open(), but for an unused one, in which no file's id stands: that belongs to every copy of
// its tree.
Result<void> open_log(SideStore& store, u64 length, u32& flags, u64 tree);
// What the log belongs to: SideStore::tree_of().
u64 tree_of_store(HANDLE log);
// The log from now on, in use by all processes. Fails with a message.
void use_store(Object& log, u64 tree);

} // namespace host::nt
