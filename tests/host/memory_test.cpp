// Address space and fault-safe access.
#include "abi/mman.hpp"
#include "host_test.hpp"

namespace host_test {

namespace {

constexpr usize kPage = base::kPageSize;
constexpr u32 kReadWrite = abi::PROT_READ | abi::PROT_WRITE;

u8* at(u64 address) {
    return reinterpret_cast<u8*>(address);
}
bool is_readable(u64 address) {
    return host::load_guarded(reinterpret_cast<u32*>(address)).is_ok();
}
u8 byte_at(u64 address) {
    u8 value = 0;
    CHECK(host::copy_guarded(&value, at(address), 1) == 0);
    return value;
}

void map_unmap_protect() {
    CHECK(!is_readable(kGuest));
    CHECK_OK(host::map_anonymous(kGuest, 4 * kPage, kReadWrite));
    CHECK(byte_at(kGuest + 4 * kPage - 1) == 0);
    CHECK(host::fill_guarded(at(kGuest), 7, 4 * kPage) == 0);
    CHECK_OK(host::protect(kGuest + kPage, kPage, abi::PROT_READ));
    CHECK(host::fill_guarded(at(kGuest + kPage), 8, 1) == 1);
    CHECK(byte_at(kGuest + kPage) == 7);
    CHECK_OK(host::protect(kGuest + kPage, kPage, abi::PROT_NONE));
    CHECK(!is_readable(kGuest + kPage));
    CHECK_OK(host::protect(kGuest + kPage, kPage, kReadWrite));
    CHECK(byte_at(kGuest + kPage) == 7);
    // In the middle: neighbours stay.
    CHECK_OK(host::unmap(kGuest + 2 * kPage, kPage));
    CHECK(!is_readable(kGuest + 2 * kPage));
    CHECK(byte_at(kGuest + kPage) == 7 && byte_at(kGuest + 3 * kPage) == 7);
    // Mapping replaces what is there.
    CHECK_OK(host::map_anonymous(kGuest + 3 * kPage, kPage, kReadWrite));
    CHECK(byte_at(kGuest + 3 * kPage) == 0);
    CHECK_OK(host::advise(kGuest, kPage, abi::MADV_DONTNEED));
    CHECK(byte_at(kGuest) == 0);
    CHECK_OK(host::unmap(kGuest, 4 * kPage));
    CHECK(!is_readable(kGuest));
}

void move_mapping() {
    constexpr u64 kTo = kGuest + 64 * kPage;
    CHECK_OK(host::map_anonymous(kGuest, 2 * kPage, kReadWrite));
    CHECK(host::fill_guarded(at(kGuest), 5, 2 * kPage) == 0);
    CHECK_OK(host::move_mapping(kGuest, 2 * kPage, kTo, 4 * kPage));
    CHECK(!is_readable(kGuest));
    CHECK(byte_at(kTo + 2 * kPage - 1) == 5);
    CHECK(byte_at(kTo + 4 * kPage - 1) == 0);
    CHECK_OK(host::unmap(kTo, 4 * kPage));
}

void arena_views() {
    constexpr u64 kUnit = base::kMappingUnit;
    u8* page = arena_memory(kPage, kUnit);
    CHECK_OK(host::map_arena(kGuest, kPage, kReadWrite, reinterpret_cast<u64>(page), true));
    page[3] = 9;
    CHECK(byte_at(kGuest + 3) == 9);
    CHECK(host::fill_guarded(at(kGuest + 4), 10, 1) == 0);
    CHECK(page[4] == 10);
    // A private view shows writes until it is written itself.
    CHECK_OK(host::map_arena(kGuest + kUnit, kPage, kReadWrite, reinterpret_cast<u64>(page), false));
    CHECK(byte_at(kGuest + kUnit + 3) == 9);
    CHECK(host::fill_guarded(at(kGuest + kUnit), 1, 1) == 0);
    CHECK(page[0] == 0);
    CHECK_OK(host::unmap(kGuest, kUnit + kPage));
}

void guarded_copies() {
    CHECK_OK(host::map_anonymous(kGuest, kPage, kReadWrite));
    const u64 end = kGuest + kPage; // nothing behind it
    u8* buffer = arena_memory(2 * kPage);
    for (usize length : {usize{1}, usize{4}, usize{8}, usize{16}, usize{17}, usize{100}, usize{kPage}}) {
        CHECK(host::copy_guarded(at(end - length), buffer, length) == 0);
        CHECK(host::copy_guarded(buffer, at(end - length), length) == 0);
        CHECK(host::copy_guarded(buffer, at(end), length) == length);
        CHECK(host::copy_guarded(at(end), buffer, length) == length);
    }
    // Partial counts: what was reported as copied is there.
    for (usize i = 0; i < 64; ++i)
        buffer[i] = static_cast<u8>(i + 1);
    for (usize room = 1; room < 40; ++room) {
        const usize left = host::copy_guarded(at(end - room), buffer, 64);
        CHECK(left >= 64 - room && left <= 64);
        for (usize i = 0; i + left < 64; ++i)
            CHECK(byte_at(end - room + i) == i + 1);
    }
    CHECK(host::copy_guarded(buffer, at(end - 32), 64) == 32);
    CHECK(host::fill_guarded(at(end - 5), 'x', 10) == 5);
    CHECK(host::copy_guarded(buffer, at(8), 8) == 8);
    CHECK(host::copy_guarded(buffer, at(0x8000'0000'0000'0000), 8) == 8); // not canonical
    CHECK_OK(host::unmap(kGuest, kPage));
}

void guarded_strings() {
    CHECK_OK(host::map_anonymous(kGuest, kPage, kReadWrite));
    const u64 end = kGuest + kPage;
    const auto length = [&](u64 address, usize limit) {
        return host::string_length_guarded(reinterpret_cast<const char*>(address), limit);
    };
    CHECK(host::copy_guarded(at(end - 6), "hello", 6) == 0);
    CHECK(length(end - 6, 100) == 5);
    CHECK(length(end - 6, 5) == 5);
    CHECK(length(end - 6, 3) == 3);
    CHECK(length(end - 6, 0) == 0);
    CHECK(host::fill_guarded(at(end - 3), 'x', 3) == 0);
    CHECK(length(end - 3, 100) == -1);
    CHECK(length(end - 3, 3) == 3); // the limit comes before the end of the page
    CHECK(length(end, 1) == -1);
    CHECK_OK(host::unmap(kGuest, kPage));
}

void guarded_atomics() {
    CHECK_OK(host::map_anonymous(kGuest, kPage, kReadWrite));
    auto* word = reinterpret_cast<u32*>(kGuest);
    CHECK(host::fetch_add_guarded(word, 5).value() == 0);
    CHECK(host::compare_exchange_guarded(word, 4, 9).value() == 5);
    CHECK(host::compare_exchange_guarded(word, 5, 0xffff'fff0).value() == 5);
    CHECK(host::load_guarded(word).value() == 0xffff'fff0); // a value that looks like an error
    CHECK(host::exchange_guarded(word, 0x0f).value() == 0xffff'fff0);
    CHECK(host::fetch_or_guarded(word, 0xf0).value() == 0x0f);
    CHECK(host::fetch_and_guarded(word, 0x3c).value() == 0xff);
    CHECK(host::fetch_xor_guarded(word, 0x0f).value() == 0x3c);
    CHECK(host::load_guarded(word).value() == 0x33);
    CHECK_OK(host::protect(kGuest, kPage, abi::PROT_READ));
    CHECK(host::load_guarded(word).value() == 0x33);
    CHECK_ERROR(host::fetch_add_guarded(word, 1), EFAULT);
    CHECK_ERROR(host::compare_exchange_guarded(word, 0x33, 1), EFAULT);
    CHECK_OK(host::unmap(kGuest, kPage));
    CHECK_ERROR(host::load_guarded(word), EFAULT);
    CHECK_ERROR(host::exchange_guarded(word, 1), EFAULT);
    CHECK_ERROR(host::fetch_or_guarded(word, 1), EFAULT);
    CHECK_ERROR(host::fetch_and_guarded(word, 1), EFAULT);
    CHECK_ERROR(host::fetch_xor_guarded(word, 1), EFAULT);
}

void vector_state() {
    const u64 bytes = base::page_ceil(host::vector_state_bytes());
    CHECK(host::vector_state_bytes() >= 576);
    CHECK((host::vector_state_features() & 3) == 3);
    CHECK_OK(host::map_anonymous(kGuest, bytes, kReadWrite));
    CHECK_OK(host::save_vector_state(at(kGuest)));
    CHECK_OK(host::restore_vector_state(at(kGuest)));
    // Reserved header bits must be zero.
    CHECK(host::fill_guarded(at(kGuest + 512 + 16), 0xff, 8) == 0);
    CHECK(host::restore_vector_state(at(kGuest)).is_error());
    host::reset_vector_state();
    CHECK_OK(host::unmap(kGuest, bytes));
    CHECK_ERROR(host::save_vector_state(at(kGuest)), EFAULT);
    CHECK_ERROR(host::restore_vector_state(at(kGuest)), EFAULT);
}

void reserved() {
    host::AddressRange ranges[32];
    const usize count = host::reserved_ranges(ranges, 32);
    for (usize i = 0; i < count && i < 32; ++i)
        CHECK(ranges[i].start < ranges[i].end && ranges[i].start % kPage == 0);
}

} // namespace

extern const Test kMemoryTests[] = {{"memory.map_unmap_protect", map_unmap_protect},
                                    {"memory.move_mapping", move_mapping},
                                    {"memory.arena_views", arena_views},
                                    {"memory.guarded_copies", guarded_copies},
                                    {"memory.guarded_strings", guarded_strings},
                                    {"memory.guarded_atomics", guarded_atomics},
                                    {"memory.vector_state", vector_state},
                                    {"memory.reserved_ranges", reserved},
                                    {}};

} // namespace host_test
