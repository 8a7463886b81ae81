// /proc/<pid>/net. Internet sockets and interfaces are the host's, and so are their tables; UNIX sockets are our own.
#include "lxcore/fs/fd_table.hpp"
#include "lxcore/net/unix_socket.hpp"
#include "lxcore/procfs/procfs.hpp"

namespace lxcore::proc {

namespace {

// What a host without such a page shows: the heading alone.
struct Heading {
    std::string_view page;
    const char* text;
};
constexpr Heading kHeadings[] = {
    {"arp", "IP address       HW type     Flags       HW address            Mask     Device\n"},
    {"dev", "Inter-|   Receive                                                |  Transmit\n"
            " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n"
            "    lo:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0\n"},
    {"route", "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"},
    {"sockstat", "sockets: used 0\nTCP: inuse 0 orphan 0 tw 0 alloc 0 mem 0\nUDP: inuse 0 mem 0\n"},
    {"tcp", "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"},
    {"tcp6", "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"},
    {"udp", "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n"},
    {"udp6", "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n"},
    {"raw", "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n"},
    {"raw6", "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n"},
    {"netlink", "sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n"},
    {"packet", "sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n"},
};

void put_unix_socket(base::Writer& writer, UnixSocket& socket, u64 inode) {
    RefPtr<UnixAddress> address;
    UnixSocket::State state;
    {
        LockGuard guard(socket.lock);
        address = socket.address;
        state = socket.state;
    }
    const bool listens = state == UnixSocket::State::Listening;
    const u32 shown = state == UnixSocket::State::Connected ? 3 : state == UnixSocket::State::Connecting ? 2 : 1;
    base::print(writer, "{:016x}: {:08x} {:08x} {:08x} {:04x} {:02x} {:5}", 0u, socket.reference_count(), 0u,
                listens ? 0x10000u : 0u, static_cast<u32>(socket.type), shown, inode);
    if (address && address->length != 0) {
        writer.put(' ');
        const bool is_abstract = address->is_abstract();
        for (u32 i = 0; i < address->length; ++i) {
            const char character = address->path[i];
            if (character == 0 && !is_abstract)
                break;
            writer.put(character == 0 ? '@' : character);
        }
    }
    writer.put('\n');
}

} // namespace

Result<void> print_net_page(base::Writer& writer, const Node& node) {
    const std::string_view name = node.row->argument;
    base::FixedWriter<32> page;
    base::print(page, "net/{}", name);
    if (put_host_page(writer, page.view()))
        return {};
    for (const Heading& heading : kHeadings)
        if (heading.page == name)
            writer.put(heading.text);
    return {};
}

// There is no list of all sockets: those that have a descriptor somewhere are found through it.
Result<void> print_unix_sockets(base::Writer& writer, const Node&) {
    writer.put("Num       RefCount Protocol Flags    Type St Inode Path\n");
    Vector<u64> seen;
    for (RefPtr<Process> process = next_process(0); process; process = next_process(process->pid)) {
        const RefPtr<FdTable> files = files_of(*process);
        if (!files)
            continue;
        for (i32 fd = files->next_open(0); fd >= 0; fd = files->next_open(fd + 1)) {
            const RefPtr<File> file = files->peek(fd);
            Socket* socket = file ? file->socket() : nullptr;
            if (!socket || socket->family != abi::AF_UNIX)
                continue;
            const u64 inode = file->inode().number;
            bool is_known = false;
            for (u64 other : seen)
                is_known = is_known || other == inode;
            if (is_known)
                continue;
            TRY(seen.push_back(inode));
            put_unix_socket(writer, static_cast<UnixSocketFile*>(socket)->core(), inode);
        }
    }
    return {};
}

} // namespace lxcore::proc
