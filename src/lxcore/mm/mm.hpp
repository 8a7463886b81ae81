// The guest's address space: see mmap(2), proc(5) maps. The kernel's own record of it (Vma) is authoritative; the
// host's mappings follow it. Operations that touch mappings run in the owning pico process only; others may read
// the record under the lock.
#pragma once

#include "abi/mman.hpp"
#include "base/list.hpp"
#include "lxcore/fs/file.hpp"
#include "lxcore/memory/arena.hpp"
#include "lxcore/mm/futex_key.hpp"
#include "lxcore/sync/lock.hpp"

namespace engine {
class Text;
}

namespace lxcore {

enum class VmaKind : u8 { Anonymous, File, Stack, Heap, Special };

// Ranges that the guest does not see: what the host or lxcore occupies (never given away), room behind an executable
// image that the engine's trampolines may use (given up with the image), and code that the engine made (gone with exec).
enum class Hidden : u8 { No, Reserved, Slack, EngineCode };

// Bits of Vma::advice.
enum : u32 { kAdviceDontFork = 1, kAdviceWipeOnFork = 2, kAdviceDontDump = 4 };

// Identity of memory from mmap(MAP_SHARED | MAP_ANONYMOUS): futexes in it are keyed by this object.
class SharedMemory final : public SharedObject {};

struct Vma : ArenaObject {
    u64 start = 0, end = 0;
    u32 protection = 0; // abi::PROT_*
    u32 max_protection = 7; // what mprotect may grant (read-only opened shared files)
    u32 flags = 0;      // abi::MAP_SHARED / MAP_PRIVATE, MAP_GROWSDOWN, MAP_NORESERVE, MAP_LOCKED
    VmaKind kind = VmaKind::Anonymous;
    bool was_writable = false; // the guest may have changed it: no longer the file's own text
    bool is_unfit_text = false; // the engine has no use for it
    // Mapped by engine::map_text (text), or the room of such a text's trampolines (slack).
    const engine::Text* text = nullptr;
    u64 text_start = 0; // where that text's mapping starts
    u32 advice = 0;           // kept MADV_DONTFORK, WIPEONFORK, DONTDUMP bits
    Hidden hidden = Hidden::No;
    RefPtr<File> file;        // of file mappings
    RefPtr<SharedMemory> shared_object; // of shared anonymous ones
    u64 offset = 0;           // in the file or the shared object
    const char* label = nullptr; // "[stack]", "[vdso]"...
    // Balanced-tree links by address (mm/vma_tree.cpp).
    Vma* parent = nullptr;
    Vma* left = nullptr;
    Vma* right = nullptr;
    u32 priority = 0;
    u64 gap = 0;         // free bytes between the Vma before and this one
    u64 largest_gap = 0; // of this subtree
    base::ListNode list_node; // in address order
    u64 length() const { return end - start; }
    // Whether the guest's mappings never take its place.
    bool is_kept() const { return hidden == Hidden::Reserved || hidden == Hidden::EngineCode; }
};

// What File::map gets. The file maps [address, address + length) by host calls and may replace `file`/`offset`.
struct MapRequest {
    u64 address, length;
    u32 protection, flags;
    u64 offset;
    Vma* vma; // to fill in kind
};

class MmEditor;

// Of a page fault's error code: that a page is there, and what the access was, a read otherwise.
inline constexpr u64 kFaultPresent = 1, kFaultWrite = 2, kFaultFetch = 16;

class Mm final : public SharedObject {
public:
    Mutex lock;
    std::atomic<u32> users{1}; // tasks (a vfork child shares its parent's)
    u64 brk_start = 0, brk = 0;
    u64 mmap_top = 0; // top-down allocation starts here
    u64 stack_top = 0, stack_limit_bytes = 0;
    u64 stack_low = 0, stack_room = 0; // the main stack's lowest address, and what host::keep_stack_end() keeps below it
    u64 argument_start = 0, argument_end = 0, environment_start = 0, environment_end = 0;
    u64 code_start = 0, code_end = 0, data_start = 0, data_end = 0, entry = 0;
    u64 auxv[64]{};
    u32 auxv_count = 0;
    u64 total_bytes = 0, locked_bytes = 0, peak_bytes = 0;
    bool randomize = true;
    bool shows_plain_text = false; // the engine's patched copies are of no use here (lxcore_abandon_texts)
    bool denies_write = false; // `executable` counts as a running program (ETXTBSY) for this Mm
    std::atomic<u32> barrier_registrations{0}; // abi::MEMBARRIER_CMD_REGISTER_*
    u32 lock_future = 0;       // abi::MCL_FUTURE, MCL_ONFAULT of mlockall
    RefPtr<File> executable;

