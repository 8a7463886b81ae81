"""Display and sound of the host: Xvfb, Weston without a screen, and PulseAudio there; their programs inside."""
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


class Server(unittest.TestCase):
    """A server of the host that listens in a runtime folder of its own."""

    @classmethod
    def start(cls, name, *words):
        cls.folder = tempfile.mkdtemp(prefix="lxss-test-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        # Nothing of the desktop that the tests may be run on.
        cls.environment = {variable: value for variable, value in os.environ.items()
                           if variable not in ("DISPLAY", "WAYLAND_DISPLAY", "PULSE_SERVER")}
        cls.environment["XDG_RUNTIME_DIR"] = cls.folder
        log = os.path.join(cls.folder, "log")
        with open(log, "w") as output:
            server = subprocess.Popen(words, env=dict(cls.environment, HOME=cls.folder), stdin=subprocess.DEVNULL,
                                      stdout=output, stderr=output)
        cls.addClassCleanup(server.wait)
        cls.addClassCleanup(server.terminate)
        cls.socket = os.path.join(cls.folder, name)
        if not guest.support.wait_until(lambda: os.path.exists(cls.socket) or server.poll() is not None, 30) or \
           server.poll() is not None:
            with open(log) as text:
                raise RuntimeError(f"{words[0]} does not start: {text.read()}")


class Wayland(Server):
    @classmethod
    def setUpClass(cls):
        cls.start("wayland-7", "weston", "--backend=headless-backend.so", "--socket=wayland-7", "--idle-time=0", "--no-config")
        cls.environment["WAYLAND_DISPLAY"] = "wayland-7"

    def test_the_compositor_answers(self):
        result = guest.run("wayland-info", env=self.environment)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn(b"wl_compositor", result.stdout)
        self.assertIn(b"headless", result.stdout)

    def test_windows_are_shown(self):
        """Buffers in memory files go to the compositor, which says when it has shown each."""
        with guest.start("stdbuf", "-oL", "weston-presentation-shm", "-f", env=self.environment, stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE) as program:
            for number in range(1, 20):
                self.assertRegex(program.stdout.readline().decode(), rf"^ *{number}: .*seq ")
            program.terminate()


class Sound(Server):
    @classmethod
    def setUpClass(cls):
        # Where lxss looks without PULSE_SERVER.
        cls.start("pulse/native", "pulseaudio", "-n", "--exit-idle-time=-1", "--daemonize=no", "--use-pid-file=no",
                  "-L", "module-null-sink", "-L", "module-native-protocol-unix auth-anonymous=1")

    def test_the_server_answers(self):
        result = guest.run("pactl", "info", env=self.environment)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn(b"Default Sink: null", result.stdout)

    def test_sound_goes_both_ways(self):
        """What is played comes back from the sink's monitor, byte for byte: a tone of one value."""
        tone = b"\x34\x12" * 40
        script = ("(while :; do cat /tmp/tone; done | pacat --playback --raw) & player=$!; "
                  "pacat --record --raw -d null.monitor | head -c 400000; kill $player")
        guest.run("sh", "-c", "cat >/tmp/tone; for i in 1 2 3 4 5 6; do cat /tmp/tone /tmp/tone >/tmp/tone2; mv /tmp/tone2 /tmp/tone; done",
                  input=tone)
        result = guest.run("sh", "-c", script, env=self.environment)
        self.assertEqual(len(result.stdout), 400000, result.stderr)
        self.assertIn(tone * 100, result.stdout)


missing = [program for program in ("Xvfb", "weston", "pulseaudio") if not shutil.which(program)]
if missing:
    print(f"missing on this host: {missing}")
    sys.exit(77)
unittest.main(verbosity=2)
