#include "manager/kernel_process.hpp"

#include "manager/instance_folder.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <spdlog/spdlog.h>
#include <sstream>
#include <sys/socket.h>
#include <sys/wait.h>

namespace lxss {

using protocol::Header;
using protocol::MessageType;

// The number that the lock of the instance's folder has in lxkernel and in every process that it clones.
static constexpr int kLockDescriptor = 5;

static_assert(kMaxPacketBytes == protocol::kMaxPacketBytes);

// The host's name servers, which the instance's init writes into the instance. Empty when there are none.
static std::string host_resolver_configuration() {
    std::ifstream file("/etc/resolv.conf");
    std::ostringstream text;
    text << file.rdbuf();
    std::string result = text.str();
    return result.size() <= 32 * 1024 ? result : std::string();
}

bool KernelProcess::start(const KernelOptions& options, Events events, std::string& error) {
    if (::access(options.program.c_str(), X_OK) != 0) {
        error = "cannot run the kernel " + options.program + ": " + std::strerror(errno);
        return false;
    }
    UniqueFd lock = lock_instance_folder(options.folder, error);
    if (!lock)
        return false;
    const std::string log_path = options.folder + "/lxss.log";
    UniqueFd log(::open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!log) {
        error = "cannot open " + log_path + ": " + std::strerror(errno);
        return false;
    }
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        error = std::string("cannot make a socket: ") + std::strerror(errno);
        return false;
    }
    control_.reset(pair[0]);
    UniqueFd kernel_end(pair[1]);
    ::fcntl(control_.get(), F_SETFL, O_NONBLOCK);

    // Descriptors of the new process: 0 /dev/null, 1 and 2 and 4 the log, 3 the control socket, 5 the lock.
    static_assert(kLockDescriptor == 5);
    std::vector<std::string> words = {options.program,
                                      "--root=" + options.folder + "/rootfs",
                                      "--guest-dir=" + options.guest_dir,
                                      "--control-fd=3",
                                      "--log-fd=4",
                                      "--name=" + options.name,
                                      "--hostname=" + options.name};
    if (!options.engine_options.empty())
        words.push_back("--engine-options=" + options.engine_options);
    if (options.no_init)
        words.push_back("--no-init");
    std::vector<char*> argv;
    for (std::string& word : words)
        argv.push_back(word.data());
    argv.push_back(nullptr);
    const std::string resolver = host_resolver_configuration();

    pid_ = ::fork();
    if (pid_ < 0) {
        error = std::string("cannot start a process: ") + std::strerror(errno);
        return false;
    }
    if (pid_ == 0) {
        ::setsid();
        sigset_t none;
        ::sigemptyset(&none);
        ::sigprocmask(SIG_SETMASK, &none, nullptr);
        ::signal(SIGPIPE, SIG_DFL);
        // lxkernel hands LXSS_* and WSL_* on to the instance's init; what is the manager's own stays here.
        for (const char* name : {"LXSS_HOME", "LXSS_KERNEL", "LXSS_GUEST_DIR", "LXSS_ENGINE_OPTIONS", "LXSS_GRACE", "LXSS_IDLE"})
            ::unsetenv(name);
        ::setenv("WSL_DISTRO_NAME", options.name.c_str(), 1);
        ::setenv("LXSS_RESOLV_CONF", resolver.c_str(), 1);
        ::setenv("LXSS_HOSTNAME", options.name.c_str(), 1);
        // First above the numbers that are about to be filled, then into place.
        const int sources[6] = {
            ::open("/dev/null", O_RDONLY), log.get(), log.get(), kernel_end.get(), log.get(), lock.get()};
        int lifted[6];
        for (int i = 0; i < 6; ++i)
            lifted[i] = ::fcntl(sources[i], F_DUPFD_CLOEXEC, 16);
        for (int i = 0; i < 6; ++i)
            ::dup2(lifted[i], i);
        ::close_range(6, ~0u, 0);
        ::execv(argv[0], argv.data());
        ::dprintf(2, "lxssd: cannot run %s: %s\n", argv[0], std::strerror(errno));
        ::_exit(127);
    }
    name_ = options.name;
    folder_ = options.folder;
    events_ = std::move(events);
    spdlog::info("instance {}: started {} as process {}{}", name_, options.program, pid_,
                 options.no_init ? " without init" : "");
    return true;
}

void KernelProcess::queue(MessageType type, uint32_t session, std::vector<char> payload,
                          std::vector<UniqueFd> descriptors) {
    const Header header{type, session, static_cast<uint32_t>(payload.size()), 0};
    const char* start = reinterpret_cast<const char*>(&header);
    payload.insert(payload.begin(), start, start + sizeof header);
    outbox_.push_back({type, session, std::move(payload), std::move(descriptors)});
    flush();
}

template <typename T>
static std::vector<char> bytes_of(const T& value) {
    const char* start = reinterpret_cast<const char*>(&value);
    return {start, start + sizeof value};
}

