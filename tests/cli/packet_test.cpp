#include "manager/packet.hpp"

#include <cstring>
#include <gtest/gtest.h>

using namespace lxss;

struct PacketTest : testing::Test {
    void SetUp() override { ASSERT_TRUE(Connection::make_pair(left, right)); }
    Connection left, right;
};

TEST_F(PacketTest, RoundTripWithDescriptors) {
    ClientHeader header{};
    header.message = ClientMessage::Run;
    header.flags = 5;
    const std::vector<HostDescriptor> descriptors = {0, 1, 2, 2};
    ASSERT_EQ(send_client_packet(left, header, {"a", "", "b c"}, {"X=1"}, descriptors), SendStatus::Sent);
    Packet packet;
    ASSERT_EQ(right.receive(packet), ReceiveStatus::Received);
    auto decoded = decode_client_packet(std::move(packet));
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->header.flags, 5u);
    EXPECT_EQ(decoded->arguments, (std::vector<std::string>{"a", "", "b c"}));
    EXPECT_EQ(decoded->environment, std::vector<std::string>{"X=1"});
    EXPECT_EQ(decoded->descriptors.size(), 4u);
}

TEST_F(PacketTest, TooLongIsRefused) {
    EXPECT_EQ(send_client_packet(left, {}, {std::string(kMaxPacketBytes, 'x')}), SendStatus::TooLong);
    EXPECT_EQ(send_client_packet(left, {}, {std::string(kMaxPacketBytes - 1000, 'x')}), SendStatus::Sent);
}

TEST_F(PacketTest, ClosedPeer) {
    left.reset();
    Packet packet;
    EXPECT_EQ(right.receive(packet), ReceiveStatus::Closed);
    EXPECT_EQ(send_client_packet(right, {}, {}), SendStatus::PeerGone);
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
