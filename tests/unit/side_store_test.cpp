// The metadata store for hosts whose files can hold none: contents, reopening, torn tails, compaction, many
// files.
#include "kernel_test.hpp"

#include "abi/xattr.hpp"
#include "base/side_store.hpp"

using namespace base;

namespace {

// A file in memory that can fall over at any write.
struct MemoryFile final : SideStoreFile {
    std::vector<uint8_t> bytes;
    size_t writes_left = ~size_t{0}; // later ones fail, when `kept` bytes of theirs are written
    size_t kept = 0;
    unsigned buffers = 0;

    Result<usize> read(u64 offset, void* buffer, usize length) override {
        if (offset >= bytes.size())
            return usize{0};
        length = std::min<usize>(length, bytes.size() - offset);
        std::memcpy(buffer, bytes.data() + offset, length);
        return length;
    }
    Result<void> write(u64 offset, const void* data, usize length) override {
        const bool fails = writes_left == 0;
        if (fails)
            length = std::min(length, kept);
        else
            --writes_left;
        if (bytes.size() < offset + length)
            bytes.resize(offset + length);
        std::memcpy(bytes.data() + offset, data, length);
        return fails ? Result<void>(Errno::EIO) : Result<void>();
    }
    Result<void> truncate(u64 length) override {
        bytes.resize(length);
        return {};
    }
    Result<void> flush() override { return {}; }
    u8* take_buffer() override {
        ++buffers;
        return new u8[kSideStoreRecordBytes];
    }
    void give_back(u8* buffer) override {
        --buffers;
        delete[] buffer;
    }
};

// A store over such a file, with an index of its own: each one is a start of the instance.
struct Opened {
    explicit Opened(MemoryFile& to, u64 capacity = 4096)
        : file(to), memory(SideStoreIndex::bytes(capacity) / 8 + 1),
          index(*reinterpret_cast<SideStoreIndex*>(memory.data())), store(file, index) {
        index.capacity = capacity;
        opened = store.open(file.bytes.size(), flags).error();
    }
    MemoryFile& file;
    std::vector<u64> memory;
    SideStoreIndex& index;
    SideStore store;
    u32 flags = 7;
    Errno opened;

