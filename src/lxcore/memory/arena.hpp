// Kernel memory: the shared arena, a page allocator over it and an object allocator over pages.
//
// The arena is one shared mapping at base::kArenaBase in every pico process. Its first page begins with the
// KernelState (lxcore/kernel.hpp). Nothing in it is valid in one process only.
//
// Survival of kill -9: single pages are claimed by one atomic bit, free lists are changed by single stores under
// locks that know their owner; a process that dies in between leaks at most the one allocation in flight.
#pragma once

#include <new>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/ref_ptr.hpp"
#include "base/result.hpp"
#include "base/types.hpp"

namespace lxcore {

using base::Errno;
using base::RefPtr;
using base::Result;

// Zeroed memory of `bytes` (alignment 16, or 64 from 64 bytes on), or null when the arena is full.
void* allocate(usize bytes);
void release(void* memory, usize bytes);

// Whole pages, contiguous, zeroed; alignment is a power of two of pages. Null when there is no such run.
void* allocate_pages(usize count, usize alignment_pages = 1);
void release_pages(void* memory, usize count);

struct ArenaStatistics {
    u64 total_pages, used_pages, object_bytes;
};
ArenaStatistics arena_statistics();

// Prepares an empty arena of `bytes`, all zero and mapped at kArenaBase. Called once, by the instance host.
void initialize_arena(u64 bytes);

// Base of objects that live in the arena: `new (fallible) T(...)` by make<T>() and a matching delete.
struct ArenaObject {
    static void* operator new(usize bytes) noexcept { return allocate(bytes); }
    static void* operator new(usize, void* at) noexcept { return at; }
    static void operator delete(void* memory, usize bytes) { release(memory, bytes); }
};

// A new T, or ENOMEM. T derives from ArenaObject.
template <typename T, typename... Arguments>
Result<T*> make(Arguments&&... arguments) {
    void* memory = T::operator new(sizeof(T));
    if (!memory)
        return Errno::ENOMEM;
    return new (memory) T(std::forward<Arguments>(arguments)...);
}

// Reference-counted objects in the arena.
class SharedObject : public base::RefCounted, public ArenaObject {
protected:
    ~SharedObject() override = default;
    void destroy() override { delete this; }
};

template <typename T, typename... Arguments>
Result<RefPtr<T>> make_ref(Arguments&&... arguments) {
    T* object = TRY(make<T>(std::forward<Arguments>(arguments)...));
    return RefPtr<T>::adopt(object);
}

// Growable array of trivially copyable elements in the arena.
template <typename T>
class Vector {
public:
    Vector() = default;
    LXSS_NO_COPY(Vector);
    Vector(Vector&& other) noexcept
        : m_data(std::exchange(other.m_data, nullptr)), m_size(std::exchange(other.m_size, 0)),
          m_capacity(std::exchange(other.m_capacity, 0)) {}
    Vector& operator=(Vector&& other) noexcept {
        std::swap(m_data, other.m_data);
        std::swap(m_size, other.m_size);
        std::swap(m_capacity, other.m_capacity);
        return *this;
    }
    ~Vector() { clear_memory(); }

    Result<void> push_back(const T& value) {
        if (m_size == m_capacity)
            TRY(reserve(m_capacity ? m_capacity * 2 : 8));
        m_data[m_size++] = value;
        return {};
    }
    Result<void> reserve(usize capacity) {
        if (capacity <= m_capacity)
            return {};
        auto* data = static_cast<T*>(allocate(capacity * sizeof(T)));
        if (!data)
            return Errno::ENOMEM;
        if (m_size)
            __builtin_memcpy(static_cast<void*>(data), m_data, m_size * sizeof(T));
        if (m_data)
            release(m_data, m_capacity * sizeof(T));
        m_data = data;
        m_capacity = capacity;
        return {};
    }
    // As resize(), for what grows bit by bit: takes memory for more than is asked for.
    Result<void> grow(usize size) {
        if (size > m_capacity)
            TRY(reserve(size > m_capacity * 2 ? size : m_capacity * 2));
        return resize(size);
    }
    // New elements are zero.
    Result<void> resize(usize size) {
        TRY(reserve(size));
        if (size > m_size)
            __builtin_memset(static_cast<void*>(m_data + m_size), 0, (size - m_size) * sizeof(T));
        m_size = size;
        return {};
    }
    void remove_at(usize index) {
        for (usize i = index + 1; i < m_size; ++i)
            m_data[i - 1] = m_data[i];
        --m_size;
    }
    void clear() { m_size = 0; }
    void clear_memory() {
        if (m_data)
            release(m_data, m_capacity * sizeof(T));
        m_data = nullptr;
        m_size = m_capacity = 0;
    }
    T* data() { return m_data; }
    const T* data() const { return m_data; }
    usize size() const { return m_size; }
    bool is_empty() const { return m_size == 0; }
    T& operator[](usize index) { return m_data[index]; }
    const T& operator[](usize index) const { return m_data[index]; }
    T* begin() { return m_data; }
    T* end() { return m_data + m_size; }
    const T* begin() const { return m_data; }
    const T* end() const { return m_data + m_size; }

private:
    static_assert(std::is_trivially_copyable_v<T>);
    T* m_data = nullptr;
    usize m_size = 0;
    usize m_capacity = 0;
};

// A text owned in the arena.
class String {
public:
    String() = default;
    LXSS_NO_COPY(String);
    String(String&& other) noexcept
        : m_data(std::exchange(other.m_data, nullptr)), m_length(std::exchange(other.m_length, 0)) {}
    String& operator=(String&& other) noexcept {
        std::swap(m_data, other.m_data);
        std::swap(m_length, other.m_length);
        return *this;
    }
    ~String() {
        if (m_data)
            release(m_data, m_length + 1);
    }
    static Result<String> create(std::string_view text) {
        String string;
        string.m_data = static_cast<char*>(allocate(text.size() + 1));
        if (!string.m_data)
            return Errno::ENOMEM;
        string.m_length = text.size();
        __builtin_memcpy(string.m_data, text.data(), text.size());
        string.m_data[text.size()] = 0;
        return string;
    }
    std::string_view view() const { return {m_data ? m_data : "", m_length}; }
    const char* c_str() const { return m_data ? m_data : ""; }
    usize length() const { return m_length; }

private:
    char* m_data = nullptr;
    usize m_length = 0;
};

// One page of kernel memory for the length of a scope: path names, directory buffers, formatted text. The
// kernel stack is small (36 KiB): anything from 1 KiB on belongs here.
class PageBuffer {
public:
    explicit PageBuffer(usize pages = 1) : m_data(static_cast<char*>(allocate_pages(pages))), m_pages(pages) {}
    LXSS_NO_COPY(PageBuffer);
    ~PageBuffer() {
        if (m_data)
            release_pages(m_data, m_pages);
    }
    explicit operator bool() const { return m_data != nullptr; }
    char* data() { return m_data; }
    usize size() const { return m_pages * base::kPageSize; }

private:
    char* m_data;
    usize m_pages;
};

} // namespace lxcore
