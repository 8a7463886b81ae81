// Memory of other pico processes.
#include "host/nt/ranges.hpp"

namespace host {

using namespace nt;

namespace {

// Wine lets the memory of other processes be read and written whatever its protection is: it is asked first.
usize accessible_bytes(HANDLE process, u64 address, usize length, bool write) {
    MEMORY_BASIC_INFORMATION region;
    SIZE_T got;
    if (NtQueryVirtualMemory(process, pointer(address), MemoryBasicInformation, &region, sizeof(region),
                             &got) < 0 ||
        region.State != MEM_COMMIT)
        return 0;
    constexpr DWORD kWritable =
        PAGE_READWRITE | PAGE_WRITECOPY | PAGE_EXECUTE_READWRITE | PAGE_EXECUTE_WRITECOPY;
    constexpr DWORD kReadable = kWritable | PAGE_READONLY | PAGE_EXECUTE_READ;
    if (!(region.Protect & (write ? kWritable : kReadable)) || (region.Protect & PAGE_GUARD))
        return 0;
    const u64 end = reinterpret_cast<u64>(region.BaseAddress) + region.RegionSize;
    return base::min<u64>(length, end - address);
}

template <typename Transfer>
Result<usize> transfer_memory(HANDLE process, u64 address, usize length, bool write, Transfer transfer) {
    usize done = 0;
    while (done < length) {
        const usize part = accessible_bytes(process, address + done, length - done, write);
        if (part == 0 || !transfer(address + done, done, part))
            break;
        done += part;
    }
    (void)NtClose(process);
    if (done == 0 && length != 0)
        return Errno::EFAULT;
    return done;
}

} // namespace

Result<usize> read_process_memory(i32 host_process, u64 address, void* buffer, usize length) {
    preserve_vectors();
    const HANDLE process = open_process(host_process, PROCESS_VM_READ | PROCESS_QUERY_INFORMATION);
    if (!process)
        return Errno::ESRCH;
    return transfer_memory(process, address, length, false, [&](u64 from, usize at, usize part) {
        SIZE_T got = 0;
        return NtReadVirtualMemory(process, pointer(from), static_cast<u8*>(buffer) + at, part, &got) >= 0 &&
               got == part;
    });
}

Result<usize> write_process_memory(i32 host_process, u64 address, const void* buffer, usize length) {
    preserve_vectors();
    const HANDLE process =
        open_process(host_process, PROCESS_VM_WRITE | PROCESS_VM_OPERATION | PROCESS_QUERY_INFORMATION);
    if (!process)
        return Errno::ESRCH;
    return transfer_memory(process, address, length, true, [&](u64 to, usize at, usize part) {
        SIZE_T put = 0;
        return NtWriteVirtualMemory(process, pointer(to), static_cast<const u8*>(buffer) + at, part, &put) >=
                   0 &&
               put == part;
    });
}

} // namespace host
