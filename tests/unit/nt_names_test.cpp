// The spelling of names on NTFS.
#include "kernel_test.hpp"

#include <random>

#include "base/nt_names.hpp"

using namespace base;

namespace {

std::string spelled(std::string_view name) {
    std::string out(name.size() * 3, '\0');
    out.resize(spell_nt_name(name, out.data()));
    return out;
}

std::string decoded(std::string name) {
    name.resize(decode_nt_name(name, name.data()));
    return name;
}

TEST(NtName, EscapesWhatNtfsCannotHold) {
    EXPECT_EQ(spelled("\"*:<>?\\|"), "\uF022\uF02A\uF03A\uF03C\uF03E\uF03F\uF05C\uF07C");
    EXPECT_EQ(spelled("\x01\x1f"), "\uF001\uF01F");
    EXPECT_EQ(spelled("end."), "end\uF02E");
    EXPECT_EQ(spelled("end "), "end\uF020");
    EXPECT_EQ(spelled("..."), "..\uF02E");
    EXPECT_EQ(spelled("progra~1"), "progra\uF07E1");
    EXPECT_EQ(spelled("a~b~"), "a\uF07Eb~");
    EXPECT_EQ(spelled("a\xff"), "a\uF0FF");
    EXPECT_EQ(spelled("\xc3"), "\uF0C3");
    EXPECT_EQ(spelled("\xed\xa0\x80"), "\uF0ED\uF0A0\uF080"); // a surrogate
    EXPECT_EQ(spelled("\uF03A"), "\uF0EF\uF080\uF0BA");
    for (const char* plain : {"", "Makefile", ".a b.c~", "Gr\u00f6\u00dfe", "\uEFFF\uF100", "\U0001F600"}) {
        EXPECT_EQ(spelled(plain), plain);
        EXPECT_TRUE(is_nt_name(plain)) << plain;
    }
    EXPECT_FALSE(is_nt_name("a:b"));
    EXPECT_FALSE(is_nt_name("\xff"));
}

TEST(NtName, EscapesLettersOnRequest) {
    std::u32string codes;
    spell_nt_name("aBc", [](u32 code) { return code != 'B'; }, [&](u32 code) { codes += static_cast<char32_t>(code); });
    EXPECT_EQ(codes, U"a\uF042c");
}

TEST(NtName, EveryNameComesBack) {
    std::mt19937 random(1);
    // Bytes alone, and those of which escapes and other characters of several bytes are made.
    const std::string likely = "a~.: \xef\x80\x81\x83\xbf\xc3\xf0\x9f";
    for (int round = 0; round < 100'000; ++round) {
        std::string name(random() % 12, '\0');
        for (char& byte : name)
            byte = round % 2 ? likely[random() % likely.size()] : static_cast<char>(1 + random() % 255);
        const std::string there = spelled(name);
        EXPECT_EQ(decoded(there), name);
        EXPECT_EQ(is_nt_name(name), there == name);
        EXPECT_EQ(is_nt_name(name), !has_nt_escapes(there));
    }
}

TEST(NtName, EveryByteComesBack) {
    std::string spelling, name;
    for (unsigned code = 1; code < 256; ++code) {
        spelling += {static_cast<char>(0xef), static_cast<char>(0x80 | code >> 6), static_cast<char>(0x80 | (code & 0x3f))};
        name += static_cast<char>(code);
    }
    EXPECT_EQ(decoded(spelling), name);
    EXPECT_TRUE(has_nt_escapes("x\xef\x80\xba"));
    // Half of one, and its neighbours.
    for (const char* plain : {"", "plain", "Gr\xc3\xb6\xc3\x9f""e", "\xef\x80", "\xef\x84\x80", "\xee\xbf\xbf", "\xf0\xa0\x80\x80"}) {
        EXPECT_FALSE(has_nt_escapes(plain)) << plain;
        EXPECT_EQ(decoded(plain), plain);
    }
}

} // namespace
