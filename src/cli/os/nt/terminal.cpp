#include "cli/os/terminal.hpp"

#include "cli/os/nt/console.hpp"

namespace lxss {

WindowSize terminal_size() {
    Console::instance().read_size();
    return {Console::instance().rows, Console::instance().columns};
}

TerminalUse find_terminal() {
    Console& console = Console::instance();
    if (!console.is_console(0) && !console.is_console(1))
        return {};
    const int stream = console.is_console(0) ? 0 : 1;
    return {console.stand_in(stream), !console.is_console(0), !console.is_console(1)};
}

TerminalOutput::TerminalOutput() {
    Console& console = Console::instance();
    if (!console.is_console(2))
        return;
    descriptor_ = console.stand_in(2);
    console.enter(false);
}

TerminalOutput::~TerminalOutput() {
    Console::instance().leave();
}

struct RawTerminal::Settings {};

RawTerminal::RawTerminal(TerminalUse use) : use_(use) {}
RawTerminal::~RawTerminal() {
    leave();
}

void RawTerminal::enter() {
    if (raw_ || use_.descriptor == kNoDescriptor)
        return;
    Console::instance().enter();
    raw_ = true;
}

void RawTerminal::leave() {
    if (raw_)
        Console::instance().leave();
    raw_ = false;
}

} // namespace lxss
