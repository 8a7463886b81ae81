#include "lxcore/tty/buffers.hpp"

namespace lxcore {

void InputBuffer::end_line(u8 byte, bool is_end_of_file) {
    const u32 at = m_head % kCapacity;
    m_line_end[at / 64] |= u64{1} << (at % 64);
    if (is_end_of_file)
        m_end_of_file[at / 64] |= u64{1} << (at % 64);
    else
        m_end_of_file[at / 64] &= ~(u64{1} << (at % 64));
    put(byte);
    m_canonical = m_head;
}

void InputBuffer::clear() {
    m_tail = m_canonical = m_head;
    __builtin_memset(m_line_end, 0, sizeof(m_line_end));
    __builtin_memset(m_end_of_file, 0, sizeof(m_end_of_file));
}

u32 InputBuffer::available(bool canonical) const {
    if (!canonical)
        return used();
    u32 count = 0;
    for (u32 at = m_tail; at != m_canonical; ++at) {
        if (flag(m_line_end, at))
            return flag(m_end_of_file, at) ? count : count + 1;
        ++count;
    }
    return count;
}

Result<usize> InputBuffer::read(IoBuffer& buffer, bool canonical) {
    const u32 end = canonical ? m_canonical : m_head;
    usize total = 0;
    while (m_tail != end && buffer.left() > 0) {
        // A run that does not wrap and has at most one line end, its last byte.
        const u32 start = m_tail;
        u32 stop = start;
        bool line_ended = false, end_of_file = false;
        while (stop != end && stop - start < buffer.left() && (stop == start || stop % kCapacity != 0)) {
            if (flag(m_line_end, stop)) {
                line_ended = canonical;
                end_of_file = flag(m_end_of_file, stop);
                ++stop;
                if (canonical)
                    break;
                continue;
            }
            ++stop;
        }
        const u32 bytes = stop - start - (line_ended && end_of_file ? 1 : 0);
        const usize copied = bytes ? TRY(buffer.copy_in(m_bytes + start % kCapacity, bytes)) : 0;
        total += copied;
        if (copied < bytes) {
            m_tail = start + static_cast<u32>(copied);
            return total;
        }
        for (u32 at = start; at != stop; ++at)
            m_line_end[at % kCapacity / 64] &= ~(u64{1} << (at % 64));
        m_tail = stop;
        if (line_ended)
            return total;
    }
    // A read that took all of the line before an end-of-file mark takes the mark too: the next one waits.
    if (canonical && total > 0 && m_tail != end && flag(m_line_end, m_tail) && flag(m_end_of_file, m_tail)) {
        m_line_end[m_tail % kCapacity / 64] &= ~(u64{1} << (m_tail % 64));
        ++m_tail;
    }
    return total;
}

Result<usize> OutputRing::read(IoBuffer& buffer) {
    usize total = 0;
    while (used() > 0 && buffer.left() > 0) {
        const u32 start = m_tail % kCapacity;
        const u32 run = base::min(used(), kCapacity - start);
        const usize copied = TRY(buffer.copy_in(m_bytes + start, run));
        m_tail += static_cast<u32>(copied);
        total += copied;
        if (copied < run)
            break;
    }
    return total;
}

} // namespace lxcore
