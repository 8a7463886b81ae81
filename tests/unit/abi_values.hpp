// The two readings of abi_values.inc that abi_check.cpp compares.
#pragma once

#include <cstdint>
#include <vector>

struct AbiValue {
    const char* name;
    int64_t value;
};

const std::vector<AbiValue>& our_abi_values();
const std::vector<AbiValue>& system_abi_values();
