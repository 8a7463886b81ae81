#include "engine/direct/text_patch.hpp"

#include "abi/syscall_numbers.hpp"
#include "lxcore/memory/arena.hpp"

namespace engine::direct {

namespace {

constexpr u32 kMovBytes = 5;
constexpr u32 kJumpBytes = 5;
constexpr u32 kMaxNumber = 512;

u32 read32(const u8* at) {
    u32 value;
    __builtin_memcpy(&value, at, 4);
    return value;
}

void write32(u8* at, i64 value) {
    const auto narrow = static_cast<i32>(value);
    __builtin_memcpy(at, &narrow, 4);
}

// Length of the instruction at `at` if it can run anywhere and leaves RIP alone (ret excepted), else 0. `left` bytes are there.
u32 movable_instruction(const u8* at, u64 left) {
    if (left < 8)
        return 0;
    if (at[0] == 0x48) {
        if (at[1] == 0x3d)
            return 6; // cmp $imm32, %rax
        if (at[1] == 0x83 && at[2] == 0xf8)
            return 4; // cmp $imm8, %rax
        if ((at[1] == 0x89 || at[1] == 0x8b || at[1] == 0x85 || at[1] == 0x63) && (at[2] & 0xc0) == 0xc0)
            return 3; // mov, test, movslq between registers
        if (at[1] == 0x89 && (at[2] & 0xc7) == 0x44 && at[3] == 0x24)
            return 5; // mov %reg, disp8(%rsp)
    }
    if (at[0] == 0x49 && at[1] == 0x89 && (at[2] & 0xc0) == 0xc0)
        return 3; // mov %reg, %r8..r15
    if (at[0] == 0x41 && at[1] == 0x89 && (at[2] & 0xc0) == 0xc0)
        return 3;
    if (at[0] == 0x3d)
        return 5; // cmp $imm32, %eax
    // ret and the padding behind it, which nothing executes.
    if (at[0] == 0xc3 && ((at[1] == 0x0f && at[2] == 0x1f) || (at[1] == 0x66 && (at[2] == 0x90 || at[2] == 0x2e ||
                          at[2] == 0x0f)) || (at[1] == 0x90 && at[2] == 0x90) || (at[1] == 0xcc && at[2] == 0xcc)))
        return 3;
    return 0;
}

// The site at a `syscall` instruction at `i`, if it can be patched.
bool find_site(const Segment& segment, u64 i, u64 free_from, PatchedSite& site) {
    const u8* bytes = segment.bytes;
    if (i >= free_from + kMovBytes && bytes[i - kMovBytes] == 0xb8) {
        const u32 number = read32(bytes + i - 4);
        // With a REX prefix before it, it loads another register.
        const bool has_prefix = i > kMovBytes && (bytes[i - kMovBytes - 1] & 0xf0) == 0x40;
        if (number < kMaxNumber && number != abi::SYS_rt_sigreturn && !has_prefix) {
            site = {static_cast<u32>(i - kMovBytes), PatchedSite::Kind::Number, 0};
            return true;
        }
    }
    // mov $15, %rax (7 bytes) before it: the signal return stub.
    if (i >= 7 && bytes[i - 7] == 0x48 && bytes[i - 6] == 0xc7 && read32(bytes + i - 4) == abi::SYS_rt_sigreturn)
        return false;
    if (i >= 5 && bytes[i - 5] == 0xb8 && read32(bytes + i - 4) == abi::SYS_rt_sigreturn)
        return false;
    const u32 moved = movable_instruction(bytes + i + 2, segment.length - i - 2);
    if (moved == 0)
        return false;
    site = {static_cast<u32>(i), PatchedSite::Kind::Displaced, static_cast<u8>(moved)};
    return true;
}

// Drops displaced sites into whose inside some branch may lead.
u32 drop_branch_targets(const Segment& segment, u32 count) {
    const usize map_bytes = segment.length / 8 + 1;
    auto* inside = static_cast<u8*>(lxcore::allocate(map_bytes));
    const auto forget_displaced = [&] {
        u32 kept = 0;
        for (u32 i = 0; i < count; ++i)
            if (segment.sites[i].kind == PatchedSite::Kind::Number)
                segment.sites[kept++] = segment.sites[i];
        return kept;
    };
    if (!inside)
        return forget_displaced();
    const auto set = [&](u64 offset, bool value) {
        if (value)
            inside[offset / 8] |= static_cast<u8>(1u << (offset % 8));
        else
            inside[offset / 8] &= static_cast<u8>(~(1u << (offset % 8)));
    };
    const auto is_set = [&](u64 offset) { return (inside[offset / 8] >> (offset % 8)) & 1; };
    for (u32 i = 0; i < count; ++i)
        if (segment.sites[i].kind == PatchedSite::Kind::Displaced)
            for (u32 at = 2; at < 2u + segment.sites[i].moved_bytes; ++at)
                set(segment.sites[i].offset + at, true);
    const auto check = [&](i64 target) {
        if (target >= 0 && target < static_cast<i64>(segment.length) && is_set(static_cast<u64>(target)))
            set(static_cast<u64>(target), false); // marks the site as hit
    };
    const u8* bytes = segment.bytes;
    for (u64 i = 0; i + 6 < segment.length; ++i) {
        const u8 code = bytes[i];
        const auto at = static_cast<i64>(i);
        if (code == 0xe8 || code == 0xe9)
            check(at + 5 + static_cast<i32>(read32(bytes + i + 1)));
        else if (code == 0x0f && (bytes[i + 1] & 0xf0) == 0x80)
            check(at + 6 + static_cast<i32>(read32(bytes + i + 2)));
        else if (code == 0xeb || (code & 0xf0) == 0x70 || (code & 0xfc) == 0xe0)
            check(at + 2 + static_cast<i8>(bytes[i + 1]));
    }
    u32 kept = 0;
    for (u32 i = 0; i < count; ++i) {
        const PatchedSite site = segment.sites[i];
        bool hit = false;
        if (site.kind == PatchedSite::Kind::Displaced)
            for (u32 at = 2; at < 2u + site.moved_bytes; ++at)
                hit |= !is_set(site.offset + at);
        if (!hit)
            segment.sites[kept++] = site;
    }
    lxcore::release(inside, map_bytes);
    return kept;
}

class Emitter {
public:
    Emitter(u8* at, u64 offset) : m_at(at), m_offset(offset) {}
    void byte(u8 value) { *m_at++ = value, ++m_offset; }
    void bytes(const u8* values, usize count) {
        for (usize i = 0; i < count; ++i)
            byte(values[i]);
    }
    void word(i64 value) {
        write32(m_at, value);
        m_at += 4;
        m_offset += 4;
    }
    // Offsets are from the segment's start.
    void relative(i64 target) { word(target - static_cast<i64>(m_offset) - 4); }
    void load_return_address(i64 target) { // lea target(%rip), %rcx
        byte(0x48), byte(0x8d), byte(0x0d);
        relative(target);
    }
    void enter_kernel() { // jmp *%gs:0x20 (ThreadBlock::entry)
        static constexpr u8 kCode[] = {0x65, 0xff, 0x24, 0x25, 0x20, 0, 0, 0};
        bytes(kCode, sizeof(kCode));
    }
    void jump(i64 target) {
        byte(0xe9);
        relative(target);
    }

private:
    u8* m_at;
    u64 m_offset;
};

void patch(const Segment& segment, u32 index) {
    const PatchedSite& site = segment.sites[index];
    u8* bytes = segment.bytes + site.offset;
    const u64 trampoline = segment.distance + u64{index} * kTrampolineBytes;
    Emitter out(segment.trampolines + u64{index} * kTrampolineBytes, trampoline);
    if (site.kind == PatchedSite::Kind::Number) {
        out.bytes(bytes, kMovBytes);
        out.load_return_address(site.offset + kMovBytes + 2);
        out.enter_kernel();
    } else {
        out.load_return_address(static_cast<i64>(trampoline + kContinuationOffset));
        out.enter_kernel();
        out.byte(0x0f), out.byte(0x05); // restarted calls begin here: it traps
        out.bytes(bytes + 2, site.moved_bytes);
        out.jump(site.offset + 2 + site.moved_bytes);
    }
    Emitter in_place(bytes, site.offset);
    in_place.jump(static_cast<i64>(trampoline));
    if (site.kind == PatchedSite::Kind::Displaced)
        for (u32 i = kJumpBytes; i < 2u + site.moved_bytes; ++i)
            in_place.byte(0x90);
}

} // namespace

u32 patch_segment(const Segment& segment) {
    u32 count = 0;
    u64 free_from = 0; // first byte that no site found so far takes
    bool displaces = false;
    for (u64 i = 0; i + 10 < segment.length && count < segment.max_sites; ++i) {
        if (segment.bytes[i] != 0x0f || segment.bytes[i + 1] != 0x05 || i < free_from)
            continue;
        PatchedSite site{};
        if (!find_site(segment, i, free_from, site))
            continue;
        segment.sites[count++] = site;
        displaces |= site.kind == PatchedSite::Kind::Displaced;
        free_from = i + 2 + site.moved_bytes;
    }
    if (displaces)
        count = drop_branch_targets(segment, count);
    for (u32 i = 0; i < count; ++i)
        patch(segment, i);
    return count;
}

u64 original_offset(const PatchedSite& site, u64 trampoline_offset) {
    if (site.kind == PatchedSite::Kind::Number)
        // Behind the mov only %rcx differs from the state before the syscall instruction, which changes it anyhow.
        return trampoline_offset < kMovBytes ? site.offset : site.offset + kMovBytes;
    if (trampoline_offset < kContinuationOffset)
        return site.offset;
    return trampoline_offset < kContinuationOffset + site.moved_bytes ? site.offset + 2
                                                                      : site.offset + 2 + site.moved_bytes;
}

} // namespace engine::direct
