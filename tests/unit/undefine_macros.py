#!/usr/bin/env python3
"""Writes a header that takes back the system headers' macros which src/abi uses as names.

    undefine_macros.py COMPILER HEADER ABI_FOLDER OUTPUT

HEADER is what tests include of the hosted world.
"""
import pathlib
import re
import subprocess
import sys


def macros_of(compiler, *files):
    text = subprocess.run([compiler, "-std=gnu++20", "-x", "c++", "-dM", "-E", *files], check=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True).stdout
    return set(re.findall(r"^#define (\w+)", text, re.MULTILINE))


compiler, header, folder, output = sys.argv[1:]
names = set()
for file in pathlib.Path(folder).glob("*.hpp"):
    names.update(re.findall(r"[A-Za-z_]\w*", re.sub(r"//.*", "", file.read_text())))
# Those of the language and of what src/abi includes stay.
own = macros_of(compiler, "-include", "cstddef", "-include", "cstdint", "-")
taken = names & (macros_of(compiler, header) - own)
pathlib.Path(output).write_text("".join(f"#undef {name}\n" for name in sorted(taken)))
