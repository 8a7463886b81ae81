#include "lxcore/mm/vma_tree.hpp"

#include "lxcore/kernel.hpp"

namespace lxcore {

namespace {

// Treap priorities need no secrecy, only spread: a mixed counter.
u32 next_priority() {
    u64 value = next_unique_id() * 0x9e37'79b9'7f4a'7c15;
    value ^= value >> 29;
    value *= 0xbf58'476d'1ce4'e5b9;
    return static_cast<u32>(value >> 32);
}

// Where the free space before `vma` ends.
u64 gap_end(const Vma& vma, u64 gap_start) {
    if (!(vma.flags & abi::MAP_GROWSDOWN))
        return vma.start;
    const u64 end = vma.start > kStackGuardGap ? vma.start - kStackGuardGap : 0;
    return base::max(end, gap_start);
}

} // namespace

void VmaTree::update(Vma& vma) {
    u64 largest = vma.gap;
    if (vma.left)
        largest = base::max(largest, vma.left->largest_gap);
    if (vma.right)
        largest = base::max(largest, vma.right->largest_gap);
    vma.largest_gap = largest;
}

// Recomputes the gap before `vma` and what its ancestors know of it.
void VmaTree::refresh(Mm& mm, Vma& vma) {
    const Vma* before = previous(mm, vma);
    const u64 gap_start = before ? before->end : 0;
    vma.gap = gap_end(vma, gap_start) - gap_start;
    for (Vma* node = &vma; node; node = node->parent)
        update(*node);
}

void VmaTree::resized(Mm& mm, Vma& vma) {
    refresh(mm, vma);
    if (Vma* after = next(mm, vma))
        refresh(mm, *after);
}

void VmaTree::rotate_up(Mm& mm, Vma& vma) {
    Vma* parent = vma.parent;
    Vma* grandparent = parent->parent;
    if (parent->left == &vma) {
        parent->left = vma.right;
        if (vma.right)
            vma.right->parent = parent;
        vma.right = parent;
    } else {
        parent->right = vma.left;
        if (vma.left)
            vma.left->parent = parent;
        vma.left = parent;
    }
    parent->parent = &vma;
    vma.parent = grandparent;
    if (!grandparent)
        mm.m_root = &vma;
    else if (grandparent->left == parent)
        grandparent->left = &vma;
    else
        grandparent->right = &vma;
    update(*parent);
    update(vma);
}

void VmaTree::insert(Mm& mm, Vma& vma) {
    vma.left = vma.right = vma.parent = nullptr;
    vma.priority = next_priority();
    Vma* parent = nullptr;
    Vma* after = nullptr; // the next one in address order
    for (Vma* node = mm.m_root; node;) {
        parent = node;
        if (vma.start < node->start) {
            after = node;
            node = node->left;
        } else {
            node = node->right;
        }
    }
    if (after)
        mm.m_vmas.insert_before(*after, vma);
    else
        mm.m_vmas.push_back(vma);
    vma.parent = parent;
    if (!parent)
        mm.m_root = &vma;
    else if (vma.start < parent->start)
        parent->left = &vma;
    else
        parent->right = &vma;
    resized(mm, vma);
    while (vma.parent && vma.parent->priority < vma.priority)
        rotate_up(mm, vma);
    if (vma.hidden == Hidden::No)
        ++mm.m_count;
}

void VmaTree::remove(Mm& mm, Vma& vma) {
    while (vma.left || vma.right) {
        Vma* child = vma.left;
        if (!child || (vma.right && vma.right->priority > child->priority))
            child = vma.right;
        rotate_up(mm, *child);
    }
    Vma* parent = vma.parent;
    if (!parent)
        mm.m_root = nullptr;
    else if (parent->left == &vma)
        parent->left = nullptr;
    else
        parent->right = nullptr;
    Vma* after = next(mm, vma);
    mm.m_vmas.remove(vma);
    vma.parent = nullptr;
    if (parent)
        refresh(mm, *parent);
    if (after)
        refresh(mm, *after);
    if (vma.hidden == Hidden::No)
        --mm.m_count;
}

Vma* VmaTree::find(const Mm& mm, u64 address) {
    Vma* best = nullptr;
    u32 steps = 0;
    for (Vma* node = mm.m_root; node;) {
        // Another process may look at the tree of one that was killed in mid-rotation: fall back to the list.
        if (++steps > 1000) {
            for (Vma* vma = first(mm); vma; vma = next(mm, *vma))
                if (vma->end > address)
                    return vma;
            return nullptr;
        }
        if (node->end > address) {
            best = node;
            node = node->left;
        } else {
            node = node->right;
        }
    }
    return best;
}

u64 VmaTree::search(const Mm& mm, const Vma* node, u64 length, u64 low, u64 high) {
    if (!node || node->largest_gap < length)
        return 0;
    if (node->end < high)
        if (const u64 found = search(mm, node->right, length, low, high))
            return found;
    const Vma* before = previous(mm, *node);
    const u64 gap_start = before ? before->end : 0;
    const u64 start = base::max(gap_start, low);
    const u64 end = base::min(gap_end(*node, gap_start), high);
    if (end > start && end - start >= length)
        return end - length;
    return gap_start > low ? search(mm, node->left, length, low, high) : 0;
}

u64 VmaTree::highest_gap(const Mm& mm, u64 length, u64 low, u64 high) {
    const Vma* top = last(mm);
    const u64 start = base::max(top ? top->end : 0, low);
    if (high > start && high - start >= length)
        return high - length;
    return search(mm, mm.m_root, length, low, high);
}

Result<Vma*> copy_vma(const Vma& vma) {
    Vma* copy = TRY(make<Vma>());
    copy->start = vma.start;
    copy->end = vma.end;
    copy->protection = vma.protection;
    copy->max_protection = vma.max_protection;
    copy->flags = vma.flags;
    copy->kind = vma.kind;
    copy->was_writable = vma.was_writable;
    copy->is_unfit_text = vma.is_unfit_text;
    copy->text = vma.text;
    copy->text_start = vma.text_start;
    copy->advice = vma.advice;
    copy->hidden = vma.hidden;
    copy->file = vma.file;
    copy->shared_object = vma.shared_object;
    copy->offset = vma.offset;
    copy->label = vma.label;
    return copy;
}

// Keeps the shape of the tree, so that nothing is searched or rotated. Recursion is as deep as the tree (some tens).
Result<Vma*> VmaTree::copy_subtree(const Vma* node, Mm& to) {
    if (!node)
        return static_cast<Vma*>(nullptr);
    Vma* left = TRY(copy_subtree(node->left, to));
    Vma* copy = TRY(copy_vma(*node));
    to.m_vmas.push_back(*copy);
    if (copy->hidden == Hidden::No)
        ++to.m_count;
    copy->priority = node->priority;
    copy->gap = node->gap;
    copy->largest_gap = node->largest_gap;
    copy->left = left;
    if (left)
        left->parent = copy;
    copy->right = TRY(copy_subtree(node->right, to));
    if (copy->right)
        copy->right->parent = copy;
    return copy;
}

Result<void> VmaTree::copy(const Mm& from, Mm& to) {
    to.m_root = TRY(copy_subtree(from.m_root, to));
    return {};
}

} // namespace lxcore
