// N_TTY: what happens to bytes between a terminal and its programs. See termios(3).
#include "abi/signal.hpp"
#include "lxcore/tty/tty.hpp"

namespace lxcore {

namespace {

bool is_control(u8 byte) { return byte < 32 || byte == 127; }
bool is_continuation(u8 byte) { return (byte & 0xc0) == 0x80; }
bool is_word(u8 byte) {
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           byte == '_' || byte >= 128;
}

} // namespace

// ---- output

bool Tty::put_output(u8 byte) {
    if (!(settings.c_oflag & abi::OPOST)) {
        if (output.room() < 1)
            return false;
        output.put(byte);
        return true;
    }
    if (output.room() < 8)
        return false;
    switch (byte) {
    case '\n':
        if (settings.c_oflag & abi::ONLRET)
            column = 0;
        if (settings.c_oflag & abi::ONLCR) {
            output.put('\r');
            column = 0;
        }
        break;
    case '\r':
        if ((settings.c_oflag & abi::ONOCR) && column == 0)
            return true;
        if (settings.c_oflag & abi::OCRNL) {
            byte = '\n';
            if (settings.c_oflag & abi::ONLRET)
                column = 0;
            break;
        }
        column = 0;
        break;
    case '\t': {
        const u32 spaces = 8 - column % 8;
        column += spaces;
        if ((settings.c_oflag & abi::TABDLY) == abi::XTABS) {
            for (u32 i = 0; i < spaces; ++i)
                output.put(' ');
            return true;
        }
        break;
    }
    case '\b':
        if (column > 0)
            --column;
        break;
    default:
        if ((settings.c_oflag & abi::OLCUC) && byte >= 'a' && byte <= 'z')
            byte = static_cast<u8>(byte - 32);
        if (!is_control(byte) && !((settings.c_iflag & abi::IUTF8) && is_continuation(byte)))
            ++column;
    }
    output.put(byte);
    return true;
}

void Tty::echo(u8 byte) {
    if ((settings.c_lflag & abi::ECHOCTL) && is_control(byte) && byte != '\t' && byte != '\n') {
        if (put_output('^'))
            (void)put_output(byte ^ 0x40);
        return;
    }
    (void)put_output(byte);
}

// ---- editing

u32 Tty::column_of_edit() const {
    u32 at = edit_column;
    for (u32 i = 0; i < input.editing(); ++i) {
        const u8 byte = input.edited(i);
        if (byte == '\t')
            at += 8 - at % 8;
        else if (is_control(byte))
            at += settings.c_lflag & abi::ECHOCTL ? 2 : 0;
        else if (!((settings.c_iflag & abi::IUTF8) && is_continuation(byte)))
            ++at;
    }
    return at;
}

void Tty::echo_erase(u8 byte, u32 column_before) {
    if (!(settings.c_lflag & abi::ECHOE)) {
        echo(control_character(abi::VERASE));
        return;
    }
    const u32 now = column_of_edit();
    for (u32 at = now; at < column_before; ++at) {
        // A tab is undone by moving back over it.
        if (byte != '\t') {
            (void)put_output('\b');
            (void)put_output(' ');
        }
        (void)put_output('\b');
    }
}

// VERASE, VWERASE or VKILL.
void Tty::erase(u8 which) {
    const bool echoes = settings.c_lflag & abi::ECHO;
    if (input.editing() == 0)
        return;
    if (which == abi::VKILL && echoes &&
        (!(settings.c_lflag & abi::ECHOK) || !(settings.c_lflag & abi::ECHOKE) || !(settings.c_lflag & abi::ECHOE))) {
        while (input.editing() > 0)
            input.drop_last();
        echo(control_character(abi::VKILL));
        if (settings.c_lflag & abi::ECHOK)
            (void)put_output('\n');
        edit_column = column;
        return;
    }
    bool seen_word = false;
    while (input.editing() > 0) {
        // A whole character: its continuation bytes go with it.
        u32 bytes = 1;
        if (settings.c_iflag & abi::IUTF8)
            while (bytes < input.editing() && is_continuation(input.edited(input.editing() - bytes)))
                ++bytes;
        const u8 first = input.edited(input.editing() - bytes);
        if (which == abi::VWERASE) {
            if (is_word(first))
                seen_word = true;
            else if (seen_word)
                break;
        }
        const u32 before = column_of_edit();
        for (u32 i = 0; i < bytes; ++i)
            input.drop_last();
        if (echoes)
            echo_erase(first, before);
        if (which == abi::VERASE)
            break;
    }
}

// ---- input

bool Tty::has_input_room() const {
    // In canonical mode a line that has grown too long loses bytes (with a bell) instead of blocking for ever.
    return !input.is_full() || (is_canonical() && !input.has_line());
}

void Tty::wake_after_input() {
    if (is_canonical() ? input.has_line() : input.used() > 0)
        readers.wake(abi::POLLIN | abi::POLLRDNORM);
    if (output.used() > 0)
        masters.wake(abi::POLLIN | abi::POLLRDNORM);
}

void Tty::receive(u8 byte, Signals& signals) {
    const u32 iflag = settings.c_iflag, lflag = settings.c_lflag;
    if (iflag & abi::ISTRIP)
        byte &= 0x7f;
    if ((iflag & abi::IUCLC) && (lflag & abi::IEXTEN) && byte >= 'A' && byte <= 'Z')
        byte = static_cast<u8>(byte + 32);
    const auto is = [&](u32 which) {
        return byte != abi::_POSIX_VDISABLE && byte == control_character(which);
    };
    if (!literal_next) {
        if (iflag & abi::IXON) {
            if (is(abi::VSTOP) || is(abi::VSTART)) {
                // The same key for both toggles.
                output_stopped = is(abi::VSTOP) && !(is(abi::VSTART) && output_stopped);
                if (!output_stopped) {
                    writers.wake(abi::POLLOUT | abi::POLLWRNORM);
                    masters.wake(abi::POLLIN | abi::POLLRDNORM);
                }
                if (is_packet_mode)
                    packet_status = static_cast<u8>(
                        (packet_status & ~(abi::TIOCPKT_STOP | abi::TIOCPKT_START)) |
                        (output_stopped ? abi::TIOCPKT_STOP : abi::TIOCPKT_START));
                return;
            }
            if (output_stopped && (iflag & abi::IXANY)) {
                output_stopped = false;
                writers.wake(abi::POLLOUT | abi::POLLWRNORM);
                masters.wake(abi::POLLIN | abi::POLLRDNORM);
            }
        }
        if (lflag & abi::ISIG) {
            const u32 signal = is(abi::VINTR)   ? abi::SIGINT
                               : is(abi::VQUIT) ? abi::SIGQUIT
                               : is(abi::VSUSP) ? abi::SIGTSTP
                                                : 0;
            if (signal) {
                if (!(lflag & abi::NOFLSH)) {
                    input.clear();
                    if (signal != abi::SIGTSTP) {
                        output.clear();
                        if (is_packet_mode)
                            packet_status |= abi::TIOCPKT_FLUSHREAD | abi::TIOCPKT_FLUSHWRITE;
                    }
                }
                output_stopped = false;
                if (lflag & abi::ECHO)
                    echo(byte);
                edit_column = column;
                signals.add(signal);
                return;
            }
        }
        if (byte == '\r') {
            if (iflag & abi::IGNCR)
                return;
            if (iflag & abi::ICRNL)
                byte = '\n';
        } else if (byte == '\n' && (iflag & abi::INLCR)) {
            byte = '\r';
        }
    }
    if (!is_canonical()) {
        literal_next = false;
        if (input.is_full())
            return;
        if (lflag & abi::ECHO)
            echo(byte);
        input.put(byte);
        input.commit_all();
        return;
    }
    const bool extended = lflag & abi::IEXTEN;
    if (!literal_next) {
        if (is(abi::VERASE) || is(abi::VKILL) || (extended && is(abi::VWERASE))) {
            erase(is(abi::VERASE) ? abi::VERASE : is(abi::VKILL) ? abi::VKILL : abi::VWERASE);
            return;
        }
        if (extended && is(abi::VLNEXT)) {
            literal_next = true;
            if ((lflag & abi::ECHO) && (lflag & abi::ECHOCTL)) {
                (void)put_output('^');
                (void)put_output('\b');
            }
            return;
        }
        if (extended && is(abi::VREPRINT) && (lflag & abi::ECHO)) {
            echo(byte);
            (void)put_output('\n');
            edit_column = column;
            for (u32 i = 0; i < input.editing(); ++i)
                echo(input.edited(i));
            return;
        }
        if (byte == '\n') {
            if (lflag & (abi::ECHO | abi::ECHONL))
                (void)put_output('\n');
            input.end_line('\n', false);
            edit_column = column;
            return;
        }
        if (is(abi::VEOF)) {
            input.end_line(0, true);
            return;
        }
        if (is(abi::VEOL) || (extended && is(abi::VEOL2))) {
            if (lflag & abi::ECHO)
                echo(byte);
            input.end_line(byte, false);
            edit_column = column;
            return;
        }
    }
    literal_next = false;
    // One place stays for the line's end.
    if (input.room() < 2) {
        if (settings.c_iflag & abi::IMAXBEL)
            (void)put_output('\a');
        return;
    }
    if (input.editing() == 0)
        edit_column = column;
    if (lflag & abi::ECHO)
        echo(byte);
    input.put(byte);
}

} // namespace lxcore
