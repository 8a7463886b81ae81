// devtmpfs (a tmpfs filled with the usual nodes) and devpts (the slaves of pseudo-terminals).
#include "abi/dirent.hpp"
#include "lxcore/devfs/device.hpp"
#include "lxcore/fs/mount.hpp"
#include "lxcore/tmpfs/tmpfs.hpp"
#include "lxcore/tty/tty.hpp"

namespace lxcore {

namespace {

// ---- devtmpfs

struct NodeRow {
    const char* name;
    u32 mode;
    u32 major, minor;
};
constexpr NodeRow kNodes[] = {
    {"null", 0666, 1, 3},   {"zero", 0666, 1, 5}, {"full", 0666, 1, 7},    {"random", 0666, 1, 8}, {"urandom", 0666, 1, 9},
    {"kmsg", 0644, 1, 11},  {"tty", 0666, 5, 0},  {"console", 0600, 5, 1}, {"ptmx", 0666, 5, 2},
};
struct LinkRow {
    const char *name, *target;
};
constexpr LinkRow kLinks[] = {{"fd", "/proc/self/fd"},
                              {"stdin", "/proc/self/fd/0"},
                              {"stdout", "/proc/self/fd/1"},
                              {"stderr", "/proc/self/fd/2"},
                              {"core", "/proc/kcore"}};
constexpr const char* kFolders[] = {"pts", "shm", "mqueue"};

Result<RefPtr<SuperBlock>> create_devtmpfs(std::string_view, std::string_view data, u32) {
    RefPtr<SuperBlock> super_block = TRY(create_tmpfs(data.empty() ? "mode=755" : data));
    super_block->type_name = "devtmpfs";
    Inode& root = *super_block->root->inode;
    LockGuard guard(root.lock);
    for (const NodeRow& row : kNodes)
        TRY(root.create(row.name, abi::S_IFCHR | row.mode, 0, 0, abi::makedev(row.major, row.minor)));
    for (const LinkRow& row : kLinks)
        TRY(root.make_symlink(row.name, row.target, 0, 0));
    for (const char* name : kFolders)
        TRY(root.create(name, abi::S_IFDIR | 0755, 0, 0, 0));
    return super_block;
}

// ---- devpts

struct PtsOptions {
    u32 mode = 0600, pointer_mode = 0;
    u32 gid = 0;
    bool has_gid = false;
};

class PtsSuperBlock final : public SuperBlock {
public:
    PtsOptions options;
    bool may_cache_names() const override { return false; }
    Result<abi::statfs> statistics() override {
        abi::statfs info{};
        info.f_type = abi::DEVPTS_SUPER_MAGIC;
        info.f_bsize = 4096;
        info.f_namelen = 255;
        return info;
    }
    void print_options(base::Writer& writer) const override {
        if (options.has_gid)
            base::print(writer, ",gid={}", options.gid);
        base::print(writer, ",mode={:o},ptmxmode={:03o}", options.mode, options.pointer_mode);
    }
};

constexpr u64 kRootNumber = 1, kPointerNumber = 2, kFirstSlaveNumber = 3;

class PtsNode final : public Inode {
public:
    Result<void> set_attributes(const AttributeChange& change) override {
        TRY(Inode::set_attributes(change));
        // A later lookup makes a new inode: the terminal remembers.
        if (number >= kFirstSlaveNumber) {
            if (RefPtr<Tty> tty = find_pty(static_cast<u32>(number - kFirstSlaveNumber))) {
                LockGuard guard(tty->lock);
                tty->mode = mode & 07777;
                tty->uid = uid;
                tty->gid = gid;
            }
        }
        return {};
    }
};

Result<RefPtr<Inode>> make_node(SuperBlock& super_block, u64 number, u32 mode, u32 uid, u32 gid, u64 device,
                                const abi::timespec& time) {
    RefPtr<Inode> node = TRY(make_ref<PtsNode>());
    node->super_block = RefPtr<SuperBlock>(&super_block);
    node->number = number;
    node->mode = abi::S_IFCHR | mode;
    node->uid = uid;
    node->gid = gid;
    node->device = device;
    node->accessed = node->modified = node->changed = time;
    return node;
}

class PtsDirectoryFile final : public File {
public:
    bool is_seekable() const override { return true; }
    Result<void> read_directory(DirectoryVisitor& visitor) override {
        // Positions: 0 ".", 1 "..", 2 "ptmx", 3 + n slave n.
        u64 at = position;
        const auto give = [&](std::string_view name, u64 number, u8 type) {
            if (!visitor.visit(name, number, type, at + 1))
                return false;
            position = ++at;
            return true;
        };
        if (at == 0 && !give(".", kRootNumber, abi::DT_DIR))
            return {};
        if (at == 1 && !give("..", kRootNumber, abi::DT_DIR))
            return {};
        if (at == 2 && !give("ptmx", kPointerNumber, abi::DT_CHR))
            return {};
        for (; at < kFirstSlaveNumber + TtyState::kMaxPtys; position = ++at) {
            const auto index = static_cast<u32>(at - kFirstSlaveNumber);
            if (!find_pty(index))
                continue;
            base::FixedWriter<16> name;
            base::print(name, "{}", index);
            if (!visitor.visit(name.view(), kFirstSlaveNumber + index, abi::DT_CHR, at + 1))
                return {};
        }
        return {};
    }
    Result<u64> seek(i64 offset, i32 whence) override {
        if (whence != abi::SEEK_SET || offset < 0)
            return Errno::EINVAL;
        position = static_cast<u64>(offset);
        return position;
    }
};

class PtsRoot final : public Inode {
public:
    Result<RefPtr<Inode>> lookup(std::string_view name) override {
        auto& owner = static_cast<PtsSuperBlock&>(*super_block);
        if (name == "ptmx")
            return make_node(owner, kPointerNumber, owner.options.pointer_mode, 0, 0, abi::makedev(5, 2), changed);
        u32 index = 0;
        if (name.empty() || name.size() > 4 || (name[0] == '0' && name.size() > 1))
            return Errno::ENOENT;
        for (char digit : name) {
            if (digit < '0' || digit > '9')
                return Errno::ENOENT;
            index = index * 10 + static_cast<u32>(digit - '0');
        }
        RefPtr<Tty> tty = find_pty(index);
        if (!tty)
            return Errno::ENOENT;
        LockGuard guard(tty->lock);
        if (tty->mode == kModeUnset) {
            tty->mode = owner.options.mode;
            if (owner.options.has_gid)
                tty->gid = owner.options.gid;
        }
        return make_node(owner, kFirstSlaveNumber + index, tty->mode, tty->uid, tty->gid,
                         abi::makedev(136 + index / 256, index % 256), tty->created);
    }
    Result<RefPtr<File>> open(const Path&, u32) override { return RefPtr<File>(TRY(make_ref<PtsDirectoryFile>())); }
};

// "gid=5,mode=620,ptmxmode=666,newinstance"
Result<PtsOptions> parse_options(std::string_view data) {
    PtsOptions options;
    while (!data.empty()) {
        const usize comma = data.find(',');
        std::string_view option = data.substr(0, comma);
        data.remove_prefix(comma == std::string_view::npos ? data.size() : comma + 1);
        const usize equals = option.find('=');
        const std::string_view key = option.substr(0, equals);
        if (key.empty() || key == "newinstance")
            continue;
        if (equals == std::string_view::npos)
            return Errno::EINVAL;
        const bool is_octal = key == "mode" || key == "ptmxmode";
        u32 value = 0;
        for (char digit : option.substr(equals + 1)) {
            const auto number = static_cast<u32>(digit - '0');
            if (number >= (is_octal ? 8u : 10u))
                return Errno::EINVAL;
            value = value * (is_octal ? 8 : 10) + number;
        }
        if (key == "mode")
            options.mode = value & 0777;
        else if (key == "ptmxmode")
            options.pointer_mode = value & 0777;
        else if (key == "gid")
            options.gid = value, options.has_gid = true;
        else if (key != "uid" && key != "max")
            return Errno::EINVAL;
    }
    return options;
}

Result<RefPtr<SuperBlock>> create_devpts(std::string_view, std::string_view data, u32) {
    RefPtr<PtsSuperBlock> super_block = TRY(make_ref<PtsSuperBlock>());
    super_block->options = TRY(parse_options(data));
    super_block->device = abi::makedev(0, static_cast<u32>(next_unique_id() & 0xfffff));
    super_block->magic = abi::DEVPTS_SUPER_MAGIC;
    super_block->type_name = "devpts";
    RefPtr<Inode> root = TRY(make_ref<PtsRoot>());
    root->super_block = RefPtr<SuperBlock>(super_block);
    root->number = kRootNumber;
    root->mode = abi::S_IFDIR | 0755;
    root->links = 2;
    now_realtime(root->changed);
    root->accessed = root->modified = root->changed;
    super_block->root = TRY(make_root_dentry(*super_block, std::move(root)));
    return RefPtr<SuperBlock>(std::move(super_block));
}

constexpr FileSystemType kDevtmpfs{"devtmpfs", false, create_devtmpfs};
constexpr FileSystemType kDevpts{"devpts", false, create_devpts};

} // namespace

Result<void> initialize_devices() {
    TRY(register_file_system_type(kDevtmpfs));
    return register_file_system_type(kDevpts);
}

} // namespace lxcore
