// Result<T>: a value or a Linux errno. Errors travel as values; errno is negated in exactly one place, the
// system-call dispatcher.
#pragma once

#include <new>
#include <type_traits>
#include <utility>

#include "abi/errno.hpp"
#include "base/types.hpp"

namespace base {

using abi::Errno;

template <typename T>
class [[nodiscard]] Result {
public:
    Result(Errno error) : m_error(error) {}
    template <typename U>
        requires(!std::is_same_v<std::remove_cvref_t<U>, Result> && std::is_convertible_v<U, T> &&
                 !std::is_same_v<std::remove_cvref_t<U>, Errno>)
    Result(U&& value) : m_error(Errno::OK) {
        new (&m_value) T(std::forward<U>(value));
    }
    Result(Result&& other) noexcept : m_error(other.m_error) {
        if (is_ok())
            new (&m_value) T(std::move(other.m_value));
    }
    Result(const Result&)
        requires std::is_trivially_copyable_v<T>
    = default;
    ~Result()
        requires std::is_trivially_destructible_v<T>
    = default;
    ~Result() {
        if (is_ok())
            m_value.~T();
    }
    Result& operator=(Result&&) = delete;

    bool is_ok() const { return m_error == Errno::OK; }
    bool is_error() const { return m_error != Errno::OK; }
    Errno error() const { return m_error; }
    T& value() { return m_value; }
    const T& value() const { return m_value; }
    T release_value() { return std::move(m_value); }

private:
    union {
        T m_value;
    };
    Errno m_error;
};

template <>
class [[nodiscard]] Result<void> {
public:
    Result() : m_error(Errno::OK) {}
    Result(Errno error) : m_error(error) {}
    bool is_ok() const { return m_error == Errno::OK; }
    bool is_error() const { return m_error != Errno::OK; }
    Errno error() const { return m_error; }
    void release_value() {}

private:
    Errno m_error;
};

} // namespace base

// Evaluates to the value, or returns the error from the enclosing function.
#define TRY(expression)                                                                                      \
    ({                                                                                                       \
        auto&& try_result_ = (expression);                                                                   \
        if (try_result_.is_error()) [[unlikely]]                                                             \
            return try_result_.error();                                                                      \
        try_result_.release_value();                                                                         \
    })
