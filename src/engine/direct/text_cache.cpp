// Patched copies of executable segments, kept in the arena and mapped by every process that runs the file.
//
// A segment's record collects the call sites that have trapped: each is known to be real because the processor executed it.
// Once the traps at sites that no copy has patched have cost about what a new copy costs, a new generation of the copy is made
// with all sites known by then. A copy is never changed afterwards: a process maps it as a whole, at exec or mmap, or in place
// of the mapping that it has while it has one thread. So no running code is ever modified.
//
// Two kinds of site are patched:
//  - A: `mov $nr, %eax; syscall`. The mov becomes `jmp trampoline`; the syscall stays, so that a jump straight to it still
//    traps, and the return address is an instruction boundary as before.
//  - B: `syscall` and the one instruction behind it, when that is one of a few that can run anywhere (a compare, a test, a
//    register move, ret), together 5 bytes or more. Both move to the trampoline. No branch may lead between the two, which a
//    scan of the neighbourhood verifies, and return addresses of calls that trapped before are translated (executable_rip).
// Other sites go on trapping.
//
// Trampolines lie behind the image (kTrampolineSlack bytes that the address-space code keeps free), at a distance that is
// the same in every process, and jump to the kernel through GS, so that neither they nor the text need relocation. A site
// keeps its trampoline in all generations: a return address in one stays good when a newer copy is mapped.
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
    u64 length = 0;
    u64 distance = 0; // from the segment to its trampolines
    u8* copy = nullptr;
    u8* trampolines = nullptr;
    const PatchedSite* sites = nullptr; // in the order of their trampolines
    u32 site_count = 0;
};

namespace {

constexpr u64 kMaxSegmentBytes = 64 << 20;
constexpr u64 kMaxTotalBytes = 1 << 30;
constexpr u32 kMaxSites = kTrampolineSlack / kTrampolineBytes;

// What is known of one executable segment.
struct Record : lxcore::ArenaObject {
    Record* next = nullptr; // in its bucket
    TextIdentity identity{};
    u64 offset = 0, length = 0;
    u64 distance = 0;       // 0: not fit for patching
    lxcore::Vector<PatchedSite> sites; // in the order in which they were learned
    lxcore::Vector<u32> unfit;         // syscall offsets that cannot be patched
    Text* text = nullptr;   // the newest generation; has the first `text->site_count` sites
    u32 generations = 0;
    u64 pending_traps = 0;  // at sites that `text` has not patched

