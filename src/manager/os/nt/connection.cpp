// Message pipes. Descriptors are duplicated into the receiver by the sender, and travel as their values
// there: a PipeHead stands before each packet (instance_protocol.hpp).
#include "manager/os/nt/connection.hpp"

#include "manager/instance_protocol.hpp"

#include <atomic>
#include <cstring>
#include <sddl.h>

namespace lxss {

using protocol::PipeHead;
static_assert(kMaxPacketDescriptors == protocol::kMaxPipeHandles);

Connection::Connection() = default;
Connection::Connection(std::unique_ptr<State> state) : state_(std::move(state)) {}
Connection::~Connection() = default;
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;
void Connection::reset() {
    state_.reset();
}

Connection::State::~State() {
    DWORD bytes;
    for (OVERLAPPED* operation : {is_reading ? &read : nullptr, is_writing ? &write : nullptr}) {
        if (!operation)
            continue;
        ::CancelIoEx(handle_of(pipe.get()), operation);
        ::GetOverlappedResult(handle_of(pipe.get()), operation, &bytes, TRUE);
    }
}

bool Connection::State::start_reading() {
    if (is_reading || is_ended)
        return true;
    incoming.resize(sizeof(PipeHead) + kMaxPacketBytes);
    read = {};
    read.hEvent = handle_of(read_event.get());
    is_reading = true;
    if (::ReadFile(handle_of(pipe.get()), incoming.data(), static_cast<DWORD>(incoming.size()), nullptr,
                   &read) ||
        ::GetLastError() == ERROR_IO_PENDING)
        return true;
    error = ::GetLastError();
    is_reading = false;
    is_ended = true;
    ::SetEvent(handle_of(read_event.get()));
    return true;
}

Connection make_connection(UniqueFd pipe, UniqueFd peer) {
    auto state = std::make_unique<Connection::State>();
    state->pipe = std::move(pipe);
    state->peer = std::move(peer);
    state->read_event = owned(::CreateEventW(nullptr, TRUE, FALSE, nullptr));
    state->write_event = owned(::CreateEventW(nullptr, TRUE, TRUE, nullptr));
    return Connection(std::move(state));
}

std::wstring own_user_only() {
    return L"D:P(A;;GA;;;" + own_user() + L")";
}

UniqueFd create_pipe(const std::wstring& name, bool is_first) {
    SECURITY_ATTRIBUTES security{sizeof security, nullptr, FALSE};
    if (!::ConvertStringSecurityDescriptorToSecurityDescriptorW(own_user_only().c_str(), SDDL_REVISION_1,
                                                                &security.lpSecurityDescriptor, nullptr))
        return {};
    constexpr DWORD kRejectRemoteClients = 8;
    const HANDLE pipe = ::CreateNamedPipeW(
        name.c_str(),
        PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | (is_first ? FILE_FLAG_FIRST_PIPE_INSTANCE : 0),
        PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE | PIPE_WAIT | kRejectRemoteClients,
        PIPE_UNLIMITED_INSTANCES, 256 * 1024, 256 * 1024, 0, &security);
    const DWORD error = ::GetLastError();
    ::LocalFree(security.lpSecurityDescriptor);
    ::SetLastError(error);
    return owned(pipe);
}

bool Connection::make_pair(Connection& left, Connection& right) {
    static std::atomic<unsigned> number;
    const std::wstring name = L"\\\\.\\pipe\\lxss-pair-" + std::to_wstring(::GetCurrentProcessId()) + L"-" +
                              std::to_wstring(number.fetch_add(1)) + L"-" +
                              std::to_wstring(::GetTickCount64());
    UniqueFd server = create_pipe(name, true);
    if (!server)
        return false;
    UniqueFd client = owned(::CreateFileW(name.c_str(), GENERIC_READ | GENERIC_WRITE, 0, nullptr,
                                          OPEN_EXISTING, FILE_FLAG_OVERLAPPED, nullptr));
    DWORD mode = PIPE_READMODE_MESSAGE;
    if (!client || !::SetNamedPipeHandleState(handle_of(client.get()), &mode, nullptr, nullptr))
        return false;
    const auto self = [] { return owned(::OpenProcess(PROCESS_DUP_HANDLE, FALSE, ::GetCurrentProcessId())); };
    left = make_connection(std::move(server), self());
    right = make_connection(std::move(client), self());
    return true;
}

SendStatus Connection::send(std::span<const char> bytes, std::span<const HostDescriptor> descriptors) {
    State& state = *state_;
    if (bytes.size() > kMaxPacketBytes || descriptors.size() > kMaxPacketDescriptors)
        return SendStatus::TooLong;
    const HANDLE pipe = handle_of(state.pipe.get());
    DWORD written = 0;
    if (state.is_writing) {
        if (!::GetOverlappedResult(pipe, &state.write, &written, state.blocks) &&
            ::GetLastError() == ERROR_IO_INCOMPLETE)
            return SendStatus::WouldBlock;
        state.is_writing = false;
    }
    PipeHead head{};
    for (const HostDescriptor descriptor : descriptors) {
        HANDLE theirs = nullptr;
        if (!state.peer ||
            !::DuplicateHandle(::GetCurrentProcess(), handle_of(descriptor), handle_of(state.peer.get()),
                               &theirs, 0, FALSE, DUPLICATE_SAME_ACCESS)) {
            state.error = ::GetLastError();
            return SendStatus::Failed;
        }
        head.handles[head.handle_count++] = reinterpret_cast<uint64_t>(theirs);
    }
    state.outgoing.assign(reinterpret_cast<const char*>(&head), reinterpret_cast<const char*>(&head + 1));
    state.outgoing.insert(state.outgoing.end(), bytes.begin(), bytes.end());
    state.write = {};
    state.write.hEvent = handle_of(state.write_event.get());
    state.is_writing = true;
    if (!::WriteFile(pipe, state.outgoing.data(), static_cast<DWORD>(state.outgoing.size()), nullptr,
                     &state.write) &&
        ::GetLastError() != ERROR_IO_PENDING) {
        state.error = ::GetLastError();
        state.is_writing = false;
        return SendStatus::PeerGone;
    }
    if (!state.blocks)
        return SendStatus::Sent;
    // Until the peer has read it: a manager that has ended in between must be known not to have.
    state.is_writing = false;
    if (!::GetOverlappedResult(pipe, &state.write, &written, TRUE) || !::FlushFileBuffers(pipe)) {
        state.error = ::GetLastError();
        return SendStatus::PeerGone;
    }
    return SendStatus::Sent;
}

ReceiveStatus Connection::receive(Packet& packet) {
    State& state = *state_;
    state.start_reading();
    if (state.is_ended)
        return ReceiveStatus::Closed;
    DWORD got = 0;
    if (!::GetOverlappedResult(handle_of(state.pipe.get()), &state.read, &got, state.blocks)) {
        state.error = ::GetLastError();
        if (state.error == ERROR_IO_INCOMPLETE)
            return ReceiveStatus::WouldBlock;
        state.is_reading = false;
        state.is_ended = true;
        ::SetEvent(handle_of(state.read_event.get()));
        return state.error == ERROR_MORE_DATA ? ReceiveStatus::Broken : ReceiveStatus::Closed;
    }
    state.is_reading = false;
    PipeHead head;
    if (got < sizeof head) {
        state.is_ended = true;
        return ReceiveStatus::Broken;
    }
    std::memcpy(&head, state.incoming.data(), sizeof head);
    packet.bytes.assign(state.incoming.data() + sizeof head, state.incoming.data() + got);
    packet.descriptors.clear();
    for (uint32_t i = 0; i < head.handle_count && i < kMaxPacketDescriptors; ++i)
        packet.descriptors.emplace_back(static_cast<HostDescriptor>(head.handles[i]));
    state.start_reading();
    return ReceiveStatus::Received;
}

void Connection::set_non_blocking() {
    state_->blocks = false;
}

HostDescriptor Connection::waitable() const {
    if (!state_)
        return kNoDescriptor;
    state_->start_reading();
    return state_->read_event.get();
}

std::string Connection::last_error() const {
    return error_text(state_ ? state_->error : ERROR_INVALID_HANDLE);
}

} // namespace lxss
