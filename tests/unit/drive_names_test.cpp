// Names on drives: NTFS's upper case, what Windows takes as a name, escapes.
#include "kernel_test.hpp"
#include "lxcore/drivefs/names.hpp"
#include "lxcore/drivefs/upcase.hpp"

namespace {

using namespace lxcore;

std::string host_name(std::string_view name, bool escapes = true) {
    HostSpelling out;
    return to_host_name(name, escapes, out).is_ok() ? std::string(out.view()) : "too long";
}

std::string guest_name(std::string_view name) {
    HostSpelling out;
    to_guest_name(name, true, out);
    return std::string(out.view());
}

TEST(Upcase, FollowsNtfs) {
    EXPECT_EQ(upcase('a'), u32{'A'});
    EXPECT_EQ(upcase('Z'), u32{'Z'});
    EXPECT_EQ(upcase(0xe9), 0xc9u);     // e acute
    EXPECT_EQ(upcase(0xff), 0x178u);    // y with diaeresis
    EXPECT_EQ(upcase(0x101), 0x100u);   // of a run with step 2
    EXPECT_EQ(upcase(0x100), 0x100u);
    EXPECT_EQ(upcase(0x3b1), 0x391u);   // alpha
    EXPECT_EQ(upcase(0x44f), 0x42fu);   // ya
    EXPECT_EQ(upcase(0x1c5), 0x1c4u);   // a title-case digraph
    EXPECT_EQ(upcase(0xdf), 0xdfu);     // sharp s has none of one character
    EXPECT_EQ(upcase(0x131), 0x131u);   // dotless i, long s and micro cannot be undone
    EXPECT_EQ(upcase(0x17f), 0x17fu);
    EXPECT_EQ(upcase(0xb5), 0xb5u);
    EXPECT_EQ(upcase(0x10428), 0x10428u); // above the 16 bits that NTFS knows
}

TEST(Upcase, IsUndoneByNothingTwice) {
    for (u32 character = 0; character < 0x1'0000; ++character)
        EXPECT_EQ(upcase(upcase(character)), upcase(character)) << character;
}

TEST(Upcase, ComparesNames) {
    EXPECT_TRUE(equal_ignoring_case("Straße", "sTRAßE"));
    EXPECT_FALSE(equal_ignoring_case("Straße", "STRASSE"));
    EXPECT_TRUE(equal_ignoring_case("\xc3\xa9t\xc3\xa9", "\xc3\x89T\xc3\x89"));
    EXPECT_FALSE(equal_ignoring_case("a", "ab"));
    EXPECT_TRUE(equal_ignoring_case("a\xff", "A\xff"));
    EXPECT_FALSE(equal_ignoring_case("a\xff", "A\xfe"));
    EXPECT_FALSE(equal_ignoring_case("\xc3", "\xc3\xa9"));
    EXPECT_EQ(hash_ignoring_case("README"), hash_ignoring_case("readme"));
}

TEST(Upcase, TakesTextApart) {
    std::string_view text = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xc3";
    EXPECT_EQ(next_character(text), u32{'a'});
    EXPECT_EQ(next_character(text), 0xe9u);
    EXPECT_EQ(next_character(text), 0x20acu);
    EXPECT_EQ(next_character(text), 0x1f600u);
    EXPECT_EQ(next_character(text), kRawByte + 0xc3);
    EXPECT_TRUE(text.empty());
    for (std::string_view bad : {"\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\x80", "\xff", "\xe2\x82"})
        EXPECT_GE(next_character(bad), kRawByte);
}

TEST(DriveNames, KnowsWhatWindowsTakes) {
    for (const char* name : {"a", "a.b", ".a", "a b", "com0", "com10", "conx", "console.txt", "a\xc3\xa9", "lpt", "nulls", "x.con"})
        EXPECT_TRUE(is_windows_name(name)) << name;
    for (const char* name : {"", "a:b", "a<", "a>", "a\"", "a|", "a?", "a*", "a\\b", "a\n", "a.", "a ", "con", "Con", "con.txt", "prn",
                             "aux.", "nul", "com1", "COM9.a.b", "lpt1", "com\xc2\xb2", "con .x", "a\xff"})
        EXPECT_FALSE(is_windows_name(name)) << name;
}

TEST(DriveNames, EscapesAndBack) {
    for (const char* name : {"plain", "a:b", "<>:\"|?*\\", "end.", "end ", "a.b.", ". .", "\x01\x1f", "\xc3\xa9?"}) {
        const std::string escaped = host_name(name);
        EXPECT_EQ(guest_name(escaped), name);
        EXPECT_EQ(std::string_view(escaped).find_first_of("<>:\"|?*\\"), std::string_view::npos);
    }
    EXPECT_EQ(host_name("a:b"), "a\xef\x80\xba" "b");
    EXPECT_EQ(host_name("a:b", false), "a:b");
    EXPECT_EQ(host_name("a."), "a\xef\x80\xae");
    EXPECT_EQ(host_name("a.b"), "a.b");
    EXPECT_EQ(host_name(std::string(86, ':')), "too long");
    EXPECT_EQ(host_name(std::string(85, ':')).size(), 255u);
}

} // namespace
