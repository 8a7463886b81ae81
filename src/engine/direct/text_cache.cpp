// Patched copies of executable segments, kept in the arena and mapped by every process that runs the file.
//
// A copy is made when the first call site of a segment traps, and is never changed afterwards: a process maps it as a
// whole, at exec or mmap, or in place of the plain mapping while it has one thread. So no running code is ever modified.
//
// Two kinds of site are patched:
//  - A: `mov $nr, %eax; syscall`. The mov becomes `jmp trampoline`; the syscall stays, so that a jump straight to it still
//    traps, and the return address is an instruction boundary as before.
//  - B: `syscall` and the one instruction behind it, when that is one of a few that can run anywhere (a compare, a test, a
//    register move, ret), together 5 bytes or more. Both move to the trampoline. No branch may lead between the two, which a
//    scan of the segment verifies (it takes every byte for a possible branch, so it errs on the safe side), and return
//    addresses of calls that trapped before are translated (executable_rip).
// Other sites go on trapping. rt_sigreturn's is left alone: unwinders recognise signal frames by its bytes.
//
// Trampolines lie behind the image (kTrampolineSlack bytes that the address-space code keeps free), at a distance that is
// the same in every process, and jump to the kernel through GS, so that neither they nor the text need relocation.
#include "engine/direct/text_patch.hpp"
#include "engine/engine.hpp"
#include "lxcore/kernel.hpp"
#include "lxcore/memory/arena.hpp"
#include "lxcore/sync/lock.hpp"

#include "abi/elf.hpp"
#include "abi/mman.hpp"

namespace engine {

using namespace direct;

class Text : public lxcore::ArenaObject {
public:
    Text* next = nullptr; // in its bucket
    TextIdentity identity{};
    u64 offset = 0, length = 0;
    u64 distance = 0;  // from the segment to its trampolines
    u8* copy = nullptr; // null: the segment is not fit for patching
    u8* trampolines = nullptr;
    PatchedSite* sites = nullptr; // sorted by offset
    u32 site_count = 0;

