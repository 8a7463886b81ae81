// POSIX access control lists: acl(5), and the rules of POSIX.1e draft 17 as Linux has them.
//
// A list is an extended attribute of its file (system.posix_acl_access, system.posix_acl_default), kept by
// the file system like any other, in the format of the system calls. The file's mode is part of its access
// list: the entries of the owner, of the mask and of the others are the mode's bits. What is stored for these
// three is not read, so that chmod(2) changes one thing and nothing can come apart.
#pragma once

#include <string_view>

#include "lxcore/fs/inode.hpp"

namespace lxcore {

enum class AclKind : u8 { Access = 1, Default = 2 }; // the bits of Inode::acl_kinds

// Whose rights are asked for.
struct AclSubject {
    u32 uid;
    const Credentials& credentials;
    bool real_ids; // access(2): the real group instead of fsgid
    bool is_in_group(u32 group) const;
};

// Which list the attribute `name` is; false for all other names.
bool is_acl_name(std::string_view name, AclKind& kind);

// What the access list of `inode` grants to a subject that is not the owner: nothing or EACCES. EAGAIN: there
// is no list, the mode decides.
Result<void> check_acl(const Inode& inode, u32 access, const AclSubject& subject);

// The attribute's value, as getxattr(2) gives it; its length when `capacity` is 0. ENODATA, EOPNOTSUPP,
// ERANGE.
Result<usize> get_acl(Inode& inode, AclKind kind, void* value, usize capacity);
// setxattr(2) and, with no value, removexattr(2): rights, syntax, the mode that follows. The inode's lock is
// held. EPERM, EINVAL, EACCES (a default list of a file that is no directory), EOPNOTSUPP.
Result<void> set_acl(Inode& inode, AclKind kind, const void* value, usize length);

// What a new file in `parent` gets from its default list.
struct InheritedAcl {
    RefPtr<SharedObject> list; // null: none
    u32 mode = 0;              // of the new file once it has its lists
};
// `mode`: as asked for, type included. Takes the umask off where no default list stands in for it.
Result<InheritedAcl> inherited_acl(const Inode& parent, u32 mode, u32 umask);
// Gives a new inode (whose mode grants the group nothing yet) its lists and its mode.
Result<void> apply_inherited_acl(Inode& inode, const InheritedAcl& inherited);

} // namespace lxcore
