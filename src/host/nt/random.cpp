// random_bytes(): ChaCha20 with fast key erasure (D. J. Bernstein, "Fast-key-erasure random-number generators", 2017), as in Linux. The
// key lies in the host section, so that pico processes need no cryptography library of their own.
#include "host/nt/random.hpp"

#include "host/nt/internal.hpp"

namespace host {

using namespace nt;

namespace nt {

namespace {

struct Generator {
    SharedLock lock;
    u32 key[8];
    u64 blocks;
};

// The last page of the files' area's neighbour: behind everything else in the host section.
Generator& generator() { return *reinterpret_cast<Generator*>(kSharedBase + kSharedBytes - base::kPageSize); }

constexpr u32 rotate(u32 value, u32 bits) { return value << bits | value >> (32 - bits); }

void quarter_round(u32& a, u32& b, u32& c, u32& d) {
    a += b, d = rotate(d ^ a, 16);
    c += d, b = rotate(b ^ c, 12);
    a += b, d = rotate(d ^ a, 8);
    c += d, b = rotate(b ^ c, 7);
}

// RFC 8439, section 2.3, with a 64-bit counter.
void chacha20_block(const u32* key, u64 counter, u32* out) {
    const u32 start[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574, key[0], key[1], key[2], key[3],
                           key[4],     key[5],     key[6],     key[7],     static_cast<u32>(counter),
                           static_cast<u32>(counter >> 32), 0, 0};
    for (u32 i = 0; i < 16; ++i)
        out[i] = start[i];
    for (u32 round = 0; round < 10; ++round) {
        quarter_round(out[0], out[4], out[8], out[12]);
        quarter_round(out[1], out[5], out[9], out[13]);
        quarter_round(out[2], out[6], out[10], out[14]);
        quarter_round(out[3], out[7], out[11], out[15]);
        quarter_round(out[0], out[5], out[10], out[15]);
        quarter_round(out[1], out[6], out[11], out[12]);
        quarter_round(out[2], out[7], out[8], out[13]);
        quarter_round(out[3], out[4], out[9], out[14]);
    }
    for (u32 i = 0; i < 16; ++i)
        out[i] += start[i];
}

} // namespace

void seed_random() {
    using Generate = BOOLEAN(NTAPI*)(void*, ULONG);
    // RtlGenRandom, which has a home of its own since Windows 7.
    HMODULE library = LoadLibraryW(L"cryptbase.dll");
    auto generate = reinterpret_cast<Generate>(reinterpret_cast<void*>(library ? GetProcAddress(library, "SystemFunction036") : nullptr));
    if (!generate) {
        library = LoadLibraryW(L"advapi32.dll");
        generate = reinterpret_cast<Generate>(reinterpret_cast<void*>(library ? GetProcAddress(library, "SystemFunction036") : nullptr));
    }
    if (!generate || !generate(generator().key, sizeof(Generator::key)))
        fail("randomness", "Windows gives none", GetLastError());
}

} // namespace nt

void random_bytes(void* buffer, usize length) {
    u32 block[16];
    u32 key[8];
    u64 counter = 0;
    {
        // A key for this call alone, and the next one's.
        Generator& state = generator();
        SharedGuard guard(state.lock);
        chacha20_block(state.key, state.blocks++, block);
        __builtin_memcpy(state.key, block, sizeof(key));
        __builtin_memcpy(key, block + 8, sizeof(key));
    }
    auto* at = static_cast<u8*>(buffer);
    while (length > 0) {
        chacha20_block(key, counter++, block);
        const usize part = base::min(length, sizeof(block));
        __builtin_memcpy(at, block, part);
        at += part;
        length -= part;
    }
    __builtin_memset(block, 0, sizeof(block));
    __builtin_memset(key, 0, sizeof(key));
    asm volatile("" : : "r"(block), "r"(key) : "memory");
}

} // namespace host
