// Random operations on an Mm over a simulated host. After each, the record of mappings, the host's pages and a page-by-page
// model of what mmap(2) and its kin promise must agree, and so must the tree's search for gaps and a plain walk.
//
//   address_space_model [STEPS [SEED]]
#include "simulated_host.hpp"

#include "abi/syscall_numbers.hpp"
#include "lxcore/fs/fd_table.hpp"
#include "lxcore/fs/mount.hpp"
#include "lxcore/ipc/pipe.hpp"
#include "lxcore/mm/editor.hpp"
#include "lxcore/syscall/trace.hpp"

#include <cstdio>
#include <cstdlib>

using namespace lxcore;
using simulated::Backing;
using simulated::fail;

namespace {

constexpr u64 kPage = base::kPageSize;
constexpr u64 kAreaStart = 0x1000'0000; // operations at chosen addresses stay in a small area, so that they meet
constexpr u64 kAreaPages = 300;
constexpr u64 kTop = kAreaStart + 400 * kPage;
constexpr u64 kBrkStart = kAreaStart + 500 * kPage;

struct Expected {
    u32 protection;
    bool shared;
    File* file;
    u64 offset;
};
std::map<u64, Expected> g_model; // by page address
u64 g_random = 1;

u64 below(u64 limit) {
    g_random ^= g_random << 13;
    g_random ^= g_random >> 7;
    g_random ^= g_random << 17;
    return g_random % limit;
}

i64 host_call(u64 number, u64 a, u64 b, u64 c = 0, u64 d = 0, u64 e = 0, u64 f = 0) {
    i64 result;
    register u64 r10 asm("r10") = d;
    register u64 r8 asm("r8") = e;
    register u64 r9 asm("r9") = f;
    asm volatile("syscall"
                 : "=a"(result)
                 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                 : "rcx", "r11", "memory");
    return result;
}

class TestInode final : public Inode {};
class TestSuperBlock final : public SuperBlock {};
class TestFile final : public File {
public:
    Result<void> map(MapRequest&) override { return Errno::ENODEV; }
    host::Handle host_handle() override { return 100; }
};

// ---- checks

void check_page(const Vma& vma, u64 address) {
    const auto expected = g_model.find(address);
    if (expected == g_model.end())
        fail("the record has a page that should not be there");
    const Expected& want = expected->second;
    const u64 offset = vma.file ? vma.offset + (address - vma.start) : 0;
    if (vma.protection != want.protection || bool(vma.flags & abi::MAP_SHARED) != want.shared ||
        vma.file.get() != want.file || offset != want.offset)
        fail("the record differs from the model");
    const auto page = simulated::pages.find(address);
    if (page == simulated::pages.end() || page->second.protection != want.protection)
        fail("the host's protection differs");
    Backing backing = want.shared ? Backing::Shared : Backing::Anonymous;
    if (want.file)
        backing = want.shared ? Backing::SharedFile : Backing::PrivateFile;
    u64 host_offset = want.offset;
    if (vma.text) {
        backing = Backing::Arena;
        host_offset = simulated::kTextInArena + (address - vma.text_start);
    }
    if (page->second.backing != backing || page->second.offset != host_offset)
        fail("the host shows something else");
}

void check_trampolines(const Mm& mm, const Vma& text) {
    const u64 start = text.text_start + simulated::kTrampolineDistance;
    const Vma* slack = VmaTree::find(mm, start);
    if (!slack || slack->hidden != Hidden::Slack || slack->start != start || slack->text_start != text.text_start)
        fail("a text has lost the room of its trampolines");
    for (u64 at = 0; at < engine::kTrampolineSlack; at += kPage) {
        const auto page = simulated::pages.find(start + at);
        if (page == simulated::pages.end() || page->second.offset != simulated::kTrampolinesInArena + at)
            fail("a text has lost its trampolines");
    }
}

u64 highest_gap_by_walk(const Mm& mm, u64 length, u64 low, u64 high) {
    u64 best = 0, from = 0;
    const auto consider = [&](u64 start, u64 end) {
        start = base::max(start, low);
        end = base::min(end, high);
        if (end > start && end - start >= length)
            best = base::max(best, end - length);
    };
    for (const Vma* vma = VmaTree::first(mm); vma; vma = VmaTree::next(mm, *vma)) {
        u64 end = vma->start;
        if (vma->flags & abi::MAP_GROWSDOWN)
            end = base::max(from, end - kStackGuardGap);
        consider(from, end);
        from = vma->end;
    }
    consider(from, ~u64{0});
    return best;
}

void check(const Mm& mm) {
    u64 last_end = 0, bytes = 0;
    u32 count = 0;
    std::map<u64, bool> slack;
    for (const Vma* vma = VmaTree::first(mm); vma; vma = VmaTree::next(mm, *vma)) {
        if (vma->start < last_end || vma->start >= vma->end)
            fail("the list is out of order");
        last_end = vma->end;
        if (VmaTree::find(mm, vma->start) != vma || VmaTree::find(mm, vma->end - 1) != vma)
            fail("the tree does not find what the list has");
        if (vma->hidden == Hidden::Slack)
            for (u64 at = vma->start; at < vma->end; at += kPage)
                slack[at] = true;
        if (vma->hidden != Hidden::No)
            continue;
        ++count;
        bytes += vma->length();
        for (u64 at = vma->start; at < vma->end; at += kPage)
            check_page(*vma, at);
        if (vma->text)
            check_trampolines(mm, *vma);
    }
    if (count != mm.count() || bytes != mm.total_bytes || bytes != g_model.size() * kPage)
        fail("the sums differ");
    for (const auto& [address, page] : simulated::pages)
        if (!g_model.contains(address) && !slack.contains(address))
            fail("the host has kept something");
    for (int i = 0; i < 3; ++i) {
        const u64 length = (1 + below(40)) * kPage, high = kAreaStart + below(600) * kPage;
        if (VmaTree::highest_gap(mm, length, base::kGuestLowest, high) !=
            highest_gap_by_walk(mm, length, base::kGuestLowest, high))
            fail("the tree finds another gap than a walk");
    }
}

// ---- operations

bool is_mapped(u64 address, u64 length) {
    for (u64 at = 0; at < length; at += kPage)
        if (g_model.contains(address + at))
            return true;
    return false;
}

void forget(u64 address, u64 length) {
    for (u64 at = 0; at < length; at += kPage)
        g_model.erase(address + at);
}

void expect(u64 address, u64 length, const Expected& what) {
    for (u64 at = 0; at < length; at += kPage) {
        g_model[address + at] = what;
        g_model[address + at].offset = what.file ? what.offset + at : 0;
    }
}

void map_something(Mm& mm, u64 address, u64 length, File* file) {
    const bool shared = below(4) == 0;
    u32 protection = static_cast<u32>(below(8)), flags = shared ? abi::MAP_SHARED : abi::MAP_PRIVATE;
    u64 offset = below(8) * kPage;
    bool is_text = false;
    if (file && below(2)) {
        is_text = true;
        offset = simulated::kTextOffset;
        length = simulated::kTextLength;
        protection = abi::PROT_READ | abi::PROT_EXEC;
        flags = abi::MAP_PRIVATE;
    }
    if (!file && !shared && below(10) == 0)
        flags |= abi::MAP_GROWSDOWN;
    enum { kFixed, kNoReplace, kHint, kAnywhere };
    const u64 how = below(4);
    if (how == kFixed)
        flags |= abi::MAP_FIXED;
    if (how == kNoReplace)
        flags |= abi::MAP_FIXED_NOREPLACE;
    const bool was_mapped = is_mapped(address, length);
    const auto mapped = mm.map(how == kAnywhere ? 0 : address, length, protection, flags, RefPtr<File>(file), offset);
    if (mapped.is_error()) {
        if (how != kNoReplace || !was_mapped || mapped.error() != Errno::EEXIST)
            fail("mmap fails");
        return;
    }
    if (how <= kNoReplace && mapped.value() != address)
        fail("mmap does not keep to MAP_FIXED");
    if (how != kFixed && is_mapped(mapped.value(), length))
        fail("mmap replaces what is there");
    expect(mapped.value(), length, {protection, is_text ? false : shared, file, offset});
}

void protect_something(Mm& mm, u64 address, u64 length) {
    const u32 protection = static_cast<u32>(below(8));
    u64 whole = 0;
    while (whole < length && g_model.contains(address + whole))
        whole += kPage;
    if (mm.protect(address, length, protection).is_ok() != (whole == length))
        fail("mprotect's result");
    for (u64 at = 0; at < whole; at += kPage)
        g_model[address + at].protection = protection;
}

void remap_something(Mm& mm, u64 address, u64 length) {
    u64 new_length = (1 + below(20)) * kPage;
    u32 flags = static_cast<u32>(below(2)); // MREMAP_MAYMOVE
    if (below(3) == 0) {
        flags = abi::MREMAP_MAYMOVE | abi::MREMAP_FIXED;
    } else if (below(5) == 0) {
        flags = abi::MREMAP_MAYMOVE | abi::MREMAP_DONTUNMAP;
        new_length = length;
    }
    const std::map<u64, Expected> before = g_model;
    const u64 target = kAreaStart + below(kAreaPages) * kPage;
    const auto moved = mm.remap(address, length, new_length, flags, target);
    if (moved.is_error())
        return;
    const bool stays = moved.value() == address && !(flags & (abi::MREMAP_FIXED | abi::MREMAP_DONTUNMAP));
    if (stays && new_length <= length) { // the rest may have holes: nobody looks at it
        forget(address + new_length, length - new_length);
        return;
    }
    if (flags & abi::MREMAP_FIXED)
        forget(target, new_length);
    else if (!stays && is_mapped(moved.value(), new_length))
        fail("mremap replaces what is there");
    if (!(flags & abi::MREMAP_DONTUNMAP))
        forget(address, length);
    Expected page{};
    for (u64 at = 0; at < new_length; at += kPage) {
        if (at < length)
            page = before.at(address + at);
        else if (page.file)
            page.offset += kPage;
        if (at >= length && stays && before.contains(address + at))
            fail("mremap grows into something");
        g_model[moved.value() + at] = page;
    }
}

void move_break(Mm& mm) {
    const u64 target = kBrkStart + below(30 * kPage), old_end = base::page_ceil(mm.brk);
    const auto moved = mm.set_brk(target);
    if (moved.is_error() || moved.value() != target)
        return;
    const u64 new_end = base::page_ceil(target);
    if (new_end > old_end && is_mapped(old_end, new_end - old_end))
        fail("the break grows into something");
    if (new_end > old_end)
        expect(old_end, new_end - old_end, {abi::PROT_READ | abi::PROT_WRITE, false, nullptr, 0});
    else
        forget(new_end, old_end - new_end);
}

void step(Mm& mm, TestFile* const (&files)[2]) {
    const u64 address = kAreaStart + below(kAreaPages) * kPage, length = (1 + below(20)) * kPage;
    switch (below(13)) {
    case 0:
    case 1:
    case 2: map_something(mm, address, length, nullptr); break;
    case 3:
    case 4: map_something(mm, address, length, files[below(2)]); break;
    case 5:
    case 6:
        if (mm.unmap(address, length).is_error())
            fail("munmap fails");
        forget(address, length);
        break;
    case 7:
    case 8: protect_something(mm, address, length); break;
    case 9:
    case 10: remap_something(mm, address, length); break;
    case 11: move_break(mm); break;
    default:
        (void)mm.change_marks(address, length, below(2) ? u32{kAdviceDontDump} : 0, below(2) ? u32{kAdviceDontDump} : 0,
                              below(4) == 0, below(4) == 0);
        lxcore_improve_text(address + 2);
        break;
    }
    simulated::engine_knows_text = below(3) != 0;
}

// The current task, as kernel code finds it, and the page of the arena that holds the kernel's state.
Task& make_current_task() {
    constexpr u64 kSetGs = 0x1001;
    alignas(host::kThreadBlockBytes) static u8 block[host::kTaskBytes];
    const u64 arena = static_cast<u64>(
        host_call(abi::SYS_mmap, base::kArenaBase, kPage, abi::PROT_READ | abi::PROT_WRITE,
                  abi::MAP_PRIVATE | abi::MAP_ANONYMOUS | abi::MAP_FIXED_NOREPLACE, ~u64{0}, 0));
    Task* task = new (block) Task;
    task->self = task;
    task->is_kernel_thread = true; // no limits
    if (arena != base::kArenaBase || host_call(abi::SYS_arch_prctl, kSetGs, reinterpret_cast<u64>(block), 0) != 0)
        fail("setting up");
    return *task;
}

} // namespace

