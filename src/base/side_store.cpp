#include "base/side_store.hpp"

#include "abi/xattr.hpp"

namespace base {

namespace {

struct Header {
    char magic[8];
    u32 version, flags;
    u32 checksum; // of what stands before it
    u32 tree[2];  // what the store belongs to; 0: not recorded
    u32 unused[9];
};
static_assert(sizeof(Header) == 64);
constexpr char kMagic[8] = {'L', 'X', 'S', 'S', 'A', 'T', 'T', 'R'};
constexpr u32 kVersion = 1;

struct Record {
    u32 checksum; // of all that follows in the record
    u32 bytes;    // of the record, a multiple of 8
    u64 file;
    u16 permissions; // kNoPermissions: not recorded
    u16 count;       // of attributes
    u32 used;        // bytes up to the padding
};
static_assert(sizeof(Record) == 24);
constexpr u16 kNoPermissions = 0xffff;

// Then name and value.
struct Attribute {
    u16 name_bytes, unused;
    u32 value_bytes;
};

// What a slot's value tells without reading the record: its place in units of 8 bytes, then these.
constexpr u64 kPermissionMask = 07777, kHasPermissions = 1u << 12, kHasAttributes = 1u << 13;
constexpr u32 kPlaceShift = 20;
constexpr u64 kMaxLogBytes = u64{1} << 40;

u64 place_of(u64 value) {
    return (value >> kPlaceShift) * 8;
}

// CRC-32C (Castagnoli), four bits at a time.
u32 checksum_of(const void* data, usize length, u32 seed = 0) {
    static constexpr u32 kTable[16] = {0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
                                       0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
                                       0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75};
    u32 value = ~seed;
    for (const u8 *at = static_cast<const u8*>(data), *end = at + length; at < end; ++at) {
        value ^= *at;
        value = value >> 4 ^ kTable[value & 15];
        value = value >> 4 ^ kTable[value & 15];
    }
    return ~value;
}

// The attribute at `offset` of a record, whose lengths have been checked by is_sound().
const Attribute& attribute_at(const u8* record, usize offset) {
    return *reinterpret_cast<const Attribute*>(record + offset);
}
usize step(const Attribute& attribute) {
    return align_up(sizeof(Attribute) + attribute.name_bytes + attribute.value_bytes, 8);
}
std::string_view name_of(const Attribute& attribute) {
    return {reinterpret_cast<const char*>(&attribute + 1), attribute.name_bytes};
}

bool is_sound(const u8* bytes, usize length) {
    if (length < sizeof(Record))
        return false;
    const auto& record = *reinterpret_cast<const Record*>(bytes);
    if (record.bytes != length || record.bytes % 8 != 0 || record.file == 0 || record.used > length ||
        record.checksum != checksum_of(bytes + 4, length - 4))
        return false;
    usize at = sizeof(Record);
    for (u32 i = 0; i < record.count; ++i) {
        if (at + sizeof(Attribute) > length)
            return false;
        const Attribute& attribute = attribute_at(bytes, at);
        if (attribute.name_bytes > length || attribute.value_bytes > length || step(attribute) > length - at)
            return false;
        at += step(attribute);
    }
    return at == record.used;
}

void start_record(u8* bytes, u64 file, i32 permissions) {
    auto& record = *reinterpret_cast<Record*>(bytes);
    record = {};
    record.file = file;
    record.permissions = permissions < 0 ? kNoPermissions : static_cast<u16>(permissions);
    record.used = sizeof(Record);
}

bool append_attribute(u8* bytes, std::string_view name, const void* value, usize length) {
    auto& record = *reinterpret_cast<Record*>(bytes);
    if (name.size() > 255 || length > kSideStoreRecordBytes)
        return false;
    const usize needed = align_up(sizeof(Attribute) + name.size() + length, 8);
    if (needed > kSideStoreRecordBytes - record.used || record.count == 0xffff)
        return false;
    u8* at = bytes + record.used;
    __builtin_memset(at, 0, needed);
    auto& attribute = *reinterpret_cast<Attribute*>(at);
    attribute.name_bytes = static_cast<u16>(name.size());
    attribute.value_bytes = static_cast<u32>(length);
    __builtin_memcpy(at + sizeof(Attribute), name.data(), name.size());
    if (length != 0)
        __builtin_memcpy(at + sizeof(Attribute) + name.size(), value, length);
    record.used += static_cast<u32>(needed);
    ++record.count;
    return true;
}

usize finish_record(u8* bytes) {
    auto& record = *reinterpret_cast<Record*>(bytes);
    record.bytes = record.used;
    record.checksum = checksum_of(bytes + 4, record.bytes - 4);
    return record.bytes;
}

// A buffer for the length of a scope.
class Buffer {
public:
    explicit Buffer(SideStoreFile& file) : m_file(file), m_bytes(file.take_buffer()) {}
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;
    ~Buffer() {
        if (m_bytes)
            m_file.give_back(m_bytes);
    }
    u8* bytes() { return m_bytes; }

private:
    SideStoreFile& m_file;
    u8* m_bytes;
};

Result<void> write_header(SideStoreFile& file, u32 flags, u64 tree) {
    Header header{};
    __builtin_memcpy(header.magic, kMagic, sizeof(kMagic));
    header.version = kVersion;
    header.flags = flags;
    header.checksum = checksum_of(&header, __builtin_offsetof(Header, checksum));
    __builtin_memcpy(header.tree, &tree, sizeof(tree));
    return file.write(0, &header, sizeof(header));
}

} // namespace

// ---- the index ----

SideStoreSlot* SideStore::find(u64 file) const {
    const u64 mask = m_index.capacity - 1;
    u64 at = (file * 0x9e37'79b9'7f4a'7c15) >> 20 & mask;
    for (u64 probes = 0; probes <= mask; ++probes, at = (at + 1) & mask) {
        SideStoreSlot& slot = m_index.slots[at];
        const u64 owner = slot.file.load(std::memory_order_acquire);
        if (owner == file || owner == 0)
            return &slot;
    }
    return nullptr;
}

// Slots are never given to another file, so that a reader needs no lock.
u64 SideStore::value_of(u64 file) const {
    SideStoreSlot* slot = find(file);
    if (!slot || slot->file.load(std::memory_order_acquire) != file)
        return 0;
    return slot->value.load(std::memory_order_acquire);
}

Result<SideStoreSlot*> SideStore::find_or_add(u64 file) {
    SideStoreSlot* slot = find(file);
    if (!slot)
        return Errno::ENOSPC;
    if (slot->file.load(std::memory_order_relaxed) == 0) {
        // Beyond seven eighths, searches become long.
        if (m_index.used.load(std::memory_order_relaxed) >= m_index.capacity / 8 * 7)
            return Errno::ENOSPC;
        m_index.used.fetch_add(1, std::memory_order_relaxed);
        slot->file.store(file, std::memory_order_release);
    }
    return slot;
}

void SideStore::note(SideStoreSlot& slot, const u8* bytes, u64 offset) {
    const auto& record = *reinterpret_cast<const Record*>(bytes);
    const bool has_permissions = record.permissions != kNoPermissions;
    u64 value = 0;
    if (has_permissions || record.count != 0)
        value = offset / 8 << kPlaceShift |
                (has_permissions ? kHasPermissions | (record.permissions & kPermissionMask) : 0) |
                (record.count != 0 ? kHasAttributes : 0);
    slot.value.store(value, std::memory_order_release);
}

// ---- the log ----

Result<void> SideStore::open(u64 length, u32& flags, u64 tree) {
    if (length == 0) {
        TRY(write_header(m_file, flags, tree));
        m_index.end.store(sizeof(Header));
        return {};
    }
    Header header{};
    const usize got = TRY(m_file.read(0, &header, sizeof(header)));
    if (got < sizeof(header) || __builtin_memcmp(header.magic, kMagic, sizeof(kMagic)) != 0) {
        // A store that was being made when the host fell: nothing was ever in it.
        if (length > sizeof(header) || header.version == kVersion)
            return Errno::EIO;
        TRY(m_file.truncate(0));
        return open(0, flags, tree);
    }
    if (header.version != kVersion ||
        header.checksum != checksum_of(&header, __builtin_offsetof(Header, checksum)))
        return Errno::EIO;
    flags = header.flags;
    u64 owner;
    __builtin_memcpy(&owner, header.tree, sizeof(owner));
    if (owner != 0 && tree != 0 && owner != tree)
        return Errno::ESTALE;

    Buffer buffer(m_file);
    if (!buffer.bytes())
        return Errno::ENOMEM;
    u64 at = sizeof(Header);
    u64 dead = 0;
    // A buffer full at a time, starting at a record.
    for (bool is_torn = false; at < length && !is_torn;) {
        const usize filled = TRY(m_file.read(at, buffer.bytes(), kSideStoreRecordBytes));
        usize done = 0;
        while (done < filled) {
            const u8* bytes = buffer.bytes() + done;
            const usize left = filled - done;
            if (left < sizeof(Record)) {
                is_torn = done == 0;
                break;
            }
            const auto& record = *reinterpret_cast<const Record*>(bytes);
            if (record.bytes > left && record.bytes <= kSideStoreRecordBytes && done != 0)
                break; // the rest of it comes with the next buffer
            if (record.bytes > left || !is_sound(bytes, record.bytes)) {
                is_torn = true;
                break;
            }
            SideStoreSlot* slot = TRY(find_or_add(record.file));
            if (slot->value.load(std::memory_order_relaxed) != 0)
                dead += record.bytes; // as good as the length of the one that it replaces
            note(*slot, bytes, at + done);
            if (slot->value.load(std::memory_order_relaxed) == 0)
                dead += record.bytes;
            done += record.bytes;
        }
        at += done;
        if (filled == 0)
            break;
    }
    if (at < length)
        TRY(m_file.truncate(at));
    m_index.end.store(at);
    m_index.dead_bytes.store(dead);
    return {};
}

Result<u64> SideStore::recorded_tree(SideStoreFile& file) {
    Header header{};
    u64 tree = 0;
    if (TRY(file.read(0, &header, sizeof(header))) == sizeof(header))
        __builtin_memcpy(&tree, header.tree, sizeof(tree));
    return tree;
}

Result<void> SideStore::record_tree(SideStoreFile& file, u64 tree) {
    return file.write(__builtin_offsetof(Header, tree), &tree, sizeof(tree));
}

bool SideStore::is_worth_compacting() const {
    const u64 dead = m_index.dead_bytes.load(), end = m_index.end.load();
    return dead > u64{1} << 20 && dead > end / 2;
}

Result<void> SideStore::compact(SideStoreFile& to, u32 flags, u64 tree) {
    Buffer buffer(m_file);
    if (!buffer.bytes())
        return Errno::ENOMEM;
    TRY(write_header(to, flags, tree));
    u64 end = sizeof(Header);
    // First all writing, then the index: a failure leaves everything as it was.
    for (int pass = 0; pass < 2; ++pass) {
        end = sizeof(Header);
        for (u64 i = 0; i < m_index.capacity; ++i) {
            SideStoreSlot& slot = m_index.slots[i];
            const u64 value = slot.value.load();
            if (value == 0)
                continue;
            Record head{};
            SideStoreFile& from = m_file;
            if (TRY(from.read(place_of(value), &head, sizeof(head))) != sizeof(head) ||
                head.bytes > kSideStoreRecordBytes)
                return Errno::EIO;
            if (pass == 0) {
                if (TRY(from.read(place_of(value), buffer.bytes(), head.bytes)) != head.bytes ||
                    !is_sound(buffer.bytes(), head.bytes))
                    return Errno::EIO;
                TRY(to.write(end, buffer.bytes(), head.bytes));
            } else {
                slot.value.store((value & ((u64{1} << kPlaceShift) - 1)) | end / 8 << kPlaceShift);
            }
            end += head.bytes;
        }
        if (pass == 0)
            TRY(to.flush());
    }
    m_index.end.store(end);
    m_index.dead_bytes.store(0);
    return {};
}

// The record of a file, in `small` or, when it is longer, in `large`, which the caller gives back.
Result<u8*> SideStore::load(u64 file, u64 value, u8* small, usize small_bytes, u8*& large) const {
    u8* bytes = small;
    usize got = TRY(m_file.read(place_of(value), small, small_bytes));
    if (got < sizeof(Record))
        return Errno::EIO;
    const u32 length = reinterpret_cast<const Record*>(small)->bytes;
    if (length > small_bytes) {
        if (length > kSideStoreRecordBytes)
            return Errno::EIO;
        bytes = large = m_file.take_buffer();
        if (!large)
            return Errno::ENOMEM;
        got = TRY(m_file.read(place_of(value), large, length));
    }
    if (got < length || !is_sound(bytes, length) || reinterpret_cast<const Record*>(bytes)->file != file)
        return Errno::EIO;
    return bytes;
}

Result<void> SideStore::replace(u64 file, u8* record, usize bytes) {
    SideStoreSlot* slot = TRY(find_or_add(file));
    const u64 end = m_index.end.load();
    if (end + bytes > kMaxLogBytes)
        return Errno::ENOSPC;
    TRY(m_file.write(end, record, bytes));
    // From here on it counts.
    m_index.end.store(end + bytes);
    if (slot->value.load() != 0)
        m_index.dead_bytes.fetch_add(bytes);
    note(*slot, record, end);
    return {};
}

// ---- what it holds ----

i32 SideStore::permissions(u64 file) const {
    const u64 value = value_of(file);
    return value & kHasPermissions ? static_cast<i32>(value & kPermissionMask) : -1;
}

bool SideStore::has_attributes(u64 file) const {
    return (value_of(file) & kHasAttributes) != 0;
}

namespace {

constexpr usize kSmallRecord = 256;

// A record as it was loaded, given back at the end of the scope.
struct Loaded {
    explicit Loaded(SideStoreFile& file) : m_file(file) {}
    Loaded(const Loaded&) = delete;
    Loaded& operator=(const Loaded&) = delete;
    ~Loaded() {
        if (large)
            m_file.give_back(large);
    }
    alignas(8) u8 small[kSmallRecord];
    u8* large = nullptr;

private:
    SideStoreFile& m_file;
};

template <typename Visit>
void for_each_attribute(const u8* bytes, Visit&& visit) {
    const auto& record = *reinterpret_cast<const Record*>(bytes);
    usize at = sizeof(Record);
    for (u32 i = 0; i < record.count; ++i) {
        const Attribute& attribute = attribute_at(bytes, at);
        if (!visit(name_of(attribute), bytes + at + sizeof(Attribute) + attribute.name_bytes,
                   attribute.value_bytes))
            return;
        at += step(attribute);
    }
}

} // namespace

Result<void> SideStore::set_permissions(u64 file, i32 permissions) {
    const u64 value = value_of(file);
    if (!(value & kHasAttributes)) {
        alignas(8) u8 bytes[sizeof(Record)];
        start_record(bytes, file, permissions);
        return replace(file, bytes, finish_record(bytes));
    }
    Buffer buffer(m_file);
    if (!buffer.bytes())
        return Errno::ENOMEM;
    Loaded loaded(m_file);
    const u8* old = TRY(load(file, value, loaded.small, sizeof(loaded.small), loaded.large));
    const u32 length = reinterpret_cast<const Record*>(old)->bytes;
    __builtin_memcpy(buffer.bytes(), old, length);
    reinterpret_cast<Record*>(buffer.bytes())->permissions =
        permissions < 0 ? kNoPermissions : static_cast<u16>(permissions);
    return replace(file, buffer.bytes(), finish_record(buffer.bytes()));
}

Result<usize> SideStore::get(u64 file, std::string_view name, void* value, usize capacity) {
    const u64 known = value_of(file);
    if (!(known & kHasAttributes))
        return Errno::ENODATA;
    Loaded loaded(m_file);
    const u8* record = TRY(load(file, known, loaded.small, sizeof(loaded.small), loaded.large));
    Errno error = Errno::ENODATA;
    usize length = 0;
    for_each_attribute(record, [&](std::string_view its_name, const u8* its_value, usize its_length) {
        if (its_name != name)
            return true;
        length = its_length;
        error = capacity != 0 && capacity < its_length ? Errno::ERANGE : Errno::OK;
        if (error == Errno::OK && capacity != 0)
            __builtin_memcpy(value, its_value, its_length);
        return false;
    });
    if (error != Errno::OK)
        return error;
    return length;
}

Result<usize> SideStore::list(u64 file, char* names, usize capacity) {
    const u64 known = value_of(file);
    if (!(known & kHasAttributes))
        return usize{0};
    Loaded loaded(m_file);
    const u8* record = TRY(load(file, known, loaded.small, sizeof(loaded.small), loaded.large));
    usize length = 0;
    bool fits = true;
    for_each_attribute(record, [&](std::string_view name, const u8*, usize) {
        if (capacity != 0) {
            fits = length + name.size() + 1 <= capacity;
            if (!fits)
                return false;
            __builtin_memcpy(names + length, name.data(), name.size());
            names[length + name.size()] = 0;
        }
        length += name.size() + 1;
        return true;
    });
    if (!fits)
        return Errno::ERANGE;
    return length;
}

Result<void> SideStore::set(u64 file, std::string_view name, const void* value, usize length, i32 flags) {
    Buffer buffer(m_file);
    if (!buffer.bytes())
        return Errno::ENOMEM;
    start_record(buffer.bytes(), file, permissions(file));
    const u64 known = value_of(file);
    bool exists = false, fits = true;
    if (known & kHasAttributes) {
        Loaded loaded(m_file);
        const u8* old = TRY(load(file, known, loaded.small, sizeof(loaded.small), loaded.large));
        for_each_attribute(old, [&](std::string_view its_name, const u8* its_value, usize its_length) {
            if (its_name == name)
                exists = true;
            else
                fits = fits && append_attribute(buffer.bytes(), its_name, its_value, its_length);
            return true;
        });
    }
    if (exists && (static_cast<u32>(flags) & abi::XATTR_CREATE))
        return Errno::EEXIST;
    if (!exists && (static_cast<u32>(flags) & abi::XATTR_REPLACE))
        return Errno::ENODATA;
    if (!fits || !append_attribute(buffer.bytes(), name, value, length))
        return Errno::ENOSPC;
    return replace(file, buffer.bytes(), finish_record(buffer.bytes()));
}

Result<void> SideStore::remove(u64 file, std::string_view name) {
    const u64 known = value_of(file);
    if (!(known & kHasAttributes))
        return Errno::ENODATA;
    Buffer buffer(m_file);
    if (!buffer.bytes())
        return Errno::ENOMEM;
    start_record(buffer.bytes(), file, permissions(file));
    bool exists = false;
    {
        Loaded loaded(m_file);
        const u8* old = TRY(load(file, known, loaded.small, sizeof(loaded.small), loaded.large));
        for_each_attribute(old, [&](std::string_view its_name, const u8* its_value, usize its_length) {
            if (its_name == name)
                exists = true;
            else
                (void)append_attribute(buffer.bytes(), its_name, its_value, its_length);
            return true;
        });
    }
    if (!exists)
        return Errno::ENODATA;
    return replace(file, buffer.bytes(), finish_record(buffer.bytes()));
}

Result<void> SideStore::copy(u64 file, SideStore& to, u64 to_file) const {
    const u64 value = value_of(file);
    if (value == 0)
        return to.forget(to_file);
    Buffer buffer(m_file);
    if (!buffer.bytes())
        return Errno::ENOMEM;
    Loaded loaded(m_file);
    const u8* old = TRY(load(file, value, loaded.small, sizeof(loaded.small), loaded.large));
    __builtin_memcpy(buffer.bytes(), old, reinterpret_cast<const Record*>(old)->bytes);
    reinterpret_cast<Record*>(buffer.bytes())->file = to_file;
    return to.replace(to_file, buffer.bytes(), finish_record(buffer.bytes()));
}

Result<void> SideStore::forget(u64 file) {
    if (value_of(file) == 0)
        return {};
    alignas(8) u8 bytes[sizeof(Record)];
    start_record(bytes, file, -1);
    return replace(file, bytes, finish_record(bytes));
}

} // namespace base
