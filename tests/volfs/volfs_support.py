"""What the tests of VolFs' files share: an instance and its tree on the host."""
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "fault"))

import fault_support  # noqa: E402
import support  # noqa: E402


class TreeTestCase(support.InstanceTestCase):
    """An instance of its own for each class, at rest when a test begins; each test has an empty folder in it."""

    @classmethod
    def setUpClass(cls):
        cls.variables = {"LXSS_IDLE": "60"}
        super().setUpClass()
        cls.tree = os.path.join(cls.home.instance_folder("test"), "rootfs")

    def setUp(self):
        self.stop()
        self.place = self.at("/root/broken/")
        os.mkdir(self.place)
        self.addCleanup(self.clean_up)

    def clean_up(self):
        self.home.run("--terminate", "test")
        subprocess.run(["chmod", "-R", "u+rwX", self.place], check=False)
        shutil.rmtree(self.place)

    def at(self, name):
        return os.path.join(self.tree, name.lstrip("/"))

    def guest(self, script, *words, user=None):
        options = ["-u", user] if user else []
        result = self.home.run(*options, "-e", "/bin/sh", "-c", script, "sh", *words, timeout=60)
        return self.assertSuccess(result).stdout.decode(errors="surrogateescape")

    def stop(self):
        self.assertSuccess(self.home.run("--terminate", "test"))

    def check(self, *options):
        """The exit code and the lines of lxss --check."""
        result = self.home.run("--check", "test", *options)
        self.assertEqual(result.stderr, b"")
        return result.returncode, result.stdout.decode(errors="surrogateescape").splitlines()

    def assertClean(self):
        code, lines = self.check()
        self.assertEqual((code, len(lines)), (0, 1), lines)

    @staticmethod
    def attribute(path, key):
        try:
            return os.getxattr(path, key, follow_symlinks=False)
        except PermissionError:  # of a file that its owner may not read; root may
            return None

    def snapshot(self):
        """Everything the host knows of the tree but access times."""
        found = {}
        for folder, folders, files in os.walk(self.tree):
            for name in [".", *folders, *files]:
                path = os.path.join(folder, name)
                status = os.lstat(path)
                attributes = {key: self.attribute(path, key) for key in os.listxattr(path, follow_symlinks=False)}
                found[path] = (status.st_mode, status.st_ino, status.st_nlink, status.st_size, status.st_mtime_ns,
                               status.st_ctime_ns, attributes)
        return found
