// lxss-interop: starts programs of the host for one instance. See README.md in this folder.
#include "interop/host_program.hpp"
#include "interop/os/service.hpp"
#include "interop/run_request.hpp"
#include "manager/os/connection.hpp"
#include "manager/os/events.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <list>
#include <string_view>

using namespace lxss;

namespace {

struct Client {
    Connection connection; // empty once lxss-host has gone
    std::string strings;   // those of Run, as far as they have come
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

void finish(Client& client, interop_header header, const std::string& text = {}) {
    send(client, header, text);
    // What is on its way is read before the end is seen.
    client.connection.reset();
}

void refuse(Client& client, int exit_code, std::string text) {
    text.resize(std::min<size_t>(text.size(), 1000)); // what lxss-host has room for
    interop_header header{};
    header.type = kInteropFailed;
    header.value = static_cast<uint32_t>(exit_code);
    finish(client, header, text);
}

void run(Client& client, const interop_header& header) {
    HostProgramStart start;
    if (client.program.is_running() || !parse_run_request(header, client.strings, start))
        return refuse(client, kInteropFailure, "the request is malformed");
    client.strings.clear();
    start.streams = std::move(client.streams);
    HostProgramEnds ends;
    int exit_code = 0;
    std::string error;
    if (!client.program.start(std::move(start), ends, exit_code, error))
        return refuse(client, exit_code, error);
    interop_header reply{};
    reply.type = kInteropStarted;
    reply.value = ends.bits;
    send(client, reply, {}, ends.descriptors);
}

void tell_stop(Client& client, int signal) {
    interop_header header{};
    header.type = kInteropStopped;
    header.value = static_cast<uint32_t>(signal);
    send(client, header);
}

void handle(Client& client, Packet packet) {
    interop_header header;
    if (packet.bytes.size() < sizeof header)
        return client.connection.reset();
    std::memcpy(&header, packet.bytes.data(), sizeof header);
    const std::string_view text(packet.bytes.data() + sizeof header, packet.bytes.size() - sizeof header);
    if (header.version != kInteropVersion)
        return refuse(client, kInteropFailure, "lxss-host and lxss-interop are of different versions");
    switch (header.type) {
    case kInteropStream:
        if (header.value < 3 && packet.descriptors.size() == 1)
            client.streams[header.value] = std::move(packet.descriptors[0]);
        break;
    case kInteropText:
        if (client.strings.size() + text.size() > kInteropMaxStrings)
            return refuse(client, kInteropFailure, "the request is too long");
        client.strings += text;
        break;
    case kInteropRun:
        run(client, header);
        break;
    case kInteropSignal:
        if (client.program.signal(static_cast<int>(header.value)))
            tell_stop(client, static_cast<int>(header.value));
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
    if (!event->is_end)
        return tell_stop(client, event->wait_status >> 8 & 0xff); // WSTOPSIG
    interop_header header{};
    header.type = kInteropExit;
    header.value = static_cast<uint32_t>(event->wait_status);
    header.flags = event->all_ended ? kInteropAllEnded : 0;
    finish(client, header);
}

} // namespace

int main(int count, char** arguments) {
    Service service;
    if (!service.open(count, arguments)) {
        std::fputs("lxss-interop: it is started by lxssd\n", stderr);
        return 2;
    }
    std::list<Client> clients;
    for (;;) {
        std::vector<WaitItem> items = {{service.waitable()}, {service.life()}};
        for (const Client& client : clients) {
            items.push_back({client.connection.waitable()});
            items.push_back({client.program.waitable()});
        }
        std::string error;
        if (!wait_for(items, -1, error))
            return 1;
        if (items[1].is_ready)
            break;
        size_t i = 2;
        for (Client& client : clients) {
            // The connection first: a signal that was sent before the end still arrives.
            if (items[i].is_ready)
                serve(client);
            if (items[i + 1].is_ready)
                tell_event(client);
            i += 2;
        }
        clients.remove_if([](const Client& client) { return client.is_over(); });
        if (items[0].is_ready)
            for (Connection connection; service.accept(connection);)
                clients.emplace_back().connection = std::move(connection);
    }
    for (Client& client : clients)
        client.program.hang_up();
    return 0;
}
