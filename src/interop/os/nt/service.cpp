#include "interop/os/service.hpp"

#include "manager/os/nt/connection.hpp"

namespace lxss {

struct Service::State {
    Listener listener;
    Connection life; // to the manager: nothing comes, but its end
};

Service::Service() = default;
Service::~Service() = default;

bool Service::open(int count, char** arguments) {
    std::string name;
    UniqueFd listener, life;
    for (int i = 1; i < count; ++i) {
        const std::string argument = arguments[i];
        if (argument.starts_with("--name=@"))
            name = argument.substr(7);
        else if (argument.starts_with("--listen="))
            listener = owned(reinterpret_cast<HANDLE>(from_hexadecimal(argument.substr(9))));
        else if (argument.starts_with("--life="))
            life = owned(reinterpret_cast<HANDLE>(from_hexadecimal(argument.substr(7))));
    }
    if (name.empty() || !listener || !life)
        return false;
    for (const UniqueFd* pipe : {&listener, &life})
        ::SetHandleInformation(handle_of(pipe->get()), HANDLE_FLAG_INHERIT, 0);
    // Whoever is started as a process group of its own ignores Ctrl-C, and so would the programs that it
    // starts.
    ::SetConsoleCtrlHandler(nullptr, FALSE);
    state_ = std::make_unique<State>();
    state_->listener = make_listener(local_pipe_name(name), std::move(listener));
    state_->life = make_connection(std::move(life), {});
    state_->life.set_non_blocking();
    return true;
}

HostDescriptor Service::waitable() const {
    return state_->listener.waitable();
}
HostDescriptor Service::life() const {
    return state_->life.waitable();
}

// Pipe ends go to the instance host, which is who connects.
bool Service::accept(Connection& connection) {
    while (state_->listener.accept(connection) == Listener::Status::Accepted) {
        ULONG id = 0;
        if (::GetNamedPipeClientProcessId(handle_of(connection.state()->pipe.get()), &id))
            connection.state()->peer = owned(::OpenProcess(PROCESS_DUP_HANDLE, FALSE, id));
        if (connection.state()->peer)
            return true;
    }
    return false;
}

} // namespace lxss
