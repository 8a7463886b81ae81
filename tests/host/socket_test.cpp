// Sockets over the loopback interface, and waiting for handles.
#include "host_test.hpp"

namespace host_test {

namespace {

struct Address {
    u16 family = abi::AF_INET;
    u16 port = 0;           // network order
    u32 host = 0x0100'007f; // 127.0.0.1
    u64 zero = 0;
};

struct Pair {
    host::Handle listener = host::kNoHandle, client = host::kNoHandle, server = host::kNoHandle;
    Pair() {
        Address address;
        u32 length = sizeof(address);
        listener = open();
        CHECK_OK(host::bind(listener, &address, length));
        CHECK_OK(host::listen(listener, 5));
        CHECK_ERROR(host::accept(listener, nullptr, nullptr), EAGAIN); // never blocks
        CHECK_OK(host::local_address(listener, &address, &length));
        CHECK(address.port != 0);
        client = open();
        const auto connected = host::connect(client, &address, length);
        CHECK(connected.is_ok() || connected.error() == Errno::EINPROGRESS);
        wait_for(listener, abi::POLLIN);
        Address peer;
        length = sizeof(peer);
        const auto accepted = host::accept(listener, &peer, &length);
        CHECK_OK(accepted);
        server = accepted.is_ok() ? accepted.value() : host::kNoHandle;
        Address client_address;
        length = sizeof(client_address);
        CHECK_OK(host::local_address(client, &client_address, &length));
        CHECK(peer.port == client_address.port);
    }
    ~Pair() {
        for (host::Handle handle : {listener, client, server})
            host::close(handle);
    }
    static host::Handle open() {
        const auto opened = host::socket(abi::AF_INET, abi::SOCK_STREAM, 0);
        CHECK_OK(opened);
        return opened.is_ok() ? opened.value() : host::kNoHandle;
    }
    static void wait_for(host::Handle handle, i16 events) {
        host::PollItem item{handle, events, 0};
        CHECK(host::poll_interruptible(&item, 1, soon(5'000)).value() == 1);
        CHECK(item.returned & events);
    }
};

base::Result<usize> transfer(host::Handle socket, char* data, usize length, bool send) {
    abi::iovec one{reinterpret_cast<u64>(data), length};
    abi::msghdr message{};
    message.msg_iov = reinterpret_cast<u64>(&one);
    message.msg_iovlen = 1;
    return send ? host::send_message(socket, &message, abi::MSG_NOSIGNAL)
                : host::receive_message(socket, &message, 0);
}

void loopback() {
    const Pair pair;
    char text[] = "hello", buffer[16];
    CHECK_ERROR(transfer(pair.server, buffer, sizeof(buffer), false), EAGAIN);
    CHECK(transfer(pair.client, text, 5, true).value() == 5);
    Pair::wait_for(pair.server, abi::POLLIN);
    CHECK(transfer(pair.server, buffer, sizeof(buffer), false).value() == 5);
    CHECK(std::string_view(buffer, 5) == "hello");
    CHECK_OK(host::shutdown(pair.client, 1));
    Pair::wait_for(pair.server, abi::POLLIN);
    CHECK(transfer(pair.server, buffer, sizeof(buffer), false).value() == 0);
    CHECK(transfer(pair.client, text, 5, true).is_error()); // EPIPE, and no signal
    i32 type = 0;
    CHECK(host::get_option(pair.client, abi::SOL_SOCKET, abi::SO_TYPE, &type, sizeof(type)).value() ==
          sizeof(type));
    CHECK(type == abi::SOCK_STREAM);
}

void polling() {
    const Pair pair;
    host::PollItem items[] = {{pair.client, abi::POLLIN, 0}, {pair.server, abi::POLLIN, 0}};
    CHECK(host::poll_now(items, 2).value() == 0);
    const u64 deadline = soon(20);
    CHECK(host::poll_interruptible(items, 2, deadline).value() == 0);
    CHECK(host::monotonic_ns() >= deadline);
    char text[] = "x";
    CHECK(transfer(pair.client, text, 1, true).value() == 1);
    CHECK(host::poll_interruptible(items, 2, soon(5'000)).value() == 1);
    CHECK(items[0].returned == 0 && (items[1].returned & abi::POLLIN));
}

void poll_sets() {
    const Pair pair;
    const host::Handle set = host::poll_set_create().value();
    CHECK_OK(host::poll_set_add(set, pair.server, abi::EPOLLIN, 42));
    CHECK_ERROR(host::poll_set_add(set, pair.server, abi::EPOLLIN, 42), EEXIST);
    abi::epoll_event events[4];
    CHECK(host::poll_set_wait_interruptible(set, events, 4, 0).value() == 0);
    char text[] = "x";
    CHECK(transfer(pair.client, text, 1, true).value() == 1);
    CHECK(host::poll_set_wait_interruptible(set, events, 4, soon(5'000)).value() == 1);
    CHECK(events[0].data == 42 && (events[0].events & abi::EPOLLIN));
    Pair::wait_for(set, abi::POLLIN);
    CHECK_OK(host::poll_set_modify(set, pair.server, 0, 42));
    CHECK(host::poll_set_wait_interruptible(set, events, 4, 0).value() == 0);
    host::poll_set_remove(set, pair.server);
    CHECK_OK(host::poll_set_add(set, pair.server, abi::EPOLLIN, 43));
    host::close(set);
}

struct Poller {
    host::Handle handle;
    u32 ready, result;
};
void poll_until_interrupted(void* context) {
    auto& state = *static_cast<Poller*>(context);
    host::PollItem item{state.handle, abi::POLLIN, 0};
    __atomic_store_n(&state.ready, 1, __ATOMIC_RELEASE);
    const auto result = host::poll_interruptible(&item, 1, soon(5'000));
    state.result = result.is_error() ? static_cast<u32>(result.error()) : 0;
    host::current_block()->work.store(0);
}

void interrupted_polls() {
    const Pair pair;
    for (u32 round = 0; round < 300; ++round) {
        auto& state = *reinterpret_cast<Poller*>(arena_memory(sizeof(Poller)));
        state.handle = pair.server;
        const Child child = start(Kind::Thread, poll_until_interrupted, &state);
        while (__atomic_load_n(&state.ready, __ATOMIC_ACQUIRE) == 0)
            host::yield();
        for (u32 spin = 0; spin < round * 13 % 500; ++spin)
            asm volatile("pause");
        child.block->work.fetch_or(host::kWorkSignal);
        host::interrupt_thread(child.block->host_process, child.block->host_thread);
        CHECK(finish(child, true));
        CHECK(state.result == static_cast<u32>(Errno::EINTR));
    }
}

} // namespace

extern const Test kSocketTests[] = {{"sockets.loopback", loopback},
                                    {"sockets.polling", polling},
                                    {"sockets.poll_sets", poll_sets},
                                    {"sockets.interrupted_polls", interrupted_polls},
                                    {}};

} // namespace host_test
