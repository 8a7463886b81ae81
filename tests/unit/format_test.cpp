#include "kernel_test.hpp"

#include "base/format.hpp"

namespace {

template <typename... Arguments>
std::string formatted(std::string_view format, const Arguments&... arguments) {
    base::FixedWriter<200> writer;
    base::print(writer, format, arguments...);
    return std::string(writer.view());
}

} // namespace

TEST(Format, Numbers) {
    EXPECT_EQ(formatted("{} {} {}", 0, -1, 42u), "0 -1 42");
    EXPECT_EQ(formatted("{}", INT64_MIN), "-9223372036854775808");
    EXPECT_EQ(formatted("{}", UINT64_MAX), "18446744073709551615");
    EXPECT_EQ(formatted("{:x} {:o}", 0xdeadbeefu, 0755), "deadbeef 755");
    EXPECT_EQ(formatted("{:o}", UINT64_MAX), "1777777777777777777777");
    EXPECT_EQ(formatted("{:c}", 'x'), "x");
}

TEST(Format, Padding) {
    EXPECT_EQ(formatted("[{:5}] [{:-5}] [{:05}]", 42, 42, 42), "[   42] [42   ] [00042]");
    EXPECT_EQ(formatted("[{:08x}]", 0xbeef), "[0000beef]");
    EXPECT_EQ(formatted("[{:5}] [{:-5}]", "ab", "ab"), "[   ab] [ab   ]");
    EXPECT_EQ(formatted("[{:2}]", 12345), "[12345]");
}

TEST(Format, Texts) {
    const char* none = nullptr;
    EXPECT_EQ(formatted("{} {} {}", "a", std::string_view("bcd", 2), none), "a bc (null)");
    EXPECT_EQ(formatted("{{ {}", 1), "{ 1");
}

TEST(Format, MissingArgumentsAndBrokenFormatsDoNoHarm) {
    EXPECT_EQ(formatted("{} {}", 1), "1 ");
    EXPECT_EQ(formatted("{"), "");
    EXPECT_EQ(formatted("a{:", 1), "a1");
}

TEST(Format, TruncationIsVisible) {
    base::FixedWriter<4> writer;
    base::print(writer, "{}", 1234);
    EXPECT_FALSE(writer.is_truncated());
    writer.put('5');
    EXPECT_TRUE(writer.is_truncated());
    EXPECT_EQ(writer.view(), "1234");
}
