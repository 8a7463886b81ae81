// Terminals: termios(3), ioctl_tty(2), pty(7), and the descriptor ioctls of ioctl(2).
#pragma once

#include <cstddef>
#include <cstdint>

namespace abi {

inline constexpr uint32_t NCCS = 19;

// As TCGETS passes it; the C library's structure has 32 control characters and the two speeds.
struct termios {
    uint32_t c_iflag;
    uint32_t c_oflag;
    uint32_t c_cflag;
    uint32_t c_lflag;
    uint8_t c_line;
    uint8_t c_cc[NCCS];
};
static_assert(sizeof(termios) == 36);

struct termios2 {
    uint32_t c_iflag;
    uint32_t c_oflag;
    uint32_t c_cflag;
    uint32_t c_lflag;
    uint8_t c_line;
    uint8_t c_cc[NCCS];
    uint32_t c_ispeed;
    uint32_t c_ospeed;
};
static_assert(sizeof(termios2) == 44);

struct winsize {
    uint16_t ws_row;
    uint16_t ws_col;
    uint16_t ws_xpixel;
    uint16_t ws_ypixel;
};
static_assert(sizeof(winsize) == 8);

// c_cc indexes
inline constexpr uint32_t VINTR = 0;
inline constexpr uint32_t VQUIT = 1;
inline constexpr uint32_t VERASE = 2;
inline constexpr uint32_t VKILL = 3;
inline constexpr uint32_t VEOF = 4;
inline constexpr uint32_t VTIME = 5;
inline constexpr uint32_t VMIN = 6;
inline constexpr uint32_t VSWTC = 7;
inline constexpr uint32_t VSTART = 8;
inline constexpr uint32_t VSTOP = 9;
inline constexpr uint32_t VSUSP = 10;
inline constexpr uint32_t VEOL = 11;
inline constexpr uint32_t VREPRINT = 12;
inline constexpr uint32_t VDISCARD = 13;
inline constexpr uint32_t VWERASE = 14;
inline constexpr uint32_t VLNEXT = 15;
inline constexpr uint32_t VEOL2 = 16;

// c_iflag
inline constexpr uint32_t IGNBRK = 0x0001;
inline constexpr uint32_t BRKINT = 0x0002;
inline constexpr uint32_t IGNPAR = 0x0004;
inline constexpr uint32_t PARMRK = 0x0008;
inline constexpr uint32_t INPCK = 0x0010;
inline constexpr uint32_t ISTRIP = 0x0020;
inline constexpr uint32_t INLCR = 0x0040;
inline constexpr uint32_t IGNCR = 0x0080;
inline constexpr uint32_t ICRNL = 0x0100;
inline constexpr uint32_t IUCLC = 0x0200;
inline constexpr uint32_t IXON = 0x0400;
inline constexpr uint32_t IXANY = 0x0800;
inline constexpr uint32_t IXOFF = 0x1000;
inline constexpr uint32_t IMAXBEL = 0x2000;
inline constexpr uint32_t IUTF8 = 0x4000;

// c_oflag
inline constexpr uint32_t OPOST = 0x0001;
inline constexpr uint32_t OLCUC = 0x0002;
inline constexpr uint32_t ONLCR = 0x0004;
inline constexpr uint32_t OCRNL = 0x0008;
inline constexpr uint32_t ONOCR = 0x0010;
inline constexpr uint32_t ONLRET = 0x0020;
inline constexpr uint32_t OFILL = 0x0040;
inline constexpr uint32_t OFDEL = 0x0080;
inline constexpr uint32_t NLDLY = 0x0100;
inline constexpr uint32_t CRDLY = 0x0600;
inline constexpr uint32_t TABDLY = 0x1800;
inline constexpr uint32_t TAB0 = 0;
inline constexpr uint32_t XTABS = 0x1800;
inline constexpr uint32_t BSDLY = 0x2000;
inline constexpr uint32_t VTDLY = 0x4000;
inline constexpr uint32_t FFDLY = 0x8000;

// c_cflag
inline constexpr uint32_t CBAUD = 0x100f;
inline constexpr uint32_t CBAUDEX = 0x1000;
inline constexpr uint32_t BOTHER = 0x1000;
inline constexpr uint32_t CSIZE = 0x30;
inline constexpr uint32_t CS5 = 0;
inline constexpr uint32_t CS6 = 0x10;
inline constexpr uint32_t CS7 = 0x20;
inline constexpr uint32_t CS8 = 0x30;
inline constexpr uint32_t CSTOPB = 0x40;
inline constexpr uint32_t CREAD = 0x80;
inline constexpr uint32_t PARENB = 0x100;
inline constexpr uint32_t PARODD = 0x200;
inline constexpr uint32_t HUPCL = 0x400;
inline constexpr uint32_t CLOCAL = 0x800;
inline constexpr uint32_t CIBAUD = 0x100f0000;
inline constexpr uint32_t CMSPAR = 0x40000000;
inline constexpr uint32_t CRTSCTS = 0x80000000;
inline constexpr uint32_t IBSHIFT = 16;
inline constexpr uint32_t B0 = 0;
inline constexpr uint32_t B50 = 1;
inline constexpr uint32_t B75 = 2;
inline constexpr uint32_t B110 = 3;
inline constexpr uint32_t B134 = 4;
inline constexpr uint32_t B150 = 5;
inline constexpr uint32_t B200 = 6;
inline constexpr uint32_t B300 = 7;
inline constexpr uint32_t B600 = 8;
inline constexpr uint32_t B1200 = 9;
inline constexpr uint32_t B1800 = 10;
inline constexpr uint32_t B2400 = 11;
inline constexpr uint32_t B4800 = 12;
inline constexpr uint32_t B9600 = 13;
inline constexpr uint32_t B19200 = 14;
inline constexpr uint32_t B38400 = 15;
inline constexpr uint32_t B57600 = 4097;
inline constexpr uint32_t B115200 = 4098;
inline constexpr uint32_t B230400 = 4099;
inline constexpr uint32_t B460800 = 4100;
inline constexpr uint32_t B500000 = 4101;
inline constexpr uint32_t B576000 = 4102;
inline constexpr uint32_t B921600 = 4103;
inline constexpr uint32_t B1000000 = 4104;

// c_lflag
inline constexpr uint32_t ISIG = 0x0001;
inline constexpr uint32_t ICANON = 0x0002;
inline constexpr uint32_t XCASE = 0x0004;
inline constexpr uint32_t ECHO = 0x0008;
inline constexpr uint32_t ECHOE = 0x0010;
inline constexpr uint32_t ECHOK = 0x0020;
inline constexpr uint32_t ECHONL = 0x0040;
inline constexpr uint32_t NOFLSH = 0x0080;
inline constexpr uint32_t TOSTOP = 0x0100;
inline constexpr uint32_t ECHOCTL = 0x0200;
inline constexpr uint32_t ECHOPRT = 0x0400;
inline constexpr uint32_t ECHOKE = 0x0800;
inline constexpr uint32_t FLUSHO = 0x1000;
inline constexpr uint32_t PENDIN = 0x4000;
inline constexpr uint32_t IEXTEN = 0x8000;
inline constexpr uint32_t EXTPROC = 0x10000;

inline constexpr uint32_t TCGETS = 0x5401;
inline constexpr uint32_t TCSETS = 0x5402;
inline constexpr uint32_t TCSETSW = 0x5403;
inline constexpr uint32_t TCSETSF = 0x5404;
inline constexpr uint32_t TCGETA = 0x5405;
inline constexpr uint32_t TCSETA = 0x5406;
inline constexpr uint32_t TCSETAW = 0x5407;
inline constexpr uint32_t TCSETAF = 0x5408;
inline constexpr uint32_t TCSBRK = 0x5409;
inline constexpr uint32_t TCXONC = 0x540a;
inline constexpr uint32_t TCFLSH = 0x540b;
inline constexpr uint32_t TIOCEXCL = 0x540c;
inline constexpr uint32_t TIOCNXCL = 0x540d;
inline constexpr uint32_t TIOCSCTTY = 0x540e;
inline constexpr uint32_t TIOCGPGRP = 0x540f;
inline constexpr uint32_t TIOCSPGRP = 0x5410;
inline constexpr uint32_t TIOCOUTQ = 0x5411;
inline constexpr uint32_t TIOCSTI = 0x5412;
inline constexpr uint32_t TIOCGWINSZ = 0x5413;
inline constexpr uint32_t TIOCSWINSZ = 0x5414;
inline constexpr uint32_t TIOCMGET = 0x5415;
inline constexpr uint32_t TIOCMBIS = 0x5416;
inline constexpr uint32_t TIOCMBIC = 0x5417;
inline constexpr uint32_t TIOCMSET = 0x5418;
inline constexpr uint32_t TIOCGSOFTCAR = 0x5419;
inline constexpr uint32_t TIOCSSOFTCAR = 0x541a;
inline constexpr uint32_t TIOCINQ = 0x541b;
inline constexpr uint32_t TIOCLINUX = 0x541c;
inline constexpr uint32_t TIOCCONS = 0x541d;
inline constexpr uint32_t TIOCGSERIAL = 0x541e;
inline constexpr uint32_t TIOCSSERIAL = 0x541f;
inline constexpr uint32_t TIOCPKT = 0x5420;
inline constexpr uint32_t TIOCNOTTY = 0x5422;
inline constexpr uint32_t TIOCSETD = 0x5423;
inline constexpr uint32_t TIOCGETD = 0x5424;
inline constexpr uint32_t TCSBRKP = 0x5425;
inline constexpr uint32_t TIOCSBRK = 0x5427;
inline constexpr uint32_t TIOCCBRK = 0x5428;
inline constexpr uint32_t TIOCGSID = 0x5429;
inline constexpr uint32_t TCGETS2 = 0x802c542a;
inline constexpr uint32_t TCSETS2 = 0x402c542b;
inline constexpr uint32_t TCSETSW2 = 0x402c542c;
inline constexpr uint32_t TCSETSF2 = 0x402c542d;
inline constexpr uint32_t TIOCGPTN = 0x80045430;
inline constexpr uint32_t TIOCSPTLCK = 0x40045431;
inline constexpr uint32_t TIOCGDEV = 0x80045432;
inline constexpr uint32_t TIOCSIG = 0x40045436;
inline constexpr uint32_t TIOCVHANGUP = 0x5437;
inline constexpr uint32_t TIOCGPKT = 0x80045438;
inline constexpr uint32_t TIOCGPTLCK = 0x80045439;
inline constexpr uint32_t TIOCGEXCL = 0x80045440;
inline constexpr uint32_t TIOCGPTPEER = 0x5441;

inline constexpr uint32_t FIONREAD = 0x541b;
inline constexpr uint32_t FIONBIO = 0x5421;
inline constexpr uint32_t FIONCLEX = 0x5450;
inline constexpr uint32_t FIOCLEX = 0x5451;
inline constexpr uint32_t FIOASYNC = 0x5452;
inline constexpr uint32_t FIOQSIZE = 0x5460;

// TCXONC, TCFLSH
inline constexpr uint32_t TCOOFF = 0;
inline constexpr uint32_t TCOON = 1;
inline constexpr uint32_t TCIOFF = 2;
inline constexpr uint32_t TCION = 3;
inline constexpr uint32_t TCIFLUSH = 0;
inline constexpr uint32_t TCOFLUSH = 1;
inline constexpr uint32_t TCIOFLUSH = 2;

// What a master in packet mode reads first
inline constexpr uint32_t TIOCPKT_DATA = 0x00;
inline constexpr uint32_t TIOCPKT_FLUSHREAD = 0x01;
inline constexpr uint32_t TIOCPKT_FLUSHWRITE = 0x02;
inline constexpr uint32_t TIOCPKT_STOP = 0x04;
inline constexpr uint32_t TIOCPKT_START = 0x08;
inline constexpr uint32_t TIOCPKT_NOSTOP = 0x10;
inline constexpr uint32_t TIOCPKT_DOSTOP = 0x20;
inline constexpr uint32_t TIOCPKT_IOCTL = 0x40;

inline constexpr uint32_t TIOCM_DTR = 0x002;
inline constexpr uint32_t TIOCM_RTS = 0x004;
inline constexpr uint32_t TIOCM_CTS = 0x020;
inline constexpr uint32_t TIOCM_CAR = 0x040;
inline constexpr uint32_t TIOCM_DSR = 0x100;
inline constexpr uint32_t N_TTY = 0;

// The state in which a terminal is first opened. The C library has other values, as TTYDEF_*.
inline constexpr uint8_t _POSIX_VDISABLE = 0;
inline constexpr uint32_t TTY_STD_IFLAG = ICRNL | IXON;
inline constexpr uint32_t TTY_STD_OFLAG = OPOST | ONLCR;
inline constexpr uint32_t TTY_STD_CFLAG = B38400 | CS8 | CREAD | HUPCL;
inline constexpr uint32_t TTY_STD_LFLAG = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN;
inline constexpr uint8_t TTY_STD_CC[NCCS] = {
    3,    // ^C VINTR
    28,   // ^\ VQUIT
    127,  // DEL VERASE
    21,   // ^U VKILL
    4,    // ^D VEOF
    0,    // VTIME
    1,    // VMIN
    0,    // VSWTC
    17,   // ^Q VSTART
    19,   // ^S VSTOP
    26,   // ^Z VSUSP
    0,    // VEOL
    18,   // ^R VREPRINT
    15,   // ^O VDISCARD
    23,   // ^W VWERASE
    22,   // ^V VLNEXT
    0,    // VEOL2
};

}  // namespace abi
