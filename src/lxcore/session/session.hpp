// Programs of the manager's clients.
#pragma once

#include "lxcore/boot.hpp"
#include "lxcore/fs/fd_table.hpp"
#include "lxcore/tty/session_terminal.hpp"

namespace lxcore {

struct SessionRecord : ArenaObject {
    base::ListNode node;
    u32 id = 0;
    RefPtr<Process> process;
    RefPtr<SessionTerminal> terminal; // null without a terminal
};

struct SessionState : ArenaObject {
    Mutex lock;
    base::List<SessionRecord, &SessionRecord::node> records;
};

Result<void> initialize_sessions();

// A file of the guest tools, wherever the instance's root is.
Result<Path> guest_tool(std::string_view name);
Result<void> initialize_guest_tools();

} // namespace lxcore
