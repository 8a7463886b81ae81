// What translations use of instructions that not every processor has.
#pragma once

#include "base/types.hpp"

namespace engine::translate {

struct Processor {
    bool has_bmi2 = false;
    bool has_fast_extract = false; // BMI2's pext, not made of microcode: AMD's processors before family 19h
                                   // (Zen 3) take hundreds of cycles
};
Processor this_processor();

} // namespace engine::translate
