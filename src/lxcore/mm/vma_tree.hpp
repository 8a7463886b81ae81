// The ordered set of an address space's Vmas: a treap by address whose nodes know the largest gap below them, and
// a list in address order. The tree serves lookups; the list is what iteration and destruction go by, because it is
// whole at every instruction (a process may be killed in the middle of a rotation).
#pragma once

#include "lxcore/mm/mm.hpp"

namespace lxcore {

// Linux keeps this much free below a mapping that grows downwards.
inline constexpr u64 kStackGuardGap = 256 * base::kPageSize;

// All of these want Mm::lock held, and see hidden Vmas too.
struct VmaTree {
    static void insert(Mm& mm, Vma& vma);
    static void remove(Mm& mm, Vma& vma);
    // First Vma with end > address.
    static Vma* find(const Mm& mm, u64 address);
    static Vma* next(const Mm& mm, const Vma& vma) { return mm.m_vmas.next(vma); }
    static Vma* previous(const Mm& mm, const Vma& vma) { return mm.m_vmas.previous(vma); }
    static Vma* first(const Mm& mm) { return mm.m_vmas.first(); }
    static Vma* last(const Mm& mm) { return mm.m_vmas.last(); }
    // After a change of vma.start or vma.end that keeps the order.
    static void resized(Mm& mm, Vma& vma);
    // Highest address a in [low, high - length] with [a, a + length) free; 0 when there is none.
    static u64 highest_gap(const Mm& mm, u64 length, u64 low, u64 high);
    // Copies the whole set of `from` into the empty `to`. ENOMEM.
    static Result<void> copy(const Mm& from, Mm& to);

private:
    static void update(Vma& vma);
    static void refresh(Mm& mm, Vma& vma);
    static void rotate_up(Mm& mm, Vma& vma);
    static u64 search(const Mm& mm, const Vma* node, u64 length, u64 low, u64 high);
    static Result<Vma*> copy_subtree(const Vma* node, Mm& to);
};

// A copy of everything but the links. ENOMEM.
Result<Vma*> copy_vma(const Vma& vma);

} // namespace lxcore
