// File system type "hostsocket": names of UNIX sockets of the host in the instance's tree.
//
//     mount -t hostsocket /tmp/.X11-unix/X0 /run/lxss/host/X0
//
// The source is a name on the host, the mount point any file that is no directory. The host is asked at each
// connect, so the service may come and go.
#include "lxcore/fs/mount.hpp"
#include "lxcore/net/host_connection.hpp"

namespace lxcore {

namespace {

constexpr char kTypeName[] = "hostsocket";

class HostSocketInode final : public Inode {
public:
    explicit HostSocketInode(RefPtr<HostSocketName> name) : m_name(std::move(name)) {}
    const RefPtr<HostSocketName>& name() const { return m_name; }

private:
    RefPtr<HostSocketName> m_name;
};

Result<RefPtr<SuperBlock>> create_host_socket(std::string_view source, std::string_view, u32) {
    if (source.size() < 2 || (source[0] != '/' && source[0] != '@'))
        return Errno::EINVAL;
    RefPtr<HostSocketName> name = TRY(make_ref<HostSocketName>());
    name->name = TRY(String::create(source));
    RefPtr<SuperBlock> super_block = TRY(make_ref<SuperBlock>());
    super_block->device = abi::makedev(0, static_cast<u32>(next_unique_id() & 0xfffff));
    super_block->magic = 0x6c787373; // its own: Linux has no such type
    super_block->type_name = kTypeName;
    RefPtr<Inode> root = TRY(make_ref<HostSocketInode>(std::move(name)));
    root->super_block = super_block;
    root->number = 1;
    // Whoever may reach it acts as the host user; the folders above it say who in the instance may.
    root->mode = abi::S_IFSOCK | 0666;
    now_realtime(root->changed);
    root->accessed = root->modified = root->changed;
    super_block->root = TRY(make_root_dentry(*super_block, std::move(root)));
    return super_block;
}

constexpr FileSystemType kHostSocket{kTypeName, false, create_host_socket};

} // namespace

RefPtr<HostSocketName> host_socket_name(const Inode& inode) {
    if (!inode.super_block || inode.super_block->type_name != kTypeName)
        return {};
    return static_cast<const HostSocketInode&>(inode).name();
}

Result<void> register_host_socket_type() {
    return register_file_system_type(kHostSocket);
}

} // namespace lxcore
