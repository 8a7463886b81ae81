"""Trees that host tools copy from the NT host to the Linux host. Run by tests/nt/own-manager."""
import os
import shutil
import subprocess
import unittest

from instance_tree import LOOK, SEEN, TreeTestCase, escaped
from own_manager import FAILED, ROOT_ARCHIVE, WORK, lxss

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


unittest.main(verbosity=2)