    ~Mm() override;
    static Result<RefPtr<Mm>> create();
    // The copy that a forked child gets (its host mappings are copied by the host, while the lock is still held).
    Result<RefPtr<Mm>> clone_locked();

    // First Vma whose end lies above `address`, or null. Lock held. Hidden ones are passed over.
    Vma* find(u64 address) const;
    Vma* next(const Vma& vma) const;
    Vma* first() const;
    u32 count() const { return m_count; }

    // -- in the owning pico process; these take the lock. Errors as mmap(2), munmap(2), mprotect(2), mremap(2).
    Result<u64> map(u64 hint, u64 length, u32 protection, u32 flags, RefPtr<File> file, u64 offset,
                    VmaKind kind = VmaKind::Anonymous, const char* label = nullptr);
    Result<void> unmap(u64 address, u64 length);
    Result<void> protect(u64 address, u64 length, u32 protection, u32 grow_flags = 0);
    Result<u64> remap(u64 old_address, u64 old_length, u64 new_length, u32 flags, u64 new_address);
    Result<u64> set_brk(u64 address); // the break afterwards, which is the old one on failure
    // Sets or clears bits of `advice`, or MAP_LOCKED in `flags`, over a range. ENOMEM when it has a hole.
    Result<void> change_marks(u64 address, u64 length, u32 set_advice, u32 clear_advice, bool set_lock,
                              bool clear_lock);
    void unmap_everything(); // exec
    // Grows a MAP_GROWSDOWN mapping for a fault at `address`, or maps a page that its file has since come to reach; false when it is a
    // real fault. `error`: kFault* bits.
    bool handle_fault(u64 address, u64 error);
    // Whether a fault that the mapping's protection does not explain is that of a page behind the end of its file (SIGBUS).
    static bool is_behind_end(const Vma& vma, u64 address, u64 error);
    // Whether it lies in the room that the host keeps below the main stack, where nothing is mapped although the host lets accesses pass.
    bool is_below_stack(u64 address);
    // Has the host keep room below the main stack, whose lowest address is given. Lock held, but at exec.
    void set_stack_low(u64 address);
    // An address where `length` bytes are free, without taking it (exec). ENOMEM.
    Result<u64> find_free(u64 length, u64 alignment);
    bool is_free(u64 address, u64 length);
    // Keeps [address, address + length) free of guest mappings for the engine; does nothing when it is not free.
    void reserve_slack(u64 address, u64 length);
    // The program that runs in it (ETXTBSY for writers as long as it does). ETXTBSY.
    Result<void> set_executable(RefPtr<File> file);

private:
    friend struct VmaTree;
    friend class MmEditor;
    // Extends a MAP_GROWSDOWN mapping to `address`, where nothing is mapped, if limits and neighbours allow it.
    bool grow(MmEditor& editor, Vma& vma, u64 address);
    // For a page of a file that the host has not mapped because the file ended before it.
    static bool map_grown_file(MmEditor& editor, const Vma& vma, u64 address, u64 error);

    Vma* m_root = nullptr;
    u32 m_count = 0;
    base::List<Vma, &Vma::list_node> m_vmas; // all, in address order; whole even after a kill in mid-change
    Vma* m_dead = nullptr;                   // taken out, to be deleted without the lock; linked through `right`
};

// Calls visit(context, vma) for each visible Vma that ends above `from`, in address order, until it returns false.
// Takes the lock; works for any process's Mm.
void for_each_vma(Mm& mm, u64 from, bool (*visit)(void* context, const Vma& vma), void* context);
// One line of /proc/<pid>/maps; `root` as seen from which path names are printed. See proc_pid_maps(5).
void print_maps_entry(base::Writer& writer, const Vma& vma, const Path& root);
// The entry of /proc/<pid>/smaps: the maps line and the fields below it.
void print_smaps_entry(base::Writer& writer, const Vma& vma, const Path& root);

// In a forked child, before it enters guest code: drops what madvise(MADV_DONTFORK) and wipes what MADV_WIPEONFORK
// marked.
void after_fork_in_child(Mm& mm);

// Keeps writers away from a running program's inode, and lets them in again. ETXTBSY.
Result<void> deny_write_access(Inode& inode);
void allow_write_access(Inode& inode);

} // namespace lxcore
