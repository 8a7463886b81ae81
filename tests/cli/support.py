"""What the process-level tests share."""
import fcntl
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import tempfile
import termios
import time
import unittest

build = root_archive = kernel = ""
kernel_is_fake = True
FAILED = 255  # exit code of lxss itself


def can_chroot():
    return os.geteuid() == 0 or subprocess.run(["unshare", "-r", "true"], capture_output=True).returncode == 0


def can_unshare():
    """Root with the right to make namespaces and to mount in them, which root of a container may lack."""
    return os.geteuid() == 0 and bool(shutil.which("unshare")) and subprocess.run(
        ["unshare", "-mpuf", "--mount-proc", "true"], capture_output=True).returncode == 0


class Home:
    """An LXSS_HOME of its own, with its own lxssd."""

    def __init__(self, **variables):
        self.folder = tempfile.mkdtemp(prefix="lxss-test-")
        self.path = os.path.join(self.folder, "home")
        self.environment = {name: value for name, value in os.environ.items()
                            if not name.startswith(("LXSS", "FAKE_", "WSL"))}
        # Without drives a command starts in its home, wherever the tests run.
        os.mkdir(self.path)
        with open(os.path.join(self.path, "lxss.conf"), "w") as file:
            file.write("[drives]\nc = off\n")
        self.environment.update({"LXSS_HOME": self.path, "LXSS_KERNEL": kernel, "LXSS_GRACE": "0.5", "LXSS_IDLE": "0.5",
                                 **variables})

    def command(self, *words):
        return [os.path.join(build, "bin", "lxss"), *words]

    def run(self, *words, **options):
        options.setdefault("env", self.environment)
        options.setdefault("timeout", 120)
        if "input" not in options and "stdin" not in options:
            options["stdin"] = subprocess.DEVNULL
        return subprocess.run(self.command(*words), capture_output=True, **options)

    def start(self, *words, **options):
        options.setdefault("env", self.environment)
        for stream in ("stdin", "stdout", "stderr"):
            options.setdefault(stream, subprocess.PIPE)
        return subprocess.Popen(self.command(*words), **options)

    def instance_folder(self, name):
        return os.path.join(self.folder, "instances", name)

    def import_instance(self, name, archive=None, options=()):
        return self.run("--import", name, self.instance_folder(name), archive or root_archive, *options)

    def log(self):
        try:
            with open(os.path.join(self.path, "log", "lxssd.log")) as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def manager_pids(self):
        return [int(line.rsplit(" ", 1)[1]) for line in self.log().splitlines() if " serves " in line]

    def manager_runs(self):
        return any(process_is_alive(pid) for pid in self.manager_pids())

    def close(self):
        self.run("--shutdown")
        shutil.rmtree(self.folder)


def process_state(pid):
    """The letter that proc(5) has for it; None when it is gone."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return None


def process_is_alive(pid):
    return process_state(pid) not in (None, "Z")


def wait_until(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


class TestCase(unittest.TestCase):
    """A home for each test."""

    variables = {}

    def setUp(self):
        self.home = Home(**self.variables)
        self.addCleanup(self.home.close)

    def assertSuccess(self, result):
        self.assertEqual(result.returncode, 0, result.stderr.decode(errors="replace"))
        return result


class InstanceTestCase(unittest.TestCase):
    """One instance, "test", for all tests of the class."""

    variables = {}
    import_options = ()

    @classmethod
    def setUpClass(cls):
        cls.home = Home(**cls.variables)
        result = cls.home.import_instance("test", options=cls.import_options)
        if result.returncode != 0:
            raise RuntimeError(f"import failed: {result.stderr.decode()}")

    @classmethod
    def tearDownClass(cls):
        cls.home.close()

    assertSuccess = TestCase.assertSuccess


class Terminal:
    """A command on a terminal of its own."""

    def __init__(self, command, environment, rows=24, columns=80):
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.execve(command[0], command, dict(environment, TERM="xterm"))
        self.output = b""
        self.resize(rows, columns)

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("=HHHH", rows, columns, 0, 0))

    def is_raw(self):
        return not termios.tcgetattr(self.master)[3] & termios.ICANON

    def write(self, data):
        os.write(self.master, data)

    def expect(self, text, seconds=10):
        """Reads until `text` has come; returns what came before it."""
        deadline = time.monotonic() + seconds
        while text not in self.output:
            if not select.select([self.master], [], [], max(0, deadline - time.monotonic()))[0]:
                raise AssertionError(f"{text!r} did not come; this came: {self.output!r}")
            try:
                data = os.read(self.master, 65536)
            except OSError:
                data = b""
            if not data:
                raise AssertionError(f"the terminal closed before {text!r} came; this came: {self.output!r}")
            self.output += data
        before, _, self.output = self.output.partition(text)
        return before

    def wait(self, seconds=10):
        """Exit code, or minus the signal."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            # Nobody else drains the terminal.
            if select.select([self.master], [], [], 0.02)[0]:
                try:
                    self.output += os.read(self.master, 65536)
                except OSError:
                    time.sleep(0.02)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.pid = 0
                return os.waitstatus_to_exitcode(status)
        raise AssertionError(f"the command has not ended; this came: {self.output!r}")

    def close(self):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.master)
