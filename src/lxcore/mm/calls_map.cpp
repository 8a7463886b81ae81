// mmap(2), munmap(2), mprotect(2), mremap(2), brk(2), pkeys(7).
#include "lxcore/fs/fd_table.hpp"
#include "lxcore/fs/namei.hpp"
#include "lxcore/mm/calls.hpp"
#include "lxcore/mm/mm.hpp"

namespace lxcore {

namespace {

// What MAP_SHARED_VALIDATE accepts; MAP_SHARED ignores others.
constexpr u32 kKnownMapFlags = abi::MAP_TYPE | abi::MAP_FIXED | abi::MAP_ANONYMOUS | abi::MAP_32BIT |
                               abi::MAP_ABOVE4G | abi::MAP_GROWSDOWN | abi::MAP_DENYWRITE | abi::MAP_EXECUTABLE |
                               abi::MAP_LOCKED | abi::MAP_NORESERVE | abi::MAP_POPULATE | abi::MAP_NONBLOCK |
                               abi::MAP_STACK | abi::MAP_HUGETLB | abi::MAP_FIXED_NOREPLACE |
                               abi::MAP_UNINITIALIZED;

constexpr u32 kProtectionBits = abi::PROT_READ | abi::PROT_WRITE | abi::PROT_EXEC;

} // namespace

Result<u64> sys_mmap(u64 address, u64 length, MapProtection protection, MapFlags flags, Fd fd, u64 offset) {
    u32 how = flags;
    if (offset & (base::kPageSize - 1))
        return Errno::EINVAL;
    const u32 type = how & abi::MAP_TYPE;
    const bool is_anonymous = how & abi::MAP_ANONYMOUS;
    if (type != abi::MAP_PRIVATE && type != abi::MAP_SHARED && type != abi::MAP_SHARED_VALIDATE)
        return Errno::EINVAL;
    if (type == abi::MAP_SHARED_VALIDATE && is_anonymous)
        return Errno::EINVAL;
    if (type == abi::MAP_SHARED_VALIDATE && (how & ~(kKnownMapFlags | abi::MAP_HUGE_MASK << abi::MAP_HUGE_SHIFT)))
        return Errno::EOPNOTSUPP;
    RefPtr<File> file;
    if (!is_anonymous) {
        file = TRY(get_file(fd)).ref();
        // Huge pages of a file that is not on hugetlbfs.
        if (how & abi::MAP_HUGETLB)
            return Errno::EINVAL;
    } else if (how & abi::MAP_HUGETLB) {
        return Errno::ENOMEM; // no pages are set aside
    }
    if (how & abi::MAP_GROWSDOWN) {
        if ((how & abi::MAP_SHARED) || !is_anonymous)
            return Errno::EINVAL;
    }
    const u64 mapped = TRY(current().mm->map(address, length, protection, how, file, is_anonymous ? 0 : offset));
    // To map a file is to read it, as far as its access time goes.
    if (file && file->path && file->inode().is_regular() && !(file->flags.load() & abi::O_NOATIME))
        touch_accessed(file->path);
    return mapped;
}

Result<void> sys_munmap(u64 address, u64 length) { return current().mm->unmap(address, length); }

Result<void> sys_mprotect(u64 address, u64 length, MapProtection protection) {
    const u32 wanted = protection;
    const u32 grow = wanted & (abi::PROT_GROWSDOWN | abi::PROT_GROWSUP);
    if (grow == (abi::PROT_GROWSDOWN | abi::PROT_GROWSUP))
        return Errno::EINVAL;
    if (address & (base::kPageSize - 1))
        return Errno::EINVAL;
    if (length == 0)
        return {};
    if (address + base::page_ceil(length) <= address)
        return Errno::ENOMEM;
    if (wanted & ~(kProtectionBits | abi::PROT_SEM | grow))
        return Errno::EINVAL;
    return current().mm->protect(address, length, wanted & kProtectionBits, grow);
}

Result<u64> sys_mremap(u64 old_address, u64 old_length, u64 new_length, HexFlags flags, u64 new_address) {
    if (flags.value >> 32)
        return Errno::EINVAL;
    return current().mm->remap(old_address, old_length, new_length, static_cast<u32>(flags.value), new_address);
}

Result<u64> sys_brk(u64 address) { return current().mm->set_brk(address); }

// Protection keys as on a processor that has none: pkey_alloc(2).

Result<i32> sys_pkey_alloc(u32 flags, u32 rights) {
    if (flags || (rights & ~(abi::PKEY_DISABLE_ACCESS | abi::PKEY_DISABLE_WRITE)))
        return Errno::EINVAL;
    return Errno::ENOSPC;
}

Result<void> sys_pkey_free(i32) { return Errno::EINVAL; }

Result<void> sys_pkey_mprotect(u64 address, u64 length, MapProtection protection, i32 key) {
    if (key != -1)
        return Errno::EINVAL;
    return sys_mprotect(address, length, protection);
}

} // namespace lxcore
