// Regular files over a handle of the host that is no file system's: memory files (memfd_create(2)), and files
// that programs of the host have passed.
#pragma once

#include "lxcore/fs/file.hpp"

namespace lxcore {

class HandleInode final : public Inode {
public:
    explicit HandleInode(host::Handle handle) : m_handle(handle) {}
    ~HandleInode() override { host::close(m_handle); }

    Result<RefPtr<File>> open(const Path& path, u32 flags) override;
    // Size and times are the host's: others may change the file.
    Result<void> refresh() override;
    Result<void> set_attributes(const AttributeChange& change) override;
    host::Handle handle() const { return m_handle; }

private:
    const host::Handle m_handle;
};

class HandleFile final : public File {
public:
    explicit HandleFile(RefPtr<HandleInode> inode) : m_inode(std::move(inode)) {}

    bool is_seekable() const override { return true; }
    Result<usize> read(IoBuffer& buffer, i64 offset) override;
    Result<usize> write(IoBuffer& buffer, i64 offset) override;
    Result<u64> seek(i64 offset, i32 whence) override;
    Result<void> truncate(u64 length) override;
    Result<void> allocate(i32 mode, u64 offset, u64 length) override;
    Result<void> sync(bool data_only) override { return host::sync(m_inode->handle(), data_only); }
    host::Handle host_handle() override { return m_inode->handle(); }
    HandleInode& handle_inode() const { return *m_inode; }

private:
    RefPtr<HandleInode> m_inode;
};

// Takes the handle over, also on failure. The file has no place yet. access_mode: abi::O_RDONLY, O_WRONLY,
// O_RDWR.
Result<RefPtr<HandleFile>> make_handle_file(host::Handle handle, u32 access_mode);

} // namespace lxcore
