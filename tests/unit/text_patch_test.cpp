// Patching of call sites on hand-assembled text. Trampolines are executed nowhere here; their bytes are
// decoded.
#include "kernel_test.hpp"

#include "engine/direct/text_patch.hpp"

using namespace engine::direct;

namespace {

constexpr u64 kDistance = 0x10000; // from text to trampolines
using Bytes = std::vector<u8>;

const Bytes kSyscall = {0x0f, 0x05};
const Bytes kCompare = {0x48, 0x3d, 0x00, 0xf0, 0xff, 0xff}; // cmp $-4096, %rax
const Bytes kNops(16, 0x90);

Bytes mov_number(u32 number) {
    return {0xb8, static_cast<u8>(number), static_cast<u8>(number >> 8), 0, 0};
}

Bytes operator+(Bytes left, const Bytes& right) {
    left.insert(left.end(), right.begin(), right.end());
    return left;
}

i32 read32(const u8* at) {
    i32 value;
    std::memcpy(&value, at, 4);
    return value;
}

// A text after patching of every syscall instruction in it, as if each had been executed.
struct Patched {
    explicit Patched(Bytes text) : original(text), bytes(std::move(text)) {
        for (u32 i = 0; i + 1 < original.size(); ++i) {
            PatchedSite site{};
            if (classify_site(original.data(), original.size(), i, site))
                sites.push_back(site);
        }
        trampolines.resize(sites.size() * kTrampolineBytes);
        const Segment segment{bytes.data(), bytes.size(), kDistance, trampolines.data()};
        for (u32 i = 0; i < sites.size(); ++i)
            patch_site(segment, sites[i], i);
    }
    // Where the jmp rel32 at `offset` of the text leads.
    u64 jump_target(u64 offset) const {
        EXPECT_EQ(bytes[offset], 0xe9);
        return offset + 5 + static_cast<i64>(read32(&bytes[offset + 1]));
    }
    const u8* trampoline(usize index) const { return &trampolines[index * kTrampolineBytes]; }
    // The bytes of the text that differ from the original.
    std::vector<u64> changed() const {
        std::vector<u64> offsets;
        for (u64 i = 0; i < bytes.size(); ++i)
            if (bytes[i] != original[i])
                offsets.push_back(i);
        return offsets;
    }
    Bytes original, bytes, trampolines;
    std::vector<PatchedSite> sites;
};

// lea disp(%rip), %rcx; jmp *%gs:0x20 at `code`, which lies at `offset`: the address that goes to %rcx.
u64 return_address(const u8* code, u64 offset) {
    const u8 lea[] = {0x48, 0x8d, 0x0d}, jump[] = {0x65, 0xff, 0x24, 0x25, 0x20, 0, 0, 0};
    EXPECT_EQ(std::memcmp(code, lea, 3), 0);
    EXPECT_EQ(std::memcmp(code + 7, jump, 8), 0);
    return offset + 7 + static_cast<i64>(read32(code + 3));
}

} // namespace

TEST(TextPatch, NumberSite) {
    const Patched text(kNops + mov_number(39) + kSyscall + kNops);
    ASSERT_EQ(text.sites.size(), 1u);
    EXPECT_EQ(text.sites[0].kind, PatchedSite::Kind::Number);
    EXPECT_EQ(text.sites[0].offset, 16u);
    EXPECT_EQ(text.sites[0].syscall_offset(), 21u);
    EXPECT_EQ(text.sites[0].end_offset(), 23u);
    EXPECT_EQ(text.jump_target(16), kDistance);
    // The syscall instruction stays: a thread about to execute it still traps.
    EXPECT_EQ(text.bytes[21], 0x0f);
    EXPECT_EQ(text.bytes[22], 0x05);
    // mov $39, %eax; then into the kernel, to return behind the syscall.
    EXPECT_EQ(std::memcmp(text.trampoline(0), mov_number(39).data(), 5), 0);
    EXPECT_EQ(return_address(text.trampoline(0) + 5, kDistance + 5), 23u);
}

TEST(TextPatch, DisplacedSite) {
    // xor %eax, %eax; syscall; cmp: glibc's read.
    const Patched text(kNops + Bytes{0x31, 0xc0} + kSyscall + kCompare + kNops);
    ASSERT_EQ(text.sites.size(), 1u);
    EXPECT_EQ(text.sites[0].kind, PatchedSite::Kind::Displaced);
    EXPECT_EQ(text.sites[0].offset, 18u);
    EXPECT_EQ(text.sites[0].moved_bytes, 6u);
    EXPECT_EQ(text.sites[0].end_offset(), 26u);
    EXPECT_EQ(text.jump_target(18), kDistance);
    for (u64 i = 23; i < 26; ++i)
        EXPECT_EQ(text.bytes[i], 0x90);
    const u8* code = text.trampoline(0);
    const u64 continuation = return_address(code, kDistance);
    EXPECT_EQ(continuation, kDistance + kContinuationOffset);
    // Two bytes before the place of return a restarted call finds a syscall instruction.
    EXPECT_EQ(code[kContinuationOffset - 2], 0x0f);
    EXPECT_EQ(code[kContinuationOffset - 1], 0x05);
    EXPECT_EQ(std::memcmp(code + kContinuationOffset, kCompare.data(), 6), 0);
    EXPECT_EQ(code[kContinuationOffset + 6], 0xe9);
    EXPECT_EQ(continuation + 6 + 5 + static_cast<i64>(read32(code + kContinuationOffset + 7)), 26u);
}

