#include "manager/packet.hpp"

#include <cerrno>
#include <cstring>
#include <gtest/gtest.h>
#include <sys/socket.h>

using namespace lxss;

struct PacketTest : testing::Test {
    void SetUp() override {
        int pair[2];
        ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
        left.reset(pair[0]);
        right.reset(pair[1]);
    }
    UniqueFd left, right;
};

TEST_F(PacketTest, RoundTripWithDescriptors) {
    ClientHeader header{};
    header.message = ClientMessage::Run;
    header.flags = 5;
    const std::vector<int> descriptors = {0, 1, 2, 2};
    ASSERT_TRUE(send_client_packet(left.get(), header, {"a", "", "b c"}, {"X=1"}, descriptors));
    Packet packet;
    ASSERT_EQ(receive_packet(right.get(), packet), ReceiveStatus::Received);
    auto decoded = decode_client_packet(std::move(packet));
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->header.flags, 5u);
    EXPECT_EQ(decoded->arguments, (std::vector<std::string>{"a", "", "b c"}));
    EXPECT_EQ(decoded->environment, std::vector<std::string>{"X=1"});
    EXPECT_EQ(decoded->descriptors.size(), 4u);
}

TEST_F(PacketTest, TooLongIsRefused) {
    EXPECT_FALSE(send_client_packet(left.get(), {}, {std::string(kMaxPacketBytes, 'x')}));
    EXPECT_EQ(errno, EMSGSIZE);
    EXPECT_TRUE(send_client_packet(left.get(), {}, {std::string(kMaxPacketBytes - 1000, 'x')}));
}

TEST_F(PacketTest, ClosedPeer) {
    left.reset();
    Packet packet;
    EXPECT_EQ(receive_packet(right.get(), packet), ReceiveStatus::Closed);
    EXPECT_EQ(errno, 0);
    EXPECT_FALSE(send_client_packet(right.get(), {}, {}));
    EXPECT_EQ(errno, EPIPE);
}

// Every length and count a stranger could send.
TEST_F(PacketTest, MalformedIsRefused) {
    ClientHeader header{};
    header.version = kClientProtocolVersion;
    auto decode = [](const ClientHeader& header, const std::string& text) {
        Packet packet;
        packet.bytes.resize(sizeof header);
        std::memcpy(packet.bytes.data(), &header, sizeof header);
        packet.bytes.insert(packet.bytes.end(), text.begin(), text.end());
        return decode_client_packet(std::move(packet)).has_value();
    };
    EXPECT_TRUE(decode(header, ""));
    EXPECT_FALSE(decode(header, "x"));
    header.strings_bytes = 2;
    EXPECT_FALSE(decode(header, std::string("x\0", 2)));
    header.argument_count = 1;
    EXPECT_TRUE(decode(header, std::string("x\0", 2)));
    EXPECT_FALSE(decode(header, "xx"));
    header.argument_count = 0xffffffff;
    EXPECT_FALSE(decode(header, std::string("x\0", 2)));
    EXPECT_FALSE(decode_client_packet({}).has_value());
}
