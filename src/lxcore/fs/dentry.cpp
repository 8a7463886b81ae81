// The dentry cache. See the head of dentry.hpp for who owns what.
#include "lxcore/fs/dentry.hpp"

#include "lxcore/fs/inotify.hpp"

namespace lxcore {

namespace {

u64 rotate_left(u64 value, u32 bits) { return (value << bits) | (value >> (64 - bits)); }

u64 hash_name(const Dentry& parent, std::string_view name) {
    constexpr u64 kMultiplier = 0x9e37'79b9'7f4a'7c15;
    u64 hash = (reinterpret_cast<u64>(&parent) >> 4) * kMultiplier + name.size();
    const char* at = name.data();
    usize left = name.size();
    for (; left >= 8; left -= 8, at += 8) {
        u64 word;
        __builtin_memcpy(&word, at, 8);
        hash = rotate_left(hash ^ word, 29) * kMultiplier;
    }
    u64 tail = 0;
    for (; left > 0; --left)
        tail = (tail << 8) | static_cast<u8>(at[left - 1]);
    hash = rotate_left(hash ^ tail, 29) * kMultiplier;
    return hash ^ (hash >> 32);
}

bool equal_names(std::string_view left, std::string_view right) {
    if (left.size() != right.size())
        return false;
    for (usize i = 0; i < left.size(); ++i)
        if (left[i] != right[i])
            return false;
    return true;
}

DentryCache::Bucket& bucket_of(u64 hash) {
    return dentry_cache().buckets[hash & (DentryCache::kBuckets - 1)];
}

// -- all with DentryCache::lock held

void hash_insert(Dentry& dentry) {
    dentry.hash = hash_name(*dentry.parent, dentry.name.view());
    DentryCache::Bucket& bucket = bucket_of(dentry.hash);
    LockGuard guard(bucket.lock);
    dentry.hash_next = bucket.first;
    dentry.is_hashed = true;
    __atomic_store_n(&bucket.first, &dentry, __ATOMIC_RELEASE);
}

void hash_remove(Dentry& dentry) {
    if (!dentry.is_hashed)
        return;
    DentryCache::Bucket& bucket = bucket_of(dentry.hash);
    LockGuard guard(bucket.lock);
    dentry.is_hashed = false;
    for (Dentry** link = &bucket.first; *link; link = &(*link)->hash_next)
        if (*link == &dentry) {
            __atomic_store_n(link, dentry.hash_next, __ATOMIC_RELEASE);
            break;
        }
    // hash_next stays: a lookup that stands here goes on to the rest of the chain.
}

// Lists a dentry that has a parent and a name; the cache takes its reference if names may be kept.
void list_dentry(Dentry& dentry) {
    DentryCache& cache = dentry_cache();
    dentry.parent->children.push_back(dentry);
    if (dentry.parent->inode->may_cache_name(dentry.inode.get())) {
        dentry.ref();
        dentry.is_cached = true;
        cache.cached.push_back(dentry);
        cache.count.fetch_add(1, std::memory_order_relaxed);
        dentry.is_counted_negative = dentry.is_negative();
        if (dentry.is_negative())
            cache.negative_count.fetch_add(1, std::memory_order_relaxed);
    }
    hash_insert(dentry);
}

// With DentryCache::lock held: `dentry` is no absence any more, or leaves the cache.
void uncount_negative(Dentry& dentry) {
    if (std::exchange(dentry.is_counted_negative, false))
        dentry_cache().negative_count.fetch_sub(1, std::memory_order_relaxed);
}

// Makes a dentry found that is not, be it hidden by a NameChange or in no list.
void show_dentry(Dentry& dentry) {
    if (dentry.is_hashed)
        return;
    if (dentry.sibling_node.is_linked())
        hash_insert(dentry);
    else
        list_dentry(dentry);
}

// Takes it out of every list. Returns whether the caller must drop the cache's reference, after unlocking.
[[nodiscard]] bool unlist_dentry(Dentry& dentry) {
    hash_remove(dentry);
    dentry.sibling_node.unlink();
    if (!dentry.is_cached)
        return false;
    dentry.cached_node.unlink();
    dentry_cache().count.fetch_sub(1, std::memory_order_relaxed);
    uncount_negative(dentry);
    dentry.is_cached = false;
    return true;
}

// -- eviction

bool is_below(const Dentry& dentry, const Dentry& root) {
    if (root.super_block != dentry.super_block)
        return false;
    if (!root.parent)
        return true;
    for (const Dentry* at = &dentry; at; at = at->parent.get())
        if (at == &root)
            return true;
    return false;
}

void drop_victims(Dentry** victims, usize count) {
    for (usize i = 0; i < count; ++i)
        victims[i]->unref();
}

// How many names are kept: a sixteenth of the usual number once the arena is seven eighths full.
u32 present_limit(const DentryCache& cache) {
    const ArenaStatistics arena = arena_statistics();
    return arena.used_pages < arena.total_pages / 8 * 7 ? cache.limit : cache.limit / 16;
}

} // namespace

// A second chance goes to those found since the last scan.
void trim_dentries() {
    DentryCache& cache = dentry_cache();
    if (cache.count.load(std::memory_order_relaxed) <= present_limit(cache))
        return;
    constexpr usize kVictims = 32, kScan = 128;
    Dentry* victims[kVictims];
    usize count = 0;
    {
        LockGuard guard(cache.lock);
        for (usize scanned = 0; scanned < kScan && count < kVictims; ++scanned) {
            Dentry* dentry = cache.cached.first();
            if (!dentry)
                break;
            if (dentry->reference_count() > 1 || dentry->is_recently_used) {
                dentry->is_recently_used = false;
                dentry->cached_node.unlink();
                cache.cached.push_back(*dentry);
                continue;
            }
            // Out of the hash first: only then can the count not rise any more.
            hash_remove(*dentry);
            if (dentry->reference_count() > 1) {
                hash_insert(*dentry);
                continue;
            }
            (void)unlist_dentry(*dentry);
            victims[count++] = dentry;
        }
    }
    cache.evicted.fetch_add(count, std::memory_order_relaxed);
    drop_victims(victims, count);
}

namespace {

// Whether a found name holds without asking the file system: it is the cache's own, or a mount point.
bool may_trust(const Dentry& dentry) {
    return (dentry.is_cached && !dentry.is_asked) || dentry.mounted.load(std::memory_order_relaxed) != 0;
}

Result<RefPtr<Dentry>> new_dentry(Dentry& parent, std::string_view name, RefPtr<Inode> inode) {
    RefPtr<Dentry> dentry = TRY(make_ref<Dentry>());
    TRY(dentry->name.assign(name));
    dentry->parent = RefPtr<Dentry>(&parent);
    dentry->super_block = parent.super_block;
    dentry->is_asked = parent.super_block->asks_always;
    dentry->inode = std::move(inode);
    return dentry;
}

} // namespace

// ---- names

void DentryName::clear() {
    if (m_heap)
        release(m_heap, m_length);
    m_heap = nullptr;
    m_length = 0;
}

Result<void> DentryName::assign(std::string_view text) {
    char* heap = nullptr;
    if (text.size() > kInline) {
        heap = static_cast<char*>(allocate(text.size()));
        if (!heap)
            return Errno::ENOMEM;
    }
    clear();
    m_heap = heap;
    m_length = static_cast<u32>(text.size());
    __builtin_memcpy(heap ? heap : m_inline, text.data(), text.size());
    return {};
}

void DentryName::swap(DentryName& other) {
    std::swap(m_heap, other.m_heap);
    std::swap(m_length, other.m_length);
    char saved[kInline];
    __builtin_memcpy(saved, m_inline, kInline);
    __builtin_memcpy(m_inline, other.m_inline, kInline);
    __builtin_memcpy(other.m_inline, saved, kInline);
}

// ---- life

Dentry::~Dentry() {
    if (inode && inode->links == 0)
        notify_inode_removed(*inode);
}

void* Dentry::operator new(usize bytes) noexcept {
    DentryCache& cache = dentry_cache();
    {
        LockGuard guard(cache.free_lock);
        if (Dentry* dentry = cache.free) {
            cache.free = dentry->hash_next;
            return dentry;
        }
    }
    return allocate(bytes);
}

void Dentry::operator delete(void* memory, usize) {
    auto* dentry = static_cast<Dentry*>(memory);
    DentryCache& cache = dentry_cache();
    LockGuard guard(cache.free_lock);
    dentry->hash_next = cache.free;
    cache.free = dentry;
}

void Dentry::destroy() {
    // Parents may fall with their last child: go up in a loop, for the chain can be long.
    Dentry* dentry = this;
    while (dentry) {
        if (dentry->is_hashed || dentry->sibling_node.is_linked()) {
            LockGuard guard(dentry_cache().lock);
            (void)unlist_dentry(*dentry); // never cached here: the cache's reference would have kept it
        }
        Dentry* parent = dentry->parent.leak();
        delete dentry;
        dentry = parent && parent->drop_reference() ? parent : nullptr;
    }
}

Result<void> initialize_dentry_cache() {
    auto* cache = TRY(make<DentryCache>());
    constexpr usize kPages = base::page_ceil(sizeof(DentryCache::Bucket) * DentryCache::kBuckets) / base::kPageSize;
    cache->buckets = static_cast<DentryCache::Bucket*>(allocate_pages(kPages));
    if (!cache->buckets)
        return Errno::ENOMEM;
    // About a sixteenth of the arena at 1 KiB for a dentry with its inode.
    const u64 limit = arena_statistics().total_pages / 4;
    cache->limit = static_cast<u32>(base::min<u64>(base::max<u64>(limit, 1024), 65536));
    kernel().dentries = cache;
    return {};
}

Result<RefPtr<Dentry>> make_root_dentry(SuperBlock& super_block, RefPtr<Inode> inode) {
    RefPtr<Dentry> dentry = TRY(make_ref<Dentry>());
    TRY(dentry->name.assign("/"));
    dentry->super_block = RefPtr<SuperBlock>(&super_block);
    dentry->inode = std::move(inode);
    return dentry;
}

Result<RefPtr<Dentry>> make_detached_dentry(SuperBlock& super_block, RefPtr<Inode> inode, std::string_view name) {
    RefPtr<Dentry> dentry = TRY(make_ref<Dentry>());
    TRY(dentry->name.assign(name));
    dentry->super_block = RefPtr<SuperBlock>(&super_block);
    dentry->inode = std::move(inode);
    return dentry;
}

// ---- lookup

namespace {

bool is_entry(const Dentry& dentry, const Dentry& parent, std::string_view name, u64 hash) {
    return dentry.hash == hash && dentry.parent.get() == &parent && equal_names(dentry.name.view(), name);
}

// A count of zero belongs to a dentry on its way out (never one that the cache owns).
RefPtr<Dentry> find_listed_dentry(Dentry& parent, std::string_view name) {
    const u64 hash = hash_name(parent, name);
    DentryCache::Bucket& bucket = bucket_of(hash);
    LockGuard guard(bucket.lock);
    for (Dentry* dentry = bucket.first; dentry; dentry = dentry->hash_next)
        if (is_entry(*dentry, parent, name, hash) && dentry->try_ref())
            return RefPtr<Dentry>::adopt(dentry);
    return nullptr;
}

} // namespace

RefPtr<Dentry> find_cached_dentry(Dentry& parent, std::string_view name) {
    // The chain may change under way, and lead into another one or through freed dentries: what is found counts only
    // after it was checked again with a reference held, and what is not found is looked for again with the lock.
    constexpr u32 kMostSteps = 32;
    const u64 hash = hash_name(parent, name);
    const auto load = [](Dentry* const& link) { return __atomic_load_n(&link, __ATOMIC_ACQUIRE); };
    Dentry* dentry = load(bucket_of(hash).first);
    for (u32 step = 0; dentry && step < kMostSteps; ++step, dentry = load(dentry->hash_next)) {
        if (dentry->hash != hash || dentry->parent.get() != &parent)
            continue;
        if (!dentry->try_ref())
            continue;
        RefPtr<Dentry> found = RefPtr<Dentry>::adopt(dentry);
        const u32 sequence = found->sequence.load(std::memory_order_acquire);
        if (found->is_hashed && is_entry(*found, parent, name, hash)) {
            std::atomic_thread_fence(std::memory_order_acquire);
            if (!(sequence & 1) && found->sequence.load(std::memory_order_relaxed) == sequence) {
                if (!found->is_recently_used)
                    found->is_recently_used = true;
                return found;
            }
        }
        if (!found->is_hashed)
            return nullptr; // it has left this chain
    }
    return nullptr;
}

Result<RefPtr<Dentry>> lookup_dentry(Dentry& parent, std::string_view name) {
    RefPtr<Dentry> found = find_cached_dentry(parent, name);
    if (found && (may_trust(*found)))
        return found;
    found.reset();
    trim_dentries();
    LockGuard guard(parent.inode->lock);
    return lookup_dentry_locked(parent, name);
}

Result<RefPtr<Dentry>> lookup_dentry_locked(Dentry& parent, std::string_view name) {
    RefPtr<Dentry> found = find_listed_dentry(parent, name);
    if (found && (may_trust(*found)))
        return found;
    if (parent.is_deleted)
        return Errno::ENOENT;
    RefPtr<Inode> inode;
    auto looked_up = parent.inode->lookup(name);
    if (looked_up.is_ok())
        inode = looked_up.release_value();
    else if (looked_up.error() != Errno::ENOENT)
        return looked_up.error();
    if (found && (found->inode == inode || (found->inode && inode && found->inode->is_same_file(*inode))))
        return found; // still the same file
    RefPtr<Dentry> dentry = TRY(new_dentry(parent, name, std::move(inode)));
    bool drop_found = false;
    LockGuard guard(dentry_cache().lock);
    if (found) {
        // Where others change names, what was here may live on elsewhere.
        found->is_deleted = found->is_deleted || (dentry->is_negative() && !found->is_asked);
        drop_found = unlist_dentry(*found);
    }
    if (!dentry->is_negative() || parent.inode->may_cache_name(nullptr))
        list_dentry(*dentry);
    guard.unlock();
    if (drop_found)
        found->unref();
    return dentry;
}

// ---- changes

NameChange::NameChange(Dentry& dentry) : m_dentry(&dentry) {
    LockGuard guard(dentry_cache().lock);
    hash_remove(dentry);
}

NameChange::~NameChange() {
    if (m_dentry->is_hashed || !m_dentry->sibling_node.is_linked())
        return;
    LockGuard guard(dentry_cache().lock);
    if (m_dentry->sibling_node.is_linked())
        show_dentry(*m_dentry);
}

void dentry_instantiate(Dentry& negative, RefPtr<Inode> inode) {
    LockGuard guard(dentry_cache().lock);
    negative.inode = std::move(inode);
    uncount_negative(negative);
    show_dentry(negative);
}

void dentry_deleted(Dentry& dentry) {
    bool was_cached;
    {
        LockGuard guard(dentry_cache().lock);
        dentry.is_deleted = true;
        was_cached = unlist_dentry(dentry);
    }
    if (was_cached)
        dentry.unref();
}

void dentry_moved(Dentry& dentry, Dentry& new_parent, std::string_view new_name, Dentry* replaced) {
    DentryName name;
    const bool named = name.assign(new_name).is_ok();
    RefPtr<Dentry> parent(&new_parent);
    bool drop_replaced = false, drop_moved = false;
    {
        LockGuard guard(dentry_cache().lock);
        if (replaced) {
            replaced->is_deleted = !replaced->is_negative();
            drop_replaced = unlist_dentry(*replaced);
        }
        drop_moved = unlist_dentry(dentry);
        if (named) {
            dentry.sequence.fetch_add(1);
            dentry.name.swap(name);
            std::swap(dentry.parent, parent);
            dentry.sequence.fetch_add(1);
            list_dentry(dentry);
        } else {
            dentry.is_deleted = true; // out of memory: forget the dentry; the file is found anew
        }
    }
    if (drop_replaced)
        replaced->unref();
    if (drop_moved)
        dentry.unref();
}

void dentry_exchanged(Dentry& left, Dentry& right) {
    bool drop_left, drop_right;
    {
        LockGuard guard(dentry_cache().lock);
        drop_left = unlist_dentry(left);
        drop_right = unlist_dentry(right);
        left.sequence.fetch_add(1);
        right.sequence.fetch_add(1);
        left.name.swap(right.name);
        std::swap(left.parent, right.parent);
        left.sequence.fetch_add(1);
        right.sequence.fetch_add(1);
        list_dentry(left);
        list_dentry(right);
    }
    if (drop_left)
        left.unref();
    if (drop_right)
        right.unref();
}

RefPtr<Dentry> dentry_parent(Dentry& dentry) {
    LockGuard guard(dentry_cache().lock);
    return dentry.parent;
}

bool is_same_or_below(const Dentry& dentry, const Inode& ancestor) {
    LockGuard guard(dentry_cache().lock);
    for (const Dentry* at = &dentry; at; at = at->parent.get())
        if (at->inode == &ancestor)
            return true;
    return false;
}

void dentry_pin_name(Dentry& dentry) {
    LockGuard guard(dentry_cache().lock);
    if (dentry.parent && !dentry.is_deleted)
        show_dentry(dentry);
}

void shrink_dentries(Dentry* root) {
    PageBuffer page;
    if (!page)
        return;
    auto** victims = reinterpret_cast<Dentry**>(page.data());
    const usize capacity = page.size() / sizeof(Dentry*);
    DentryCache& cache = dentry_cache();
    for (;;) {
        usize count = 0;
        {
            LockGuard guard(cache.lock);
            for (Dentry& dentry : cache.cached) {
                if (count == capacity)
                    break;
                if (dentry.reference_count() > 1 || (root && !is_below(dentry, *root)))
                    continue;
                hash_remove(dentry);
                if (dentry.reference_count() > 1) {
                    hash_insert(dentry);
                    continue;
                }
                (void)unlist_dentry(dentry);
                victims[count++] = &dentry;
            }
        }
        if (count == 0)
            return;
        drop_victims(victims, count);
    }
}

} // namespace lxcore
