// A cached host handle, and its use for the length of a scope: for file systems whose files are files of the host.
#pragma once

#include <atomic>
#include <utility>

#include "host/host.hpp"

namespace lxcore {

// One cached host handle of an inode, with the number of its present users. Looking up an open handle is one atomic
// addition; a handle that somebody uses cannot be closed by the eviction.
class HandleSlot {
public:
    // Counts a user; kNoHandle (and nothing counted) when no handle is open.
    host::Handle try_pin() {
        if (static_cast<u32>(m_word.load(std::memory_order_relaxed)) == 0)
            return host::kNoHandle;
        const u64 word = m_word.fetch_add(kOneUser, std::memory_order_acquire);
        if (static_cast<u32>(word) == 0) {
            unpin();
            return host::kNoHandle;
        }
        return static_cast<host::Handle>(static_cast<u32>(word) - 1);
    }
    void unpin() { m_word.fetch_sub(kOneUser, std::memory_order_release); }
    // Puts `handle` in, with the caller as a user; false when there already is one.
    bool install(host::Handle handle) {
        u64 word = m_word.load(std::memory_order_relaxed);
        do {
            if (static_cast<u32>(word) != 0)
                return false;
        } while (!m_word.compare_exchange_weak(word, word + kOneUser + static_cast<u32>(handle) + 1,
                                               std::memory_order_acq_rel));
        return true;
    }
    // Takes the handle out when nobody uses it.
    host::Handle take_idle() {
        u64 word = m_word.load(std::memory_order_relaxed);
        if (word == 0 || word >= kOneUser)
            return host::kNoHandle;
        if (!m_word.compare_exchange_strong(word, 0, std::memory_order_acq_rel))
            return host::kNoHandle;
        return static_cast<host::Handle>(static_cast<u32>(word) - 1);
    }
    // At the inode's end, whatever a killed process left counted.
    host::Handle take() { return static_cast<host::Handle>(static_cast<u32>(m_word.exchange(0)) - 1); }
    bool is_open() const { return static_cast<u32>(m_word.load(std::memory_order_relaxed)) != 0; }

private:
    static constexpr u64 kOneUser = u64{1} << 32;
    std::atomic<u64> m_word{0}; // handle + 1 below the number of users
};

// The use of a host handle for the length of a scope.
class HandlePin {
public:
    HandlePin() = default;
    HandlePin(HandleSlot& slot, host::Handle handle) : m_slot(&slot), m_handle(handle) {}
    HandlePin(HandlePin&& other) noexcept : m_slot(std::exchange(other.m_slot, nullptr)), m_handle(other.m_handle) {}
    HandlePin& operator=(HandlePin&& other) noexcept {
        std::swap(m_slot, other.m_slot);
        std::swap(m_handle, other.m_handle);
        return *this;
    }
    ~HandlePin() {
        if (m_slot)
            m_slot->unpin();
    }
    explicit operator bool() const { return m_slot != nullptr; }
    host::Handle handle() const { return m_handle; }

private:
    HandleSlot* m_slot = nullptr;
    host::Handle m_handle = host::kNoHandle;
};

} // namespace lxcore
