// What the file functions of the Linux host share: arguments, names, and calls with checked results.
#pragma once

#include <string_view>

#include "abi/dirent.hpp"
#include "abi/fcntl.hpp"
#include "abi/stat.hpp"
#include "host/host.hpp"
#include "host/linux/syscall.hpp"

namespace host::linux_host {

// Register values of signed numbers and of pointers.
inline u64 number(i64 value) { return static_cast<u64>(value); }
inline u64 address(const void* pointer) { return reinterpret_cast<u64>(pointer); }

// The result or its Errno; calls that the kernel broke off are made again.
inline Result<u64> checked_call(u64 call, u64 a = 0, u64 b = 0, u64 c = 0, u64 d = 0, u64 e = 0, u64 f = 0) {
    ++current_block()->host_file_calls;
    for (;;) {
        const i64 result = host_call(call, a, b, c, d, e, f);
        if (result >= 0) [[likely]]
            return static_cast<u64>(result);
        if (result < -4095) // an offset or address
            return static_cast<u64>(result);
        if (result != -static_cast<i64>(Errno::EINTR))
            return static_cast<Errno>(-result);
    }
}

// A name with the NUL that the kernel wants.
class HostName {
public:
    explicit HostName(std::string_view name) {
        m_is_valid = name.size() < sizeof(m_text);
        if (!m_is_valid)
            return;
        __builtin_memcpy(m_text, name.data(), name.size());
        m_text[name.size()] = 0;
    }
    bool is_valid() const { return m_is_valid; }
    u64 address() const { return linux_host::address(m_text); }

private:
    char m_text[256];
    bool m_is_valid;
};

} // namespace host::linux_host
