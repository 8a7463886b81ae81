// Fixed-width names and the few constants that every freestanding part shares.
#pragma once

#include <cstddef>
#include <cstdint>

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using i8 = std::int8_t;
using i16 = std::int16_t;
using i32 = std::int32_t;
using i64 = std::int64_t;
using usize = std::size_t; // 64 bits on both hosts (LLP64 and LP64)
using isize = std::ptrdiff_t;

static_assert(sizeof(usize) == 8 && sizeof(void*) == 8);

namespace base {

inline constexpr usize kPageSize = 4096;
inline constexpr usize kPageShift = 12;

constexpr u64 page_floor(u64 value) { return value & ~u64{kPageSize - 1}; }
constexpr u64 page_ceil(u64 value) { return (value + kPageSize - 1) & ~u64{kPageSize - 1}; }
constexpr u64 align_up(u64 value, u64 alignment) { return (value + alignment - 1) & ~(alignment - 1); }
constexpr u64 align_down(u64 value, u64 alignment) { return value & ~(alignment - 1); }

// Own versions: <algorithm> drags in half of the hosted library.
template <typename T>
constexpr T min(T left, T right) {
    return right < left ? right : left;
}
template <typename T>
constexpr T max(T left, T right) {
    return left < right ? right : left;
}

template <typename T, usize N>
constexpr usize array_size(const T (&)[N]) {
    return N;
}

} // namespace base

#define LXSS_NO_COPY(Class)                                                                                  \
    Class(const Class&) = delete;                                                                            \
    Class& operator=(const Class&) = delete