TEST(TextPatch, SitesHaveTheirOwnTrampolines) {
    const Patched text(kNops + mov_number(1) + kSyscall + kCompare + mov_number(2) + kSyscall + kNops);
    ASSERT_EQ(text.sites.size(), 2u);
    EXPECT_EQ(text.jump_target(16), kDistance);
    EXPECT_EQ(text.jump_target(29), kDistance + kTrampolineBytes);
    EXPECT_EQ(return_address(text.trampoline(1) + 5, kDistance + kTrampolineBytes + 5), 36u);
}

TEST(TextPatch, SignalReturnIsLeftAlone) {
    const Bytes stubs[] = {
        Bytes{0x48, 0xc7, 0xc0, 15, 0, 0, 0} + kSyscall, // glibc: debuggers know these bytes
        mov_number(15) + kSyscall,                       // musl
        Bytes{0x48, 0xc7, 0xc0, 15, 0, 0, 0} + kSyscall + kCompare,
    };
    for (const Bytes& stub : stubs) {
        const Patched text(kNops + stub + kNops);
        EXPECT_TRUE(text.sites.empty());
        EXPECT_TRUE(text.changed().empty());
    }
}

TEST(TextPatch, MovOfAnotherRegisterIsNoNumber) {
    // mov $1, %r8d is 41 b8 ..., movabs would be 48 b8.
    const Patched text(kNops + Bytes{0x41} + mov_number(1) + kSyscall + kNops);
    EXPECT_TRUE(text.sites.empty());
    // With a compare behind it the syscall can still be displaced; the mov stays.
    const Patched other(kNops + Bytes{0x41} + mov_number(1) + kSyscall + kCompare + kNops);
    ASSERT_EQ(other.sites.size(), 1u);
    EXPECT_EQ(other.sites[0].kind, PatchedSite::Kind::Displaced);
    EXPECT_EQ(other.changed().front(), 22u);
}

TEST(TextPatch, NumbersOutOfRangeAreNoNumbers) {
    EXPECT_TRUE(Patched(kNops + Bytes{0xb8, 0, 0, 1, 0} + kSyscall + kNops).sites.empty());
    EXPECT_TRUE(Patched(kNops + Bytes{0xb8, 0xff, 0xff, 0xff, 0xff} + kSyscall + kNops).sites.empty());
}

TEST(TextPatch, UnknownInstructionsBehindAreNotMoved) {
    // jne +2 depends on its place; so does lea of %rip.
    EXPECT_TRUE(Patched(kNops + kSyscall + Bytes{0x75, 0x02} + kNops).sites.empty());
    EXPECT_TRUE(Patched(kNops + kSyscall + Bytes{0x48, 0x8d, 0x05, 0, 0, 0, 0} + kNops).sites.empty());
}

TEST(TextPatch, BranchTargetsAreRespected) {
    // A displaced site takes bytes 18 to 25; its compare starts at 20.
    const Bytes site = Bytes{0x31, 0xc0} + kSyscall + kCompare;
    const auto with_branch = [&](i8 displacement) {
        Bytes bytes = kNops + site + kNops; // a short jump at 30
        bytes[30] = 0xeb;
        bytes[31] = static_cast<u8>(displacement);
        return Patched(bytes).sites.size();
    };
    EXPECT_EQ(with_branch(20 - 32), 0u);
    EXPECT_EQ(with_branch(22 - 32), 0u);
    EXPECT_EQ(with_branch(18 - 32), 1u); // to the syscall itself: the jump is there
    EXPECT_EQ(with_branch(26 - 32), 1u); // behind it
    // Conditional and call forms, from before the site.
    Bytes far = kNops + site + kNops;
    far[0] = 0x0f, far[1] = 0x84, far[2] = 20 - 6, far[3] = far[4] = far[5] = 0; // je 20
    EXPECT_TRUE(Patched(far).sites.empty());
    Bytes call = kNops + site + kNops;
    call[4] = 0xe8, call[5] = 20 - 9, call[6] = call[7] = call[8] = 0; // call 20
    EXPECT_TRUE(Patched(call).sites.empty());
    // A number site is not affected: its syscall may well be jumped to.
    Bytes number = kNops + mov_number(0) + kSyscall + kNops;
    number[30] = 0xeb, number[31] = static_cast<u8>(21 - 32);
    EXPECT_EQ(Patched(number).sites.size(), 1u);
}

TEST(TextPatch, StaysWithinItsBounds) {
    // Truncated texts of every length; AddressSanitizer watches.
    const Bytes whole =
        mov_number(1) + kSyscall + kCompare + Bytes{0x31, 0xc0} + kSyscall + kCompare + kSyscall;
    for (usize length = 0; length <= whole.size(); ++length)
        Patched text(Bytes(whole.begin(), whole.begin() + static_cast<isize>(length)));
}

TEST(TextPatch, PlacesInTrampolinesStandForPlacesInTheText) {
    const PatchedSite number{100, PatchedSite::Kind::Number, 0};
    EXPECT_EQ(original_offset(number, 0), 100u);
    EXPECT_EQ(original_offset(number, 5), 105u);
    EXPECT_EQ(original_offset(number, 12), 105u);
    const PatchedSite displaced{100, PatchedSite::Kind::Displaced, 6};
    EXPECT_EQ(original_offset(displaced, 0), 100u);
    EXPECT_EQ(original_offset(displaced, kContinuationOffset - 2), 100u);
    EXPECT_EQ(original_offset(displaced, kContinuationOffset), 102u);
    EXPECT_EQ(original_offset(displaced, kContinuationOffset + 6), 108u);
}