bool KernelProcess::run(uint32_t session, const RunCommand& command, std::vector<UniqueFd> descriptors) {
    std::vector<char> strings;
    append_strings(strings, {command.program});
    append_strings(strings, command.arguments);
    append_strings(strings, command.environment);
    protocol::RunRequest request{};
    request.flags = command.flags;
    request.rows = command.rows;
    request.columns = command.columns;
    request.argument_count = static_cast<uint32_t>(command.arguments.size());
    request.environment_count = static_cast<uint32_t>(command.environment.size());
    request.strings_bytes = static_cast<uint32_t>(strings.size());
    if (sizeof(Header) + sizeof request + strings.size() > kMaxPacketBytes)
        return false;
    std::vector<char> payload = bytes_of(request);
    payload.insert(payload.end(), strings.begin(), strings.end());
    queue(MessageType::Run, session, std::move(payload), std::move(descriptors));
    return true;
}

void KernelProcess::window_size(uint32_t session, uint16_t rows, uint16_t columns) {
    queue(MessageType::WindowSize, session, bytes_of(protocol::WindowSizeRequest{rows, columns}));
}

void KernelProcess::signal(uint32_t session, uint32_t number) {
    queue(MessageType::Signal, session, bytes_of(protocol::SignalRequest{number}));
}

void KernelProcess::hangup(uint32_t session) {
    const size_t dropped = std::erase_if(outbox_, [&](const Outgoing& outgoing) {
        return outgoing.session == session && outgoing.type == MessageType::Run;
    });
    if (dropped == 0)
        queue(MessageType::Hangup, session, {});
}

void KernelProcess::shutdown(uint32_t grace_milliseconds) {
    outbox_.clear();
    queue(MessageType::Shutdown, 0, bytes_of(protocol::ShutdownRequest{grace_milliseconds}));
}

void KernelProcess::flush() {
    while (wants_to_send()) {
        const Outgoing& next = outbox_.front();
        std::vector<int> descriptors;
        for (const UniqueFd& descriptor : next.descriptors)
            descriptors.push_back(descriptor.get());
        if (!send_packet(control_.get(), next.bytes, descriptors)) {
            if (errno == EAGAIN || errno == ENOBUFS || errno == ETOOMANYREFS)
                return;
            spdlog::warn("instance {}: cannot reach its kernel: {}", name_, std::strerror(errno));
            outbox_.clear(); // its death, or the closed connection, is reported by other ways
            return;
        }
        outbox_.pop_front();
    }
}

void KernelProcess::receive() {
    Packet packet;
    while (control_) {
        switch (receive_packet(control_.get(), packet)) {
        case ReceiveStatus::WouldBlock:
            return;
        case ReceiveStatus::Closed:
            control_.reset();
            return;
        case ReceiveStatus::Received:
            handle(packet);
        }
    }
}

void KernelProcess::handle(const Packet& packet) {
    Header header;
    auto malformed = [&] { spdlog::warn("instance {}: malformed packet from its kernel dropped", name_); };
    if (packet.bytes.size() < sizeof header)
        return malformed();
    std::memcpy(&header, packet.bytes.data(), sizeof header);
    const char* payload = packet.bytes.data() + sizeof header;
    const size_t length = packet.bytes.size() - sizeof header;
    if (header.payload_bytes != length)
        return malformed();
    switch (header.type) {
    case MessageType::Ready:
        ready_ = true;
        events_.ready();
        flush();
        return;
    case MessageType::Started:
        return;
    case MessageType::Exited: {
        protocol::ExitedEvent event;
        if (length != sizeof event)
            return malformed();
        std::memcpy(&event, payload, sizeof event);
        events_.exited(header.session_id, event.wait_status);
        return;
    }
    case MessageType::Failed: {
        protocol::FailedEvent event;
        if (length < sizeof event)
            return malformed();
        std::memcpy(&event, payload, sizeof event);
        if (length != sizeof event + event.text_bytes)
            return malformed();
        events_.failed(header.session_id, event.error_number,
                       std::string(payload + sizeof event, event.text_bytes));
        return;
    }
    default:
        malformed();
    }
}

void KernelProcess::kill() const {
    if (pid_ > 0) {
        ::kill(-pid_, SIGKILL);
        ::kill(pid_, SIGKILL);
    }
}

void KernelProcess::kill_orphans() const {
    // They may fork meanwhile: until a look finds none.
    for (int looks = 0; looks < 20; ++looks) {
        bool found = false;
        std::error_code failure;
        for (const auto& item : std::filesystem::directory_iterator("/proc", failure)) {
            const pid_t pid = std::atoi(item.path().filename().c_str());
            if (pid <= 0 || pid == ::getpid())
                continue;
            const std::filesystem::path held =
                std::filesystem::read_symlink(item.path() / "fd" / std::to_string(kLockDescriptor), failure);
            if (held == folder_ + "/lock") {
                spdlog::warn("instance {}: its process {} was left behind, killing it", name_, pid);
                ::kill(pid, SIGKILL);
                found = true;
            }
        }
        if (!found)
            return;
        ::usleep(1'000);
    }
}

} // namespace lxss
