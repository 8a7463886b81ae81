// The table of system calls: one row gives dispatch, tracing and docs/syscalls.md.
//
// A handler is a plain function `Result<T> sys_name(arguments...)` in its family's folder, declared in
// that folder's calls.hpp and listed in syscall/table/<folder>.inc. Argument types say how a register becomes an argument and
// how --trace prints it: i32, u32, i64, u64, UserPtr<T>, UserCString (a path or text), and the types below.
#pragma once

#include "base/format.hpp"
#include "base/result.hpp"
#include "lxcore/task/task.hpp"
#include "lxcore/user/user_memory.hpp"

namespace lxcore {

// Arguments that are numbers to the handler and something more to a reader of traces.
template <typename T, int Tag>
struct Tagged {
    T value;
    operator T() const { return value; }
};
using Fd = Tagged<i32, 0>;
using DirFd = Tagged<i32, 1>;
using OpenFlags = Tagged<u32, 2>;
using FileMode = Tagged<u32, 3>;
using SignalNumber = Tagged<i32, 4>;
using MapProtection = Tagged<u32, 5>;
using MapFlags = Tagged<u32, 6>;
using HexFlags = Tagged<u64, 7>;
// A guest buffer whose content is worth showing: its length is the next argument (in) or the result (out).
using InBuffer = Tagged<u64, 8>;
using OutBuffer = Tagged<u64, 9>;
using Clock = Tagged<i32, 10>;
using AtFlags = Tagged<u32, 11>;
using CloneFlags = Tagged<u64, 12>;
using FutexOperation = Tagged<i32, 13>;
using IoctlRequest = Tagged<u32, 14>;

enum class Support : u8 { Missing, Partial, Done };

struct SystemCall {
    const char* name = nullptr;
    i64 (*invoke)(host::Frame& frame) = nullptr; // null: not implemented
    // Prints the arguments, comma separated; `after` tells whether the call has returned (out buffers are filled).
    void (*print)(base::Writer& writer, const host::Frame& frame, i64 result, bool after) = nullptr;
    Support support = Support::Missing;
    const char* note = ""; // what is missing of a partial call
};

inline constexpr u32 kSystemCallCount = 512;
const SystemCall& system_call(u32 number);

} // namespace lxcore
