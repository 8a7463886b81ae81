"""LXATTRB and LXXATTR as WSL 1 lays them out, on host files as user.lxattrb and user.lxxattr."""
import os
import stat
import struct

ATTRIBUTES = "user.lxattrb"
XATTRS = "user.lxxattr"
SPECIALS = "user.lxss.specials"


def lxattrb(mode, uid=0, gid=0, device=(0, 0), times=((1, 2), (3, 4), (5, 6)), flags=0, version=1):
    """times: (seconds, nanoseconds) of access, modification, change."""
    return struct.pack("<HHIIIIIIIQQQ", flags, version, mode, uid, gid, device[0] << 20 | device[1],
                       *(nanoseconds for _, nanoseconds in times), *(seconds for seconds, _ in times))


def lxxattr(attributes):
    """attributes: (name, value) pairs of bytes."""
    entries = []
    for number, (name, value) in enumerate(attributes):
        is_last = number == len(attributes) - 1
        length = 4 + 2 + 1 + len(name) + len(value) + 1
        padded = length if is_last else (length + 3) // 4 * 4
        entries.append(struct.pack("<IHB", 0 if is_last else padded, len(value), len(name)) + name + value +
                       bytes(padded - length + 1))
    return struct.pack("<HH", 0, 1) + b"".join(entries)


def escaped(name):
    """A Linux name as WSL 1 keeps it: what Windows forbids at U+F000 plus its code."""
    text = "".join(chr(0xf000 + ord(c)) if ord(c) < 32 or c in '"*:<>?\\|' else c for c in name)
    if text[-1] in ". ":
        text = text[:-1] + chr(0xf000 + ord(text[-1]))
    return text


def give(path, mode, *, data=None, xattrs=None, **values):
    """Makes `path` as WSL would have, with its attributes."""
    if stat.S_ISDIR(mode):
        os.mkdir(path)
    else:
        with open(path, "wb") as file:
            file.write(data or b"")
    os.setxattr(path, ATTRIBUTES, lxattrb(mode, **values))
    if xattrs:
        os.setxattr(path, XATTRS, lxxattr(xattrs))
