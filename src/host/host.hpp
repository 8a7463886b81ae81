// The host interface: the only door between lxcore and an operating system.
//
// Every function is implemented by each host (linux/, nt/) and stubbed by skeleton/, the recipe for a port.
// Rules that hold throughout:
//  - Errors are Linux errnos in a Result; a host maps its own errors to them.
//  - Buffers may lie in guest memory: a host reports EFAULT for one that cannot be accessed and never crashes.
//    lxcore has checked that such a range is outside the kernel's own (base::is_guest_range).
//  - A Handle is valid in every pico process of the instance (Linux: one shared descriptor table).
//  - Functions named *_interruptible return EINTR at once when the calling task has work pending
//    (ThreadBlock::work) and when interrupt_thread() is called during the wait, without a window between the
//    check and the wait. All other functions are never ended by interrupt_thread().
//  - Times are nanoseconds; deadlines are absolute on the host's monotonic clock; kNoDeadline waits for ever.
//  - Nothing here allocates from the arena or takes a lock of lxcore's.
#pragma once

#include <string_view>

#include "abi/poll.hpp"
#include "abi/socket.hpp"
#include "abi/stat.hpp"
#include "abi/time.hpp"
#include "base/layout.hpp"
#include "base/result.hpp"
#include "base/types.hpp"
#include "host/thread_block.hpp"

