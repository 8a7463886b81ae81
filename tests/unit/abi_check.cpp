// Compares the constants and layouts of src/abi with those of the host's system headers: it catches typing
// errors.
#include <gtest/gtest.h>

#include "abi_values.hpp"

TEST(Abi, AgreesWithTheSystemHeaders) {
    const auto& ours = our_abi_values();
    const auto& theirs = system_abi_values();
    ASSERT_EQ(ours.size(), theirs.size());
    ASSERT_GT(ours.size(), 500u);
    for (size_t i = 0; i < ours.size(); i++) {
        // Only the low 32 bits are compared: the host often gives as a negative int
        // what the call takes as an unsigned one.
        EXPECT_EQ(static_cast<uint32_t>(ours[i].value),
                  static_cast<uint32_t>(theirs[i].value)) << ours[i].name;
    }
}
