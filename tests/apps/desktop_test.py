"""Programs with windows on the host's display: Xvfb on the host, xeyes and xterm inside."""
import os
import secrets
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

import guest

NUMBER = 400 + os.getpid() % 500


def write_cookie(path, cookie):
    """As xauth(1) does, for this host and display."""
    def counted(data):
        return struct.pack(">H", len(data)) + data
    with open(path, "wb") as file:
        file.write(struct.pack(">H", 256) + counted(socket.gethostname().encode()) + counted(str(NUMBER).encode()) +
                   counted(b"MIT-MAGIC-COOKIE-1") + counted(cookie))


class Desktop(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="lxss-test-")
        authority = os.path.join(cls.folder, "authority")
        write_cookie(authority, secrets.token_bytes(16))
        cls.server = subprocess.Popen(["Xvfb", f":{NUMBER}", "-auth", authority, "-screen", "0", "800x600x24"],
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        cls.environment = dict(os.environ, DISPLAY=f":{NUMBER}", XAUTHORITY=authority)
        for _ in range(200):
            if os.path.exists(f"/tmp/.X11-unix/X{NUMBER}"):
                return
            time.sleep(0.05)
        raise RuntimeError("Xvfb does not start")

    @classmethod
    def tearDownClass(cls):
        cls.server.terminate()
        cls.server.wait()
        shutil.rmtree(cls.folder)

    def run_inside(self, *words):
        return guest.run(*words, env=self.environment)

    def window(self, title):
        """Whether the host's display has a window of that title."""
        result = guest.run("xwininfo", "-root", "-tree", env=self.environment)
        return f'"{title}"'.encode() in result.stdout

    def test_the_server_answers(self):
        result = self.run_inside("xdpyinfo")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn(b"dimensions:    800x600", result.stdout)

    def test_the_cookie_is_needed(self):
        self.assertNotEqual(self.run_inside("env", "-u", "XAUTHORITY", "xdpyinfo").returncode, 0)

    def test_windows(self):
        for words, title in ((["xeyes"], "xeyes"), (["xterm", "-T", "terminal-inside", "-e", "sleep", "60"], "terminal-inside")):
            with guest.start(*words, env=self.environment, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as program:
                self.assertTrue(guest.support.wait_until(lambda: self.window(title), 30), title)
                program.terminate()
                program.wait(guest.TIME_LIMIT)
            self.assertTrue(guest.support.wait_until(lambda: not self.window(title), 30), title)

    def test_what_a_terminal_inside_runs(self):
        self.assertEqual(self.run_inside("sh", "-c", "rm -f /tmp/from-xterm; xterm -e sh -c 'tty >/tmp/from-xterm'; "
                                         "cat /tmp/from-xterm").stdout[:9], b"/dev/pts/")


if not shutil.which("Xvfb"):
    print("Xvfb is missing")
    sys.exit(77)
unittest.main(verbosity=2)
