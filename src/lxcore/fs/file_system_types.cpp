// The types that mount(2) knows by name. Others (proc, sysfs, devpts...) register themselves when their subsystem starts.
#include "lxcore/fs/mount.hpp"
#include "lxcore/tmpfs/tmpfs.hpp"

namespace lxcore {

struct TypeNode : ArenaObject {
    const FileSystemType* type = nullptr;
    TypeNode* next = nullptr;
};

namespace {

Result<RefPtr<SuperBlock>> create_tmpfs_from(std::string_view, std::string_view data, u32) { return create_tmpfs(data); }
// ramfs is a tmpfs without limits.
Result<RefPtr<SuperBlock>> create_ramfs_from(std::string_view, std::string_view, u32) { return create_tmpfs("size=0"); }

constexpr FileSystemType kTmpfs{"tmpfs", false, create_tmpfs_from};
constexpr FileSystemType kRamfs{"ramfs", false, create_ramfs_from};

} // namespace

Result<void> register_memory_file_systems() {
    TRY(register_file_system_type(kTmpfs));
    return register_file_system_type(kRamfs);
}

Result<void> register_file_system_type(const FileSystemType& type) {
    auto* node = TRY(make<TypeNode>());
    node->type = &type;
    TypeNode** link = &mount_state().types;
    while (*link)
        link = &(*link)->next;
    *link = node;
    return {};
}

const FileSystemType* find_file_system_type(std::string_view name) {
    for (TypeNode* node = mount_state().types; node; node = node->next)
        if (name == node->type->name)
            return node->type;
    return nullptr;
}

usize file_system_types(const FileSystemType** types, usize capacity) {
    usize count = 0;
    for (TypeNode* node = mount_state().types; node && count < capacity; node = node->next)
        types[count++] = node->type;
    return count;
}

} // namespace lxcore
