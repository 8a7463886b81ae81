"""Display and sound of the host: Xvfb, Weston without a screen and PulseAudio on the host; xeyes, xterm, Weston's clients and pacat
inside."""
import array
import os
import secrets
import shutil
import socket
import struct
import subprocess
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


@unittest.skipUnless(shutil.which("Xvfb"), "needs Xvfb")
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
    """A server of the host with a socket in a folder that is its XDG_RUNTIME_DIR."""

    @classmethod
    def serve(cls, command, socket_name, **variables):
        cls.folder = tempfile.mkdtemp(prefix="lxss-test-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.environment = {name: value for name, value in os.environ.items()
                           if name not in ("DISPLAY", "WAYLAND_DISPLAY", "PULSE_SERVER")}
        cls.environment.update(XDG_RUNTIME_DIR=cls.folder, **variables)
        log = os.path.join(cls.folder, "log")
        with open(log, "w") as output:
            server = subprocess.Popen([word.format(folder=cls.folder) for word in command], stdin=subprocess.DEVNULL,
                                      stdout=output, stderr=output, env={**cls.environment, "HOME": cls.folder})
        cls.addClassCleanup(server.wait)
        cls.addClassCleanup(server.terminate)
        if not guest.support.wait_until(lambda: os.path.exists(os.path.join(cls.folder, socket_name)), 30):
            with open(log) as file:
                raise RuntimeError(f"{command[0]} does not start: {file.read()[-2000:]}")


@unittest.skipUnless(shutil.which("weston"), "needs weston")
class Wayland(Server):
    @classmethod
    def setUpClass(cls):
        cls.serve(["weston", "--backend=headless-backend.so", "--socket=wayland-test", "--no-config", "--idle-time=0"],
                  "wayland-test", WAYLAND_DISPLAY="wayland-test")

    def test_frames_are_drawn(self):
        """Buffers in shared memory go to the compositor, and it tells when each has been shown."""
        with guest.start("env", "WAYLAND_DEBUG=1", "weston-simple-shm", env=self.environment, stdin=subprocess.DEVNULL,
                         stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as program:
            log, shown, attached = "", 0, 0
            for line in program.stderr:
                log += line
                attached += ".attach(" in line
                shown += "wl_callback" in line and ".done(" in line
                if shown == 20:
                    break
            program.terminate()
            program.wait(guest.TIME_LIMIT)
        self.assertEqual(shown, 20, log[-2000:])
        self.assertGreater(attached, 10, log[-2000:])

    def test_a_terminal(self):
        # Its shell is a program without arguments.
        script = ("printf '#!/bin/sh\\ntty >/tmp/from-weston\\n' >/tmp/weston-shell && chmod 755 /tmp/weston-shell && "
                  "weston-terminal --shell=/tmp/weston-shell && cat /tmp/from-weston && rm /tmp/from-weston")
        result = guest.run("sh", "-c", script, env=self.environment)
        self.assertEqual((result.returncode, result.stdout[:9]), (0, b"/dev/pts/"), result.stderr)


@unittest.skipUnless(shutil.which("pulseaudio"), "needs pulseaudio")
class Sound(Server):
    FORMAT = ("--raw", "--format=s16le", "--rate=44100", "--channels=2")

    @classmethod
    def setUpClass(cls):
        cls.serve(["pulseaudio", "-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1",
                   "-L", "module-null-sink sink_name=nowhere",
                   "-L", "module-native-protocol-unix socket={folder}/sound auth-anonymous=1"], "sound")
        cls.environment["PULSE_SERVER"] = f"unix:{cls.folder}/sound"

    def test_what_is_played_is_heard(self):
        with subprocess.Popen(["parec", *self.FORMAT, "--device=nowhere.monitor", "--latency-msec=50"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=self.environment) as recorder:
            self.addCleanup(recorder.kill)
            self.assertTrue(recorder.stdout.read(1000))  # it hears silence
            samples = array.array("h", [12345] * 44100).tobytes()
            player = guest.run("pacat", "--playback", *self.FORMAT, input=samples, env=self.environment)
            self.assertEqual(player.returncode, 0, player.stderr)
            heard = b""
            while len(heard) < 4 * len(samples) and heard.count(b"\x39\x30") < 20000:
                heard += recorder.stdout.read(4096)
            recorder.kill()
        self.assertGreaterEqual(heard.count(b"\x39\x30"), 20000)


unittest.main(verbosity=2)
