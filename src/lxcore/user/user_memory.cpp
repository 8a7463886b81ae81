#include "lxcore/user/user_memory.hpp"

#include "abi/limits.hpp"

namespace lxcore {

Result<void> copy_from_user(void* destination, u64 source, usize length) {
    if (!base::is_guest_range(source, length) ||
        host::copy_guarded(destination, reinterpret_cast<const void*>(source), length) != 0)
        return Errno::EFAULT;
    return {};
}

Result<void> copy_to_user(u64 destination, const void* source, usize length) {
    if (!base::is_guest_range(destination, length) ||
        host::copy_guarded(reinterpret_cast<void*>(destination), source, length) != 0)
        return Errno::EFAULT;
    return {};
}

Result<void> clear_user(u64 destination, usize length) {
    if (!base::is_guest_range(destination, length) ||
        host::fill_guarded(reinterpret_cast<void*>(destination), 0, length) != 0)
        return Errno::EFAULT;
    return {};
}

Result<usize> UserCString::copy(char* buffer, usize capacity) const {
    if (!base::is_guest_range(m_address, 1))
        return Errno::EFAULT;
    // A text may end right before the kernel's range or the end of guest memory.
    usize limit = capacity;
    const u64 end = m_address < base::kKernelBase ? base::kKernelBase : base::kGuestEnd;
    limit = base::min<usize>(limit, end - m_address);
    const isize length = host::string_length_guarded(reinterpret_cast<const char*>(m_address), limit);
    if (length < 0 || (static_cast<usize>(length) == limit && limit < capacity))
        return Errno::EFAULT;
    if (static_cast<usize>(length) >= capacity)
        return Errno::ENAMETOOLONG;
    if (host::copy_guarded(buffer, reinterpret_cast<const void*>(m_address), static_cast<usize>(length)) != 0)
        return Errno::EFAULT;
    buffer[length] = 0;
    return static_cast<usize>(length);
}

Result<void> PathName::assign(UserCString user) {
    // Two steps: nearly all names fit the first, small one.
    auto length = user.copy(m_inline, kInline);
    if (length.is_ok()) {
        m_length = length.value();
        return {};
    }
    if (length.error() != Errno::ENAMETOOLONG)
        return length.error();
    m_long = static_cast<char*>(allocate_pages(1));
    if (!m_long)
        return Errno::ENOMEM;
    m_length = TRY(user.copy(m_long, abi::PATH_MAX));
    return {};
}

Result<PathName> PathName::copy(UserCString user) {
    PathName name;
    TRY(name.assign(user));
    return name;
}

PathName::PathName(PathName&& other) noexcept
    : m_long(std::exchange(other.m_long, nullptr)), m_length(other.m_length) {
    if (!m_long)
        __builtin_memcpy(m_inline, other.m_inline, m_length + 1);
}

PathName::~PathName() {
    if (m_long)
        release_pages(m_long, 1);
}

IoBuffer& IoBuffer::operator=(IoBuffer&& other) noexcept {
    m_single = other.m_single;
    m_vectors = other.m_vectors == &other.m_single ? &m_single : other.m_vectors;
    m_count = other.m_count;
    m_index = other.m_index;
    m_offset = other.m_offset;
    m_left = other.m_left;
    m_transferred = other.m_transferred;
    m_user = other.m_user;
    return *this;
}

// Runs `step(address, bytes)` over the buffer from its position; the step returns how many bytes it did NOT do.
template <typename Step>
static Result<usize> walk(const abi::iovec* vectors, usize count, usize index, usize offset, usize length,
                          bool user, Step step) {
    usize done = 0;
    while (done < length && index < count) {
        const u64 address = vectors[index].iov_base + offset;
        const usize bytes = base::min<usize>(vectors[index].iov_len - offset, length - done);
        if (bytes != 0) {
            usize failed = user && !base::is_guest_range(address, bytes) ? bytes : step(address, bytes, done);
            done += bytes - failed;
            if (failed != 0) {
                if (done == 0)
                    return Errno::EFAULT;
                return done;
            }
        }
        ++index;
        offset = 0;
    }
    return done;
}

Result<usize> IoBuffer::copy_in(const void* data, usize length) {
    length = base::min(length, m_left);
    const usize done = TRY(walk(m_vectors, m_count, m_index, m_offset, length, m_user,
                                [&](u64 address, usize bytes, usize at) {
                                    return host::copy_guarded(reinterpret_cast<void*>(address),
                                                              static_cast<const u8*>(data) + at, bytes);
                                }));
    advance(done);
    return done;
}

Result<usize> IoBuffer::fill(u8 value, usize length) {
    length = base::min(length, m_left);
    const usize done = TRY(walk(m_vectors, m_count, m_index, m_offset, length, m_user,
                                [&](u64 address, usize bytes, usize) {
                                    return host::fill_guarded(reinterpret_cast<void*>(address), value, bytes);
                                }));
    advance(done);
    return done;
}

Result<usize> IoBuffer::peek(void* data, usize length) const {
    length = base::min(length, m_left);
    return walk(m_vectors, m_count, m_index, m_offset, length, m_user, [&](u64 address, usize bytes, usize at) {
        return host::copy_guarded(static_cast<u8*>(data) + at, reinterpret_cast<const void*>(address), bytes);
    });
}

Result<usize> IoBuffer::copy_out(void* data, usize length) {
    const usize done = TRY(peek(data, length));
    advance(done);
    return done;
}

void IoBuffer::advance(usize length) {
    length = base::min(length, m_left);
    m_left -= length;
    m_transferred += length;
    while (length > 0) {
        const usize here = m_vectors[m_index].iov_len - m_offset;
        if (length < here) {
            m_offset += length;
            return;
        }
        length -= here;
        ++m_index;
        m_offset = 0;
    }
}

Result<usize> IoBuffer::ranges(abi::iovec* out, usize capacity, usize limit_bytes) const {
    usize used = 0;
    usize left = base::min(m_left, limit_bytes);
    usize offset = m_offset;
    for (usize index = m_index; index < m_count && left > 0 && used < capacity; ++index, offset = 0) {
        const usize bytes = base::min<usize>(m_vectors[index].iov_len - offset, left);
        if (bytes == 0)
            continue;
        const u64 address = m_vectors[index].iov_base + offset;
        if (m_user && !base::is_guest_range(address, bytes)) {
            if (used == 0)
                return Errno::EFAULT;
            return used;
        }
        out[used++] = {address, bytes};
        left -= bytes;
    }
    return used;
}

Result<UserVectors> UserVectors::copy(UserPtr<abi::iovec> vectors, i64 count) {
    if (count < 0 || count > static_cast<i64>(abi::IOV_MAX))
        return Errno::EINVAL;
    UserVectors result;
    result.m_count = static_cast<usize>(count);
    if (result.m_count > kInline) {
        result.m_data = static_cast<abi::iovec*>(allocate(result.m_count * sizeof(abi::iovec)));
        if (!result.m_data) {
            result.m_data = result.m_inline;
            result.m_count = 0;
            return Errno::ENOMEM;
        }
    }
    TRY(vectors.read_array(result.m_data, result.m_count));
    constexpr u64 kMaxTotal = 0x7fff'f000; // what Linux transfers at most (MAX_RW_COUNT)
    for (usize i = 0; i < result.m_count; ++i) {
        if (static_cast<i64>(result.m_data[i].iov_len) < 0)
            return Errno::EINVAL;
        result.m_data[i].iov_len = base::min<u64>(result.m_data[i].iov_len, kMaxTotal - result.m_total);
        result.m_total += result.m_data[i].iov_len;
    }
    return result;
}

UserVectors::UserVectors(UserVectors&& other) noexcept : m_count(other.m_count), m_total(other.m_total) {
    if (other.m_data == other.m_inline) {
        for (usize i = 0; i < m_count; ++i)
            m_inline[i] = other.m_inline[i];
    } else {
        m_data = std::exchange(other.m_data, other.m_inline);
        other.m_count = 0;
    }
}

UserVectors::~UserVectors() {
    if (m_data != m_inline)
        release(m_data, m_count * sizeof(abi::iovec));
}

} // namespace lxcore
