#include "lxcore/volfs/name_filter.hpp"

#include <atomic>
#include <utility>

namespace lxcore {

u32 NameFilter::hash(std::string_view name) {
    u64 value = 0xcbf2'9ce4'8422'2325;
    for (char character : name)
        value = (value ^ static_cast<u8>(character)) * 0x100'0000'01b3;
    const auto mixed = static_cast<u32>(value ^ value >> 32);
    return mixed ? mixed : 1;
}

bool NameFilter::put(Table& table, u32 value) {
    for (u32 at = value % table.capacity;; at = at + 1 == table.capacity ? 0 : at + 1) {
        if (table.hashes[at] == value)
            return false;
        if (table.hashes[at] == 0) {
            table.hashes[at] = value;
            return true;
        }
    }
}

bool NameFilter::may_have(std::string_view host_name) const {
    if (!m_is_known)
        return true;
    const Table* table = m_table;
    if (!table)
        return false;
    const u32 value = hash(host_name);
    for (u32 at = value % table->capacity;; at = at + 1 == table->capacity ? 0 : at + 1) {
        if (table->hashes[at] == value)
            return true;
        if (table->hashes[at] == 0)
            return false;
    }
}

void NameFilter::add(std::string_view host_name) {
    if (!m_is_known)
        return;
    if (!m_table || m_table->count * 4 >= m_table->capacity * 3) {
        const u32 capacity = m_table ? m_table->capacity * 2 : kFirst;
        auto* bigger = capacity <= kMost ? static_cast<Table*>(allocate(bytes(capacity))) : nullptr;
        if (!bigger) {
            forget();
            return;
        }
        __builtin_memset(bigger, 0, bytes(capacity));
        bigger->capacity = capacity;
        Table* const old = m_table;
        for (u32 i = 0; old && i < old->capacity; ++i)
            if (old->hashes[i] != 0)
                bigger->count += put(*bigger, old->hashes[i]);
        std::atomic_signal_fence(std::memory_order_seq_cst); // killed here or there, what is believed is true
        m_table = bigger;
        if (old)
            release(old, bytes(old->capacity));
    }
    m_table->count += put(*m_table, hash(host_name));
}

void NameFilter::take(NameFilter& complete) {
    forget();
    m_table = std::exchange(complete.m_table, nullptr);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    m_is_known = complete.m_is_known;
}

void NameFilter::forget() {
    m_is_known = false;
    std::atomic_signal_fence(std::memory_order_seq_cst);
    if (Table* table = std::exchange(m_table, nullptr))
        release(table, bytes(table->capacity));
}

} // namespace lxcore
