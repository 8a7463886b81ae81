// Files for handles that come in messages from the host.
#include "lxcore/ipc/stream_file.hpp"
#include "lxcore/net/host_connection.hpp"

namespace lxcore {

namespace {

// A file of the host, most often a memfd: a compositor's keymap, a buffer.
struct HostFileHandle final : public SharedObject {
    explicit HostFileHandle(host::Handle handle) : handle(handle) {}
    ~HostFileHandle() override { host::close(handle); }
    const host::Handle handle;
};

class HostFileInode final : public Inode {
public:
    explicit HostFileInode(RefPtr<HostFileHandle> handle) : m_handle(std::move(handle)) {}

    Result<void> refresh() override {
        const host::FileInfo info = TRY(host::file_info(m_handle->handle));
        size = info.size;
        blocks = info.blocks;
        modified = info.modified;
        return {};
    }
    Result<void> set_attributes(const AttributeChange& change) override {
        if (change.valid & kChangeSize)
            TRY(host::truncate(m_handle->handle, change.size));
        return Inode::set_attributes(change);
    }

private:
    RefPtr<HostFileHandle> m_handle;
};

class HostFile final : public File {
public:
    explicit HostFile(RefPtr<HostFileHandle> handle) : m_handle(std::move(handle)) {}

    bool is_seekable() const override { return true; }
    Result<usize> read(IoBuffer& buffer, i64 offset) override {
        return transfer(buffer, offset, [this](const abi::iovec* vectors, usize count, u64 at) {
            return host::read_at(m_handle->handle, vectors, count, at);
        });
    }
    Result<usize> write(IoBuffer& buffer, i64 offset) override {
        return transfer(buffer, offset, [this](const abi::iovec* vectors, usize count, u64 at) {
            return host::write_at(m_handle->handle, vectors, count, at);
        });
    }
    Result<void> truncate(u64 length) override { return host::truncate(m_handle->handle, length); }
    host::Handle host_handle() override { return m_handle->handle; }

private:
    template <typename Step>
    Result<usize> transfer(IoBuffer& buffer, i64 offset, Step step) {
        return at_position(offset, [&](u64 at) -> Result<usize> {
            abi::iovec vectors[8];
            const usize count = TRY(buffer.ranges(vectors, 8));
            const usize done = TRY(step(vectors, count, at));
            buffer.advance(done);
            return done;
        });
    }

    RefPtr<HostFileHandle> m_handle;
};

Result<RefPtr<File>> make_host_file(host::Handle handle, u32 access_mode) {
    auto made = make_ref<HostFileHandle>(handle);
    if (made.is_error()) {
        host::close(handle);
        return made.error();
    }
    auto owner = made.release_value();
    RefPtr<File> file = TRY(make_ref<HostFile>(owner));
    RefPtr<Inode> inode = TRY(make_ref<HostFileInode>(owner));
    TRY(inode->refresh());
    file->flags.store(access_mode | abi::O_LARGEFILE, std::memory_order_relaxed);
    TRY(attach_anonymous_inode(*file, "host", abi::S_IFREG | 0600, std::move(inode)));
    return file;
}

} // namespace

Result<RefPtr<File>> make_received_file(host::Handle handle) {
    const auto info = host::file_info(handle);
    const auto mode = host::access_mode(handle);
    if (info.is_ok() && mode.is_ok()) {
        switch (info.value().type) {
        case host::FileType::Regular: return make_host_file(handle, mode.value());
        case host::FileType::Fifo:
        case host::FileType::CharacterDevice: return make_stream_file(handle, mode.value());
        case host::FileType::Socket: return make_connected_file(handle);
        default: break;
        }
    }
    host::close(handle);
    return Errno::EOPNOTSUPP;
}

} // namespace lxcore
