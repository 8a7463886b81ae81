// A console of Windows whose screen is a stream of control sequences (CreatePseudoConsole, Windows 10 1809
// and later).
#pragma once

#include "manager/os/nt/windows.hpp"

#include <cstdint>

namespace lxss {

class PseudoConsole {
public:
    PseudoConsole() = default;
    PseudoConsole(PseudoConsole&& other) noexcept : console_(std::exchange(other.console_, nullptr)) {}
    PseudoConsole& operator=(PseudoConsole&& other) noexcept {
        std::swap(console_, other.console_);
        return *this;
    }
    ~PseudoConsole() { close(); }
    explicit operator bool() const { return console_ != nullptr; }

    // `screen` and `keys` become the other ends. False where the host has no such consoles.
    bool open(uint16_t rows, uint16_t columns, UniqueFd& screen, UniqueFd& keys);
    void resize(uint16_t rows, uint16_t columns) const;
    // What PROC_THREAD_ATTRIBUTE_PSEUDOCONSOLE is given.
    void* value() const { return console_; }
    // Ends it when what was written has been read, without waiting for that.
    void close();

private:
    void* console_ = nullptr;
};

} // namespace lxss
