// The few C functions that compilers emit calls to. String instructions are used because these parts may not
// touch vector registers, and every processor since 2013 runs them at cache speed for all but tiny sizes.
#include "base/types.hpp"

extern "C" {

void* memcpy(void* destination, const void* source, usize count) {
    void* result = destination;
    asm volatile("rep movsb" : "+D"(destination), "+S"(source), "+c"(count) : : "memory");
    return result;
}

void* memmove(void* destination, const void* source, usize count) {
    auto* to = static_cast<u8*>(destination);
    auto* from = static_cast<const u8*>(source);
    if (to <= from || to >= from + count)
        return memcpy(destination, source, count);
    while (count >= 8) {
        count -= 8;
        u64 word;
        __builtin_memcpy(&word, from + count, 8);
        __builtin_memcpy(to + count, &word, 8);
    }
    while (count > 0) {
        --count;
        to[count] = from[count];
        asm volatile("" : : : "memory"); // keeps the loop from becoming a call to memmove
    }
    return destination;
}

void* memset(void* destination, int value, usize count) {
    void* result = destination;
    asm volatile("rep stosb" : "+D"(destination), "+c"(count) : "a"(value) : "memory");
    return result;
}

int memcmp(const void* left, const void* right, usize count) {
    auto* a = static_cast<const u8*>(left);
    auto* b = static_cast<const u8*>(right);
    for (; count >= 8; count -= 8, a += 8, b += 8) {
        u64 x, y;
        __builtin_memcpy(&x, a, 8);
        __builtin_memcpy(&y, b, 8);
        if (x != y)
            break;
    }
    for (; count > 0; --count, ++a, ++b)
        if (*a != *b)
            return *a < *b ? -1 : 1;
    return 0;
}

void* memchr(const void* start, int value, usize count) {
    auto* at = static_cast<const u8*>(start);
    for (; count > 0; --count, ++at)
        if (*at == static_cast<u8>(value))
            return const_cast<u8*>(at);
    return nullptr;
}

usize strlen(const char* text) {
    usize length = 0;
    while (text[length]) {
        ++length;
        asm volatile("" : : : "memory"); // keeps the loop from becoming a call to strlen
    }
    return length;
}

} // extern "C"