namespace host {

using base::Errno;
using base::Result;

// ---- handles ----------------------------------------------------------------------------------------------

using Handle = i32;
inline constexpr Handle kNoHandle = -1;

void close(Handle handle);

// ---- log, randomness, clocks ------------------------------------------------------------------------------

// Appends one line to the instance log; whole lines are never interleaved.
void log(std::string_view line);

void random_bytes(void* buffer, usize length);

inline constexpr u64 kNoDeadline = ~u64{0};

u64 monotonic_ns();
// clock: one of abi::CLOCK_REALTIME, MONOTONIC, BOOTTIME, MONOTONIC_RAW, REALTIME_COARSE, MONOTONIC_COARSE, TAI.
// EINVAL when the host has no such clock.
Result<abi::timespec> clock_time(i32 clock);
// CPU time used by the calling thread, or by the whole calling pico process.
struct CpuTimes {
    u64 user_ns, system_ns;
};
CpuTimes thread_cpu_times();
CpuTimes process_cpu_times();
// CPU time of another pico process by its host process number; zeros when it cannot be read.
CpuTimes other_process_cpu_times(i32 host_process);
// CPU time of one thread of any pico process; zeros when it cannot be read.
CpuTimes other_thread_cpu_times(i32 host_process, i32 host_thread);

// ---- waiting ----------------------------------------------------------------------------------------------

enum class WaitResult : u8 { Woken, TimedOut, Changed, Interrupted };

// Blocks while *word == expected, until wake() or the deadline. `word` lies in the arena. Spurious wake-ups
// are allowed. Not ended by interrupt_thread().
WaitResult wait(u32* word, u32 expected, u64 deadline_ns);
// As wait(), but ended by interrupt_thread() and by pending work.
WaitResult wait_interruptible(u32* word, u32 expected, u64 deadline_ns);
// Wakes up to `count` threads that wait on `word`, in any pico process of the instance.
void wake(u32* word, u32 count);
// Gives up the processor once.
void yield();

// Gives arena memory back to the host: it reads as zeros afterwards. EOPNOTSUPP leaves it as it is.
Result<void> discard_arena(u64 address, u64 length);

// ---- address space of the calling pico process -------------------------------------------------------------
// Addresses and lengths are multiples of 4 KiB and lie in guest memory. `protection` is abi::PROT_* bits.
// map_* replace whatever lies there (lxcore keeps the map of what is used). Shared mappings take whole units of
// base::kMappingUnit; EINVAL when one shares a unit with something else.

Result<void> map_anonymous(u64 address, u64 length, u32 protection);
// Memory that this pico process and its later forks share.
Result<void> map_shared_anonymous(u64 address, u64 length, u32 protection);
// A view of a host file. `shared`: writes reach the file. `offset` is a multiple of 4 KiB.
Result<void> map_file(u64 address, u64 length, u32 protection, Handle file, u64 offset, bool shared);
// A shared view of arena memory at `arena_address` (page aligned), for tmpfs files and System V segments.
Result<void> map_arena(u64 address, u64 length, u32 protection, u64 arena_address, bool shared);
// Private zeroed memory for code that an engine writes: readable, writable and executable. Errors: EOPNOTSUPP, ENOMEM.
Result<void> map_code(u64 address, u64 length);
// The engine is about to write to these pages of its own: whoever can provides them in one go. A hint.
void populate(u64 address, u64 length);
Result<void> unmap(u64 address, u64 length);
Result<void> protect(u64 address, u64 length, u32 protection);
// Moves pages; the target range holds nothing. new_length may be larger than old_length.
Result<void> move_mapping(u64 old_address, u64 old_length, u64 new_address, u64 new_length);
// advice: abi::MADV_DONTNEED and MADV_FREE give zeroed (or file) pages; others are hints. EOPNOTSUPP where the pages of a private
// file mapping can be had again by map_file() only.
Result<void> advise(u64 address, u64 length, i32 advice);
// flags: abi::MS_*.
Result<void> sync_mapping(u64 address, u64 length, i32 flags);
// One byte a page; bit 0 set when resident.
Result<void> residency(u64 address, u64 length, u8* vector);
// Of the main thread's stack, whose lowest page begins at `address`; the kStackEndBytes below hold nothing. A host whose system writes
// an exception's record to the stack itself keeps room there, so that a run over the stack's end can be delivered: the first
// access to the page below it is a fault, accesses further down may succeed.
// How many bytes it keeps; 0 where exceptions need no such room, or there is no memory for it.
inline constexpr u64 kStackEndBytes = 128 * 1024;
u64 keep_stack_end(u64 address);
Result<void> lock_memory(u64 address, u64 length, bool lock);
// Ranges in [kGuestLowest, kGuestEnd) that the host itself occupies in every pico process (vDSO, for one).
struct AddressRange {
    u64 start, end;
};
usize reserved_ranges(AddressRange* ranges, usize capacity);
// Address of an ELF image with Linux's vDSO symbols that is mapped in every pico process, or 0.
u64 vdso_address();
// When these return, every running thread of the calling pico process (of the instance) has passed a full memory
// barrier since the call; with `synchronize_core`, also one after which modified code is executed as modified.
void barrier_of_process(bool synchronize_core);
void barrier_everywhere();
// Reads another pico process's guest memory; returns the bytes copied (short at the first bad page).
Result<usize> read_process_memory(i32 host_process, u64 address, void* buffer, usize length);
Result<usize> write_process_memory(i32 host_process, u64 address, const void* buffer, usize length);

// Copies that survive a fault on the guest's side. Return the number of bytes NOT copied (0 on success).
usize copy_guarded(void* destination, const void* source, usize length);
usize fill_guarded(void* destination, u8 value, usize length);
// Length of a guest string without its NUL; `limit` when there is none within it; -1 on a fault.
isize string_length_guarded(const char* text, usize limit);
// Atomic operations on a guest word; EFAULT on a fault.
Result<u32> load_guarded(const u32* word);
Result<u32> compare_exchange_guarded(u32* word, u32 expected, u32 desired); // returns the old value
Result<u32> exchange_guarded(u32* word, u32 desired);
Result<u32> fetch_add_guarded(u32* word, u32 addend);
Result<u32> fetch_or_guarded(u32* word, u32 bits);
Result<u32> fetch_and_guarded(u32* word, u32 bits);
Result<u32> fetch_xor_guarded(u32* word, u32 bits);
// Saves/restores the vector state that a signal frame carries (XSAVE format of the Linux signal ABI).
usize vector_state_bytes();
u64 vector_state_features(); // the XCR0 bits of what it holds
Result<void> save_vector_state(void* area);          // area: 64-byte aligned guest memory
Result<void> restore_vector_state(const void* area); // EFAULT, or EINVAL for a malformed header
void reset_vector_state();                           // as at exec

// ---- pico processes and threads ----------------------------------------------------------------------------
// A ThreadBlock's owner fills in `frame` first; the new thread starts by entering guest code with it.

// Clones the calling pico process's address space copy-on-write; the child's only thread is `child`.
// Sets child.host_thread and child.host_process. ENOMEM, EAGAIN.
Result<void> fork_process(ThreadBlock& child);
// Starts a pico process with an empty guest address space; its only thread calls entry(child) on the kernel
// stack of `child` and then enters guest code with the frame.
Result<void> spawn_process(ThreadBlock& child, void (*entry)(ThreadBlock&));
// Starts a thread of the calling pico process. With `entry`, it is called first (kernel threads never return).
Result<void> create_thread(ThreadBlock& child, void (*entry)(ThreadBlock&));
// Ends the calling thread. The block may be reused once block.host_alive reads 0 (the host clears it, and
// wakes it as by wake(), after the thread has left the stack).
[[noreturn]] void exit_thread();
// Ends the calling pico process with all its threads.
[[noreturn]] void exit_process();
// Makes `block` the current one of the calling host thread (vfork: the thread becomes the child for a while).
// Does not switch stacks. Kicks aimed at block.host_thread reach this thread afterwards.
void adopt_thread(ThreadBlock& block);
// Kills a pico process outright.
void kill_process(i32 host_process);
// Makes the thread leave guest code, or an *_interruptible call, soon; harmless when it is in neither.
void interrupt_thread(i32 host_process, i32 host_thread);
// The guest's FS base of the calling thread (on NT a slot that translated code reads).
u64 guest_fs_base();
void set_guest_fs_base(u64 base);

u32 processor_count();
// How many handles the whole instance may have open.
u64 handle_limit();
// Bit set of usable processors, as sched_getaffinity(2). Returns bytes written.
Result<usize> get_affinity(i32 host_thread, void* mask, usize length);
Result<void> set_affinity(i32 host_thread, const void* mask, usize length);

struct MemoryStatus {
    u64 total_bytes, free_bytes, available_bytes, buffers_bytes, cached_bytes, swap_total_bytes, swap_free_bytes;
};
MemoryStatus memory_status();
// Content of a host information page such as "cpuinfo", "stat", "loadavg"; 0 bytes when there is none.
usize host_information(std::string_view page, char* buffer, usize capacity);

// ---- files -------------------------------------------------------------------------------------------------
// Names are single components (or "" with a directory handle for itself), in the host's spelling: VolFs and
// DriveFs escape what a host cannot hold. Functions never follow symbolic links in the last component.

enum class FileType : u8 { Unknown, Regular, Directory, Symlink, CharacterDevice, BlockDevice, Fifo, Socket };

struct FileInfo {
    u64 device, inode;
    FileType type;
    u32 permissions; // 07777 bits
    u32 links;
    u32 uid, gid;
    u64 size, blocks; // blocks of 512 bytes
    u32 block_size;
    u32 device_major, device_minor;
    abi::timespec accessed, modified, changed;
};

enum OpenMode : u32 {
    kOpenRead = 1,
    kOpenWrite = 2,
    kOpenCreate = 4,
    kOpenExclusive = 8,
    kOpenTruncate = 16,
    kOpenDirectory = 32,
    kOpenAnonymous = 64, // a file without a name in directory `name` (O_TMPFILE); EOPNOTSUPP where there is none
};

// The handle of the instance's root folder and of the folder of guest tools.
Handle root_folder();
Handle guest_tools_folder();

// What the host does with the instance's tree that nobody can find out by trying.
struct TreeTraits {
    // Files have permission bits. Where not, `permissions` of the functions below count for nothing, and all files tell
    // kFixedPermissions.
    bool has_permissions;
    // The host itself spells names that its file system does not hold in another way, and tells them as they were given.
    bool spells_names;
    bool creates_with_attributes; // there is create_with_attribute()
};
inline constexpr u32 kFixedPermissions = 0755;
TreeTraits tree_traits();

// ELOOP for a symbolic link. `permissions` for kOpenCreate; the host's umask does not apply.
Result<Handle> open_at(Handle directory, std::string_view name, u32 mode, u32 permissions);
// A second handle of an open file with another mode (kOpenRead, kOpenWrite), whether or not it still has a name.
Result<Handle> reopen(Handle file, u32 mode);
Result<FileInfo> file_info(Handle file);
Result<FileInfo> file_info_at(Handle directory, std::string_view name);
Result<usize> read_at(Handle file, const abi::iovec* vectors, usize count, u64 offset);
Result<usize> write_at(Handle file, const abi::iovec* vectors, usize count, u64 offset);
Result<usize> append(Handle file, const abi::iovec* vectors, usize count);
Result<void> truncate(Handle file, u64 length);
Result<void> allocate(Handle file, i32 mode, u64 offset, u64 length); // mode: abi::FALLOC_FL_*
Result<u64> seek_data(Handle file, u64 offset);
Result<u64> seek_hole(Handle file, u64 offset);
Result<usize> copy_range(Handle from, u64 from_offset, Handle to, u64 to_offset, usize length);
Result<void> sync(Handle file, bool data_only);
Result<void> sync_file_system(Handle file);

// Entries from the directory's start or where the last call ended; 0 entries at the end.
struct DirectoryEntry {
    u64 inode;
    FileType type; // Unknown where the host does not tell
    std::string_view name; // valid until the next call with the same buffer
};
void rewind_directory(Handle directory);
// Calls visit(context, entry) for each entry ("." and ".." included), until it returns false or all are seen.
Result<void> read_directory(Handle directory, bool (*visit)(void* context, const DirectoryEntry& entry),
                            void* context);

Result<void> make_directory_at(Handle directory, std::string_view name, u32 permissions);
Result<void> make_symlink_at(Handle directory, std::string_view name, std::string_view target);
Result<usize> read_symlink_at(Handle directory, std::string_view name, char* buffer, usize capacity);
Result<void> link_at(Handle from_directory, std::string_view from, Handle to_directory, std::string_view to);
// Gives a name to a file opened with kOpenAnonymous.
Result<void> link_handle_at(Handle file, Handle to_directory, std::string_view to);
Result<void> unlink_at(Handle directory, std::string_view name);
Result<void> remove_directory_at(Handle directory, std::string_view name);
Result<void> rename_at(Handle from_directory, std::string_view from, Handle to_directory, std::string_view to,
                       u32 flags); // abi::RENAME_NOREPLACE, RENAME_EXCHANGE
Result<void> set_permissions(Handle file, u32 permissions);
// Of a file or directory that cannot be opened; never of what a symbolic link there leads to, ELOOP or EOPNOTSUPP for one.
Result<void> set_permissions_at(Handle directory, std::string_view name, u32 permissions);
// Null leaves a time as it is; tv_nsec may be abi::UTIME_NOW.
Result<void> set_times(Handle file, const abi::timespec* accessed, const abi::timespec* modified);
Result<void> set_times_at(Handle directory, std::string_view name, const abi::timespec* accessed,
                          const abi::timespec* modified);

// Extended attributes by the host's full name ("user.lxattrb"). ENODATA, ERANGE, ENOTSUP as the man pages.
Result<usize> get_attribute(Handle file, const char* name, void* value, usize capacity);
Result<void> set_attribute(Handle file, const char* name, const void* value, usize length, i32 flags);
Result<usize> list_attributes(Handle file, char* names, usize capacity);
Result<void> remove_attribute(Handle file, const char* name);
// Makes a file or folder that has an attribute from the start, and opens it, a file for reading and writing. EEXIST, EMFILE;
// EOPNOTSUPP unless tree_traits().creates_with_attributes.
Result<Handle> create_with_attribute(Handle directory, std::string_view name, bool is_directory, const char* attribute,
                                     const void* value, usize length);

// A host whose files can hold none of that keeps permissions and attributes of the tree's files in a store of its own in the tree, by
// inode number: a copy of the tree by other programs has other numbers, and finds what is its own by a list
// (lxcore/volfs/places.hpp). What the store belongs to (base::SideStore::tree_of), 0 without one; and whether it has something of
// that file.
u64 attribute_store();
bool is_in_attribute_store(u64 inode);

Result<abi::statfs> file_system_info(Handle file);

// ---- drives: the host's own folders, which the host's programs change at any time ---------------------------

// A new handle of the folder that `place` names in the way of the host's user: a drive "C:", a folder in it
// "C:\Users\me" (or with slashes), an absolute path of a host that has such, a share "\\server\share". ENODEV when there
// is no such drive, or no such kind of name; ENOENT, ENOTDIR, EACCES.
Result<Handle> open_drive(std::string_view place);
// abi::R_OK, W_OK and X_OK bits: what the host's user may do with such a file, as far as its attributes tell.
u32 user_rights(const FileInfo& info);
// As get_attribute(), of a file that need not be opened. ENODATA, also where the host user may not look.
Result<usize> get_attribute_at(Handle directory, std::string_view name, const char* attribute, void* value,
                               usize capacity);

// A watcher hears of changes that any program of the host makes to files it watches: inotify(7) as a portable notion. A
// host without such gives EOPNOTSUPP.
Result<Handle> create_watcher();
// The events (abi::IN_*) that a watcher of this host tells: of what is watched itself, and of the entries of a watched directory.
struct WatchedEvents {
    u32 own, of_entries;
};
WatchedEvents watched_events();
// Watches a file or directory, or changes what is watched of it; the number that its events carry. events: abi::IN_*, of which
// only those of watched_events() will come. EOPNOTSUPP for what cannot be watched, ENOSPC.
Result<i32> watch(Handle watcher, Handle file, u32 events);
void unwatch(Handle watcher, i32 number);
struct WatchEvent {
    i32 number; // -1: events were lost (IN_Q_OVERFLOW)
    u32 events, cookie;
    std::string_view name; // in a directory
};
// Waits until something happens and passes it on.
Result<void> read_watcher(Handle watcher, void (*visit)(void* context, const WatchEvent& event), void* context);

// ---- streams: what a client passed in as standard input, output, error --------------------------------------

// Reads and writes at the stream's own position; EAGAIN instead of blocking.
Result<usize> stream_read(Handle stream, const abi::iovec* vectors, usize count);
Result<usize> stream_write(Handle stream, const abi::iovec* vectors, usize count);
Result<u64> stream_seek(Handle stream, i64 offset, i32 whence); // ESPIPE
Result<u32> stream_bytes_available(Handle stream);
// What a handle from outside may be used for: abi::O_RDONLY, O_WRONLY or O_RDWR.
Result<u32> access_mode(Handle handle);

// A file of memory without a name, as memfd_create(2) makes it: open for reading and writing, gone with its last handle
// and mapping. `name` is for people. flags: abi::MFD_ALLOW_SEALING, NOEXEC_SEAL, EXEC. EOPNOTSUPP where the host has no such
// files: lxcore keeps them in the arena then, and they cannot be handed to programs of the host.
Result<Handle> create_memory_file(const char* name, u32 flags);
// abi::F_SEAL_*: EPERM, EBUSY, EINVAL.
Result<void> add_seals(Handle file, u32 seals);
Result<u32> get_seals(Handle file);

// ---- waiting for handles ------------------------------------------------------------------------------------

struct PollItem { // laid out as struct pollfd
    Handle handle;
    i16 events, returned; // abi::POLL*
};
// Returns the number of ready items, 0 at the deadline.
Result<usize> poll_interruptible(PollItem* items, usize count, u64 deadline_ns);
Result<usize> poll_now(PollItem* items, usize count);

// A poll set watches many handles at the cost of the ready ones; it is itself a handle that polls readable while a
// member is ready, and is closed by close(). A member's close() takes it out. `events`: abi::EPOLL* bits, the modes EPOLLET, EPOLLONESHOT and
// EPOLLEXCLUSIVE included; `data` comes back with each event. EMFILE, ENOMEM, ENOSPC.
Result<Handle> poll_set_create();
// EEXIST when the handle is a member already (duplicate() gives one that is not); EPERM for what cannot be waited for.
Result<void> poll_set_add(Handle set, Handle handle, u32 events, u64 data);
Result<void> poll_set_modify(Handle set, Handle handle, u32 events, u64 data);
void poll_set_remove(Handle set, Handle handle);
// Takes up to `capacity` events; 0 at the deadline. A deadline of 0 does not wait (and is not interrupted).
Result<usize> poll_set_wait_interruptible(Handle set, abi::epoll_event* events, usize capacity, u64 deadline_ns);

// Another handle of the same open object.
Result<Handle> duplicate(Handle handle);

// ---- sockets ------------------------------------------------------------------------------------------------
// Internet (and, where the host has it, netlink) sockets. Non-blocking at the host; addresses, levels, options
// and flags are those of the Linux ABI. Blocking is lxcore's work (poll_interruptible).

Result<Handle> socket(i32 family, i32 type, i32 protocol);
Result<void> bind(Handle socket, const void* address, u32 length);
Result<void> connect(Handle socket, const void* address, u32 length); // EINPROGRESS
Result<void> listen(Handle socket, i32 backlog);
Result<Handle> accept(Handle socket, void* address, u32* length);
Result<void> shutdown(Handle socket, i32 how);
Result<void> local_address(Handle socket, void* address, u32* length);
Result<void> peer_address(Handle socket, void* address, u32* length);
Result<u32> get_option(Handle socket, i32 level, i32 option, void* value, u32 capacity);
Result<void> set_option(Handle socket, i32 level, i32 option, const void* value, u32 length);
// `message` and all it points to as in sendmsg(2); flags: abi::MSG_*, MSG_DONTWAIT implied.
Result<usize> send_message(Handle socket, const abi::msghdr* message, i32 flags);
Result<usize> receive_message(Handle socket, abi::msghdr* message, i32 flags);
// A connection to a local service of the host, which may carry handles (SCM_RIGHTS) both ways. Linux: `name` is the
// absolute name of a UNIX socket, or "@" and an abstract name; `type` is SOCK_STREAM or SOCK_SEQPACKET. EAGAIN when the
// service has no room for another connection at present; ECONNREFUSED, ENOENT, EACCES, EPROTOTYPE as connect(2).
Result<Handle> connect_local(const char* name, i32 type);
// Interface and address queries (abi::SIOCGIF*, FIONREAD...) on a socket.
Result<i32> socket_control(Handle socket, u32 request, void* argument);

} // namespace host