    bool is(u64 at, u64 bytes, const TextIdentity& other) const {
        return offset == at && length == bytes && identity.device == other.device && identity.inode == other.inode &&
               identity.size == other.size && identity.modified_seconds == other.modified_seconds &&
               identity.modified_nanoseconds == other.modified_nanoseconds;
    }
};

namespace {

constexpr u64 kMaxSegmentBytes = 64 << 20;
constexpr u64 kMaxTotalBytes = 1 << 30;
constexpr u32 kMaxSites = kTrampolineSlack / kTrampolineBytes;

struct TextCache : lxcore::ArenaObject {
    lxcore::Mutex lock;
    static constexpr usize kBuckets = 256;
    Text* buckets[kBuckets];
    u64 total_bytes = 0;
};

TextCache& cache() { return *static_cast<TextCache*>(lxcore::kernel().engine); }

usize bucket_of(u64 offset, const TextIdentity& identity) {
    return (identity.inode * 0x9e37'79b9 + offset / base::kPageSize) % TextCache::kBuckets;
}

Text* find_locked(u64 offset, u64 length, const TextIdentity& identity) {
    for (Text* text = cache().buckets[bucket_of(offset, identity)]; text; text = text->next)
        if (text->is(offset, length, identity))
            return text;
    return nullptr;
}

bool read_all(host::Handle file, u64 offset, u8* buffer, u64 length) {
    u64 done = 0;
    while (done < length) {
        const abi::iovec vector{reinterpret_cast<u64>(buffer + done), length - done};
        const auto got = host::read_at(file, &vector, 1, offset + done);
        if (got.is_error())
            return false;
        if (got.value() == 0)
            break; // the last page's rest stays zero, as in a mapping
        done += got.value();
    }
    return true;
}

// Distance from the segment at `offset` to the end of the image; 0 when the file's headers do not say.
u64 distance_to_image_end(host::Handle file, u64 offset) {
    lxcore::PageBuffer page;
    if (!page || !read_all(file, 0, reinterpret_cast<u8*>(page.data()), page.size()))
        return 0;
    const auto& header = *reinterpret_cast<const abi::Elf64_Ehdr*>(page.data());
    if (__builtin_memcmp(page.data(), abi::ELFMAG, 4) != 0 || header.e_phentsize != sizeof(abi::Elf64_Phdr) ||
        header.e_phoff > page.size() || header.e_phnum > (page.size() - header.e_phoff) / sizeof(abi::Elf64_Phdr))
        return 0;
    u64 start = ~u64{0}, end = 0;
    for (u32 i = 0; i < header.e_phnum; ++i) {
        abi::Elf64_Phdr segment;
        __builtin_memcpy(&segment, page.data() + header.e_phoff + i * sizeof(segment), sizeof(segment));
        if (segment.p_type != abi::PT_LOAD || segment.p_memsz > base::kGuestEnd || segment.p_vaddr > base::kGuestEnd)
            continue;
        end = base::max(end, base::page_ceil(segment.p_vaddr + segment.p_memsz));
        if (base::page_floor(segment.p_offset) == offset && (segment.p_flags & abi::PF_X))
            start = base::page_floor(segment.p_vaddr);
    }
    if (start == ~u64{0} || end <= start || end - start > (u64{1} << 30))
        return 0;
    return end - start;
}

// Fills in the copy and its trampolines; leaves text.copy null when it cannot be done.
void make_copy(Text& text, host::Handle file) {
    text.distance = distance_to_image_end(file, text.offset);
    if (!text.distance || text.distance < text.length)
        return;
    const usize pages = text.length / base::kPageSize;
    constexpr usize kTrampolinePages = kTrampolineSlack / base::kPageSize;
    auto* copy = static_cast<u8*>(lxcore::allocate_pages(pages));
    auto* trampolines = static_cast<u8*>(lxcore::allocate_pages(kTrampolinePages));
    auto* sites = static_cast<PatchedSite*>(lxcore::allocate(kMaxSites * sizeof(PatchedSite)));
    u32 count = 0;
    if (copy && trampolines && sites && read_all(file, text.offset, copy, text.length))
        count = patch_segment({copy, text.length, text.distance, trampolines, sites, kMaxSites});
    if (count == 0) {
        if (copy)
            lxcore::release_pages(copy, pages);
        if (trampolines)
            lxcore::release_pages(trampolines, kTrampolinePages);
        lxcore::release(sites, kMaxSites * sizeof(PatchedSite));
        return;
    }
    text.copy = copy;
    text.trampolines = trampolines;
    text.sites = sites;
    text.site_count = count;
    cache().total_bytes += text.length;
}

const PatchedSite* site_by_offset(const Text& text, u64 offset) {
    u32 low = 0, high = text.site_count;
    while (low < high) {
        const u32 middle = (low + high) / 2;
        if (text.sites[middle].offset < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low < text.site_count && text.sites[low].offset == offset ? &text.sites[low] : nullptr;
}

} // namespace

Result<void> initialize() {
    lxcore::kernel().engine = TRY(lxcore::make<TextCache>());
    return {};
}

Text* find_text(u64 offset, u64 length, const TextIdentity& identity) {
    lxcore::LockGuard guard(cache().lock);
    Text* text = find_locked(offset, length, identity);
    return text && text->copy ? text : nullptr;
}

Text* build_text(host::Handle file, u64 offset, u64 length, const TextIdentity& identity) {
    lxcore::LockGuard guard(cache().lock);
    Text* text = find_locked(offset, length, identity);
    if (!text) {
        if (length > kMaxSegmentBytes || length % base::kPageSize || cache().total_bytes > kMaxTotalBytes)
            return nullptr;
        auto made = lxcore::make<Text>();
        if (made.is_error())
            return nullptr;
        text = made.value();
        text->identity = identity;
        text->offset = offset;
        text->length = length;
        make_copy(*text, file);
        Text*& bucket = cache().buckets[bucket_of(offset, identity)];
        text->next = bucket;
        bucket = text;
    }
    return text->copy ? text : nullptr;
}

u64 trampoline_address(const Text& text, u64 address) { return address + text.distance; }

Result<void> map_text(const Text& text, u64 address, u32 protection) {
    // Trampolines first: another thread may run the text as soon as it is there.
    TRY(host::map_arena(trampoline_address(text, address), kTrampolineSlack, abi::PROT_READ | abi::PROT_EXEC,
                        reinterpret_cast<u64>(text.trampolines), true));
    return host::map_arena(address, text.length, protection, reinterpret_cast<u64>(text.copy), true);
}

u64 canonical_rip(u64 rip) {
    TextPlace place{};
    if (!lxcore_find_text(rip, &place))
        return rip;
    const u64 start = trampoline_address(*place.text, place.text_start);
    if (rip < start || rip >= start + kTrampolineSlack)
        return rip;
    const u64 index = (rip - start) / kTrampolineBytes;
    if (index >= place.text->site_count)
        return rip;
    // Trampolines are numbered in the order of their sites.
    const PatchedSite& site = place.text->sites[index];
    return place.text_start + original_offset(site, (rip - start) % kTrampolineBytes);
}

u64 executable_rip(u64 rip) {
    TextPlace place{};
    if (!lxcore_find_text(rip, &place) || rip < place.text_start + 2 || rip >= place.text_start + place.text->length)
        return rip;
    const PatchedSite* site = site_by_offset(*place.text, rip - place.text_start - 2);
    if (!site || site->kind != PatchedSite::Kind::Displaced)
        return rip;
    const u64 index = static_cast<u64>(site - place.text->sites);
    return trampoline_address(*place.text, place.text_start) + index * kTrampolineBytes + kContinuationOffset;
}

} // namespace engine
