// Text formatting without a runtime: a bounded Writer and print(writer, "x={} y={:x}\n", x, y).
// Formats: {} decimal or text, {:x} hexadecimal, {:o} octal, {:c} character; a width with optional zero or
// left alignment may stand before the letter: {:08x}, {:5}, {:-16}.
#pragma once

#include <string_view>
#include <type_traits>

#include "base/types.hpp"

namespace base {

// Appends to a caller's buffer; text past its end is counted but not stored, so that truncation is visible.
class Writer {
public:
    Writer(char* buffer, usize capacity) : m_buffer(buffer), m_capacity(capacity) {}
    void put(char character) {
        if (m_length < m_capacity)
            m_buffer[m_length] = character;
        ++m_length;
    }
    void put(std::string_view text) {
        for (char character : text)
            put(character);
    }
    // Bytes stored.
    usize length() const { return m_length < m_capacity ? m_length : m_capacity; }
    // Bytes put, stored or not.
    usize wanted() const { return m_length; }
    bool is_truncated() const { return m_length > m_capacity; }
    std::string_view view() const { return {m_buffer, length()}; }
    char* data() { return m_buffer; }

private:
    char* m_buffer;
    usize m_capacity;
    usize m_length = 0;
};

template <usize N>
class FixedWriter : public Writer {
public:
    FixedWriter() : Writer(m_storage, N) {}

private:
    char m_storage[N];
};

struct FormatArgument {
    enum class Kind : u8 { Unsigned, Signed, Text } kind;
    u64 number = 0;
    std::string_view text = {};

    template <typename T>
        requires std::is_integral_v<T>
    FormatArgument(T value)
        : kind(std::is_signed_v<T> ? Kind::Signed : Kind::Unsigned), number(static_cast<u64>(value)) {}
    template <typename T>
        requires std::is_enum_v<T>
    FormatArgument(T value) : FormatArgument(static_cast<std::underlying_type_t<T>>(value)) {}
    FormatArgument(std::string_view value) : kind(Kind::Text), text(value) {}
    FormatArgument(const char* value) : kind(Kind::Text), text(value ? value : "(null)") {}
    FormatArgument(const void* value) : kind(Kind::Unsigned), number(reinterpret_cast<u64>(value)) {}
};

void print_arguments(Writer& writer, std::string_view format, const FormatArgument* arguments, usize count);

template <typename... Arguments>
void print(Writer& writer, std::string_view format, const Arguments&... arguments) {
    if constexpr (sizeof...(arguments) == 0) {
        print_arguments(writer, format, nullptr, 0);
    } else {
        const FormatArgument list[] = {FormatArgument(arguments)...};
        print_arguments(writer, format, list, sizeof...(arguments));
    }
}

} // namespace base
