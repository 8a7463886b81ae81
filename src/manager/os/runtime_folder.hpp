// The place where a user's manager is found: locks, and the listener.
#pragma once

#include "manager/os/connection.hpp"

#include <cstdint>
#include <string>

namespace lxss {

inline constexpr const char* kLockName = "lxssd.lock";
inline constexpr const char* kStartLockName = "start.lock";

// Accepts the connections of launchers of the same user.
class Listener {
public:
    Listener();
    ~Listener();
    Listener(Listener&& other) noexcept;
    Listener& operator=(Listener&& other) noexcept;
    explicit operator bool() const { return state_ != nullptr; }
    void reset();
    // For wait_for(): ready when accept() would give something.
    HostDescriptor waitable() const;
    enum class Status { Accepted, None, OtherUser, OutOfDescriptors };
    // `connection` is non-blocking.
    Status accept(Connection& connection);

    struct State; // of the host
    explicit Listener(std::unique_ptr<State> state);

private:
    std::unique_ptr<State> state_;
};

class RuntimeFolder {
public:
    // Makes the folder, private to this user, if it is missing. Fails, with a message for the user in
    // `error`, unless it is a real folder that belongs to this user and that nobody else may enter: whoever
    // may reach the manager acts as this user.
    bool open(std::string& error);

    // The exclusive lock `name`, held with the result; waits up to `patience_milliseconds` (-1: for ever).
    // Empty when another process holds it; `error` is set when it cannot be had at all.
    UniqueFd lock(const char* name, int patience_milliseconds, std::string& error) const;

    // A blocking connection to the manager. Empty when none serves, and with `error` set when that is not the
    // reason.
    Connection connect(std::string& error) const;

    // The host's service manager listens for this process, which then uses that listener. Known after open().
    bool is_activated() const { return static_cast<bool>(activated_); }

    // The manager only, which holds kLockName. Throws std::runtime_error.
    Listener listen();
    // Nobody can connect any more, unless the service manager listens, which then starts another manager.
    void remove_listener() const;

private:
    UniqueFd folder_, activated_;
    uint64_t bound_ = 0; // identity of our listener's name, which another manager's may have replaced
};

} // namespace lxss
