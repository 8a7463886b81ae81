// The data of a message as the host's calls take it.
#pragma once

#include <optional>

#include "lxcore/memory/arena.hpp"
#include "lxcore/user/user_memory.hpp"

namespace lxcore {

class MessageRanges {
public:
    Result<void> take(IoBuffer& buffer) {
        m_count = TRY(buffer.ranges(m_inline, kInlineRanges));
        usize covered = 0;
        for (usize i = 0; i < m_count; ++i)
            covered += m_inline[i].iov_len;
        if (m_count < kInlineRanges || covered == buffer.left())
            return {};
        m_page.emplace(4); // 1024 entries
        if (!*m_page)
            return Errno::ENOMEM;
        m_vectors = reinterpret_cast<abi::iovec*>(m_page->data());
        m_count = TRY(buffer.ranges(m_vectors, 1024));
        return {};
    }
    u64 address() const { return reinterpret_cast<u64>(m_vectors); }
    usize count() const { return m_count; }

private:
    static constexpr usize kInlineRanges = 8;

    abi::iovec m_inline[kInlineRanges];
    abi::iovec* m_vectors = m_inline;
    usize m_count = 0;
    std::optional<PageBuffer> m_page;
};

} // namespace lxcore
