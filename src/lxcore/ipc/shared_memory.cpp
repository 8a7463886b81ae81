// System V shared memory: shmget(2), shmat(2), shmctl(2).
//
// A segment is a memory file; each shmat maps it through a file of its own (an attachment), so that the count of
// attachments follows from the references that mappings hold, through fork and exit as well.
#include "abi/mman.hpp"
#include "abi/prctl.hpp"
#include "lxcore/ipc/calls.hpp"
#include "lxcore/ipc/system_v.hpp"
#include "lxcore/mm/mm.hpp"
#include "lxcore/task/task.hpp"
#include "lxcore/tmpfs/tmpfs.hpp"

namespace lxcore {

namespace {

constexpr u64 kMaxBytes = u64{1} << 40;

class Attachment;

} // namespace

class SharedSegment final : public SystemVObject {
public:
    u64 size = 0;
    RefPtr<File> memory;
    i64 attach_time = 0, detach_time = 0;
    i32 creator_pid = 0, last_pid = 0;
    Attachment* attachments = nullptr; // uncounted; guarded by `lock`

    u64 attach_count() const; // lock held
    void print_line(base::Writer& writer) const override {
        base::print(writer, "{:10} {:10}  {:4o} {:21} {:5} {:5}  {:5} {:5} {:5} {:5} {:5} ", key, id, mode, size,
                    creator_pid, last_pid, attach_count(), uid, gid, creator_uid, creator_gid);
        base::print(writer, "{:10} {:10} {:10} {:21} {:21}\n", attach_time, detach_time, change_time, base::page_ceil(size),
                    0u);
    }
};

namespace {

class Attachment final : public File {
public:
    explicit Attachment(RefPtr<SharedSegment> owner) : segment(std::move(owner)) {}
    ~Attachment() override;
    Result<void> map(MapRequest& request) override {
        TRY(segment->memory->map(request));
        // The memory file may have put a mapping object of its own into the record; it lives as long as we do.
        if (request.vma && request.vma->file && request.vma->file.get() != this) {
            LockGuard guard(segment->lock);
            if (!m_mapping)
                m_mapping = request.vma->file;
            request.vma->file = RefPtr<File>(this);
        }
        return {};
    }

