// Intrusive doubly linked list. Links are written so that the forward chain is whole at every instruction: a
// process killed in the middle of an insertion or removal leaves a list that can still be walked forwards. A backward
// link may then be stale; it is never followed without a look at whether the node there leads back.
#pragma once

#include <atomic>

#include "base/types.hpp"

namespace base {

struct ListNode {
    ListNode* next = nullptr;
    ListNode* previous = nullptr;
    bool is_linked() const { return next != nullptr; }
    // Removes the node from whichever list it is in; does nothing when it is in none.
    void unlink() {
        if (!next)
            return;
        ListNode* before = previous;
        if (before->next != this) [[unlikely]]
            before = find_previous();
        if (before) {
            next->previous = before;
            std::atomic_signal_fence(std::memory_order_seq_cst);
            before->next = next;
            std::atomic_signal_fence(std::memory_order_seq_cst);
        }
        next = previous = nullptr;
    }
    // The node before this one when the backward link is stale; null when this node was taken out already, by a process that
    // died before it could say so here.
    ListNode* find_previous() {
        if (next->previous != this)
            return nullptr;
        ListNode* node = next;
        while (node->next != this)
            node = node->next;
        return node;
    }
};

// List of T through its member `ListNode T::*Member`. The list does not own its elements.
template <typename T, ListNode T::* Member>
class List {
public:
    LXSS_NO_COPY(List);
    List() { m_head.next = m_head.previous = &m_head; }

    bool is_empty() const { return m_head.next == &m_head; }
    void push_back(T& element) { insert_between(element.*Member, *before(m_head), m_head); }
    void push_front(T& element) { insert_between(element.*Member, m_head, *m_head.next); }
    void insert_before(T& position, T& element) {
        insert_between(element.*Member, *before(position.*Member), position.*Member);
    }
    static void remove(T& element) { (element.*Member).unlink(); }
    T* first() const { return is_empty() ? nullptr : owner(m_head.next); }
    T* last() const { return is_empty() ? nullptr : owner(before(const_cast<ListNode&>(m_head))); }
    T* next(const T& element) const {
        ListNode* node = (element.*Member).next;
        return node == &m_head ? nullptr : owner(node);
    }
    T* previous(const T& element) const {
        ListNode* node = before(const_cast<T&>(element).*Member);
        return node == &m_head ? nullptr : owner(node);
    }
    T* pop_front() {
        T* element = first();
        if (element)
            remove(*element);
        return element;
    }
    usize count() const {
        usize count = 0;
        for (ListNode* node = m_head.next; node != &m_head; node = node->next)
            ++count;
        return count;
    }

    // Iteration tolerates removal of the element that it stands on.
    class Iterator {
    public:
        explicit Iterator(ListNode* node) : m_node(node), m_next(node->next) {}
        T& operator*() const { return *owner(m_node); }
        Iterator& operator++() {
            m_node = m_next;
            m_next = m_node->next;
            return *this;
        }
        bool operator!=(const Iterator& other) const { return m_node != other.m_node; }

    private:
        ListNode* m_node;
        ListNode* m_next;
    };
    Iterator begin() const { return Iterator(m_head.next); }
    Iterator end() const { return Iterator(const_cast<ListNode*>(&m_head)); }

private:
    static T* owner(ListNode* node) {
        // offsetof through a member pointer; T need not be standard layout.
        const auto offset = reinterpret_cast<usize>(&(reinterpret_cast<T*>(0x10000)->*Member)) - 0x10000;
        return reinterpret_cast<T*>(reinterpret_cast<char*>(node) - offset);
    }
    static ListNode* before(ListNode& node) {
        ListNode* previous = node.previous;
        if (previous->next != &node) [[unlikely]]
            for (previous = node.next; previous->next != &node;)
                previous = previous->next;
        return previous;
    }
    static void insert_between(ListNode& node, ListNode& before, ListNode& after) {
        node.next = &after;
        node.previous = &before;
        std::atomic_signal_fence(std::memory_order_seq_cst);
        before.next = &node;
        after.previous = &node;
    }

    ListNode m_head;
};

} // namespace base
