// Guest memory as the kernel sees it: addresses that cannot be dereferenced, only copied from and to.
#pragma once

#include <span>
#include <string_view>
#include <type_traits>

#include "abi/socket.hpp"
#include "base/layout.hpp"
#include "base/result.hpp"
#include "host/host.hpp"
#include "lxcore/memory/arena.hpp"

namespace lxcore {

// Bytes. EFAULT when the range is not wholly accessible guest memory.
Result<void> copy_from_user(void* destination, u64 source, usize length);
Result<void> copy_to_user(u64 destination, const void* source, usize length);
Result<void> clear_user(u64 destination, usize length);

// A guest address of a T (an array of T).
template <typename T>
class UserPtr {
public:
    UserPtr() = default;
    explicit UserPtr(u64 address) : m_address(address) {}
    u64 address() const { return m_address; }
    explicit operator bool() const { return m_address != 0; }
    UserPtr offset(usize elements) const
        requires(!std::is_void_v<T>)
    {
        return UserPtr(m_address + elements * sizeof(T));
    }
    template <typename U>
    UserPtr<U> cast() const {
        return UserPtr<U>(m_address);
    }
    Result<T> read() const
        requires std::is_trivially_copyable_v<T>
    {
        T value;
        TRY(copy_from_user(&value, m_address, sizeof(T)));
        return value;
    }
    template <typename V = T>
        requires std::is_trivially_copyable_v<V>
    Result<void> write(const V& value) const {
        const T converted = static_cast<T>(value);
        return copy_to_user(m_address, &converted, sizeof(T));
    }
    Result<void> read_array(std::remove_const_t<T>* values, usize count) const {
        return copy_from_user(values, m_address, count * sizeof(T));
    }
    Result<void> write_array(const T* values, usize count) const {
        return copy_to_user(m_address, values, count * sizeof(T));
    }

private:
    u64 m_address = 0;
};

// A NUL-terminated guest text.
class UserCString {
public:
    UserCString() = default;
    explicit UserCString(u64 address) : m_address(address) {}
    u64 address() const { return m_address; }
    explicit operator bool() const { return m_address != 0; }
    // Copies text and NUL; the text's length. EFAULT; ENAMETOOLONG when there is no NUL within capacity.
    Result<usize> copy(char* buffer, usize capacity) const;

private:
    u64 m_address = 0;
};

// A path name argument, copied in: EFAULT, ENAMETOOLONG (over PATH_MAX - 1). Empty names are the caller's matter.
class PathName {
public:
    static Result<PathName> copy(UserCString user);
    PathName() = default;
    // As copy(), in place.
    Result<void> assign(UserCString user);
    std::string_view view() const { return {m_long ? m_long : m_inline, m_length}; }
    PathName(PathName&& other) noexcept;
    ~PathName();

private:
    static constexpr usize kInline = 256;
    char* m_long = nullptr; // a page, for names that do not fit below
    usize m_length = 0;
    char m_inline[kInline];
};

// The memory side of a read or write: a list of guest or kernel ranges with a position. "Read" operations put
// bytes into it (copy_in), "write" operations take bytes out (copy_out); both move the position.
class IoBuffer {
public:
    // Kernel memory.
    IoBuffer(void* data, usize length)
        : m_single{reinterpret_cast<u64>(data), length}, m_vectors(&m_single), m_count(1), m_left(length),
          m_user(false) {}
    // One guest range: EFAULT at use, not here.
    static IoBuffer user(u64 address, usize length) {
        IoBuffer buffer(reinterpret_cast<void*>(address), length);
        buffer.m_user = true;
        return buffer;
    }
    // Guest ranges described by a vector that is already in kernel memory and outlives the buffer.
    static IoBuffer user_vectors(abi::iovec* vectors, usize count, usize total) {
        IoBuffer buffer(nullptr, 0);
        buffer.m_vectors = vectors;
        buffer.m_count = count;
        buffer.m_left = total;
        buffer.m_user = true;
        return buffer;
    }
    IoBuffer(IoBuffer&& other) noexcept { *this = static_cast<IoBuffer&&>(other); }
    IoBuffer& operator=(IoBuffer&& other) noexcept;

    usize left() const { return m_left; }
    bool is_user() const { return m_user; }
    // Leaves at most `bytes` to transfer.
    void limit(usize bytes) { m_left = bytes < m_left ? bytes : m_left; }
    // Bytes transferred so far.
    usize transferred() const { return m_transferred; }
    // Puts up to `length` bytes of `data` into the buffer; the number placed (less than asked only when full).
    // EFAULT only when nothing could be copied; a later fault gives a short count.
    Result<usize> copy_in(const void* data, usize length);
    Result<usize> fill(u8 value, usize length);
    // Takes up to `length` bytes out of the buffer into `data`.
    Result<usize> copy_out(void* data, usize length);
    // As copy_out without moving the position.
    Result<usize> peek(void* data, usize length) const;
    void advance(usize length);
    // For handing to the host: current ranges, checked to be guest memory (EFAULT). At most `capacity` entries;
    // returns the number written.
    Result<usize> ranges(abi::iovec* out, usize capacity, usize limit_bytes = ~usize{0}) const;

private:
    abi::iovec m_single{};
    abi::iovec* m_vectors = nullptr;
    usize m_count = 0;
    usize m_index = 0;  // current vector
    usize m_offset = 0; // within it
    usize m_left = 0;
    usize m_transferred = 0;
    bool m_user = false;
};

// A guest's iovec array, checked and copied in: EINVAL for more than IOV_MAX entries or a sum over SSIZE_MAX.
class UserVectors {
public:
    static Result<UserVectors> copy(UserPtr<abi::iovec> vectors, i64 count);
    UserVectors(UserVectors&& other) noexcept;
    ~UserVectors();
    IoBuffer buffer() { return IoBuffer::user_vectors(m_data, m_count, m_total); }
    usize total() const { return m_total; }

private:
    UserVectors() = default;
    static constexpr usize kInline = 8;
    abi::iovec m_inline[kInline];
    abi::iovec* m_data = m_inline;
    usize m_count = 0;
    usize m_total = 0;
};

} // namespace lxcore
