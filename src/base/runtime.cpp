// What the C++ compiler and libstdc++'s inline functions refer to beside the C functions of memory.cpp. None of it is
// ever called unless the kernel has a bug.
#include "base/assert.hpp"
#include "base/types.hpp"

extern "C" [[noreturn]] void abort() { LXSS_PANIC("abort"); }
extern "C" void __cxa_pure_virtual() { LXSS_PANIC("pure virtual function called"); }

// Objects are released by their classes' own operator delete.
void operator delete(void*) noexcept { LXSS_PANIC("operator delete"); }
void operator delete(void*, usize) noexcept { LXSS_PANIC("operator delete"); }

// What std::string_view calls for a bad position.
namespace std {
[[noreturn]] void __throw_out_of_range_fmt(const char* format, ...) { LXSS_PANIC(format); }
} // namespace std
