#include "interop/os/nt/pseudo_console.hpp"

#include <algorithm>
#include <thread>

namespace lxss {

namespace {

using Create = HRESULT(WINAPI*)(COORD, HANDLE, HANDLE, DWORD, void**);
using Resize = HRESULT(WINAPI*)(void*, COORD);
using Close = void(WINAPI*)(void*);

// Newer than what lxss needs otherwise.
template <typename Function>
Function find(const char* name) {
    return reinterpret_cast<Function>(
        reinterpret_cast<void*>(::GetProcAddress(::GetModuleHandleW(L"kernel32.dll"), name)));
}

COORD size_of(uint16_t rows, uint16_t columns) {
    const auto within = [](uint16_t value, uint16_t otherwise) {
        return static_cast<SHORT>(value == 0 ? otherwise : std::min<uint16_t>(value, 0x7fff));
    };
    return {within(columns, 80), within(rows, 25)};
}

} // namespace

bool PseudoConsole::open(uint16_t rows, uint16_t columns, UniqueFd& screen, UniqueFd& keys) {
    const auto create = find<Create>("CreatePseudoConsole");
    HANDLE pipes[4];
    if (!create || !::CreatePipe(&pipes[0], &pipes[1], nullptr, 0))
        return false;
    const UniqueFd input = owned(pipes[0]);
    keys = owned(pipes[1]);
    if (!::CreatePipe(&pipes[2], &pipes[3], nullptr, 0))
        return false;
    screen = owned(pipes[2]);
    const UniqueFd output = owned(pipes[3]);
    return create(size_of(rows, columns), handle_of(input.get()), handle_of(output.get()), 0, &console_) ==
           S_OK;
}

void PseudoConsole::resize(uint16_t rows, uint16_t columns) const {
    if (const auto resize = find<Resize>("ResizePseudoConsole"); resize && console_)
        resize(console_, size_of(rows, columns));
}

void PseudoConsole::close() {
    const auto close = find<Close>("ClosePseudoConsole");
    if (void* console = std::exchange(console_, nullptr); console && close)
        std::thread(close, console).detach();
}

} // namespace lxss
