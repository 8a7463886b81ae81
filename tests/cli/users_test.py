"""What other users of the host get: nothing. Needs root, to act as two of them."""
import glob
import os
import shutil
import socket
import subprocess
import unittest

import support

OTHER = 65534


@unittest.skipUnless(os.geteuid() == 0, "needs root")
class OtherUser(support.InstanceTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        os.chmod(cls.home.folder, 0o755)  # so that what is inside must defend itself
        os.chmod(cls.home.path, 0o755)
        os.chmod(os.path.dirname(cls.home.instance_folder("test")), 0o755)
        cls.process = cls.home.start("-e", "sh", "-c", "echo ready; exec sleep 60")
        assert cls.process.stdout.readline() == b"ready\n"

    @classmethod
    def tearDownClass(cls):
        cls.process.kill()
        cls.process.communicate()
        super().tearDownClass()

    def as_other(self, function):
        """Runs it in a process of the other user; True, or the error's name."""
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.setgroups([])
            os.setgid(OTHER)
            os.setuid(OTHER)
            try:
                function()
                os.write(writer, b"done")
            except BaseException as problem:
                os.write(writer, type(problem).__name__.encode())
            os._exit(0)
        os.close(writer)
        os.waitpid(pid, 0)
        with os.fdopen(reader) as stream:
            return stream.read()

    def connect(self):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        connection.settimeout(5)
        connection.connect(os.path.join(self.home.path, "run", "lxssd.sock"))
        connection.send(b"\0" * 64)
        if not connection.recv(1000):
            raise ConnectionAbortedError

    def test_socket(self):
        self.assertEqual(self.as_other(self.connect), "PermissionError")
        # Even with the folder's door open the manager looks at who has come.
        run = os.path.join(self.home.path, "run")
        try:
            os.chmod(run, 0o755)
            os.chmod(os.path.join(run, "lxssd.sock"), 0o666)
            self.assertIn(self.as_other(self.connect), ("ConnectionAbortedError", "ConnectionResetError",
                                                        "BrokenPipeError"))
        finally:
            os.chmod(os.path.join(run, "lxssd.sock"), 0o600)
            os.chmod(run, 0o700)
        self.assertIn("a client of another user was turned away", self.home.log())

    def test_files(self):
        folder = self.home.instance_folder("test")
        for path in (folder, folder + "/rootfs", folder + "/rootfs/etc", os.path.join(self.home.path, "run")):
            self.assertEqual(self.as_other(lambda: os.listdir(path)), "PermissionError", path)
        for path in (folder + "/rootfs/etc/passwd", folder + "/lock", folder + "/lxss.log",
                     os.path.join(self.home.path, "registry.json"), os.path.join(self.home.path, "log", "lxssd.log")):
            self.assertEqual(self.as_other(lambda: open(path).close()), "PermissionError", path)

    def test_memory(self):
        """The kernel's arena and the guests' memory belong to processes of the first user."""
        with open(os.path.join(self.home.instance_folder("test"), "lock")) as lock:
            holders = [int(path.split("/")[2]) for path in glob.glob("/proc/[0-9]*/fd/5")
                       if os.path.exists(path) and os.path.samestat(os.stat(path), os.fstat(lock.fileno()))]
        self.assertTrue(holders)
        for pid in holders:
            for name in ("mem", "environ"):
                self.assertEqual(self.as_other(lambda: open(f"/proc/{pid}/{name}", "rb").close()), "PermissionError")
            self.assertEqual(self.as_other(lambda: os.listdir(f"/proc/{pid}/fd")), "PermissionError")
            self.assertEqual(self.as_other(lambda: os.kill(pid, 0)), "PermissionError")

    def test_a_manager_each(self):
        """The other user has instances of the same name, and does not see these."""
        home = os.path.join(self.home.folder, "other-home")
        os.mkdir(home)
        shutil.chown(home, OTHER)
        environment = dict(self.home.environment, LXSS_HOME=home)
        def run(*words):
            return subprocess.run(self.home.command(*words), env=environment, user=OTHER, group=OTHER, extra_groups=[],
                                  stdin=subprocess.DEVNULL, capture_output=True, timeout=60, cwd="/")
        if run("--version").returncode != 0:
            self.skipTest("the other user cannot reach the build folder")
        self.assertEqual(run("--list", "--quiet").stdout, b"")
        self.assertIn(b"there is no instance named 'test'", run("-d", "test", "-e", "true").stderr)
        result = run("--import-in-place", "test", self.home.instance_folder("test"))
        self.assertEqual(result.returncode, support.FAILED)
        self.assertIn(b"Permission denied", result.stderr)
        # The first user's runtime folder is nothing to the other one.
        result = subprocess.run(self.home.command("--list"), env=self.home.environment, user=OTHER, group=OTHER,
                                extra_groups=[], capture_output=True, timeout=60, cwd="/")
        self.assertEqual(result.returncode, support.FAILED)
        run("--shutdown")
