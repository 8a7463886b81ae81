// A host object (Linux: a file descriptor; NT: a handle) that is closed with its owner.
#pragma once

#include <cstdint>
#include <utility>

namespace lxss {

#if defined(_WIN32)
using HostDescriptor = intptr_t; // a HANDLE; -1 is none, as INVALID_HANDLE_VALUE
#else
using HostDescriptor = int;
#endif
inline constexpr HostDescriptor kNoDescriptor = -1;

void close_descriptor(HostDescriptor descriptor);

class UniqueFd {
public:
    UniqueFd() = default;
    explicit UniqueFd(HostDescriptor descriptor) : descriptor_(descriptor) {}
    UniqueFd(UniqueFd&& other) noexcept : descriptor_(other.release()) {}
    UniqueFd& operator=(UniqueFd&& other) noexcept {
        if (this != &other)
            reset(other.release());
        return *this;
    }
    ~UniqueFd() { reset(); }

    HostDescriptor get() const { return descriptor_; }
    explicit operator bool() const { return descriptor_ != kNoDescriptor; }
    HostDescriptor release() { return std::exchange(descriptor_, kNoDescriptor); }
    void reset(HostDescriptor descriptor = kNoDescriptor) {
        if (descriptor_ != kNoDescriptor)
            close_descriptor(descriptor_);
        descriptor_ = descriptor;
    }

private:
    HostDescriptor descriptor_ = kNoDescriptor;
};

} // namespace lxss
