// Control messages of UNIX sockets: files (SCM_RIGHTS) and credentials (SCM_CREDENTIALS).
#include "lxcore/fs/fd_table.hpp"
#include "lxcore/net/unix_socket.hpp"
#include "lxcore/task/task.hpp"

namespace lxcore {

// ---- files in flight ----

PassedFiles* PassedFiles::create(u32 count) {
    auto* files = static_cast<PassedFiles*>(allocate(sizeof(PassedFiles) + count * sizeof(File*)));
    if (files)
        files->count = files->capacity = count;
    return files;
}

void PassedFiles::destroy(PassedFiles* files) {
    for (u32 i = 0; i < files->count; ++i)
        if (files->files[i])
            files->files[i]->unref();
    release(files, sizeof(PassedFiles) + files->capacity * sizeof(File*));
}

void PassedFiles::drop_later(PassedFiles* files) {
    SocketState& state = socket_state();
    {
        LockGuard guard(state.drop_lock);
        files->next = state.dropped;
        state.dropped = files;
    }
    for (;;) {
        if (state.drain_lock.is_held_by_me() || !state.drain_lock.try_lock())
            return; // whoever drains sees the list again before it stops
        for (;;) {
            PassedFiles* next = nullptr;
            {
                LockGuard guard(state.drop_lock);
                next = state.dropped;
                if (next)
                    state.dropped = next->next;
            }
            if (!next)
                break;
            destroy(next);
        }
        state.drain_lock.unlock();
        // Somebody may have added between the last look and the unlock.
        LockGuard guard(state.drop_lock);
        if (!state.dropped)
            return;
    }
}

// ---- sending ----

abi::ucred current_ucred() {
    Task& task = current();
    return {task.process->pid, task.credentials->euid, task.credentials->egid};
}

UnixControl::~UnixControl() {
    if (files)
        PassedFiles::drop_later(files);
}

namespace {

Result<void> check_credentials(const abi::ucred& claimed) {
    Task& task = current();
    const Credentials& own = *task.credentials;
    constexpr u32 kSetGid = 6, kSetUid = 7, kSysAdmin = 21; // CAP_*
    const bool uid_ok = claimed.uid == own.uid || claimed.uid == own.euid || claimed.uid == own.suid;
    const bool gid_ok = claimed.gid == own.gid || claimed.gid == own.egid || claimed.gid == own.sgid;
    if ((claimed.pid == task.process->pid || own.has_capability(kSysAdmin)) &&
        (uid_ok || own.has_capability(kSetUid)) && (gid_ok || own.has_capability(kSetGid)))
        return {};
    return Errno::EPERM;
}

} // namespace

Result<void> UnixControl::parse(const SocketMessage& message) {
    credentials = current_ucred();
    usize at = 0;
    while (message.control_length - at >= sizeof(abi::cmsghdr)) {
        const auto header = TRY(UserPtr<abi::cmsghdr>(message.control + at).read());
        if (header.cmsg_len < sizeof(abi::cmsghdr) || header.cmsg_len > message.control_length - at)
            return Errno::EINVAL;
        const usize bytes = header.cmsg_len - sizeof(abi::cmsghdr);
        const u64 data = message.control + at + sizeof(abi::cmsghdr);
        at += base::min<usize>(abi::CMSG_ALIGN(header.cmsg_len), message.control_length - at);
        if (header.cmsg_level != static_cast<i32>(abi::SOL_SOCKET))
            continue;
        if (header.cmsg_type == static_cast<i32>(abi::SCM_CREDENTIALS)) {
            if (bytes != sizeof(abi::ucred))
                return Errno::EINVAL;
            credentials = TRY(UserPtr<abi::ucred>(data).read());
            TRY(check_credentials(credentials));
            continue;
        }
        if (header.cmsg_type != static_cast<i32>(abi::SCM_RIGHTS))
            return Errno::EINVAL;
        const u32 count = static_cast<u32>(bytes / sizeof(i32));
        const u32 before = files ? files->count : 0;
        if (count == 0)
            continue;
        if (count > abi::SCM_MAX_FD - before)
            return Errno::EINVAL;
        PassedFiles* list = PassedFiles::create(before + count);
        if (!list)
            return Errno::ENOMEM;
        for (u32 i = 0; i < before; ++i)
            list->files[i] = std::exchange(files->files[i], nullptr);
        if (files)
            PassedFiles::destroy(files);
        files = list;
        for (u32 i = 0; i < count; ++i) {
            const i32 fd = TRY(UserPtr<i32>(data).offset(i).read());
            HeldFile file = TRY(get_file_any(fd));
            files->files[before + i] = file.ref().leak();
        }
    }
    return {};
}

// ---- receiving ----

void UnixSocketFile::put_received_control(SocketMessage& message, const abi::ucred& credentials, PassedFiles* files) {
    usize used = 0;
    const bool close_on_exec = (message.flags & abi::MSG_CMSG_CLOEXEC) != 0;
    if (m_core->pass_credentials)
        put_control(message, used, abi::SOL_SOCKET, abi::SCM_CREDENTIALS, &credentials, sizeof(credentials));
    if (files) {
        const usize left = message.control_length - base::min(used, message.control_length);
        const usize room = left > sizeof(abi::cmsghdr) ? (left - sizeof(abi::cmsghdr)) / sizeof(i32) : 0;
        const u32 wanted = static_cast<u32>(base::min<usize>(room, files->count));
        u32 installed = 0;
        FdTable& table = *current().files;
        while (installed < wanted) {
            auto fd = table.install(RefPtr<File>(files->files[installed]), close_on_exec);
            if (fd.is_error())
                break;
            const i32 number = fd.value();
            const u64 at = message.control + used + sizeof(abi::cmsghdr) + installed * sizeof(i32);
            if (copy_to_user(at, &number, sizeof(number)).is_error()) {
                (void)table.close(number).is_ok();
                break;
            }
            ++installed;
        }
        if (installed != 0) {
            const abi::cmsghdr header{abi::CMSG_LEN(installed * sizeof(i32)), static_cast<i32>(abi::SOL_SOCKET),
                                      static_cast<i32>(abi::SCM_RIGHTS)};
            (void)copy_to_user(message.control + used, &header, sizeof(header)).is_ok();
            used += base::min<usize>(abi::CMSG_SPACE(installed * sizeof(i32)), left);
        }
        if (installed < files->count)
            message.flags |= abi::MSG_CTRUNC;
        PassedFiles::drop_later(files);
    }
    message.control_length = used;
}

} // namespace lxcore
