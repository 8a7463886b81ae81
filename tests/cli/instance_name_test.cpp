#include "manager/instance_name.hpp"

#include <gtest/gtest.h>
#include <string>

using namespace lxss;

TEST(InstanceName, Valid) {
    for (const char* name : {"a", "debian", "Debian-12.5_x", "0", "9.9"})
        EXPECT_TRUE(valid_instance_name(name)) << name;
    EXPECT_TRUE(valid_instance_name(std::string(64, 'a')));
}

TEST(InstanceName, Invalid) {
    for (const char* name : {"", ".", "..", "-a", "_a", "a/b", "a b", "a\n", "\xc3\xa4", "a:"})
        EXPECT_FALSE(valid_instance_name(name)) << name;
    EXPECT_FALSE(valid_instance_name(std::string(65, 'a')));
    EXPECT_FALSE(valid_instance_name(std::string_view("a\0b", 3)));
}

TEST(InstanceName, CaseDoesNotCount) {
    EXPECT_TRUE(same_instance_name("Debian", "dEBIAN"));
    EXPECT_FALSE(same_instance_name("Debian", "Debian1"));
    EXPECT_FALSE(same_instance_name("a[", "a{"));
}
