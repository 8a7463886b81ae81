// Intrusive reference counting. Counts are atomic: objects are shared by all pico processes of an instance.
#pragma once

#include <atomic>
#include <utility>

#include "base/assert.hpp"
#include "base/types.hpp"

namespace base {

// Base of shared objects. The last unref() calls destroy(), which the class may override (the default deletes
// through the virtual destructor, so the class needs an operator delete: see lxcore::ArenaObject).
class RefCounted {
public:
    LXSS_NO_COPY(RefCounted);
    void ref() const { m_references.fetch_add(1, std::memory_order_relaxed); }
    void unref() const {
        if (m_references.fetch_sub(1, std::memory_order_acq_rel) == 1)
            const_cast<RefCounted*>(this)->destroy();
    }
    // Drops a reference without destroying: true when it was the last, and the caller must then call destroy() by
    // its own means (to take long chains of owners apart without recursion).
    bool drop_reference() const { return m_references.fetch_sub(1, std::memory_order_acq_rel) == 1; }
    // Takes a reference unless the object is already on its way out (for lookups in caches that hold none).
    bool try_ref() const {
        u32 count = m_references.load(std::memory_order_relaxed);
        while (count != 0)
            if (m_references.compare_exchange_weak(count, count + 1, std::memory_order_acquire))
                return true;
        return false;
    }
    u32 reference_count() const { return m_references.load(std::memory_order_relaxed); }

protected:
    RefCounted() = default;
    virtual ~RefCounted() = default;
    virtual void destroy() = 0;

private:
    mutable std::atomic<u32> m_references{1};
};

template <typename T>
class RefPtr {
public:
    RefPtr() = default;
    RefPtr(std::nullptr_t) {}
    RefPtr(T* object) : m_object(object) { // takes a new reference
        if (m_object)
            m_object->ref();
    }
    RefPtr(const RefPtr& other) : RefPtr(other.m_object) {}
    RefPtr(RefPtr&& other) noexcept : m_object(std::exchange(other.m_object, nullptr)) {}
    template <typename U>
        requires std::is_convertible_v<U*, T*>
    RefPtr(const RefPtr<U>& other) : RefPtr(static_cast<T*>(other.get())) {}
    template <typename U>
        requires std::is_convertible_v<U*, T*>
    RefPtr(RefPtr<U>&& other) : m_object(other.leak()) {}
    ~RefPtr() { reset(); }

    RefPtr& operator=(RefPtr other) noexcept {
        std::swap(m_object, other.m_object);
        return *this;
    }
    void reset() {
        if (T* object = std::exchange(m_object, nullptr))
            object->unref();
    }
    T* get() const { return m_object; }
    T* operator->() const { return m_object; }
    T& operator*() const { return *m_object; }
    explicit operator bool() const { return m_object != nullptr; }
    bool operator==(const RefPtr& other) const { return m_object == other.m_object; }
    bool operator==(const T* other) const { return m_object == other; }

    // Gives up the reference without dropping it.
    T* leak() { return std::exchange(m_object, nullptr); }
    // Takes over a reference that the caller owns (a fresh object's first, or one leaked).
    static RefPtr adopt(T* object) {
        RefPtr pointer;
        pointer.m_object = object;
        return pointer;
    }

private:
    T* m_object = nullptr;
};

} // namespace base
