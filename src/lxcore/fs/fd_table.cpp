// Descriptor tables. A table of one task is looked up without lock or reference count: only that task could take the
// file away, and it is busy with the call. All changes take the lock, for others may look (peek).
#include "lxcore/fs/fd_table.hpp"

#include "abi/resource.hpp"
#include "lxcore/fs/file_locks.hpp"

namespace lxcore {

namespace {

// The kernel's own bound, fs.nr_open.
constexpr u32 kMostDescriptors = 1u << 20;

u32 descriptor_limit() {
    const Process* process = current().process;
    if (!process)
        return kMostDescriptors;
    return static_cast<u32>(base::min<u64>(process->limits[abi::RLIMIT_NOFILE].rlim_cur, kMostDescriptors));
}

usize word_count(u32 capacity) { return (capacity + 63) / 64; }

} // namespace

// ---- HeldFile

HeldFile::HeldFile(RefPtr<File> file) : m_file(file.leak()), m_counted(m_file != nullptr) {
    Task& task = current();
    if (m_counted && task.held_file_count < Task::kHeldFiles) {
        task.held_files[task.held_file_count] = m_file;
        std::atomic_signal_fence(std::memory_order_seq_cst);
        ++task.held_file_count;
    }
}

HeldFile& HeldFile::operator=(HeldFile&& other) noexcept {
    std::swap(m_file, other.m_file);
    std::swap(m_counted, other.m_counted);
    return *this;
}

void HeldFile::drop() {
    Task& task = current();
    for (u32 i = task.held_file_count; i > 0; --i)
        if (task.held_files[i - 1] == m_file) {
            task.held_files[i - 1] = task.held_files[task.held_file_count - 1];
            std::atomic_signal_fence(std::memory_order_seq_cst);
            --task.held_file_count;
            break;
        }
    m_file->unref();
    m_file = nullptr;
    m_counted = false;
}

RefPtr<File> HeldFile::ref() const { return RefPtr<File>(m_file); }

Result<HeldFile> get_file(i32 fd) { return current().files->get(fd); }
Result<HeldFile> get_file_any(i32 fd) { return current().files->get_any(fd); }

// ---- lookup

Result<HeldFile> FdTable::get_any(i32 fd) {
    if (is_single() && current().files.get() == this) {
        File* file = slot(fd);
        if (!file)
            return Errno::EBADF;
        return HeldFile::borrow(file);
    }
    RefPtr<File> file = peek(fd);
    if (!file)
        return Errno::EBADF;
    return HeldFile(std::move(file));
}

Result<HeldFile> FdTable::get(i32 fd) {
    HeldFile file = TRY(get_any(fd));
    if (file->flags.load(std::memory_order_relaxed) & abi::O_PATH)
        return Errno::EBADF;
    return file;
}

RefPtr<File> FdTable::peek(i32 fd) {
    LockGuard guard(m_lock);
    return RefPtr<File>(slot(fd));
}

i32 FdTable::next_open(i32 from) {
    LockGuard guard(m_lock);
    for (u32 fd = from < 0 ? 0 : static_cast<u32>(from); fd < m_capacity; ++fd)
        if (m_files[fd])
            return static_cast<i32>(fd);
    return -1;
}

// ---- changes

Result<void> FdTable::grow(u32 capacity) {
    if (capacity <= m_capacity)
        return {};
    capacity = static_cast<u32>(base::align_up(base::max(capacity, base::max(64u, m_capacity * 2)), 64));
    auto** files = static_cast<File**>(allocate(capacity * sizeof(File*)));
    auto* bits = static_cast<u64*>(allocate(word_count(capacity) * sizeof(u64)));
    if (!files || !bits) {
        if (files)
            release(files, capacity * sizeof(File*));
        if (bits)
            release(bits, word_count(capacity) * sizeof(u64));
        return Errno::ENOMEM;
    }
    File** old_files = m_files;
    u64* old_bits = m_close_on_exec;
    const u32 old_capacity = m_capacity;
    if (old_capacity) {
        __builtin_memcpy(files, old_files, old_capacity * sizeof(File*));
        __builtin_memcpy(bits, old_bits, word_count(old_capacity) * sizeof(u64));
    }
    m_files = files;
    m_close_on_exec = bits;
    std::atomic_signal_fence(std::memory_order_seq_cst);
    m_capacity = capacity;
    if (old_capacity) {
        release(old_files, old_capacity * sizeof(File*));
        release(old_bits, word_count(old_capacity) * sizeof(u64));
    }
    return {};
}

Result<i32> FdTable::find_free(u32 lowest) {
    const u32 limit = descriptor_limit();
    u32 fd = base::max(lowest, m_first_free_hint);
    while (fd < m_capacity && m_files[fd])
        ++fd;
    if (fd >= limit)
        return Errno::EMFILE;
    TRY(grow(fd + 1));
    if (lowest <= m_first_free_hint)
        m_first_free_hint = fd + 1;
    return static_cast<i32>(fd);
}

void FdTable::set_cloexec_bit(u32 fd, bool value) {
    const u64 bit = u64{1} << (fd % 64);
    if (value)
        m_close_on_exec[fd / 64] |= bit;
    else
        m_close_on_exec[fd / 64] &= ~bit;
}

Result<i32> FdTable::install(RefPtr<File> file, bool close_on_exec, i32 lowest) {
    LockGuard guard(m_lock);
    const i32 fd = TRY(find_free(static_cast<u32>(lowest)));
    set_cloexec_bit(static_cast<u32>(fd), close_on_exec);
    m_files[fd] = file.leak();
    return fd;
}

Result<i32> FdTable::install_at(i32 fd, RefPtr<File> file, bool close_on_exec) {
    if (fd < 0 || static_cast<u32>(fd) >= descriptor_limit())
        return Errno::EBADF;
    File* old;
    {
        LockGuard guard(m_lock);
        TRY(grow(static_cast<u32>(fd) + 1));
        set_cloexec_bit(static_cast<u32>(fd), close_on_exec);
        old = m_files[fd];
        m_files[fd] = file.leak();
    }
    if (old)
        finish_close(old);
    return fd;
}

// With the lock released: takes over the table's reference.
void FdTable::finish_close(File* file) {
    HeldFile held(RefPtr<File>::adopt(file)); // a process killed in here still has it dropped
    posix_locks_closed(*file, this);
    file->descriptor_closed();
}

Result<void> FdTable::close(i32 fd) {
    File* file;
    {
        LockGuard guard(m_lock);
        file = slot(fd);
        if (!file)
            return Errno::EBADF;
        m_files[fd] = nullptr;
        m_first_free_hint = base::min(m_first_free_hint, static_cast<u32>(fd));
    }
    finish_close(file);
    return {};
}

void FdTable::close_range(u32 first, u32 last, bool set_cloexec_only) {
    for (u32 fd = first; fd <= last && fd < m_capacity; ++fd) {
        if (!set_cloexec_only) {
            if (m_files[fd])
                (void)close(static_cast<i32>(fd));
            continue;
        }
        LockGuard guard(m_lock);
        if (slot(static_cast<i32>(fd)))
            set_cloexec_bit(fd, true);
    }
}

void FdTable::close_on_exec_all() {
    for (u32 word = 0; word < word_count(m_capacity); ++word)
        for (u64 bits = m_close_on_exec[word]; bits != 0; bits &= bits - 1) {
            const u32 fd = word * 64 + static_cast<u32>(__builtin_ctzll(bits));
            if (m_files[fd])
                (void)close(static_cast<i32>(fd));
        }
}

Result<bool> FdTable::close_on_exec(i32 fd) {
    LockGuard guard(m_lock);
    if (!slot(fd))
        return Errno::EBADF;
    return ((m_close_on_exec[fd / 64] >> (fd % 64)) & 1) != 0;
}

Result<void> FdTable::set_close_on_exec(i32 fd, bool value) {
    LockGuard guard(m_lock);
    if (!slot(fd))
        return Errno::EBADF;
    set_cloexec_bit(static_cast<u32>(fd), value);
    return {};
}

Result<RefPtr<FdTable>> FdTable::clone() {
    RefPtr<FdTable> copy = TRY(make_ref<FdTable>());
    LockGuard guard(m_lock);
    u32 used = m_capacity;
    while (used > 0 && !m_files[used - 1])
        --used;
    TRY(copy->grow(base::max(used, 64u)));
    for (u32 fd = 0; fd < used; ++fd)
        if (File* file = m_files[fd]) {
            file->ref();
            copy->m_files[fd] = file;
        }
    if (used)
        __builtin_memcpy(copy->m_close_on_exec, m_close_on_exec, word_count(used) * sizeof(u64));
    copy->m_first_free_hint = base::min(m_first_free_hint, used);
    return copy;
}

// ---- end

void FdTable::close_all() {
    for (u32 fd = 0; fd < m_capacity; ++fd)
        if (m_files[fd])
            (void)close(static_cast<i32>(fd));
}

void FdTable::leave() {
    if (users.fetch_sub(1, std::memory_order_acq_rel) == 1)
        close_all();
}

FdTable::~FdTable() {
    close_all();
    if (m_files) {
        release(m_files, m_capacity * sizeof(File*));
        release(m_close_on_exec, word_count(m_capacity) * sizeof(u64));
    }
}

} // namespace lxcore
