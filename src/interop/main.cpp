// lxss-interop: the host's side of interop for one instance (frames.h). Its standard input is the connection; it ends
// with that. Started by lxssd; programs get its environment, and what the client adds.
#include "interop/server.hpp"

#include <csignal>

int main() {
    ::signal(SIGPIPE, SIG_IGN);
    lxss::interop::Server server(0);
    server.run();
    return 0;
}
