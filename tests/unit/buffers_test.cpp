// The queues of terminals; what is expected is what N_TTY of Linux 6 does, see termios(3) under "Canonical
// and noncanonical mode".
#include "kernel_test.hpp"

#include "lxcore/tty/buffers.hpp"

using lxcore::InputBuffer;
using lxcore::IoBuffer;

namespace {

struct InputBufferTest : testing::Test {
    void type(std::string_view text) {
        for (char byte : text) {
            if (byte == '\n')
                input->end_line('\n', false);
            else if (byte == 4)
                input->end_line(0, true);
            else
                input->put(static_cast<u8>(byte));
        }
    }
    std::string read(usize bytes, bool canonical = true) {
        std::string data(bytes, '?');
        IoBuffer buffer(data.data(), bytes);
        const auto result = input->read(buffer, canonical);
        EXPECT_TRUE(result.is_ok());
        return data.substr(0, result.value());
    }
    // All zero at first, as arena memory is.
    std::unique_ptr<InputBuffer> input = std::make_unique<InputBuffer>();
};

} // namespace

TEST_F(InputBufferTest, OneLineAtATime) {
    type("one\ntwo\nthr");
    EXPECT_EQ(input->editing(), 3u);
    EXPECT_EQ(input->available(true), 4u);
    EXPECT_EQ(read(100), "one\n");
    EXPECT_EQ(read(100), "two\n");
    EXPECT_FALSE(input->has_line());
    EXPECT_EQ(read(100), "");
    type("ee\n");
    EXPECT_EQ(read(100), "three\n");
}

TEST_F(InputBufferTest, ShortReadsLeaveTheRestOfTheLine) {
    type("abcdef\n");
    EXPECT_EQ(read(4), "abcd");
    EXPECT_EQ(read(2), "ef");
    EXPECT_TRUE(input->has_line());
    EXPECT_EQ(read(100), "\n");
    EXPECT_FALSE(input->has_line());
}

TEST_F(InputBufferTest, EndOfFile) {
    type("abc\x04");
    EXPECT_EQ(input->available(true), 3u);
    EXPECT_EQ(read(100), "abc"); // without the mark
    EXPECT_FALSE(input->has_line());
    type("\x04"
         "x\n");
    EXPECT_TRUE(input->has_line());
    EXPECT_EQ(read(100), "");
    EXPECT_EQ(read(100), "x\n");
}

// A read that takes all before the mark takes the mark too: the next read is not an end of file.
TEST_F(InputBufferTest, EndOfFileBehindAFullRead) {
    type("abc\x04");
    EXPECT_EQ(read(3), "abc");
    EXPECT_FALSE(input->has_line());
}

TEST_F(InputBufferTest, Editing) {
    type("abx");
    EXPECT_EQ(input->last(), 'x');
    input->drop_last();
    EXPECT_EQ(input->edited(0), 'a');
    type("c\n");
    EXPECT_EQ(read(100), "abc\n");
}

TEST_F(InputBufferTest, RawReadsCrossLines) {
    type("one\ntwo");
    EXPECT_EQ(input->available(false), 7u);
    EXPECT_EQ(read(100, false), "one\ntwo");
    type("xy");
    input->commit_all();
    EXPECT_EQ(read(1), "x");
}

TEST_F(InputBufferTest, WrapsManyTimes) {
    std::string line;
    for (usize round = 0; round < 20; ++round) {
        line.assign(997 + round, static_cast<char>('a' + round));
        line += '\n';
        type(line);
        type(line);
        EXPECT_EQ(read(5000), line);
        EXPECT_EQ(read(500), line.substr(0, 500));
        EXPECT_EQ(read(5000), line.substr(500));
    }
    EXPECT_EQ(input->used(), 0u);
    type("x\n");
    input->clear();
    EXPECT_FALSE(input->has_line());
    type(std::string(input->room(), 'z'));
    EXPECT_TRUE(input->is_full());
}

TEST(OutputRing, Wraps) {
    auto ring = std::make_unique<lxcore::OutputRing>();
    std::string data(lxcore::OutputRing::kCapacity - 10, 'a'), out(data.size(), '?');
    for (int round = 0; round < 3; ++round) {
        for (char byte : data)
            ring->put(static_cast<u8>(byte));
        EXPECT_EQ(ring->room(), 10u);
        IoBuffer buffer(out.data(), out.size());
        EXPECT_EQ(ring->read(buffer).value(), data.size());
        EXPECT_EQ(out, data);
    }
}
