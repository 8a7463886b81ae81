// Clocks and timeouts, see clock_gettime(2).
#pragma once

#include "abi/time.hpp"
#include "base/result.hpp"
#include "host/host.hpp"
#include "lxcore/user/user_memory.hpp"

namespace lxcore {

constexpr bool is_valid(const abi::timespec& time) {
    return time.tv_sec >= 0 && time.tv_nsec >= 0 && time.tv_nsec < abi::NSEC_PER_SEC;
}
// Saturates well below host::kNoDeadline's meaning: what does not fit becomes kNoDeadline.
u64 nanoseconds(const abi::timespec& time);
constexpr abi::timespec timespec_of(u64 ns) {
    return {static_cast<i64>(ns / abi::NSEC_PER_SEC), static_cast<i64>(ns % abi::NSEC_PER_SEC)};
}
constexpr abi::timeval timeval_of(u64 ns) {
    return {static_cast<i64>(ns / abi::NSEC_PER_SEC), static_cast<i64>(ns % abi::NSEC_PER_SEC / 1000)};
}
// now + duration, saturating at kNoDeadline.
u64 deadline_after(u64 duration_ns);
// Deadline on the monotonic clock of an absolute time of `clock` (REALTIME, TAI, BOOTTIME, MONOTONIC and
// kin).
Result<u64> deadline_of(i32 clock, u64 absolute_ns);
// The usual relative timeout argument: kNoDeadline for null. EFAULT, EINVAL.
Result<u64> deadline_from_user(UserPtr<abi::timespec> timeout);

// Current time in ns of any clock id that clock_gettime takes, CPU clocks included. EINVAL, ESRCH.
Result<u64> clock_now(i32 clock);

} // namespace lxcore
