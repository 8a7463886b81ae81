#include "engine/translate/processor.hpp"

namespace engine::translate {

namespace {

struct Identity {
    u32 eax, ebx, ecx, edx;
};

Identity cpuid(u32 leaf) {
    Identity id;
    asm("cpuid" : "=a"(id.eax), "=b"(id.ebx), "=c"(id.ecx), "=d"(id.edx) : "a"(leaf), "c"(0));
    return id;
}

} // namespace

Processor this_processor() {
    constexpr u32 kBmi2 = 1u << 8;                                        // leaf 7, ebx
    constexpr u32 kAuthenticAmd = 0x68747541, kHygonGenuine = 0x6f677948; // the first four letters, in ebx
    const Identity vendor = cpuid(0);
    if (vendor.eax < 7 || !(cpuid(7).ebx & kBmi2))
        return {};
    const u32 version = cpuid(1).eax;
    const u32 base_family = version >> 8 & 15;
    const u32 family = base_family == 15 ? base_family + (version >> 20 & 0xff) : base_family;
    const bool is_of_amd = vendor.ebx == kAuthenticAmd || vendor.ebx == kHygonGenuine;
    return {true, !is_of_amd || family >= 0x19};
}

} // namespace engine::translate
