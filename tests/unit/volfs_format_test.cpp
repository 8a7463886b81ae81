// VolFs' bytes on the host: names under Windows' rules, and lists of attributes in WSL 1's layout.
#include "kernel_test.hpp"

#include "lxcore/volfs/format.hpp"
#include "lxcore/volfs/host_name.hpp"
#include "lxcore/volfs/xattr_list.hpp"

using namespace lxcore;

namespace {

std::string encoded(std::string_view name, NameRule rule = NameRule::Windows) {
    char out[kMaxHostName];
    auto length = encode_host_name(rule, name, out, sizeof(out));
    return length.is_ok() ? std::string(out, length.value()) : std::string("too long");
}

std::string decoded(std::string_view name, NameRule rule = NameRule::Windows) {
    std::string out(name.size(), '\0');
    out.resize(decode_host_name(rule, name, out.data()));
    return out;
}

TEST(HostName, EscapesWhatWindowsForbids) {
    EXPECT_EQ(encoded("a:b"), "a\uF03Ab");
    EXPECT_EQ(encoded("\x01\x1f"), "\uF001\uF01F");
    EXPECT_EQ(encoded("\"*:<>?\\|"), "\uF022\uF02A\uF03A\uF03C\uF03E\uF03F\uF05C\uF07C");
    EXPECT_EQ(encoded("end."), "end\uF02E");
    EXPECT_EQ(encoded("end "), "end\uF020");
    EXPECT_EQ(encoded(".a b.c"), ".a b.c");
    EXPECT_EQ(encoded("."), ".");
    EXPECT_EQ(encoded(".."), "..");
    EXPECT_EQ(encoded("..."), "..\uF02E");
    EXPECT_EQ(encoded("a:b", NameRule::Raw), "a:b");
    EXPECT_TRUE(is_host_name(NameRule::Windows, "plain"));
    EXPECT_FALSE(is_host_name(NameRule::Windows, "a:b"));
    EXPECT_TRUE(is_host_name(NameRule::Raw, "a:b"));
}

TEST(HostName, ComesBack) {
    for (int byte = 1; byte < 256; ++byte) {
        if (byte == '/')
            continue;
        for (const std::string& name :
             {std::string(1, static_cast<char>(byte)) + "x", "x" + std::string(1, static_cast<char>(byte)),
              "a" + std::string(1, static_cast<char>(byte)) + "b"}) {
            EXPECT_EQ(decoded(encoded(name)), name);
            EXPECT_TRUE(is_host_name(NameRule::Windows, encoded(name)) ||
                        decoded(encoded(name)) != encoded(name));
        }
    }
    EXPECT_EQ(decoded(encoded(std::string(255, ':'))), std::string(255, ':'));
}

TEST(HostName, LeavesOtherPrivateCharactersAlone) {
    // What no escape stands for: '/' and NUL would be no names, 'A' needs none, '.' only at the end.
    for (std::string_view name :
         {"a\uF02Fb", "a\uF000b", "a\uF041b", "a\uF02Eb", "\uE03A", "\xef\x80", "x\xef", "\xef\x82\xba"})
        EXPECT_EQ(decoded(name), name);
}

TEST(HostName, IsBounded) {
    char out[4];
    EXPECT_EQ(encode_host_name(NameRule::Windows, "ab:", out, sizeof(out)).error(),
              base::Errno::ENAMETOOLONG);
    EXPECT_EQ(encode_host_name(NameRule::Windows, "a:", out, sizeof(out)).value(), 4u);
}

// As the layout is written down: a head of 00 00 01 00; next, value length, name length, name, value, a byte.
const std::string kOne("\0\0\1\0"
                       "\0\0\0\0"
                       "\3\0"
                       "\6"
                       "user.a"
                       "xyz"
                       "\0",
                       4 + 7 + 6 + 3 + 1);
const std::string kTwo("\0\0\1\0"
                       "\x14\0\0\0"
                       "\3\0"
                       "\6"
                       "user.a"
                       "xyz"
                       "\0\0\0\0"
                       "\0\0\0\0"
                       "\0\0"
                       "\6"
                       "user.b"
                       ""
                       "\0",
                       4 + 20 + 7 + 6 + 1);

std::string changed(std::string_view list, std::string_view name, const char* value, usize capacity = 4096) {
    std::string out(capacity, '\x55');
    const std::string_view text = value ? value : "";
    auto length = change_xattr_list(list, name, value ? &text : nullptr, out.data(), out.size());
    if (length.is_error())
        return "error";
    out.resize(length.value());
    return out;
}

TEST(XattrList, IsLaidOutAsWslDoes) {
    EXPECT_EQ(changed("", "user.a", "xyz"), kOne);
    EXPECT_EQ(changed(kOne, "user.b", ""), kTwo);
    EXPECT_EQ(changed(kTwo, "user.b", nullptr), kOne);
    EXPECT_EQ(changed(kTwo, "user.a", "xyz"), kTwo);
    EXPECT_EQ(changed(kOne, "user.a", nullptr), "");
}

TEST(XattrList, Finds) {
    XattrEntry entry;
    ASSERT_TRUE(find_xattr(kTwo, "user.a", entry));
    EXPECT_EQ(entry.value, "xyz");
    ASSERT_TRUE(find_xattr(kTwo, "user.b", entry));
    EXPECT_EQ(entry.value, "");
    EXPECT_FALSE(find_xattr(kTwo, "user.", entry));
    EXPECT_FALSE(find_xattr("", "user.a", entry));
}

TEST(XattrList, NoticesDamage) {
    EXPECT_TRUE(is_valid_xattr_list(kOne));
    EXPECT_TRUE(is_valid_xattr_list(kTwo));
    EXPECT_TRUE(is_valid_xattr_list(kTwo.substr(0, kTwo.size() - 1))); // without the free byte at the end
    EXPECT_FALSE(is_valid_xattr_list(""));
    for (usize length = 5; length < kTwo.size() - 1; ++length)
        EXPECT_FALSE(is_valid_xattr_list(kTwo.substr(0, length))) << length;
    std::string bad = kTwo;
    bad[2] = 2; // another version
    EXPECT_FALSE(is_valid_xattr_list(bad));
    bad = kTwo;
    bad[4] = 3; // the next entry within this one
    EXPECT_FALSE(is_valid_xattr_list(bad));
    bad = kTwo;
    bad[10] = 0; // no name
    EXPECT_FALSE(is_valid_xattr_list(bad));
    bad = kTwo;
    bad[9] = '\xff'; // a value that goes past the end
    EXPECT_FALSE(is_valid_xattr_list(bad));
}

TEST(NtName, EveryByteComesBack) {
    std::string spelled, name;
    for (unsigned code = 1; code < 256; ++code) {
        spelled += {static_cast<char>(0xef), static_cast<char>(0x80 | code >> 6), static_cast<char>(0x80 | (code & 0x3f))};
        name += static_cast<char>(code);
    }
    std::string out(spelled.size(), '\0');
    out.resize(decode_nt_name(spelled, out.data()));
    EXPECT_EQ(out, name);
    EXPECT_TRUE(has_nt_escapes("x\xef\x80\xba"));
    // Half of one, and its neighbours.
    for (const char* plain : {"", "plain", "Gr\xc3\xb6\xc3\x9f""e", "\xef\x80", "\xef\x84\x80", "\xee\xbf\xbf", "\xf0\xa0\x80\x80"}) {
        EXPECT_FALSE(has_nt_escapes(plain)) << plain;
        out.resize(std::string(plain).size());
        EXPECT_EQ(decode_nt_name(plain, out.data()), out.size());
        EXPECT_EQ(out, plain);
    }
}

TEST(XattrList, KeepsOrderAndBounds) {
    std::string list;
    for (char name : std::string("dacb"))
        list = changed(list, std::string("user.") + name, "1");
    list = changed(list, "user.a", "a longer one");
    std::string names;
    XattrEntry entry;
    for (usize at = 0; next_xattr(list, at, entry);)
        names += entry.name.back();
    EXPECT_EQ(names, "dacb");
    EXPECT_EQ(changed(list, "user.e", "1", list.size()), "error");
    EXPECT_EQ(changed("", std::string(256, 'n'), "1"), "error");
    EXPECT_NE(changed("", std::string(255, 'n'), "1"), "error");
}

TEST(Lxattrb, IsLaidOutAsWslDoes) {
    const VolfsMetadata device{abi::S_IFCHR | 0620, 1000, 5, abi::makedev(4, 64)};
    const abi::lxattrb stored = encode_lxattrb(device);
    const std::string bytes(reinterpret_cast<const char*>(&stored), sizeof(stored));
    const std::string expected("\0\0\1\0"
                               "\x90\x21\0\0"
                               "\xe8\3\0\0"
                               "\5\0\0\0"
                               "\x40\0\x40\0",
                               20);
    EXPECT_EQ(bytes, expected + std::string(36, '\0'));
}

} // namespace
