// The guest's address space: see mmap(2), proc(5) maps. The kernel's own record of it (Vma) is authoritative; the
// host's mappings follow it. Operations that touch mappings run in the owning pico process only; others may read
// the record under the lock.
#pragma once

#include "abi/mman.hpp"
#include "base/list.hpp"
#include "lxcore/fs/file.hpp"
#include "lxcore/memory/arena.hpp"
#include "lxcore/sync/lock.hpp"

namespace lxcore {

enum class VmaKind : u8 { Anonymous, File, Stack, Heap, Special };

struct Vma : ArenaObject {
    u64 start = 0, end = 0;
    u32 protection = 0; // abi::PROT_*
    u32 max_protection = 7; // what mprotect may grant (read-only opened shared files)
    u32 flags = 0;      // abi::MAP_SHARED / MAP_PRIVATE, MAP_GROWSDOWN, MAP_NORESERVE, MAP_LOCKED
    VmaKind kind = VmaKind::Anonymous;
    bool engine_text = false; // mapped by engine::map_text
    u32 advice = 0;           // kept MADV_DONTFORK, WIPEONFORK, DONTDUMP bits
    RefPtr<File> file;        // of file mappings; also of shared anonymous ones (an unnamed tmpfs file)
    u64 offset = 0;
    const char* label = nullptr; // "[stack]", "[vdso]"...
    // Balanced-tree links by address (mm/vma_tree.cpp).
    Vma* parent = nullptr;
    Vma* left = nullptr;
    Vma* right = nullptr;
    u32 priority = 0;
    u64 length() const { return end - start; }
};

// What File::map gets. The file maps [address, address + length) by host calls and may replace `file`/`offset`.
struct MapRequest {
    u64 address, length;
    u32 protection, flags;
    u64 offset;
    Vma* vma; // to fill in engine_text, kind
};

class Mm final : public SharedObject {
public:
    Mutex lock;
    std::atomic<u32> users{1}; // tasks (a vfork child shares its parent's)
    u64 brk_start = 0, brk = 0;
    u64 mmap_top = 0; // top-down allocation starts here
    u64 stack_top = 0, stack_limit_bytes = 0;
    u64 argument_start = 0, argument_end = 0, environment_start = 0, environment_end = 0;
    u64 code_start = 0, code_end = 0, data_start = 0, data_end = 0, entry = 0;
    u64 auxv[64]{};
    u32 auxv_count = 0;
    u64 total_bytes = 0, locked_bytes = 0, peak_bytes = 0;
    bool randomize = true;
    void* engine_state = nullptr; // an engine's own, in the arena
    RefPtr<File> executable;

    ~Mm() override;
    static Result<RefPtr<Mm>> create();
    // The copy that a forked child gets (its host mappings are copied by the host).
    Result<RefPtr<Mm>> clone();

    // First Vma whose end lies above `address`, or null. Lock held.
    Vma* find(u64 address) const;
    Vma* next(const Vma& vma) const;
    Vma* first() const;
    u32 count() const { return m_count; }

    // -- in the owning pico process; these take the lock. Errors as mmap(2), munmap(2), mprotect(2), mremap(2).
    Result<u64> map(u64 hint, u64 length, u32 protection, u32 flags, RefPtr<File> file, u64 offset,
                    VmaKind kind = VmaKind::Anonymous, const char* label = nullptr);
    Result<void> unmap(u64 address, u64 length);
    Result<void> protect(u64 address, u64 length, u32 protection);
    Result<u64> remap(u64 old_address, u64 old_length, u64 new_length, u32 flags, u64 new_address);
    Result<u64> set_brk(u64 address);
    void unmap_everything(); // exec
    // Grows a MAP_GROWSDOWN mapping for a fault at `address`; false when it is a real fault.
    bool handle_fault(u64 address, u64 error);

private:
    friend struct VmaTree;
    Vma* m_root = nullptr;
    u32 m_count = 0;
};

} // namespace lxcore
