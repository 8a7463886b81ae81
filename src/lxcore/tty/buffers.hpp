// The two byte queues of a terminal. Guarded by Tty::lock.
#pragma once

#include "lxcore/user/user_memory.hpp"

namespace lxcore {

// The bytes typed but not read yet, with the line ends among them.
class InputBuffer {
public:
    static constexpr u32 kCapacity = 4096;
    u32 used() const { return m_head - m_tail; }
    u32 room() const { return kCapacity - 1 - used(); }
    bool is_full() const { return room() == 0; }
    // Bytes of the line that is being edited (not readable in canonical mode).
    u32 editing() const { return m_head - m_canonical; }
    bool has_line() const { return m_canonical != m_tail; }
    void put(u8 byte) { m_bytes[m_head++ % kCapacity] = byte; }
    // Ends the line: with `byte`, or as an end of file (nothing is read for it).
    void end_line(u8 byte, bool is_end_of_file);
    // Takes back the last byte of the line being edited.
    u8 last() const { return m_bytes[(m_head - 1) % kCapacity]; }
    void drop_last() { --m_head; }
    u8 edited(u32 index) const { return m_bytes[(m_canonical + index) % kCapacity]; }
    // Up to a line end (canonical) or everything.
    Result<usize> read(IoBuffer& buffer, bool canonical);
    u32 available(bool canonical) const;
    void clear();
    // Leaving canonical mode: what is being edited becomes readable.
    void commit_all() { m_canonical = m_head; }

private:
    bool flag(const u64* map, u32 at) const { return (map[at % kCapacity / 64] >> (at % 64)) & 1; }
    u8 m_bytes[kCapacity];
    u64 m_line_end[kCapacity / 64];
    u64 m_end_of_file[kCapacity / 64];
    u32 m_head = 0, m_canonical = 0, m_tail = 0; // run freely
};

// Bytes on their way to the terminal's master.
class OutputRing {
public:
    static constexpr u32 kCapacity = 16 * 1024;
    u32 used() const { return m_head - m_tail; }
    u32 room() const { return kCapacity - used(); }
    void put(u8 byte) { m_bytes[m_head++ % kCapacity] = byte; }
    Result<usize> read(IoBuffer& buffer);
    void clear() { m_tail = m_head; }

private:
    u8 m_bytes[kCapacity];
    u32 m_head = 0, m_tail = 0;
};

} // namespace lxcore
