// The system-call table, put together from the rows of each family (table/*.inc).
#include "abi/syscall_numbers.hpp"
#include "lxcore/syscall/print.hpp"

#include "lxcore/fs/calls.hpp"
#include "lxcore/fs/calls_extra.hpp"
#include "lxcore/ipc/calls.hpp"
#include "lxcore/mm/calls.hpp"
#include "lxcore/net/calls.hpp"
#include "lxcore/ptrace/calls.hpp"
#include "lxcore/signal/calls.hpp"
#include "lxcore/task/calls.hpp"
#include "lxcore/task/futex.hpp"
#include "lxcore/time/calls.hpp"

namespace lxcore {

namespace {

struct Table {
    SystemCall calls[kSystemCallCount];
};

constexpr Table build_table() {
    Table table;
#define X(number, call_name) table.calls[number].name = #call_name;
    LXSS_ABI_SYSCALLS(X)
#undef X
#define LXSS_CALL(call_name, handler, level, text)                                                           \
    table.calls[abi::SYS_##call_name].invoke = &invoke_handler<&handler>;                                    \
    table.calls[abi::SYS_##call_name].print = &print_handler<&handler>;                                      \
    table.calls[abi::SYS_##call_name].support = Support::level;                                              \
    table.calls[abi::SYS_##call_name].note = text;
#include "lxcore/syscall/table/all.inc"
#undef LXSS_CALL
    return table;
}

constexpr Table kTable = build_table();

} // namespace

const SystemCall& system_call(u32 number) {
    static constexpr SystemCall kNone;
    return number < kSystemCallCount ? kTable.calls[number] : kNone;
}

} // namespace lxcore
