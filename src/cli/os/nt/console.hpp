// The console behind the standard streams. The instance gets pipes in its place, which threads of lxss relay:
// a console's handles are of use in the processes that are attached to it alone.
#pragma once

#include "manager/unique_fd.hpp"

#include <cstdint>

namespace lxss {

class Console {
public:
    static Console& instance();

    bool is_console(int stream) const { return is_console_[stream]; }
    // The pipe end that stands for a console's stream.
    HostDescriptor stand_in(int stream);
    bool is_stand_in(HostDescriptor descriptor) const;

    // Raw mode, VT sequences in both directions, and the relays; without `with_input`, output alone. And
    // back.
    void enter(bool with_input = true);
    void leave();

    uint16_t rows = 0, columns = 0;
    void read_size();

private:
    Console();
    void relay_input();
    void relay_output();
    bool is_console_[3] = {};
    UniqueFd input_write_, input_read_, output_read_,
        output_write_; // pipes; `stand_in` are input_read_, output_write_
    UniqueFd output_thread_, input_thread_, stop_;
    unsigned long input_mode_ = 0, output_mode_ = 0;
    bool is_raw_ = false, has_raw_input_ = false;
    friend unsigned long __stdcall relay_console_input(void*);
    friend unsigned long __stdcall relay_console_output(void*);
};

// Client events of the console: pushed by its threads (client_events.cpp).
void push_resized();

} // namespace lxss
