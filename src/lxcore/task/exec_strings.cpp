// Copying arguments and environment for execve(2).
#include "abi/limits.hpp"
#include "lxcore/task/exec_image.hpp"

namespace lxcore {

namespace {

// Length of a guest text without its NUL. EFAULT; E2BIG when it is longer than MAX_ARG_STRLEN.
Result<usize> user_text_length(u64 address) {
    if (!base::is_guest_range(address, 1))
        return Errno::EFAULT;
    const u64 end = address < base::kKernelBase ? base::kKernelBase : base::kGuestEnd;
    const usize limit = base::min<u64>(abi::MAX_ARG_STRLEN, end - address);
    const isize length = host::string_length_guarded(reinterpret_cast<const char*>(address), limit);
    if (length < 0)
        return Errno::EFAULT;
    if (static_cast<usize>(length) >= limit)
        return limit < abi::MAX_ARG_STRLEN ? Errno::EFAULT : Errno::E2BIG;
    return static_cast<usize>(length);
}

} // namespace

ExecStrings::~ExecStrings() {
    for (char* page : m_pages)
        release_pages(page, 1);
}

Result<void> ExecStrings::charge(u64 bytes) {
    if (bytes > m_limit || m_charged > m_limit - bytes)
        return Errno::E2BIG;
    m_charged += bytes;
    return {};
}

Result<void> ExecStrings::make_room(u64 bytes) {
    while (m_pages.size() * base::kPageSize < m_length + bytes) {
        auto* page = static_cast<char*>(allocate_pages(1));
        if (!page)
            return Errno::ENOMEM;
        if (const auto pushed = m_pages.push_back(page); pushed.is_error()) {
            release_pages(page, 1);
            return pushed.error();
        }
    }
    return {};
}

Result<void> ExecStrings::append_user_text(u64 address) {
    const usize length = TRY(user_text_length(address));
    TRY(charge(length + 1 + sizeof(u64)));
    TRY(make_room(length + 1));
    for (usize done = 0; done < length;) {
        const usize within = m_length & (base::kPageSize - 1);
        const usize part = base::min<usize>(length - done, base::kPageSize - within);
        TRY(copy_from_user(m_pages[m_length >> base::kPageShift] + within, address + done, part));
        m_length += part;
        done += part;
    }
    m_pages[m_length >> base::kPageShift][m_length & (base::kPageSize - 1)] = 0;
    ++m_length;
    return {};
}

Result<u32> ExecStrings::append_user(UserPtr<u64> array) {
    if (!array)
        return 0u;
    u32 count = 0;
    for (;; ++count) {
        const u64 text = TRY(array.offset(count).read());
        if (!text)
            return count;
        TRY(append_user_text(text));
    }
}

Result<void> ExecStrings::append(const char* text, usize length, u32 count) {
    TRY(charge(length + count * sizeof(u64)));
    TRY(make_room(length));
    while (length) {
        const usize within = m_length & (base::kPageSize - 1);
        const usize part = base::min<usize>(length, base::kPageSize - within);
        __builtin_memcpy(m_pages[m_length >> base::kPageShift] + within, text, part);
        text += part;
        length -= part;
        m_length += part;
    }
    return {};
}

std::string_view ExecStrings::piece(u64 offset) const {
    if (offset >= m_length)
        return {};
    const usize within = offset & (base::kPageSize - 1);
    return {m_pages[offset >> base::kPageShift] + within,
            base::min<u64>(base::kPageSize - within, m_length - offset)};
}

u64 ExecStrings::skip(u64 offset) const {
    while (offset < m_length) {
        const std::string_view text = piece(offset);
        for (usize i = 0; i < text.size(); ++i)
            if (text[i] == 0)
                return offset + i + 1;
        offset += text.size();
    }
    return m_length;
}

} // namespace lxcore
