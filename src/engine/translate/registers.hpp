// The general registers of a frame by the processor's numbers.
#pragma once

#include "host/thread_block.hpp"

namespace engine::translate {

inline u64& register_of(host::Frame& frame, u32 number) {
    u64* const registers[16] = {&frame.rax, &frame.rcx, &frame.rdx, &frame.rbx, &frame.rsp, &frame.rbp,
                                &frame.rsi, &frame.rdi, &frame.r8,  &frame.r9,  &frame.r10, &frame.r11,
                                &frame.r12, &frame.r13, &frame.r14, &frame.r15};
    return *registers[number];
}

} // namespace engine::translate
