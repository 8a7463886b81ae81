#include "manager/kernel_process.hpp"

#include "manager/os/files.hpp"

#include <algorithm>
#include <cstring>
#include <spdlog/spdlog.h>

namespace lxss {

using protocol::Header;
using protocol::MessageType;

static_assert(kMaxPacketBytes == protocol::kMaxPacketBytes);

bool KernelProcess::start(const KernelOptions& options, UniqueFd lock, std::string& error) {
    KernelStart start;
    start.program = options.program;
    start.folder = options.folder;
    start.lock = std::move(lock);
    start.log = open_log(options.folder + "/lxss.log", error);
    if (!start.log)
        return false;
    start.words = {"--root=" + options.folder + "/rootfs", "--guest-dir=" + options.guest_dir,
                   "--name=" + options.name, "--hostname=" + options.name};
    if (!options.engine_options.empty())
        start.words.push_back("--engine-options=" + options.engine_options);
    for (size_t at = 0; at < options.drives.size(); at = options.drives.find('\n', at) + 1)
        // A letter, which mount(2) knows as "C:" (those of Windows without our help).
        if (options.drives[at + 1] == '=' && options.drives[at + 2] == '/')
            start.words.push_back("--drive=" + options.drives.substr(at, options.drives.find('\n', at) - at));
    if (!options.interop.empty())
        start.words.push_back("--host-sockets");
    if (options.no_init)
        start.words.push_back("--no-init");
    if (options.portable)
        start.words.push_back("--portable");
    start.environment = {"WSL_DISTRO_NAME=" + options.name,
                         "LXSS_HOSTNAME=" + options.name,
                         "LXSS_RESOLV_CONF=" + host_resolver_configuration(),
                         "LXSS_ROOTFS=" + options.folder + "/rootfs",
                         "LXSS_DRIVES=" + options.drives,
                         "LXSS_INTEROP=" + options.interop};
    if (!start_kernel(start, process_, control_, error))
        return false;

    name_ = options.name;
    folder_ = options.folder;
    spdlog::info("instance {}: started {} as process {}{}", name_, options.program, process_.id(),
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
        std::vector<HostDescriptor> descriptors;
        for (const UniqueFd& descriptor : next.descriptors)
            descriptors.push_back(descriptor.get());
        const SendStatus status = control_.send(next.bytes, descriptors);
        if (status == SendStatus::WouldBlock)
            return;
        if (status != SendStatus::Sent) {
            spdlog::warn("instance {}: cannot reach its kernel: {}", name_, control_.last_error());
            outbox_.clear(); // its death, or the closed connection, is reported by other ways
            return;
        }
        outbox_.pop_front();
    }
}

void KernelProcess::receive() {
    Packet packet;
    while (control_) {
        switch (control_.receive(packet)) {
        case ReceiveStatus::WouldBlock:
            return;
        case ReceiveStatus::Closed:
        case ReceiveStatus::Broken:
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
        events_.started(header.session_id);
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

void KernelProcess::kill_orphans() const {
    if (const int killed = kill_orphans_of(folder_))
        spdlog::warn("instance {}: killed {} processes that it has left behind", name_, killed);
}

} // namespace lxss
