#include "engine/direct/text_patch.hpp"

#include "abi/syscall_numbers.hpp"

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

// Whether a branch in the neighbourhood may lead into [from, to). Every byte is taken for a possible branch, so that this errs
// on the safe side; compilers' branches stay within a function, far less than the window.
bool may_be_branch_target(const u8* bytes, u64 length, u64 from, u64 to) {
    constexpr u64 kWindow = 32 * 1024;
    const u64 start = from > kWindow ? from - kWindow : 0;
    const u64 end = base::min(length - 6, to + kWindow);
    for (u64 i = start; i < end; ++i) {
        const u8 code = bytes[i];
        const auto at = static_cast<i64>(i);
        i64 target;
        if (code == 0xe8 || code == 0xe9)
            target = at + 5 + static_cast<i32>(read32(bytes + i + 1));
        else if (code == 0x0f && (bytes[i + 1] & 0xf0) == 0x80)
            target = at + 6 + static_cast<i32>(read32(bytes + i + 2));
        else if (code == 0xeb || (code & 0xf0) == 0x70 || (code & 0xfc) == 0xe0)
            target = at + 2 + static_cast<i8>(bytes[i + 1]);
        else
            continue;
        if (target >= static_cast<i64>(from) && target < static_cast<i64>(to))
            return true;
    }
    return false;
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

} // namespace

bool classify_site(const u8* bytes, u64 length, u32 offset, PatchedSite& site) {
    const u64 i = offset;
    if (i + 16 > length || bytes[i] != 0x0f || bytes[i + 1] != 0x05)
        return false;
    // The signal return stubs are left alone: unwinders recognise them by their bytes.
    const bool has_number = i >= kMovBytes && bytes[i - kMovBytes] == 0xb8;
    if (i >= 7 && bytes[i - 7] == 0x48 && bytes[i - 6] == 0xc7 && read32(bytes + i - 4) == abi::SYS_rt_sigreturn)
        return false;
    if (has_number && read32(bytes + i - 4) == abi::SYS_rt_sigreturn)
        return false;
    // With a REX prefix before it, the mov loads another register.
    const bool has_prefix = i > kMovBytes && (bytes[i - kMovBytes - 1] & 0xf0) == 0x40;
    if (has_number && !has_prefix && read32(bytes + i - 4) < kMaxNumber) {
        site = {static_cast<u32>(i - kMovBytes), PatchedSite::Kind::Number, 0};
        return true;
    }
    const u32 moved = movable_instruction(bytes + i + 2, length - i - 2);
    if (moved == 0 || may_be_branch_target(bytes, length, i + 2, i + 2 + moved))
        return false;
    site = {offset, PatchedSite::Kind::Displaced, static_cast<u8>(moved)};
    return true;
}

void patch_site(const Segment& segment, const PatchedSite& site, u32 index) {
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
