
#include "kernel_test.hpp"

#include "kernel_doubles.hpp"
#include "lxcore/user/user_memory.hpp"

using base::Errno;
using lxcore::IoBuffer;

TEST(IoBuffer, KernelMemory) {
    char data[8] = {};
    IoBuffer buffer(data, sizeof(data));
    EXPECT_EQ(buffer.copy_in("abc", 3).value(), 3u);
    EXPECT_EQ(buffer.fill('-', 2).value(), 2u);
    EXPECT_EQ(buffer.left(), 3u);
    EXPECT_EQ(buffer.transferred(), 5u);
    EXPECT_EQ(buffer.copy_in("wxyz", 4).value(), 3u); // full
    EXPECT_EQ(buffer.left(), 0u);
    EXPECT_EQ(std::string(data, 8), "abc--wxy");
}

TEST(IoBuffer, VectorsAreOneStream) {
    char a[2], b[3], c[4];
    abi::iovec vectors[] = {{reinterpret_cast<u64>(a), 2},
                            {faulting_memory(), 0}, // empty ranges are never touched
                            {reinterpret_cast<u64>(b), 3},
                            {reinterpret_cast<u64>(c), 4}};
    IoBuffer buffer = IoBuffer::user_vectors(vectors, 4, 9);
    EXPECT_EQ(buffer.copy_in("1234567", 7).value(), 7u);
    EXPECT_EQ(std::string(a, 2) + std::string(b, 3) + std::string(c, 2), "1234567");
    EXPECT_EQ(buffer.left(), 2u);

    IoBuffer source = IoBuffer::user_vectors(vectors, 4, 9);
    char out[9] = {};
    EXPECT_EQ(source.peek(out, 4).value(), 4u);
    EXPECT_EQ(source.transferred(), 0u);
    source.advance(4);
    EXPECT_EQ(source.copy_out(out, 3).value(), 3u);
    EXPECT_EQ(std::string(out, 3), "567");
}

TEST(IoBuffer, FaultsGiveShortCountsFirst) {
    char good[2];
    abi::iovec vectors[] = {{reinterpret_cast<u64>(good), 2}, {faulting_memory(), 2}};
    IoBuffer buffer = IoBuffer::user_vectors(vectors, 2, 4);
    EXPECT_EQ(buffer.copy_in("abcd", 4).value(), 2u);
    EXPECT_EQ(buffer.copy_in("cd", 2).error(), Errno::EFAULT);
}

TEST(IoBuffer, KernelAddressesAreNoGuestMemory) {
    IoBuffer buffer = IoBuffer::user(base::kArenaBase, 16);
    EXPECT_EQ(buffer.copy_in("x", 1).error(), Errno::EFAULT);
    abi::iovec ranges[1];
    EXPECT_EQ(IoBuffer::user(base::kKernelBase - 8, 16).ranges(ranges, 1).error(), Errno::EFAULT);
    EXPECT_EQ(IoBuffer::user(~u64{0} - 4, 16).ranges(ranges, 1).error(), Errno::EFAULT);
}

TEST(PathName, LongAndShort) {
    const usize before = live_allocations();
    {
        const std::string shortest = "/bin/sh", longest(4095, 'x'), too_long(4096, 'x');
        // Not on the heap, which AddressSanitizer places where the kernel lies.
        static char guest_text[5000];
        const auto copy = [](const std::string& text) {
            std::memcpy(guest_text, text.c_str(), text.size() + 1);
            return lxcore::PathName::copy(lxcore::UserCString(reinterpret_cast<u64>(guest_text)));
        };
        for (const std::string& text : {shortest, longest}) {
            const auto name = copy(text);
            ASSERT_TRUE(name.is_ok());
            EXPECT_EQ(name.value().view(), text);
        }
        EXPECT_EQ(copy(too_long).error(), Errno::ENAMETOOLONG);
        EXPECT_EQ(lxcore::PathName::copy(lxcore::UserCString(faulting_memory())).error(), Errno::EFAULT);
        limit_allocations(0);
        EXPECT_EQ(copy(longest).error(), Errno::ENOMEM);
        limit_allocations(-1);
    }
    EXPECT_EQ(live_allocations(), before);
}