int main(int argc, char** argv) {
    const int steps = argc > 1 ? std::atoi(argv[1]) : 4000;
    g_random = argc > 2 ? std::strtoull(argv[2], nullptr, 0) : 1;
    Task& task = make_current_task();
    RefPtr<Inode> inode = make_ref<TestInode>().release_value();
    inode->mode = abi::S_IFREG | 0755;
    RefPtr<Dentry> dentry = make_ref<Dentry>().release_value();
    dentry->inode = inode;
    TestFile* files[2];
    for (TestFile*& file : files) {
        file = make_ref<TestFile>().release_value().leak();
        file->flags = abi::O_RDWR;
        file->path.dentry = dentry;
    }
    RefPtr<Mm> mm = Mm::create().release_value();
    task.mm = mm;
    task.credentials = make_ref<Credentials>().release_value();
    mm->mmap_top = kTop;
    mm->brk_start = mm->brk = kBrkStart;
    for (int i = 1; i <= steps; ++i) {
        step(*mm, files);
        check(*mm);
        if (i % 1000 == 0) {
            mm->lock.lock();
            RefPtr<Mm> copy = mm->clone_locked().release_value();
            mm->lock.unlock();
            check(*copy);
        }
        if (i % 3000 == 0) {
            mm->unmap_everything();
            if (!simulated::pages.empty())
                fail("unmap_everything leaves something");
            g_model.clear();
            mm->brk = kBrkStart;
        }
    }
    std::printf("ok: %d steps\n", steps);
    return 0;
}
