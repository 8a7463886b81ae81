// All channels of one instance.
#pragma once

#include "interop/channel.hpp"

#include <map>
#include <memory>
#include <string>

namespace lxss::interop {

class Server : public FrameSink {
public:
    // `connection`: a stream socket to init --interop.
    explicit Server(int connection);

    // Until the connection ends; then all programs are hung up.
    void run();

    void send(uint32_t channel, uint32_t type, std::string_view payload) override;

private:
    bool receive();
    bool flush();
    void take(const interop_frame& frame, std::string_view payload);
    void reap();
    void serve_channels();

    int connection_;
    UniqueFd signals_;
    std::string incoming_, outgoing_;
    std::map<uint32_t, std::unique_ptr<Channel>> channels_;
};

} // namespace lxss::interop
