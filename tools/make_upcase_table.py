#!/usr/bin/env python3
"""Writes src/lxcore/drivefs/upcase_table.inc: the upper case that NTFS takes names to when it compares them.

NTFS keeps the table on each volume ($UpCase): one 16-bit unit to one, whatever the locale. It holds Unicode's simple
upper-case mapping where that can be undone (so that dotless i, long s and the micro sign stay what they are), and the
title-case digraphs. The source here is Python's unicodedata, which is UnicodeData.txt.

usage: tools/make_upcase_table.py > src/lxcore/drivefs/upcase_table.inc
"""

import unicodedata


def upcase(code):
    lower = chr(code)
    upper = lower.upper()
    if len(upper) != 1 or ord(upper) > 0xFFFF:
        return code
    is_title = unicodedata.category(lower) == "Lt"
    return ord(upper) if is_title or upper.lower() == lower else code


def main():
    runs = []  # [first, last, delta, step]
    for code in range(0x61, 0x10000):
        delta = upcase(code) - code
        if delta == 0 or 0xD800 <= code < 0xE000:
            continue
        if runs and runs[-1][2] == delta:
            first, last, _, step = runs[-1]
            if first == last and code - last in (1, 2):
                runs[-1][3] = code - last
                runs[-1][1] = code
                continue
            if first != last and code - last == step:
                runs[-1][1] = code
                continue
        runs.append([code, code, delta, 1])
    print(f"// Made by tools/make_upcase_table.py from Unicode {unicodedata.unidata_version}: first, last, step, and what to add.")
    for first, last, delta, step in runs:
        print(f"{{0x{first:04x}, 0x{last:04x}, {step}, {delta}}},")


if __name__ == "__main__":
    main()
