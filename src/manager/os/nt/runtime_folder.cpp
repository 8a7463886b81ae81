#include "manager/os/runtime_folder.hpp"

#include "manager/os/nt/connection.hpp"
#include "manager/paths.hpp"

#include <stdexcept>

namespace lxss {

// One for each user and folder: another LXSS_HOME is another manager.
static std::wstring pipe_name() {
    uint64_t hash = 0xcbf2'9ce4'8422'2325; // FNV-1a
    std::wstring folder = wide_path(runtime_folder());
    ::CharLowerW(folder.data());
    for (const wchar_t character : folder)
        hash = (hash ^ static_cast<uint64_t>(character)) * 0x100'0000'01b3;
    wchar_t digits[17];
    for (int i = 0; i < 16; ++i)
        digits[i] = L"0123456789abcdef"[hash >> (60 - 4 * i) & 15];
    digits[16] = 0;
    return L"\\\\.\\pipe\\lxssd-" + own_user() + L"-" + digits;
}

// Below the user's own profile, which the host keeps to the user; the pipe says so itself.
bool RuntimeFolder::open(std::string& error) {
    if (data_folder().empty()) {
        error = "set LOCALAPPDATA or LXSS_HOME to a folder";
        return false;
    }
    if (!make_folders(runtime_folder())) {
        error = "cannot make " + runtime_folder() + ": " + error_text(::GetLastError());
        return false;
    }
    return true;
}

UniqueFd RuntimeFolder::lock(const char* name, int patience_milliseconds, std::string& error) const {
    for (int waited = 0;; waited += 10) {
        // Nobody else may open it as long as this is open.
        UniqueFd lock = owned(::CreateFileW(wide_path(runtime_folder() + "/" + name).c_str(),
                                            GENERIC_READ | GENERIC_WRITE, 0, nullptr, OPEN_ALWAYS,
                                            FILE_ATTRIBUTE_NORMAL, nullptr));
        if (lock)
            return lock;
        if (::GetLastError() != ERROR_SHARING_VIOLATION) {
            error = "cannot write to " + runtime_folder() + ": " + error_text(::GetLastError());
            return {};
        }
        if (patience_milliseconds >= 0 && waited >= patience_milliseconds)
            return {};
        ::Sleep(10);
    }
}

// The process at the server's end, if it is this user's.
static UniqueFd server_process(HANDLE pipe) {
    ULONG id = 0;
    if (!::GetNamedPipeServerProcessId(pipe, &id))
        return {};
    return owned(::OpenProcess(PROCESS_DUP_HANDLE, FALSE, id));
}

Connection RuntimeFolder::connect(std::string& error) const {
    const std::wstring name = pipe_name();
    for (int tries = 0; tries < 50; ++tries) {
        UniqueFd pipe = owned(
            ::CreateFileW(name.c_str(), GENERIC_READ | GENERIC_WRITE, 0, nullptr, OPEN_EXISTING,
                          FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION, nullptr));
        if (!pipe && ::GetLastError() == ERROR_PIPE_BUSY) {
            ::WaitNamedPipeW(name.c_str(), 100);
            continue;
        }
        if (!pipe) {
            if (::GetLastError() != ERROR_FILE_NOT_FOUND)
                error = "cannot connect to the session manager: " + error_text(::GetLastError());
            return {};
        }
        DWORD mode = PIPE_READMODE_MESSAGE;
        UniqueFd server = server_process(handle_of(pipe.get()));
        if (!server || !::SetNamedPipeHandleState(handle_of(pipe.get()), &mode, nullptr, nullptr)) {
            error =
                "cannot reach the process that serves as session manager: " + error_text(::GetLastError());
            return {};
        }
        return make_connection(std::move(pipe), std::move(server));
    }
    error = "the session manager is too busy";
    return {};
}

struct Listener::State {
    // Waits for the next client on an end of the pipe that has none.
    bool prepare(UniqueFd end) {
        pipe = std::move(end);
        if (!pipe)
            return false;
        connecting = {};
        connecting.hEvent = handle_of(event.get());
        ::ResetEvent(connecting.hEvent);
        if (::ConnectNamedPipe(handle_of(pipe.get()), &connecting) ||
            ::GetLastError() == ERROR_PIPE_CONNECTED)
            ::SetEvent(connecting.hEvent);
        return true;
    }
    ~State() {
        if (!pipe)
            return;
        DWORD bytes;
        ::CancelIoEx(handle_of(pipe.get()), &connecting);
        ::GetOverlappedResult(handle_of(pipe.get()), &connecting, &bytes, FALSE);
    }
    std::wstring name;
    UniqueFd pipe, event;
    OVERLAPPED connecting{};
};

Listener::Listener() = default;
Listener::Listener(std::unique_ptr<State> state) : state_(std::move(state)) {}
Listener::~Listener() = default;
Listener::Listener(Listener&&) noexcept = default;
Listener& Listener::operator=(Listener&&) noexcept = default;
void Listener::reset() {
    state_.reset();
}
HostDescriptor Listener::waitable() const {
    return state_ ? state_->event.get() : kNoDescriptor;
}

Listener make_listener(const std::wstring& name, UniqueFd first) {
    auto state = std::make_unique<Listener::State>();
    state->name = name;
    state->event = owned(::CreateEventW(nullptr, TRUE, FALSE, nullptr));
    state->prepare(std::move(first));
    return Listener(std::move(state));
}

Listener RuntimeFolder::listen() {
    // The first end of that name: nobody else serves under it.
    UniqueFd first = create_pipe(pipe_name(), true);
    for (int tries = 0; !first; ++tries, first = create_pipe(pipe_name(), true)) {
        if (tries == 20)
            throw std::runtime_error("cannot listen for launchers: " + error_text(::GetLastError()));
        ::Sleep(50); // a manager's that has just ended
    }
    return make_listener(pipe_name(), std::move(first));
}

// The name goes with its last end: the listener's, and those of clients that are still connected.
void RuntimeFolder::remove_listener() const {}

Listener::Status Listener::accept(Connection& connection) {
    if (!state_ || !state_->pipe || ::WaitForSingleObject(handle_of(state_->event.get()), 0) != WAIT_OBJECT_0)
        return Status::None;
    // Who may open the pipe is in its security descriptor. No descriptors go to launchers: no process is
    // needed.
    UniqueFd pipe = std::move(state_->pipe);
    if (!state_->prepare(create_pipe(state_->name, false)))
        ::ResetEvent(handle_of(state_->event.get()));
    connection = make_connection(std::move(pipe), {});
    connection.set_non_blocking();
    return Status::Accepted;
}

} // namespace lxss