    RefPtr<SharedSegment> segment;
    Attachment* next = nullptr;

private:
    RefPtr<File> m_mapping;
};

Attachment::~Attachment() {
    SystemVTable& table = system_v_state().segments;
    LockGuard table_guard(table.lock);
    LockGuard guard(segment->lock);
    for (Attachment** link = &segment->attachments; *link; link = &(*link)->next) {
        if (*link == this) {
            *link = next;
            break;
        }
    }
    segment->detach_time = realtime_seconds();
    RefPtr<SystemVObject> gone;
    if (segment->is_removed && !segment->attachments)
        gone = table.remove(*segment);
    guard.unlock();
    table_guard.unlock();
}

Result<RefPtr<SharedSegment>> find_segment(i32 id) {
    auto object = TRY(system_v_state().segments.find(id));
    return RefPtr<SharedSegment>(static_cast<SharedSegment*>(object.get()));
}

} // namespace

u64 SharedSegment::attach_count() const {
    u64 count = 0;
    for (const Attachment* attachment = attachments; attachment; attachment = attachment->next)
        count += attachment->reference_count();
    return count;
}

Result<i32> sys_shmget(i32 key, u64 size, HexFlags flags) {
    const u32 bits = static_cast<u32>(flags.value);
    if (bits & abi::SHM_HUGETLB)
        return Errno::ENOMEM; // no huge pages are set aside
    return system_v_state().segments.get(
        key, bits, abi::SHMMNI,
        [&]() -> Result<RefPtr<SystemVObject>> {
            if (size < abi::SHMMIN || size > kMaxBytes)
                return Errno::EINVAL;
            auto segment = TRY(make_ref<SharedSegment>());
            base::FixedWriter<24> name;
            base::print(name, "SYSV{:08x}", static_cast<u32>(key));
            segment->memory = TRY(create_memfd(name.view(), 0));
            TRY(segment->memory->truncate(base::page_ceil(size)));
            segment->size = size;
            segment->creator_pid = current().process->pid;
            return RefPtr<SystemVObject>(std::move(segment));
        },
        [&](SystemVObject& object) -> Result<void> {
            if (size > static_cast<SharedSegment&>(object).size)
                return Errno::EINVAL;
            return {};
        });
}

Result<u64> sys_shmat(i32 id, u64 address, HexFlags flags) {
    const u32 bits = static_cast<u32>(flags.value);
    auto segment = TRY(find_segment(id));
    const bool read_only = (bits & abi::SHM_RDONLY) != 0;
    u32 protection = read_only ? abi::PROT_READ : abi::PROT_READ | abi::PROT_WRITE;
    if (bits & abi::SHM_EXEC)
        protection |= abi::PROT_EXEC;
    if (address & (base::kPageSize - 1)) {
        if (!(bits & abi::SHM_RND))
            return Errno::EINVAL;
        address = base::page_floor(address);
    }
    if (address == 0 && (bits & abi::SHM_REMAP))
        return Errno::EINVAL;
    auto attachment = TRY(make_ref<Attachment>(segment));
    attachment->path = segment->memory->path;
    attachment->flags.store(read_only ? abi::O_RDONLY : abi::O_RDWR, std::memory_order_relaxed);
    {
        LockGuard guard(segment->lock);
        if (segment->is_removed && !segment->attachments)
            return Errno::EIDRM;
        TRY(segment->check_access(read_only ? 0444 : 0666));
        attachment->next = segment->attachments;
        segment->attachments = attachment.get();
        segment->attach_time = realtime_seconds();
        segment->last_pid = current().process->pid;
    }
    u32 how = abi::MAP_SHARED;
    if (address != 0)
        how |= (bits & abi::SHM_REMAP) ? abi::MAP_FIXED : abi::MAP_FIXED_NOREPLACE;
    auto mapped = current().mm->map(address, base::page_ceil(segment->size), protection, how, attachment, 0,
                                    VmaKind::File);
    if (mapped.is_error())
        return mapped.error() == Errno::EEXIST ? Errno::EINVAL : mapped.error();
    return mapped;
}

Result<i32> sys_shmdt(u64 address) {
    if (address & (base::kPageSize - 1))
        return Errno::EINVAL;
    Mm& mm = *current().mm;
    // All parts of the attachment that began here, which mprotect or munmap may have split.
    RefPtr<File> file;
    u64 length = 0;
    {
        LockGuard guard(mm.lock);
        Vma* vma = mm.find(address);
        // The first part may have been unmapped.
        for (; vma && !file; vma = mm.next(*vma)) {
            if (vma->start - address > kMaxBytes)
                break;
            if (!vma->file || vma->start - vma->offset != address)
                continue;
            file = vma->file;
            break;
        }
    }
    if (!file)
        return Errno::EINVAL;
    bool is_attachment = false;
    {
        SystemVTable& table = system_v_state().segments;
        LockGuard guard(table.lock);
        table.each([&](SystemVObject& object) {
            auto& segment = static_cast<SharedSegment&>(object);
            LockGuard segment_guard(segment.lock);
            for (Attachment* attachment = segment.attachments; attachment; attachment = attachment->next) {
                if (attachment == file.get()) {
                    is_attachment = true;
                    length = base::page_ceil(segment.size);
                    segment.last_pid = current().process->pid;
                }
            }
        });
    }
    if (!is_attachment)
        return Errno::EINVAL;
    for (u64 at = address; at < address + length;) {
        u64 start = 0;
        u64 end = 0;
        {
            LockGuard guard(mm.lock);
            Vma* vma = mm.find(at);
            if (!vma || vma->start >= address + length)
                break;
            start = vma->start;
            end = vma->end;
            if (vma->file != file.get() || vma->start - vma->offset != address)
                start = end;
        }
        if (start < end)
            TRY(mm.unmap(start, end - start));
        at = end;
    }
    return 0;
}

namespace {

void describe_segment(const SharedSegment& segment, abi::shmid64_ds& out) {
    segment.describe(out.shm_perm);
    out.shm_segsz = segment.size;
    out.shm_atime = segment.attach_time;
    out.shm_dtime = segment.detach_time;
    out.shm_ctime = segment.change_time;
    out.shm_cpid = segment.creator_pid;
    out.shm_lpid = segment.last_pid;
    out.shm_nattch = segment.attach_count();
}

} // namespace

Result<i32> sys_shmctl(i32 id, i32 command, u64 user) {
    SystemVTable& table = system_v_state().segments;
    command &= ~static_cast<i32>(abi::IPC_64);
    switch (command) {
    case abi::IPC_INFO: {
        abi::shminfo64 info{};
        info.shmmax = kMaxBytes;
        info.shmmin = abi::SHMMIN;
        info.shmmni = info.shmseg = abi::SHMMNI;
        info.shmall = kMaxBytes / base::kPageSize;
        TRY(UserPtr<abi::shminfo64>(user).write(info));
        LockGuard guard(table.lock);
        return base::max(table.highest_index(), 0);
    }
    case abi::SHM_INFO: {
        abi::shm_info info{};
        i32 highest = 0;
        {
            LockGuard guard(table.lock);
            info.used_ids = static_cast<i32>(table.count());
            table.each([&](SystemVObject& object) {
                info.shm_tot += base::page_ceil(static_cast<SharedSegment&>(object).size) / base::kPageSize;
            });
            info.shm_rss = info.shm_tot;
            highest = base::max(table.highest_index(), 0);
        }
        TRY(UserPtr<abi::shm_info>(user).write(info));
        return highest;
    }
    case abi::IPC_STAT:
    case abi::SHM_STAT:
    case abi::SHM_STAT_ANY: {
        auto object = TRY(command == static_cast<i32>(abi::IPC_STAT) ? table.find(id) : table.at_index(id));
        auto& segment = static_cast<SharedSegment&>(*object);
        abi::shmid64_ds out{};
        {
            LockGuard guard(segment.lock);
            if (command != static_cast<i32>(abi::SHM_STAT_ANY))
                TRY(segment.check_access(0444));
            describe_segment(segment, out);
        }
        TRY(UserPtr<abi::shmid64_ds>(user).write(out));
        return command == static_cast<i32>(abi::IPC_STAT) ? 0 : segment.id;
    }
    case abi::IPC_SET: {
        auto segment = TRY(find_segment(id));
        const auto wanted = TRY(UserPtr<abi::shmid64_ds>(user).read());
        LockGuard guard(segment->lock);
        TRY(segment->check_owner());
        segment->change(wanted.shm_perm);
        return 0;
    }
    case abi::IPC_RMID: {
        auto segment = TRY(find_segment(id));
        RefPtr<SystemVObject> gone;
        LockGuard table_guard(table.lock);
        LockGuard guard(segment->lock);
        TRY(segment->check_owner());
        segment->is_removed = true;
        segment->key = abi::IPC_PRIVATE;
        segment->mode |= abi::SHM_DEST;
        if (!segment->attachments)
            gone = table.remove(*segment);
        guard.unlock();
        table_guard.unlock();
        return 0;
    }
    case abi::SHM_LOCK:
    case abi::SHM_UNLOCK: {
        // Arena memory is not swapped by us; the mark is kept for SHM_STAT.
        auto segment = TRY(find_segment(id));
        LockGuard guard(segment->lock);
        if (!current().credentials->has_capability(abi::CAP_IPC_LOCK))
            TRY(segment->check_owner());
        if (command == static_cast<i32>(abi::SHM_LOCK))
            segment->mode |= abi::SHM_LOCKED;
        else
            segment->mode &= ~abi::SHM_LOCKED;
        return 0;
    }
    default: return Errno::EINVAL;
    }
}

} // namespace lxcore
