// lxss-interop: starts programs of the host for one instance. See README.md in this folder.
#include "interop/host_program.hpp"
#include "interop/run_request.hpp"
#include "manager/os/linux/connection.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <list>
#include <poll.h>
#include <string_view>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace lxss;

namespace {

// Descriptors that the manager leaves: the listening socket, and a pipe that ends with the instance.
constexpr int kListener = 3, kLife = 4;

struct Client {
    Connection connection; // empty once lxss-host has gone
    std::array<UniqueFd, 3> streams;
    HostProgram program;
    bool is_over() const { return !connection && !program.is_running(); }
};

void send(Client& client, interop_header header, const std::string& text = {},
          const std::vector<UniqueFd>& descriptors = {}) {
    header.version = kInteropVersion;
    std::vector<char> bytes(sizeof header);
    std::memcpy(bytes.data(), &header, sizeof header);
    bytes.insert(bytes.end(), text.begin(), text.end());
    std::vector<HostDescriptor> numbers;
    for (const UniqueFd& descriptor : descriptors)
        numbers.push_back(descriptor.get());
    // A few small packets in the life of a connection: there is always room, or nobody reads.
    if (client.connection.send(bytes, numbers) != SendStatus::Sent)
        client.connection.reset();
}

void finish(Client& client, uint32_t type, uint32_t value, const std::string& text = {}) {
    interop_header header{};
    header.type = type;
    header.value = value;
    send(client, header, text);
    client.connection.reset();
}

void run(Client& client, const interop_header& header, std::string_view strings) {
    HostProgramStart start;
    if (client.program.is_running() || !parse_run_request(header, strings, start))
        return finish(client, kInteropFailed, 255, "the request is malformed");
    start.streams = std::move(client.streams);
    HostProgramEnds ends;
    int exit_code = 0;
    std::string error;
    if (!client.program.start(std::move(start), ends, exit_code, error))
        return finish(client, kInteropFailed, static_cast<uint32_t>(exit_code), error);
    interop_header reply{};
    reply.type = kInteropStarted;
    reply.value = ends.bits;
    send(client, reply, {}, ends.descriptors);
}

void handle(Client& client, Packet packet) {
    interop_header header;
    if (packet.bytes.size() < sizeof header)
        return client.connection.reset();
    std::memcpy(&header, packet.bytes.data(), sizeof header);
    const std::string_view strings(packet.bytes.data() + sizeof header, packet.bytes.size() - sizeof header);
    if (header.version != kInteropVersion)
        return finish(client, kInteropFailed, 255, "lxss-host and lxss-interop are of different versions");
    switch (header.type) {
    case kInteropStream:
        if (header.value < 3 && packet.descriptors.size() == 1)
            client.streams[header.value] = std::move(packet.descriptors[0]);
        break;
    case kInteropRun:
        run(client, header, strings);
        break;
    case kInteropSignal:
        client.program.signal(static_cast<int>(header.value));
        break;
    case kInteropSize:
        client.program.resize(header.rows, header.columns);
        break;
    }
}

void serve(Client& client) {
    while (client.connection) {
        Packet packet;
        switch (client.connection.receive(packet)) {
        case ReceiveStatus::WouldBlock:
            return;
        case ReceiveStatus::Closed:
        case ReceiveStatus::Broken:
            client.connection.reset();
            break;
        case ReceiveStatus::Received:
            handle(client, std::move(packet));
        }
    }
    client.program.hang_up();
}

void tell_event(Client& client) {
    const std::optional<HostProgramEvent> event = client.program.take_event();
    if (!event || !client.connection)
        return;
    if (event->is_end)
        return finish(client, kInteropExit, static_cast<uint32_t>(event->wait_status));
    interop_header header{};
    header.type = kInteropStopped;
    header.value = static_cast<uint32_t>(WSTOPSIG(event->wait_status));
    send(client, header);
}

void accept_clients(std::list<Client>& clients) {
    for (;;) {
        UniqueFd socket(::accept4(kListener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!socket) {
            if (errno == EMFILE || errno == ENFILE)
                ::usleep(100'000); // until a program has ended
            return;
        }
        // The other end runs in the same manager's instance; of another user it cannot be, but by a mistake
        // in the folder's mode.
        if (peer_is_same_user(socket.get()))
            clients.emplace_back().connection = make_connection(std::move(socket));
    }
}

} // namespace

int main() {
    struct stat status;
    if (::fstat(kListener, &status) != 0 || !S_ISSOCK(status.st_mode) || ::fstat(kLife, &status) != 0) {
        ::dprintf(2, "lxss-interop: it is started by lxssd\n");
        return 2;
    }
    for (int descriptor : {kListener, kLife})
        ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
    ::fcntl(kListener, F_SETFL, O_NONBLOCK);
    ::signal(SIGPIPE, SIG_IGN);
    ::umask(022); // the manager's own is stricter than people's programs should have
    std::list<Client> clients;
    for (;;) {
        std::vector<pollfd> polled = {{kListener, POLLIN, 0}, {kLife, POLLIN, 0}};
        for (const Client& client : clients) {
            polled.push_back({client.connection.waitable(), POLLIN, 0});
            polled.push_back({client.program.waitable(), POLLIN, 0});
        }
        if (::poll(polled.data(), polled.size(), -1) < 0 && errno != EINTR)
            return 1;
        if (polled[1].revents)
            break;
        size_t i = 2;
        for (Client& client : clients) {
            // The connection first: a signal that was sent before the end still arrives.
            if (polled[i].revents)
                serve(client);
            if (polled[i + 1].revents)
                tell_event(client);
            i += 2;
        }
        clients.remove_if([](const Client& client) { return client.is_over(); });
        if (polled[0].revents)
            accept_clients(clients);
    }
    for (const Client& client : clients)
        client.program.hang_up();
    return 0;
}
