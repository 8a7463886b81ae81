// From a handler's type to its register decoding and its trace format.
#pragma once

#include <type_traits>
#include <utility>

#include "lxcore/syscall/syscall.hpp"

namespace lxcore {

// One argument as --trace shows it (syscall/print.cpp).
void print_argument(base::Writer&, i32);
void print_argument(base::Writer&, u32);
void print_argument(base::Writer&, i64);
void print_argument(base::Writer&, u64);
void print_argument(base::Writer&, UserCString);
void print_argument(base::Writer&, DirFd);
void print_argument(base::Writer&, OpenFlags);
void print_argument(base::Writer&, FileMode);
void print_argument(base::Writer&, SignalNumber);
void print_argument(base::Writer&, MapProtection);
void print_argument(base::Writer&, MapFlags);
void print_argument(base::Writer&, HexFlags);
void print_argument(base::Writer&, Clock);
void print_argument(base::Writer&, AtFlags);
void print_argument(base::Writer&, CloneFlags);
void print_argument(base::Writer&, FutexOperation);
void print_argument(base::Writer&, IoctlRequest);
void print_pointer(base::Writer&, u64 address);
void print_buffer(base::Writer&, u64 address, u64 length);
template <typename T>
void print_argument(base::Writer& writer, UserPtr<T> pointer) {
    print_pointer(writer, pointer.address());
}

inline u64 argument_register(const host::Frame& frame, usize index) {
    switch (index) {
    case 0: return frame.rdi;
    case 1: return frame.rsi;
    case 2: return frame.rdx;
    case 3: return frame.r10;
    case 4: return frame.r8;
    default: return frame.r9;
    }
}

template <typename T>
T argument_from(u64 value) {
    if constexpr (std::is_integral_v<T>)
        return static_cast<T>(value);
    else if constexpr (requires(T t) { t.value; })
        return T{static_cast<decltype(T::value)>(value)};
    else
        return T(value);
}

template <typename T>
i64 register_from(Result<T>&& result) {
    if (result.is_error())
        return -static_cast<i64>(result.error());
    if constexpr (std::is_void_v<T>)
        return 0;
    else
        return static_cast<i64>(result.value());
}

template <auto Handler>
struct HandlerTraits;
template <typename T, typename... Arguments, Result<T> (*Handler)(Arguments...)>
struct HandlerTraits<Handler> {
    template <usize... Index>
    static i64 invoke(host::Frame& frame, std::index_sequence<Index...>) {
        return register_from(Handler(argument_from<Arguments>(argument_register(frame, Index))...));
    }
    static i64 invoke(host::Frame& frame) { return invoke(frame, std::index_sequence_for<Arguments...>{}); }

    template <typename Argument>
    static void print_one(base::Writer& writer, const host::Frame& frame, i64 result, bool after, usize index) {
        if (index)
            writer.put(", ");
        const u64 value = argument_register(frame, index);
        if constexpr (std::is_same_v<Argument, InBuffer>) {
            print_buffer(writer, value, argument_register(frame, index + 1));
        } else if constexpr (std::is_same_v<Argument, OutBuffer>) {
            if (after && result >= 0)
                print_buffer(writer, value, static_cast<u64>(result));
            else
                print_pointer(writer, value);
        } else {
            print_argument(writer, argument_from<Argument>(value));
        }
    }
    template <usize... Index>
    static void print([[maybe_unused]] base::Writer& writer, [[maybe_unused]] const host::Frame& frame,
                      [[maybe_unused]] i64 result, [[maybe_unused]] bool after, std::index_sequence<Index...>) {
        (print_one<Arguments>(writer, frame, result, after, Index), ...);
    }
    static void print(base::Writer& writer, const host::Frame& frame, i64 result, bool after) {
        print(writer, frame, result, after, std::index_sequence_for<Arguments...>{});
    }
};

// The one place where an errno becomes a negative register value.
template <auto Handler>
i64 invoke_handler(host::Frame& frame) {
    return HandlerTraits<Handler>::invoke(frame);
}

template <auto Handler>
void print_handler(base::Writer& writer, const host::Frame& frame, i64 result, bool after) {
    HandlerTraits<Handler>::print(writer, frame, result, after);
}

} // namespace lxcore
