// What the files of this host share: opening, and the side store.
#pragma once

#include "host/nt/ea_calls.hpp"
#include "host/nt/file_names.hpp"
#include "host/nt/files_state.hpp"
#include "host/nt/nt_files.hpp"

namespace host::nt {

// The folder of lxss's own in the root of the tree: names that only open handles keep, and the side store.
inline constexpr std::string_view kHiddenFolder = "lxss~host";

inline constexpr u32 kShareAll = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
inline constexpr ACCESS_MASK kAttributeAccess =
    SYNCHRONIZE | FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES | FILE_READ_EA | FILE_WRITE_EA;
inline constexpr ACCESS_MASK kReadAccess = kAttributeAccess | FILE_READ_DATA;
inline constexpr ACCESS_MASK kWriteAccess = kReadAccess | FILE_WRITE_DATA | FILE_APPEND_DATA;

// A name in a directory, as the host wants it.
struct NamedFile {
    NamedFile(HANDLE directory, HostName& name) {
        InitializeObjectAttributes(&attributes, name.string(), 0, directory, nullptr);
    }
    OBJECT_ATTRIBUTES attributes;
};

class Object { // a Windows handle for the length of a scope
public:
    Object() = default;
    LXSS_NO_COPY(Object);
    ~Object() {
        if (m_handle)
            NtClose(m_handle);
    }
    HANDLE get() const { return m_handle; }
    HANDLE* receive() { return &m_handle; }
    HANDLE release() {
        HANDLE handle = m_handle;
        m_handle = nullptr;
        return handle;
    }

private:
    HANDLE m_handle = nullptr;
};

// Opens without following a link. STATUS_* of NtCreateFile; `was_created` may be null. `list`: what a new file has.
NTSTATUS open_object(HANDLE directory, HostName& name, ACCESS_MASK access, ULONG disposition, ULONG options,
                     HANDLE* object, bool* was_created = nullptr, const ea::List& list = {});

// EBADF, or ENOTDIR.
Result<HANDLE> directory_object(Handle directory);

struct Identity {
    u64 file;
    u32 links;
    bool is_directory, is_link;
};
NTSTATUS identify(HANDLE object, Identity& identity);

// Errors of calls with a name in them: the host's "no such path" for a directory that is none, too long names.
Errno name_error(NTSTATUS status, const HostName& name);

// ---- names that go later (removal.cpp)

// But for a name of lxss's own.
bool is_empty_directory(HANDLE object, std::string_view but = {});

// Whether a handle of the instance has this file open.
bool is_open_anywhere(u64 file);
u32 aside_links(u64 file);
// Removes what was kept for handles of `file`, if none is left.
void remove_asides_of(u64 file);
void empty_hidden_folder();
void finish_all_renames(); // journal.cpp

// ---- the side store (attributes.cpp)

// Why a tree cannot be used, for the user.
inline constexpr std::string_view kCopiedTree = "it is a copy of another's that was not made by lxss, and its files have other numbers here; 'lxss "
                                                "--check NAME --repair' finds their owners and modes by their paths";
inline constexpr std::string_view kLostStore = "its metadata store, lxss~host\\attributes.log, is missing; 'lxss --check NAME "
                                               "--repair' begins a new one";
inline constexpr std::string_view kNoAttributes =
    "it keeps owners and modes in extended attributes, which this volume cannot hold; export the instance where it was and import it here";
inline constexpr std::string_view kForeignTree = "it was laid out by another host; export the instance there and import it here";
inline constexpr std::string_view kDamagedStore = "its metadata store, lxss~host\\attributes.log, is damaged; 'lxss --check NAME "
                                                  "--repair' begins a new one";
// Whether the tree has nothing in it yet but what is lxss's own; whether WSL has laid it out, whose root has an LXATTRB from the start.
bool is_new_tree();
bool is_laid_out_by_wsl();
void open_store();
void forget_attributes(u64 file);
u32 permissions_of(u64 file);
Result<void> record_permissions(u64 file, u32 permissions);
Result<void> flush_store();

// Times: 100 ns since 1601.
abi::timespec to_timespec(i64 time);
i64 to_host_time(const abi::timespec& time);

} // namespace host::nt
