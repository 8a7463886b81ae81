#include "host/nt/winsock.hpp"

#include "host/nt/errors.hpp"

namespace host::nt {

Winsock g_winsock;

namespace {

template <typename Function>
bool find(HMODULE library, const char* name, Function& function) {
    function = reinterpret_cast<Function>(reinterpret_cast<void*>(GetProcAddress(library, name)));
    return function != nullptr;
}

} // namespace

base::Result<void> load_winsock() {
    const HMODULE library = LoadLibraryW(L"ws2_32.dll");
    if (!library)
        return base::Errno::EAFNOSUPPORT;
    Winsock& table = g_winsock;
#define LX_FIND(name) find(library, #name, table.name)
    const bool is_whole = LX_FIND(WSAStartup) && LX_FIND(WSAGetLastError) && LX_FIND(WSASocketW) &&
                          LX_FIND(WSAIoctl) && LX_FIND(closesocket) && LX_FIND(bind) && LX_FIND(connect) &&
                          LX_FIND(listen) && LX_FIND(accept) && LX_FIND(shutdown) && LX_FIND(getsockname) &&
                          LX_FIND(getpeername) && LX_FIND(getsockopt) && LX_FIND(setsockopt) &&
                          LX_FIND(ioctlsocket) && LX_FIND(sendto) && LX_FIND(recvfrom);
#undef LX_FIND
    WSADATA data;
    if (!is_whole || table.WSAStartup(MAKEWORD(2, 2), &data) != 0)
        return base::Errno::EAFNOSUPPORT;
    return {};
}

base::Errno socket_error() {
    return errno_of_win32(static_cast<DWORD>(g_winsock.WSAGetLastError()));
}

} // namespace host::nt