    Errno set(u64 id, std::string_view name, std::string_view value, u32 how = 0) {
        return store.set(id, name, value.data(), value.size(), static_cast<i32>(how)).error();
    }
    std::string get(u64 id, std::string_view name) {
        char buffer[70'000];
        Result<usize> length = store.get(id, name, buffer, sizeof(buffer));
        return length.is_ok() ? std::string(buffer, length.value())
                              : "error " + std::to_string(int(length.error()));
    }
    std::string names(u64 id) {
        char buffer[4096];
        Result<usize> length = store.list(id, buffer, sizeof(buffer));
        return std::string(buffer, length.is_ok() ? length.value() : 0);
    }
};

const std::string kNoData = "error " + std::to_string(int(Errno::ENODATA));

} // namespace

TEST(SideStore, HoldsAttributes) {
    MemoryFile file;
    Opened run(file);
    EXPECT_EQ(run.opened, Errno::OK);
    EXPECT_EQ(run.flags, 7u);
    EXPECT_EQ(run.get(5, "a"), kNoData);
    EXPECT_EQ(run.set(5, "a", "one"), Errno::OK);
    EXPECT_EQ(run.set(5, "b", ""), Errno::OK);
    EXPECT_EQ(run.set(5, "a", "x", abi::XATTR_CREATE), Errno::EEXIST);
    EXPECT_EQ(run.set(5, "c", "x", abi::XATTR_REPLACE), Errno::ENODATA);
    EXPECT_EQ(run.get(5, "a"), "one");
    EXPECT_EQ(run.get(5, "b"), "");
    EXPECT_EQ(run.names(5), std::string("a\0b\0", 4));
    char little[2];
    EXPECT_EQ(run.store.get(5, "a", little, 2).error(), Errno::ERANGE);
    EXPECT_EQ(run.store.get(5, "a", nullptr, 0).value(), 3u);
    EXPECT_EQ(run.store.list(5, little, 2).error(), Errno::ERANGE);
    EXPECT_EQ(run.store.list(5, nullptr, 0).value(), 4u);
    EXPECT_EQ(run.store.permissions(5), -1);
    EXPECT_TRUE(run.store.set_permissions(5, 04755).is_ok());
    EXPECT_EQ(run.store.permissions(5), 04755);
    EXPECT_EQ(run.get(5, "a"), "one");
    EXPECT_TRUE(run.store.remove(5, "a").is_ok());
    EXPECT_EQ(run.store.remove(5, "a").error(), Errno::ENODATA);
    EXPECT_EQ(run.get(5, "a"), kNoData);
    EXPECT_TRUE(run.store.has_attributes(5));
    EXPECT_TRUE(run.store.forget(5).is_ok());
    EXPECT_FALSE(run.store.has_attributes(5));
    EXPECT_EQ(run.store.permissions(5), -1);
    EXPECT_EQ(file.buffers, 0u);
}

TEST(SideStore, LargeValues) {
    MemoryFile file;
    Opened run(file);
    const std::string large(64 * 1024, 'v');
    EXPECT_EQ(run.set(1, "large", large), Errno::OK);
    EXPECT_EQ(run.set(1, "small", "s"), Errno::OK);
    EXPECT_EQ(run.set(1, "too much", large), Errno::ENOSPC);
    EXPECT_EQ(run.get(1, "large"), large);
    Opened again(file);
    EXPECT_EQ(again.get(1, "large"), large);
    EXPECT_EQ(again.get(1, "small"), "s");
    EXPECT_EQ(file.buffers, 0u);
}

TEST(SideStore, IsReadAgain) {
    MemoryFile file;
    {
        Opened run(file);
        for (u64 id = 1; id <= 2000; ++id) {
            ASSERT_EQ(run.set(id, "user.lxattrb", "metadata of " + std::to_string(id)), Errno::OK);
            ASSERT_TRUE(run.store.set_permissions(id, static_cast<i32>(id % 512)).is_ok());
        }
        ASSERT_TRUE(run.store.forget(7).is_ok());
    }
    Opened run(file);
    ASSERT_EQ(run.opened, Errno::OK);
    for (u64 id = 1; id <= 2000; ++id) {
        EXPECT_EQ(run.get(id, "user.lxattrb"), id == 7 ? kNoData : "metadata of " + std::to_string(id));
        EXPECT_EQ(run.store.permissions(id), id == 7 ? -1 : static_cast<i32>(id % 512));
    }
}

TEST(SideStore, FullIndexIsAnError) {
    MemoryFile file;
    Opened run(file, 16);
    for (u64 id = 1; id <= 14; ++id)
        EXPECT_EQ(run.set(id, "a", "x"), Errno::OK);
    EXPECT_EQ(run.set(15, "a", "x"), Errno::ENOSPC);
    EXPECT_EQ(run.set(3, "a", "y"), Errno::OK);
    EXPECT_EQ(Opened(file, 8).opened, Errno::ENOSPC);
}

// Whatever of the last record reached the disk, all that was there before it stays, and the store goes on.
TEST(SideStore, TornTail) {
    MemoryFile whole;
    size_t before;
    {
        Opened run(whole);
        run.set(1, "a", "first");
        run.set(2, "b", "second");
        before = whole.bytes.size();
        run.set(1, "a", "third");
    }
    for (size_t length = before; length <= whole.bytes.size(); ++length) {
        MemoryFile torn;
        torn.bytes.assign(whole.bytes.begin(), whole.bytes.begin() + static_cast<long>(length));
        {
            Opened run(torn);
            ASSERT_EQ(run.opened, Errno::OK) << length;
            EXPECT_EQ(run.get(1, "a"), length == whole.bytes.size() ? "third" : "first") << length;
            EXPECT_EQ(run.get(2, "b"), "second");
            EXPECT_EQ(torn.bytes.size(), length == whole.bytes.size() ? length : before);
            EXPECT_EQ(run.set(3, "c", "fourth"), Errno::OK);
        }
        EXPECT_EQ(Opened(torn).get(3, "c"), "fourth");
    }
    // Space that the file had been given, but not its content.
    MemoryFile hollow = whole;
    std::fill(hollow.bytes.begin() + static_cast<long>(before), hollow.bytes.end(), 0);
    Opened run(hollow);
    EXPECT_EQ(run.opened, Errno::OK);
    EXPECT_EQ(run.get(1, "a"), "first");
    EXPECT_EQ(hollow.bytes.size(), before);
}

TEST(SideStore, FailedWriteChangesNothing) {
    MemoryFile file;
    Opened run(file);
    run.set(1, "a", "kept");
    file.writes_left = 0;
    file.kept = 20;
    EXPECT_EQ(run.set(1, "a", "lost"), Errno::EIO);
    EXPECT_EQ(run.get(1, "a"), "kept");
    file.writes_left = 10;
    EXPECT_EQ(run.set(2, "b", "next"), Errno::OK); // over the torn one
    Opened again(file);
    EXPECT_EQ(again.get(1, "a"), "kept");
    EXPECT_EQ(again.get(2, "b"), "next");
}

TEST(SideStore, ForeignAndLaterFilesAreLeftAlone) {
    MemoryFile foreign;
    foreign.bytes.assign(4096, 'x');
    EXPECT_EQ(Opened(foreign).opened, Errno::EIO);
    EXPECT_EQ(foreign.bytes, std::vector<uint8_t>(4096, 'x'));
    MemoryFile later;
    Opened(later).set(1, "a", "x");
    later.bytes[8] = 2;
    const std::vector<uint8_t> before = later.bytes;
    EXPECT_EQ(Opened(later).opened, Errno::EIO);
    EXPECT_EQ(later.bytes, before);
}

TEST(SideStore, Compaction) {
    MemoryFile file, fresh;
    Opened run(file);
    std::map<u64, std::string> expected;
    for (u64 round = 0; round < 40; ++round)
        for (u64 id = 1; id <= 1000; ++id) {
            const std::string value = std::to_string(id * round);
            ASSERT_EQ(run.set(id, "user.lxattrb", value), Errno::OK);
            expected[id] = value;
        }
    ASSERT_TRUE(run.store.set_permissions(9, 0100).is_ok());
    ASSERT_TRUE(run.store.forget(10).is_ok());
    expected.erase(10);
    EXPECT_TRUE(run.store.is_worth_compacting());
    ASSERT_TRUE(run.store.compact(fresh, run.flags).is_ok());
    EXPECT_LT(fresh.bytes.size(), file.bytes.size() / 20);
    // The index speaks of the new file from then on, and so does a new start.
    SideStore moved(fresh, run.index);
    Opened again(fresh);
    for (u64 id = 1; id <= 1000; ++id) {
        char buffer[32];
        Result<usize> length = moved.get(id, "user.lxattrb", buffer, sizeof(buffer));
        if (id == 10) {
            EXPECT_EQ(length.error(), Errno::ENODATA);
            continue;
        }
        ASSERT_TRUE(length.is_ok());
        EXPECT_EQ(std::string(buffer, length.value()), expected[id]);
        EXPECT_EQ(again.get(id, "user.lxattrb"), expected[id]);
    }
    EXPECT_EQ(again.store.permissions(9), 0100);
    EXPECT_FALSE(again.store.is_worth_compacting());
}
