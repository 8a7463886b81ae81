#include "simulated_host.hpp"

#include "lxcore/fs/fd_table.hpp"
#include "lxcore/fs/mount.hpp"
#include "lxcore/ipc/pipe.hpp"
#include "lxcore/mm/mm.hpp"
#include "lxcore/syscall/trace.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>

using simulated::Backing;
using simulated::pages;

void simulated::fail(const char* what) {
    std::printf("FAIL %s\n", what);
    std::abort();
}

namespace host {

static Result<void> put(u64 address, u64 length, u32 protection, Backing backing, u64 offset) {
    for (u64 at = 0; at < length; at += base::kPageSize)
        pages[address + at] = {protection, backing, backing < Backing::PrivateFile ? 0 : offset + at};
    return {};
}

Result<void> map_anonymous(u64 address, u64 length, u32 protection) {
    return put(address, length, protection, Backing::Anonymous, 0);
}
Result<void> map_shared_anonymous(u64 address, u64 length, u32 protection) {
    return put(address, length, protection, Backing::Shared, 0);
}
Result<void> map_file(u64 address, u64 length, u32 protection, Handle, u64 offset, bool shared) {
    return put(address, length, protection, shared ? Backing::SharedFile : Backing::PrivateFile, offset);
}
Result<void> map_arena(u64 address, u64 length, u32 protection, u64 offset, bool) {
    return put(address, length, protection, Backing::Arena, offset);
}
Result<void> map_code(u64, u64) { return Errno::EOPNOTSUPP; }
void populate(u64, u64) {}

Result<void> unmap(u64 address, u64 length) {
    pages.erase(pages.lower_bound(address), pages.lower_bound(address + length));
    return {};
}
Result<void> protect(u64 address, u64 length, u32 protection) {
    for (u64 at = 0; at < length; at += base::kPageSize) {
        const auto page = pages.find(address + at);
        if (page == pages.end())
            simulated::fail("protects what is not mapped");
        page->second.protection = protection;
    }
    return {};
}
Result<void> move_mapping(u64 old_address, u64 old_length, u64 new_address, u64 new_length) {
    for (u64 at = 0; at < new_length; at += base::kPageSize)
        if (pages.contains(new_address + at))
            simulated::fail("moves onto something");
    simulated::Page last{};
    for (u64 at = 0; at < base::max(old_length, new_length); at += base::kPageSize) {
        if (at < old_length || at == 0) {
            last = pages.at(old_address + at);
            if (at < old_length)
                pages.erase(old_address + at);
        }
        if (at < new_length)
            pages[new_address + at] = last;
    }
    return {};
}
Result<void> advise(u64, u64, i32) { return {}; }
Result<void> lock_memory(u64, u64, bool) { return {}; }
usize reserved_ranges(AddressRange* ranges, usize) {
    ranges[0] = {0x7fff'f000'0000, 0x7fff'f000'4000};
    return 1;
}
u64 vdso_address() { return 0x7fff'f000'2000; }

} // namespace host

namespace engine {

class Text {};
static Text g_text;

Text* find_text(u64 offset, u64 length, const TextIdentity&) {
    const bool is_known = simulated::engine_knows_text && offset == simulated::kTextOffset &&
                          length == simulated::kTextLength;
    return is_known ? &g_text : nullptr;
}
Text* learn_site(host::Handle, u64 offset, u64 length, const TextIdentity& identity, u64) {
    return find_text(offset, length, identity);
}
u64 trampoline_address(const Text&, u64 address) { return address + simulated::kTrampolineDistance; }
Result<void> map_text(const Text& text, u64 address, u32 protection) {
    (void)host::map_arena(trampoline_address(text, address), kTrampolineSlack, abi::PROT_READ | abi::PROT_EXEC,
                          simulated::kTrampolinesInArena, true);
    return host::map_arena(address, simulated::kTextLength, protection, simulated::kTextInArena, true);
}

} // namespace engine

// What lxcore/mm uses of the rest of lxcore, as far as these tests need it.
namespace lxcore {

void* allocate(usize bytes) { return std::calloc(1, bytes); }
void release(void* memory, usize) { std::free(memory); }
void* Dentry::operator new(usize bytes) noexcept { return allocate(bytes); }
void Mutex::lock() {
    if (m_word.exchange(1))
        simulated::fail("takes a lock twice");
}
void Mutex::unlock() { m_word = 0; }
void note_modified(File&) {}
Result<usize> read_kernel(File&, void* buffer, usize length, u64) {
    std::memcpy(buffer, "\177ELF", base::min<usize>(length, 4));
    return length;
}
Path::Path() {}
Path::~Path() {}
File::~File() {}
Inode::Inode() {}
Inode::~Inode() {}
Inode& Path::inode() const { return *dentry->inode; }

} // namespace lxcore
