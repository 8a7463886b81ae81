// mounts, mountinfo and mountstats: proc_pid_mounts(5), proc_pid_mountinfo(5). Pollers hear of changes.
#include "abi/mount.hpp"
#include "abi/poll.hpp"
#include "lxcore/procfs/procfs.hpp"

namespace lxcore::proc {

namespace {

// White space and backslashes in octal, as getmntent(3) expects.
void put_escaped(base::Writer& writer, std::string_view text) {
    for (char character : text) {
        if (character == ' ' || character == '\t' || character == '\n' || character == '\\' || character == '#')
            base::print(writer, "\\{:03o}", static_cast<u32>(static_cast<u8>(character)));
        else
            writer.put(character);
    }
}

void put_mount_flags(base::Writer& writer, const Mount& mount, bool file_system_too) {
    writer.put(mount.flags & abi::MS_RDONLY || (file_system_too && mount.is_read_only()) ? "ro" : "rw");
    static constexpr struct {
        u32 flag;
        const char* text;
    } kFlags[] = {{abi::MS_NOSUID, ",nosuid"},   {abi::MS_NODEV, ",nodev"},           {abi::MS_NOEXEC, ",noexec"},
                  {abi::MS_NOATIME, ",noatime"}, {abi::MS_NODIRATIME, ",nodiratime"}, {abi::MS_RELATIME, ",relatime"},
                  {abi::MS_NOSYMFOLLOW, ",nosymfollow"}};
    for (const auto& row : kFlags)
        if (mount.flags & row.flag)
            writer.put(row.text);
}

void put_file_system_flags(base::Writer& writer, const SuperBlock& super_block) {
    if (super_block.flags & abi::MS_SYNCHRONOUS)
        writer.put(",sync");
    if (super_block.flags & abi::MS_DIRSYNC)
        writer.put(",dirsync");
    super_block.print_options(writer);
}

std::string_view source_of(const Mount& mount) {
    const std::string_view source = mount.source.view();
    return source.empty() ? "none" : source;
}

enum class Style : u8 { Mounts, Information, Statistics };

// The place of a mount's root in its own file system.
void put_place_inside(base::Writer& writer, const Mount& mount) {
    PageBuffer page;
    if (!page)
        return;
    usize start = page.size();
    {
        LockGuard names(dentry_cache().lock);
        for (const Dentry* at = mount.root.get(); at->parent; at = at->parent.get()) {
            const std::string_view name = at->name.view();
            if (name.size() + 1 > start)
                break;
            start -= name.size();
            __builtin_memcpy(page.data() + start, name.data(), name.size());
            page.data()[--start] = '/';
        }
    }
    if (start == page.size())
        page.data()[--start] = '/';
    put_escaped(writer, {page.data() + start, page.size() - start});
}

// `dominant`: the closest group in the chain of masters of which the reader can see a mount, 0 for none.
void put_mount(base::Writer& writer, const Mount& mount, i32 parent_id, u32 dominant, std::string_view place,
               Style style) {
    const SuperBlock& super_block = *mount.super_block;
    switch (style) {
    case Style::Mounts:
        put_escaped(writer, source_of(mount));
        writer.put(' ');
        put_escaped(writer, place);
        base::print(writer, " {} ", super_block.type_name);
        put_mount_flags(writer, mount, true);
        put_file_system_flags(writer, super_block);
        writer.put(" 0 0\n");
        break;
    case Style::Information:
        base::print(writer, "{} {} {}:{} ", mount.id, parent_id, abi::major(super_block.device),
                    abi::minor(super_block.device));
        put_place_inside(writer, mount);
        writer.put(' ');
        put_escaped(writer, place);
        writer.put(' ');
        put_mount_flags(writer, mount, false);
        if (mount.peer_group != 0)
            base::print(writer, " shared:{}", mount.peer_group);
        if (mount.master_group != 0)
            base::print(writer, " master:{}", mount.master_group);
        if (dominant != 0 && dominant != mount.master_group)
            base::print(writer, " propagate_from:{}", dominant);
        if (mount.is_unbindable)
            writer.put(" unbindable");
        base::print(writer, " - {} ", super_block.type_name);
        put_escaped(writer, source_of(mount));
        writer.put(super_block.flags & abi::MS_RDONLY ? " ro" : " rw");
        put_file_system_flags(writer, super_block);
        writer.put('\n');
        break;
    case Style::Statistics:
        writer.put("device ");
        put_escaped(writer, source_of(mount));
        writer.put(" mounted on ");
        put_escaped(writer, place);
        base::print(writer, " with fstype {}\n", super_block.type_name);
        break;
    }
}

// All mounts, counted, to be printed without the lock.
class MountList {
public:
    MountList() = default;
    LXSS_NO_COPY(MountList);
    ~MountList() {
        for (Entry& entry : m_entries)
            entry.mount->unref();
    }
    struct Entry {
        Mount* mount;
        i32 parent_id;
    };
    Result<void> collect() {
        LockGuard guard(mount_state().lock);
        TRY(m_entries.reserve(mount_state().mounts.count()));
        for (Mount& mount : mount_state().mounts) {
            mount.ref();
            (void)m_entries.push_back({&mount, mount.parent ? mount.parent->id : mount.id});
        }
        return {};
    }
    const Vector<Entry>& entries() const { return m_entries; }
    // A member of the group of which `is_seen` says so, or any one; null when it has none.
    template <typename IsSeen>
    Mount* member(u32 group, bool& seen, IsSeen&& is_seen) const {
        Mount* any = nullptr;
        for (const Entry& entry : m_entries) {
            if (entry.mount->peer_group != group)
                continue;
            any = entry.mount;
            if ((seen = is_seen(*any)))
                break;
        }
        return any;
    }

private:
    Vector<Entry> m_entries;
};

class MountsFile final : public GeneratedFile {
public:
    explicit MountsFile(RefPtr<GeneratedNode> node)
        : GeneratedFile(std::move(node)), m_seen(mount_state().generation.load(std::memory_order_acquire)) {}
    u32 poll(PollTable* table) override {
        if (table)
            table->add(mount_state().changed);
        const u32 generation = mount_state().generation.load(std::memory_order_acquire);
        u32 events = abi::POLLIN | abi::POLLRDNORM;
        if (m_seen.exchange(generation, std::memory_order_relaxed) != generation)
            events |= abi::POLLERR | abi::POLLPRI;
        return events;
    }

private:
    std::atomic<u32> m_seen;
};

} // namespace

Result<void> print_mounts(base::Writer& writer, const Node& node) {
    const std::string_view name = node.row->argument;
    const Style style = name == "mountinfo" ? Style::Information : name == "mounts" ? Style::Mounts : Style::Statistics;
    const Path root = TRY(root_of(node));
    MountList list;
    TRY(list.collect());
    PageBuffer page;
    if (!page)
        return Errno::ENOMEM;
    // Its place as seen from the process's root; empty for what is not below that.
    const auto place_of = [&](Mount& mount) -> std::string_view {
        const auto length = print_path(Path(RefPtr<Mount>(&mount), mount.root), root, page.data(), page.size(), true);
        if (length.is_error() || length.value() == 0 || page.data()[0] != '/')
            return {};
        return {page.data(), length.value()};
    };
    const auto dominant_of = [&](const Mount& slave) -> u32 {
        u32 group = style == Style::Information ? slave.master_group : 0;
        for (bool seen = false; group != 0;) {
            const Mount* peer = list.member(group, seen, [&](Mount& mount) { return !place_of(mount).empty(); });
            if (seen)
                break;
            group = peer ? peer->master_group : 0;
        }
        return group;
    };
    for (const MountList::Entry& entry : list.entries()) {
        const u32 dominant = dominant_of(*entry.mount);
        const std::string_view place = place_of(*entry.mount);
        if (!place.empty())
            put_mount(writer, *entry.mount, entry.parent_id, dominant, place, style);
    }
    return {};
}

Result<RefPtr<File>> open_mounts(const Node& node, u32) {
    return RefPtr<File>(TRY(make_ref<MountsFile>(RefPtr<GeneratedNode>(const_cast<Node*>(&node)))));
}

} // namespace lxcore::proc
