// One channel: a program of the host, or a connection to a socket of the host.
#pragma once

#include "interop/frames.h"
#include "manager/unique_fd.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace lxss::interop {

// Where frames to the instance go.
class FrameSink {
public:
    virtual ~FrameSink() = default;
    virtual void send(uint32_t channel, uint32_t type, std::string_view payload) = 0;
};

class Channel {
public:
    Channel(uint32_t number, FrameSink& sink) : number_(number), sink_(sink) {}
    ~Channel(); // hangs the program up
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;

    // False, with Failed sent, when it could not be done.
    bool run(std::string_view payload);
    bool connect(std::string_view path);

    void take(uint32_t type, std::string_view payload);

    // Descriptors to be polled; -1 for none. The second and third are read while there is credit for it.
    int input() const { return pending_input_.empty() && !input_ends_ ? -1 : input_.get(); }
    int output() const { return credit_ > 0 ? output_.get() : -1; }
    int error() const { return credit_ > 0 ? error_.get() : -1; }
    void write_input();
    void read_output();
    void read_error();

    pid_t pid() const { return pid_; }
    // The program has ended: sends what it has still written, as credit allows, and then its status.
    void ended(int wait_status);
    bool is_over() const { return over_; }

private:
    void read(UniqueFd& from, uint32_t type, bool to_the_end);
    void fail(const std::string& text);
    void finish();

    uint32_t number_;
    FrameSink& sink_;
    UniqueFd input_, output_, error_;
    UniqueFd terminal_; // master of the program's pty, of which the others may be duplicates
    bool is_connection_ = false;
    pid_t pid_ = -1;
    std::string pending_input_;
    bool input_ends_ = false;
    uint64_t credit_ = kInteropWindow;
    int wait_status_ = -1; // of the program once it has ended
    bool over_ = false;
};

} // namespace lxss::interop
