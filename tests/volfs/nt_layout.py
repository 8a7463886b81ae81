"""Lays a tree of the Linux host out as the NT host does: names, metadata store, list of places (docs/decisions/metadata-side-store.md).

Written from the description, not from the code.
"""
import os
import stat
import struct

import wsl_layout as wsl

NUMBERS = 1 << 40  # the numbers of the files were others there
_TABLE = []
for _value in range(256):
    for _ in range(8):
        _value = _value >> 1 ^ (0x82f63b78 if _value & 1 else 0)
    _TABLE.append(_value)


def crc32c(data):
    value = 0xffffffff
    for byte in data:
        value = value >> 8 ^ _TABLE[(value ^ byte) & 255]
    return value ^ 0xffffffff


def spelled(name, escapes_case=True):
    """A Linux name (bytes) as the NT host spells it."""
    def escape(data):
        return "".join(chr(0xf000 + byte) for byte in data)

    text, result = name.decode(errors="surrogateescape"), ""
    for at, letter in enumerate(text):
        rest = text[at + 1:at + 2]
        code = ord(letter)
        if 0xdc80 <= code <= 0xdcff:
            result += chr(0xf000 + code - 0xdc00)
        elif (letter in '"*:<>?\\|' or code < 32 or (letter in ". " and not rest) or 0xf000 <= code <= 0xf0ff
              or (letter == "~" and rest.isascii() and rest.isalnum()) or (escapes_case and letter != letter.lower())):
            result += escape(letter.encode())
        else:
            result += letter
    return result.encode()


def record(number, permissions, attributes):
    body = b""
    for name, value in attributes:
        item = struct.pack("<HHI", len(name), 0, len(value)) + name + value
        body += item + bytes(-len(item) % 8)
    head = struct.pack("<IQHHI", 24 + len(body), number, permissions, len(attributes), 24 + len(body))
    return struct.pack("<I", crc32c(head + body)) + head + body


def lay_out(tree, escapes_case=True, flags=0):
    """The tree at rest becomes one of the NT host's, as a copy that cp has made of it."""
    tree = os.fsencode(tree)
    log, places, seen = b"", [], set()
    for folder, folders, files in os.walk(tree, topdown=False):
        times = os.stat(folder)
        for name in [*files, *folders, *([b""] if folder == tree else [])]:
            path = os.path.join(folder, name) if name else tree
            if folder == tree and name.startswith(b".lxss-"):
                continue
            status = os.lstat(path)
            attributes = []
            if stat.S_ISLNK(status.st_mode):
                target = os.readlink(path)
                os.unlink(path)
                with open(path, "wb") as file:
                    file.write(target)
                os.utime(path, ns=(status.st_mtime_ns, status.st_mtime_ns))
                attributes.append((b"user.lxattrb", wsl.lxattrb(stat.S_IFLNK | 0o777)))
                status = os.lstat(path)
                parent = os.fsencode(os.path.dirname(path))
                if "user.lxss.specials" not in os.listxattr(parent):
                    os.setxattr(parent, "user.lxss.specials", b"1")
                permissions = 0o777
            else:
                permissions = status.st_mode & 0o777
            number = status.st_ino + NUMBERS
            for key in os.listxattr(path, follow_symlinks=False):
                if key.startswith("user."):
                    attributes.append((key.encode(), os.getxattr(path, key)))
                    if status.st_nlink == 1 or number in seen:
                        os.removexattr(path, key)
            if number not in seen:
                log += record(number, permissions, attributes)
            seen.add(number)
            os.chmod(path, 0o755 if stat.S_ISDIR(status.st_mode) else 0o644)
            places.append(b"%x %s" % (number, os.path.relpath(path, tree) if name else b""))
            if name and spelled(name, escapes_case) != name:
                os.rename(path, os.path.join(folder, spelled(name, escapes_case)))
        os.utime(folder, ns=(times.st_atime_ns, times.st_mtime_ns))
    identity = 0x1234567890abcdef
    header = struct.pack("<8sII", b"LXSSATTR", 1, flags | escapes_case)
    header += struct.pack("<IQ", crc32c(header), identity) + bytes(36)
    os.mkdir(tree + b"/lxss~host")
    with open(tree + b"/lxss~host/attributes.log", "wb") as file:
        file.write(header + log)
    with open(tree + b"/.lxss-places", "wb") as file:
        file.write(b"\0".join([b"lxss places, version 2, of %x" % identity, *places, b"end", b""]))