    bool is(u64 at, u64 bytes, const TextIdentity& other) const {
        return offset == at && length == bytes && identity.device == other.device && identity.inode == other.inode &&
               identity.size == other.size && identity.modified_seconds == other.modified_seconds &&
               identity.modified_nanoseconds == other.modified_nanoseconds;
    }
};

struct TextCache : lxcore::ArenaObject {
    lxcore::Mutex lock;
    static constexpr usize kBuckets = 128;
    Record* buckets[kBuckets];
    u64 total_bytes = 0;
};

TextCache& cache() { return *static_cast<TextCache*>(lxcore::kernel().engine); }

usize bucket_of(u64 offset, const TextIdentity& identity) {
    return (identity.inode * 0x9e37'79b9 + offset / base::kPageSize) % TextCache::kBuckets;
}

Record* find_record(u64 offset, u64 length, const TextIdentity& identity) {
    for (Record* record = cache().buckets[bucket_of(offset, identity)]; record; record = record->next)
        if (record->is(offset, length, identity))
            return record;
    return nullptr;
}

bool read_all(host::Handle file, u64 offset, u8* buffer, u64 length) {
    u64 done = 0;
    while (done < length) {
        const abi::iovec vector{reinterpret_cast<u64>(buffer + done), length - done};
        const auto got = host::read_at(file, &vector, 1, offset + done);
        --host::current_block()->host_file_calls; // not the doing of the guest's file operation
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

Record* make_record(host::Handle file, u64 offset, u64 length, const TextIdentity& identity) {
    auto made = lxcore::make<Record>();
    if (made.is_error())
        return nullptr;
    Record* record = made.value();
    record->identity = identity;
    record->offset = offset;
    record->length = length;
    if (length <= kMaxSegmentBytes && length % base::kPageSize == 0)
        record->distance = distance_to_image_end(file, offset);
    if (record->distance < length)
        record->distance = 0;
    Record*& bucket = cache().buckets[bucket_of(offset, identity)];
    record->next = bucket;
    bucket = record;
    return record;
}

// The next generation, with every site known.
void make_generation(Record& record, host::Handle file) {
    constexpr usize kTrampolinePages = kTrampolineSlack / base::kPageSize;
    const usize pages = record.length / base::kPageSize;
    const u32 count = static_cast<u32>(record.sites.size());
    if (cache().total_bytes + record.length > kMaxTotalBytes)
        return;
    auto* copy = static_cast<u8*>(lxcore::allocate_pages(pages));
    auto* trampolines = static_cast<u8*>(lxcore::allocate_pages(kTrampolinePages));
    auto* sites = static_cast<PatchedSite*>(lxcore::allocate(count * sizeof(PatchedSite)));
    auto made = lxcore::make<Text>();
    if (!copy || !trampolines || !sites || made.is_error() || !read_all(file, record.offset, copy, record.length)) {
        if (copy)
            lxcore::release_pages(copy, pages);
        if (trampolines)
            lxcore::release_pages(trampolines, kTrampolinePages);
        lxcore::release(sites, count * sizeof(PatchedSite));
        if (made.is_ok())
            delete made.value();
        return;
    }
    Text* text = made.value();
    text->length = record.length;
    text->distance = record.distance;
    text->copy = copy;
    text->trampolines = trampolines;
    for (u32 i = 0; i < count; ++i) {
        sites[i] = record.sites[i];
        patch_site({copy, record.length, record.distance, trampolines}, sites[i], i);
    }
    text->sites = sites;
    text->site_count = count;
    // Processes may run the one before for as long as they live; it stays. The growing price of a generation bounds
    // how many there are.
    record.text = text;
    ++record.generations;
    record.pending_traps = 0;
    cache().total_bytes += record.length;
}

// Whether the traps so far have cost what a copy costs (about half as much a page as a trap).
bool is_worth_a_generation(const Record& record) {
    const u32 patched = record.text ? record.text->site_count : 0;
    return record.sites.size() > patched &&
           2 * record.pending_traps >= (record.length / base::kPageSize + 8) * (record.generations + 1);
}

// Notes a trap at a syscall instruction.
void learn(Record& record, host::Handle file, u32 offset) {
    for (const u32 unfit : record.unfit)
        if (unfit == offset)
            return;
    ++record.pending_traps;
    for (const PatchedSite& site : record.sites)
        if (site.syscall_offset() == offset)
            return;
    // The bytes around the site, as the file has them.
    constexpr u64 kReach = 40 * 1024;
    const u64 start = offset > kReach ? base::page_floor(offset - kReach) : 0;
    const u64 end = base::min(record.length, u64{offset} + kReach);
    PatchedSite site{};
    bool is_fit = false;
    lxcore::PageBuffer buffer((end - start + base::kPageSize - 1) / base::kPageSize);
    if (buffer && record.sites.size() < kMaxSites &&
        read_all(file, record.offset + start, reinterpret_cast<u8*>(buffer.data()), end - start))
        is_fit = classify_site(reinterpret_cast<u8*>(buffer.data()), end - start, static_cast<u32>(offset - start), site);
    site.offset += static_cast<u32>(start);
    for (const PatchedSite& other : record.sites)
        if (is_fit && site.offset < other.end_offset() && other.offset < site.end_offset())
            is_fit = false; // they share bytes
    if (is_fit)
        (void)record.sites.push_back(site);
    else
        (void)record.unfit.push_back(offset);
}

} // namespace

Result<void> initialize() {
    lxcore::kernel().engine = TRY(lxcore::make<TextCache>());
    return {};
}

Text* find_text(u64 offset, u64 length, const TextIdentity& identity) {
    lxcore::LockGuard guard(cache().lock);
    const Record* record = find_record(offset, length, identity);
    return record ? record->text : nullptr;
}

Text* learn_site(host::Handle file, u64 offset, u64 length, const TextIdentity& identity, u64 site) {
    lxcore::LockGuard guard(cache().lock);
    Record* record = find_record(offset, length, identity);
    if (!record)
        record = make_record(file, offset, length, identity);
    if (!record || !record->distance)
        return nullptr;
    learn(*record, file, static_cast<u32>(site));
    if (is_worth_a_generation(*record))
        make_generation(*record, file);
    return record->text;
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
    const PatchedSite& site = place.text->sites[index];
    return place.text_start + original_offset(site, (rip - start) % kTrampolineBytes);
}

u64 executable_rip(u64 rip) {
    TextPlace place{};
    if (!lxcore_find_text(rip, &place) || rip < place.text_start + 2 || rip >= place.text_start + place.text->length)
        return rip;
    const u64 offset = rip - place.text_start - 2;
    for (u32 index = 0; index < place.text->site_count; ++index) {
        const PatchedSite& site = place.text->sites[index];
        if (site.offset == offset && site.kind == PatchedSite::Kind::Displaced)
            return trampoline_address(*place.text, place.text_start) + u64{index} * kTrampolineBytes +
                   kContinuationOffset;
    }
    return rip;
}

} // namespace engine
