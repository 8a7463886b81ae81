// The guest memory of the calling process: 4 KiB semantics above views of 64 KiB granularity.
//
// Views lie at multiples of 64 KiB and never overlap. Private memory lies in chunk sections that are this process's own and mapped
// for reading and writing. A fork freezes all of them: from then on parent and child map them copy-on-write, and each takes new
// memory from new sections. At the next fork the pages that differ from their section's are copied (fork.cpp).
//
// lxcore's record says what is mapped; here it is only known which pages of a view are in use, and what may be in them.
// A range without a view is as good as memory that was mapped with PROT_NONE and never touched.
#pragma once

#include "host/nt/internal.hpp"

namespace host::nt {

inline constexpr u64 kMaxViewBytes = u64{16} << 20;
inline constexpr u64 kChunkBytes = u64{4} << 20; // of sections for private memory, at least

enum class ViewKind : u8 {
    Private,   // in a chunk section
    Shared,    // a section of its own, shared with later forks: anonymous memory or a file
    Arena,     // of the arena's section
};

// What is known of each page.
enum PageBits : u8 {
    kPageProtection = 7, // abi::PROT_*
    kPageUsed = 8,
    kPageDirty = 16,     // may hold something else than zeros
    kPageChanged = 32,   // of a copy-on-write view: may differ from the section's
    kPageBeyondEnd = 64, // of a file's end: without access, lxcore maps it when the file has grown
    kPageOfFile = 128,   // read from a file: cannot be had anew
};

struct View {
    u64 start, bytes;
    u64 offset;    // in the section
    u32 section;   // index in Space::sections
    ViewKind kind;
    bool is_copy;  // mapped copy-on-write
    bool is_read_only; // a file that cannot be written
    u8* pages;     // one PageBits for each
    u64 end() const { return start + bytes; }
    u64 page_count() const { return bytes / base::kPageSize; }
};

struct SectionRecord {
    HANDLE handle;
    u64 bytes, used; // `used`: what was given out of a chunk section
    u32 views;       // 0: the record is free
    bool is_frozen;
    u8* base;        // all of it, read-only, to compare with; or null
};

// A growing array outside of any heap (a thread may be suspended while it holds a heap's lock).
template <typename T>
struct Table {
    T* data = nullptr;
    u64 count = 0, capacity = 0;
    bool reserve(u64 wanted);
    T& operator[](u64 index) { return data[index]; }
};

struct Space {
    Table<View> views; // by address
    Table<SectionRecord> sections;
    u32 current_section = ~0u; // where private memory is taken from
    u64 stack_end = 0; // the stack's lowest address, with guard pages below (stack_end.cpp); 0: there are none
};
extern Space g_space;

// Held around every change of the address space, and around a fork.
class MemoryGuard {
public:
    MemoryGuard();
    LXSS_NO_COPY(MemoryGuard);
    ~MemoryGuard();
};

// All want the memory lock. Errors: ENOMEM.
u64 first_view_after(u64 address); // index of the first view that ends above `address`
Result<View*> insert_view(u64 address, u64 bytes, u32 section, u64 offset, ViewKind kind, bool is_copy, bool is_read_only);
void remove_view(u64 index);
void apply_protection(View& view, u64 first_page, u64 count);
Result<u32> create_section(u64 bytes);
Result<u32> add_section(HANDLE handle, u64 bytes);
void drop_section(u32 index); // one view less
Result<void> copy_changed_pages(View& view, bool (*take)(void* context, u64 address, const u8* page), void* context);

// Whether the first access to the page is to fault, and to leave it open for the exception's record.
bool is_guard_page(u64 address);
// After such an access at `address`. Takes the memory lock.
void guard_again(u64 address);

u8* allocate_pages_table(u64 count);
void free_pages_table(u8* pages, u64 count);

// The part of the lowest gibibyte that the parent has kept free (processes.cpp); nothing of it may be had before.
inline constexpr u64 kLowWindow = 0x40'0000, kLowWindowEnd = 0x4000'0000;
void adopt_low_window();
// Gives up, and takes again, what is reserved in [start, end).
void open_low_window(u64 start, u64 end);
void close_low_window(u64 start, u64 end);

} // namespace host::nt
