"""Trees that host tools copy from the NT host to the Linux host, and portable ones the other way. Run by tests/nt/own-manager."""
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from instance_tree import LOOK, SEEN, TreeTestCase, escaped
from own_manager import FAILED, ROOT_ARCHIVE, WORK, Run, lxss, windows

LINUX = os.path.join(os.path.dirname(ROOT_ARCHIVE), "../../bin/lxss")
# The Linux host's folders count the folders in them.
SEEN_THERE = SEEN.replace("folder directory 2770 5:6 0:0 1 4096", "folder directory 2770 5:6 0:0 2 4096")


class Hosts(TreeTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        home = WORK + "/linux"
        os.mkdir(home)
        shutil.copy(WORK + "/home/lxss.conf", home)
        cls.environment = {name: value for name, value in os.environ.items() if not name.startswith("LXSS_")}
        cls.environment.update(LXSS_HOME=home, LXSS_IDLE="60")
        cls.addClassCleanup(cls.linux, "--shutdown")
        cls.original = WORK + "/mine"
        run = cls.linux("--import", "mine", cls.original, WORK + "/check.tar", "--portable")
        assert run.returncode == 0, run.stderr
        run = cls.linux("-d", "mine", "-e", "/bin/bash", *LOOK)  # it has been in use
        assert run.returncode == 0, run.stderr
        cls.linux("--terminate", "mine")

    @classmethod
    def linux(cls, *words):
        return subprocess.run([LINUX, *words], env=cls.environment, capture_output=True, timeout=120, stdin=subprocess.DEVNULL,
                              check=False)

    def copy(self, *command):
        lxss("--terminate", "box")
        folder = WORK + "/there"
        subprocess.run([*command, self.folder, folder], check=True)
        self.addCleanup(self.linux, "--unregister", "there")
        run = self.linux("--import-in-place", "there", folder)
        self.assertEqual(run.returncode, 0, run.stderr)
        return folder + "/rootfs"

    def test_from_the_nt_host(self):
        tree = self.copy("cp", "-a")
        self.assertTrue(os.path.exists(f"{tree}/root/{escaped('Makefile')}"))
        run = self.linux("-d", "there", "-e", "true")
        self.assertEqual((run.returncode, b"--check NAME --repair" in run.stderr), (FAILED, True), run.stderr)
        run = self.linux("--check", "there")
        self.assertEqual((run.returncode, b"form of the Windows host" in run.stdout), (8, True), run.stdout)
        run = self.linux("--check", "there", "--repair")
        self.assertEqual((run.returncode, b", 0 of its list are not there" in run.stdout), (1, True), run.stdout)
        self.assertEqual(self.linux("--check", "there").returncode, 0)
        run = self.linux("-d", "there", "-e", "/bin/bash", *LOOK)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertSeen(run.stdout, SEEN_THERE)
        self.assertTrue(os.path.exists(f"{tree}/root/Makefile"))

    def test_without_links_and_times(self):
        """What cp -r leaves: the two names of a file are two files, and all are new."""
        self.copy("cp", "-r")
        self.assertEqual(self.linux("--check", "there", "--repair").returncode, 1)
        run = self.linux("-d", "there", "-e", "/bin/bash", "-c",
                         "cd /root; stat -c '%n %a %u:%g %h' file hard; stat -c '%F %u' owned; cat Makefile makefile; echo >>file; cat hard")
        self.assertEqual(run.stdout, b"file 4751 9:10 1\nhard 4751 9:10 1\nsymbolic link 7\nMakefilemakefiletext\n", run.stderr)

    def test_a_copy_of_a_running_tree(self):
        lxss("-d", "box", "-e", "true")
        shutil.copytree(self.folder, WORK + "/there")
        self.addCleanup(self.linux, "--unregister", "there")
        self.assertEqual(self.linux("--import-in-place", "there", WORK + "/there").returncode, 0)
        run = self.linux("--check", "there", "--repair")
        self.assertEqual((run.returncode, b"has no whole list of its files" in run.stdout), (8, True), run.stdout)

    def from_linux(self, *command):
        """The name and the tree of a copy on the NT host."""
        lxss("--unregister", "copy")
        self.linux("--terminate", "mine")
        folder = tempfile.mkdtemp(dir=WORK) + "/copy"
        subprocess.run([*command, self.original, folder], check=True)
        self.addCleanup(lxss, "--unregister", "copy")
        run = lxss("--import-in-place", "copy", windows(folder))
        self.assertEqual(run.code, 0, run.error)
        return folder + "/rootfs"

    @staticmethod
    def snapshot(tree):
        found = {}
        for folder, _, files in os.walk(os.fsencode(tree)):
            for name in [b".", *files]:
                status = os.lstat(folder + b"/" + name)
                found[folder, name] = (status.st_mode, status.st_ino, status.st_nlink, status.st_size, status.st_mtime_ns)
        return found

    def assertRefused(self, tree, text, *options):
        before = self.snapshot(tree)
        code, lines = self.check(*options, name="copy")
        self.assertEqual((code, text in str(lines)), (8, True), (lines, self.error))
        run = lxss("-d", "copy", "-e", "true")
        self.assertEqual((run.code, b"--check NAME --repair" in run.error), (FAILED, True), run.error)
        self.assertEqual(self.snapshot(tree), before)

    def assertAdopted(self, tree):
        self.assertClean("copy")
        self.look("copy")
        lxss("--terminate", "copy")
        self.assertClean("copy")
        with open(tree + "/.lxss-storage", encoding="ascii") as file:
            self.assertEqual(file.read(), "lxss VolFs tree, version 1\nmetadata attributes\nnames raw\ncase sensitive\nspecials marked\n")
        self.assertTrue(os.path.exists(f"{tree}/root/{escaped('Makefile')}"))

    def test_from_linux_and_back(self):
        tree = self.from_linux("cp", "-r", "--preserve=links,timestamps")
        self.assertRefused(tree, "portable tree that was copied from a Linux host; 'lxss --check NAME --repair'")
        code, lines = self.check("--repair", name="copy")
        self.assertEqual(code, 1, lines)
        self.assertTrue(any(", 0 of its list are not there" in line for line in lines), lines)
        self.assertAdopted(tree)
        there = WORK + "/there"
        subprocess.run(["cp", "-r", "--preserve=links,timestamps", os.path.dirname(tree), there], check=True)
        self.addCleanup(self.linux, "--unregister", "there")
        self.assertEqual(self.linux("--import-in-place", "there", there).returncode, 0)
        run = self.linux("--check", "there", "--repair")
        self.assertEqual((run.returncode, b", 0 of its list are not there" in run.stdout), (1, True), run.stdout)
        run = self.linux("-d", "there", "-e", "/bin/bash", *LOOK)
        self.assertSeen(run.stdout, SEEN_THERE)

    def test_from_linux_without_modes_links_and_times(self):
        tree = self.from_linux("cp", "-r", "--no-preserve=mode,links")
        self.assertEqual(self.check("--repair", name="copy")[0], 1, self.error)
        run = lxss("-d", "copy", "-e", "/bin/bash", "-c",
                   "cd /root; stat -c '%n %a %u:%g %h' file hard folder/Inner; stat -c '%F %u' owned fifo null; cat Makefile makefile a:b dot. byte*;"
                   "echo >>file; cat hard")
        self.assertEqual(run.output, b"file 4751 9:10 1\nhard 4751 9:10 1\nfolder/Inner 600 0:6 1\nsymbolic link 7\nfifo 0\n"
                         b"character special file 0\nMakefilemakefilea:bdot.bytes\xfftext\n", run.error)
        lxss("--terminate", "copy")
        self.assertClean("copy")
        self.assertFalse(os.path.exists(tree + "/.lxss-attributes"))

    def test_what_cannot_be_taken_from_linux(self):
        for change, text in (
                (lambda tree: os.unlink(tree + "/.lxss-places"), "has no whole list of its files"),
                (lambda tree: os.truncate(tree + "/.lxss-places", 100), "has no whole list of its files"),
                (lambda tree: os.unlink(tree + "/.lxss-attributes"), "is missing or damaged"),
                (lambda tree: os.truncate(tree + "/.lxss-attributes", 20), "is missing or damaged")):
            tree = self.from_linux("cp", "-r")
            change(tree)
            self.assertRefused(tree, text)
            self.assertRefused(tree, text, "--repair")

    def test_an_ordinary_tree_of_linux(self):
        self.assertEqual(self.linux("--import", "plain", WORK + "/plain", WORK + "/check.tar").returncode, 0)
        self.addCleanup(self.linux, "--unregister", "plain")
        shutil.copytree(WORK + "/plain", WORK + "/foreign", symlinks=True)
        self.assertEqual(lxss("--import-in-place", "foreign", windows(WORK + "/foreign")).code, 0)
        code, lines = self.check("--repair", name="foreign")
        self.assertEqual((code, "import it there with --portable" in lines[0]), (8, True), lines)

    @staticmethod
    def check_of(tree):
        """The process that checks it."""
        for number in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                with open(f"/proc/{number}/cmdline", "rb") as file:
                    line = file.read()
                if b"--check" in line and tree.encode() in line.replace(b"\\", b"/"):
                    return int(number)
        return None

    def test_killed_adoptions(self):
        """Names of many files are to be changed, which takes its time."""
        self.assertEqual(self.linux("-d", "mine", "-e", "/bin/bash", "-c", "mkdir /many; for i in {1..2000}; do : >/many/N$i; done").returncode, 0)
        self.linux("--terminate", "mine")
        self.addCleanup(self.linux, "-d", "mine", "-e", "/bin/rm", "-r", "/many")
        tree = self.from_linux("cp", "-r", "--preserve=links,timestamps")
        killed = 0
        for number in range(12):
            process = Run("--check", "copy", "--repair")
            found = None
            while process.process.poll() is None and not found:
                found = self.check_of(tree)
            time.sleep(number * 0.1)
            if found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(found, signal.SIGKILL)
            process.finish()
            if b" problems, " in process.output:  # to its end; Wine says 1 of what was killed, too
                break
            killed += 1
            run = lxss("-d", "copy", "-e", "true")
            if run.code == 0:  # all was done
                break
            self.assertIn(b"portable tree", run.error)
        self.assertGreater(killed, 0)
        lxss("--terminate", "copy")
        code, lines = self.check("--repair", name="copy")
        self.assertIn(code, (0, 1), (lines[-3:], self.error))
        self.assertAdopted(tree)


unittest.main(verbosity=2)
