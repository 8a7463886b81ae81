// What lxssd leaves to lxss-interop: where clients come in, and what ends with the instance.
#pragma once

#include "manager/os/connection.hpp"

#include <memory>

namespace lxss {

class Service {
public:
    Service();
    ~Service();
    // Takes them over, and prepares the process. False when it was not lxssd that started this.
    bool open(int count, char** arguments);
    // For wait_for(): somebody connects; the instance has ended.
    HostDescriptor waitable() const;
    HostDescriptor life() const;
    // A client of the same user, its connection non-blocking; false when there is none at present.
    bool accept(Connection& connection);

    struct State; // of the host

private:
    std::unique_ptr<State> state_;
};

} // namespace lxss
