#include "lxcore/devfs/device.hpp"

#include "abi/fcntl.hpp"
#include "abi/mman.hpp"
#include "lxcore/kernel.hpp"
#include "lxcore/mm/mm.hpp"
#include "lxcore/task/task.hpp"
#include "lxcore/tty/tty.hpp"

namespace lxcore {

namespace {

constexpr u32 kAlwaysReady = abi::POLLIN | abi::POLLRDNORM | abi::POLLOUT | abi::POLLWRNORM;

// Devices that take and give any number of bytes at any position.
class MemoryDevice : public File {
public:
    bool is_seekable() const override { return true; }
    Result<u64> seek(i64, i32) override { return u64{0}; }
    u32 poll(PollTable*) override { return kAlwaysReady; }
    Result<void> truncate(u64) override { return Errno::EINVAL; }

protected:
    static Result<usize> swallow(IoBuffer& buffer) {
        const usize length = buffer.left();
        buffer.advance(length);
        return length;
    }
};

class NullDevice final : public MemoryDevice {
public:
    Result<usize> read(IoBuffer&, i64) override { return usize{0}; }
    Result<usize> write(IoBuffer& buffer, i64) override { return swallow(buffer); }
};

class ZeroDevice final : public MemoryDevice {
public:
    Result<usize> read(IoBuffer& buffer, i64) override { return buffer.fill(0, buffer.left()); }
    Result<usize> write(IoBuffer& buffer, i64) override { return swallow(buffer); }
    Result<void> map(MapRequest& request) override {
        return request.flags & abi::MAP_SHARED
                   ? host::map_shared_anonymous(request.address, request.length, request.protection)
                   : host::map_anonymous(request.address, request.length, request.protection);
    }
};

class FullDevice final : public MemoryDevice {
public:
    Result<usize> read(IoBuffer& buffer, i64) override { return buffer.fill(0, buffer.left()); }
    Result<usize> write(IoBuffer& buffer, i64) override {
        if (buffer.left() == 0)
            return usize{0};
        return Errno::ENOSPC;
    }
};

class RandomDevice final : public MemoryDevice {
public:
    Result<usize> read(IoBuffer& buffer, i64) override {
        usize total = 0;
        u8 chunk[256];
        while (buffer.left() > 0) {
            const usize wanted = base::min(buffer.left(), sizeof(chunk));
            host::random_bytes(chunk, wanted);
            const auto done = buffer.copy_in(chunk, wanted);
            if (done.is_error()) {
                if (total)
                    return total;
                return done.error();
            }
            total += done.value();
            if (done.value() < wanted || current().is_interrupted())
                break;
        }
        return total;
    }
    // Mixed into the pool by Linux; the host has its own.
    Result<usize> write(IoBuffer& buffer, i64) override { return swallow(buffer); }
    Result<i64> control(u32 request, u64 argument) override {
        constexpr u32 kGetEntropyCount = 0x8004'5200;
        if (request != kGetEntropyCount)
            return Errno::ENOTTY;
        TRY(UserPtr<i32>(argument).write(256));
        return i64{0};
    }
};

class KernelLogDevice final : public File {
public:
    Result<usize> read(IoBuffer&, i64) override { return Errno::EAGAIN; }
    Result<usize> write(IoBuffer& buffer, i64) override {
        char text[512];
        const usize total = buffer.left();
        const usize length = TRY(buffer.copy_out(text, sizeof(text)));
        std::string_view line{text, length};
        while (!line.empty() && line.back() == '\n')
            line.remove_suffix(1);
        log_line(line);
        buffer.advance(buffer.left());
        return total;
    }
    u32 poll(PollTable*) override { return abi::POLLOUT | abi::POLLWRNORM; }
};

template <typename Device>
Result<RefPtr<File>> open_as() {
    return RefPtr<File>(TRY(make_ref<Device>()));
}

Result<RefPtr<File>> open_controlling_tty(const Path& path, u32 flags) {
    RefPtr<Tty> tty = current_tty();
    if (!tty)
        return Errno::ENXIO;
    return open_pty_slave(tty->index, path, flags | abi::O_NOCTTY);
}

Result<RefPtr<File>> open_master(u32 flags) {
    RefPtr<File> master;
    TRY(open_pty_master(flags, master));
    return master;
}

} // namespace

Result<RefPtr<File>> open_device(const Path& path, u32 flags) {
    const Inode& inode = path.inode();
    if (!inode.is_character_device())
        return Errno::ENXIO;
    const u32 major = abi::major(inode.device), minor = abi::minor(inode.device);
    if (major == 1) {
        switch (minor) {
        case 3: return open_as<NullDevice>();
        case 5: return open_as<ZeroDevice>();
        case 7: return open_as<FullDevice>();
        case 8:
        case 9: return open_as<RandomDevice>();
        case 11: return open_as<KernelLogDevice>();
        default: return Errno::ENXIO;
        }
    }
    if (major == 5) {
        switch (minor) {
        case 0: return open_controlling_tty(path, flags);
        case 1: return open_as<KernelLogDevice>(); // the console's output goes where the kernel's goes
        case 2: return open_master(flags);
        default: return Errno::ENXIO;
        }
    }
    if (major >= 136 && major < 144)
        return open_pty_slave((major - 136) * 256 + minor, path, flags);
    return Errno::ENXIO;
}

} // namespace lxcore
