"""lxss.exe on a console: Wine makes one of the terminal that it is started on. usage: console_test.py COMMAND..., which starts a shell.

Not checked, since Wine 8 does not pass them on: keys that are sequences (arrows), a change of the window's size.
"""
import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time

TIME_LIMIT = 60


class Console:
    def __init__(self, command):
        self.text = ""
        self.process, self.master = pty.fork()
        if self.process == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
            os.environ["TERM"] = "xterm"
            os.execvp(command[0], command)

    def read_until(self, pattern):
        """What comes up to a match, without the control sequences by which the console is drawn."""
        deadline = time.monotonic() + TIME_LIMIT
        while not (found := re.search(pattern, self.text)):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.master], [], [], left)[0]:
                sys.exit(f"FAIL no {pattern!r} in {self.text!r}")
            try:
                data = os.read(self.master, 4096)
            except OSError:
                data = b""
            if not data:
                sys.exit(f"FAIL the end instead of {pattern!r} after {self.text!r}")
            self.text += re.sub(r"\x1b\[[?0-9;]*[A-Za-z]|\r", "", data.decode("utf-8", "replace"))
        self.text = self.text[found.end():]
        return found

    def type(self, keys):
        os.write(self.master, keys.encode())

    def exit_code(self):
        deadline = time.monotonic() + TIME_LIMIT
        while time.monotonic() < deadline:
            if select.select([self.master], [], [], 0.1)[0]:
                try:
                    os.read(self.master, 4096)
                except OSError:
                    pass
            process, status = os.waitpid(self.process, os.WNOHANG)
            if process:
                return os.waitstatus_to_exitcode(status)
        sys.exit("FAIL lxss.exe does not end")


def main():
    console = Console(sys.argv[1:])
    console.read_until(r"[#$]")
    console.type("tty; stty size; echo $((20 + 3))\r")
    console.read_until(r"\n/dev/pts/\d+\n30 100\n23\n")
    console.type("sleep 1000\r")
    console.read_until(r"sleep 1000\n")
    time.sleep(1)  # it is to be the sleep that is interrupted
    console.type("\x03")
    console.read_until(r"[#$]")
    console.type("cat\r")
    console.read_until(r"cat\n")
    console.type("line\r")
    console.read_until(r"line\nline\n")
    console.type("\x04")
    console.read_until(r"[#$]")
    console.type("exit 5\r")
    code = console.exit_code()
    if code != 5:
        sys.exit(f"FAIL exit code {code} instead of 5")
    print("ok")


if __name__ == "__main__":
    main()
