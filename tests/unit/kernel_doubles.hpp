// What stands in for arena and host when kernel code is compiled as hosted code.
#pragma once

#include "base/types.hpp"

// Allocations that were not released.
usize live_allocations();
// Lets `count` more allocations succeed and all after that fail; a negative count lets all succeed.
void limit_allocations(isize count);

// Guest memory in which every access faults, of `bytes` from the returned address on. Nothing is mapped
// there.
u64 faulting_memory();
