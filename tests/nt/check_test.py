"""lxss.exe --check [--repair]: healthy trees, damages of several kinds, copies. Run by tests/nt/own-manager.

The damages are made from below: Wine's files are the machine's own.
"""
import contextlib
import os
import shutil
import signal
import struct
import time
import unittest

from instance_tree import TreeTestCase, escaped
from own_manager import FAILED, WORK, Run, lxss, windows

CLEAN, REPAIRED, LEFT, NOT_MADE = 0, 1, 4, 8


def crc32c(data):
    value = 0xffffffff
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82f63b78 if value & 1 else 0)
    return value ^ 0xffffffff


def record(number, attributes):
    """A record of the metadata store (src/base/side_store.cpp)."""
    body = b""
    for name, value in attributes.items():
        item = struct.pack("<HHI", len(name), 0, len(value)) + name + value
        body += item + bytes(-len(item) % 8)
    head = struct.pack("<IQHHI", 24 + len(body), number, 0xffff, len(attributes), 24 + len(body))
    return struct.pack("<I", crc32c(head + body)) + head + body


class Check(TreeTestCase):
    def snapshot(self, tree=None):
        found = {}
        for folder, _, files in os.walk(os.fsencode(tree or self.tree)):
            for name in [b".", *files]:
                path = os.path.join(folder, name)
                status = os.lstat(path)
                content = None
                if not os.path.isdir(path):
                    with open(path, "rb") as file:
                        content = file.read()
                found[path] = (status.st_mode, status.st_ino, status.st_nlink, status.st_size, status.st_mtime_ns, content)
        return found

    def assertFound(self, *expected, code=LEFT, name="box"):
        """Each is in a line of its own and nothing has been written; then a repair leaves no problem."""
        tree = os.path.join(WORK, name, "rootfs")
        before = self.snapshot(tree)
        found, lines = self.check(name=name)
        self.assertEqual(self.snapshot(tree), before)
        self.assertEqual(found, code, (lines, self.error))
        for text in expected:
            self.assertTrue(any(text in line for line in lines[:-1]), (text, lines))
        found, lines = self.check("--repair", name=name)
        self.assertEqual(found, REPAIRED, lines)
        for text in expected:
            self.assertTrue(any(text in line and line.endswith("(repaired)") for line in lines[:-1]), (text, lines))
        self.assertClean(name)
        return lines

    def test_healthy_tree(self):
        before = self.snapshot()
        self.assertClean()
        self.assertEqual(self.snapshot(), before)
        self.look()
        lxss("--terminate", "box")
        self.assertClean()
        self.assertEqual(self.check("--repair")[0], CLEAN)
        self.look()

    def test_what_an_interrupted_operation_leaves(self):
        # A rename over an open file, cut after its first step: what was there waits under the journal's number.
        with open(self.at("new"), "w") as file:
            file.write("new")
        with open(self.host + "/d77", "w") as file:
            file.write("old")
        names = [text.encode("utf-16-le") for text in ("root", "new", "root", "old")]
        with open(self.host + "/j77", "wb") as file:
            file.write(struct.pack("<IIQ4I", 0x4c4e524a, 0, 0x77, *(len(name) // 2 for name in names)) + b"".join(names))
        # Removed while it was open.
        with open(self.host + "/d5", "w"):
            pass
        with open(self.host + "/attributes.new", "w"):
            pass
        with open(self.tree + "/.lxss-storage.new", "w"):
            pass
        with open(self.log, "ab") as file:
            file.write(b"torn")
        self.assertFound("1 renames were cut short", "files are left that had lost their names", "an unfinished metadata store",
                         "an unfinished file of VolFs' own", "the last 4 bytes of the metadata store are no whole record")
        for name in ("new", "old"):
            with open(self.at(name)) as file:
                self.assertEqual(file.read(), name)
            os.unlink(self.at(name))
        self.assertEqual(os.listdir(self.host), ["attributes.log"])
        self.look()

    def test_names_of_host_programs(self):
        os.mkdir(self.at("Outside"))
        for name in ("Outside/Two", "Outside/c:d", "end."):
            with open(self.at(name), "w") as file:
                file.write(name)
        self.assertFound("/root/Outside: the name cannot be reached", "/root/Outside/Two: the name cannot", "/root/Outside/c:d: the",
                         "/root/end.: the name cannot")
        run = lxss("-d", "box", "-e", "/bin/bash", "-c", "cd /root; cat Outside/Two Outside/c:d end. && rm -r Outside end.")
        self.assertEqual((run.code, run.output), (0, b"Outside/TwoOutside/c:dend."), run.error)

    def test_attributes(self):
        """What is wrong with what is recorded is found by the rules of every host."""
        for name, value in (("short", b"x"), ("typeless", struct.pack("<HHIIIIIIIQQQ", 0, 1, 0o640, 3, 4, 0, 0, 0, 0, 0, 0, 0))):
            with open(self.at(name), "w"):
                pass
            with open(self.log, "ab") as file:
                file.write(record(os.stat(self.at(name)).st_ino, {b"user.lxattrb": value}))
        self.assertFound("/root/short: LXATTRB is malformed", "/root/typeless: LXATTRB names no type")
        run = lxss("-d", "box", "-e", "/bin/bash", "-c", "cd /root; stat -c '%F %a %u:%g' typeless; rm short typeless")
        self.assertEqual(run.output, b"regular empty file 640 3:4\n", run.error)

    def test_problems_that_stay(self):
        os.link(self.at("file"), WORK + "/outside")
        for options in ((), ("--repair",)):
            code, lines = self.check(*options)
            self.assertEqual(code, LEFT, lines)
            self.assertIn("the file has 3 names, of which 2 are in the tree", lines[0])
        os.unlink(WORK + "/outside")
        self.assertClean()

    def copy(self, name, after=lambda tree: None):
        """Of the instance, by a host program, and registered where it is."""
        lxss("--unregister", name)
        folder = os.path.join(WORK, name)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.folder, folder)
        after(folder + "/rootfs")
        run = lxss("--import-in-place", name, windows(folder))
        self.assertEqual(run.code, 0, run.error)
        self.addCleanup(lxss, "--unregister", name)

    def test_a_copy(self):
        def cut_short(tree):  # another adoption: the old store is kept already, the new one not in its place yet
            os.link(tree + "/lxss~host/attributes.log", tree + "/lxss~host/attributes.broken")
            with open(tree + "/lxss~host/attributes.new", "w") as file:
                file.write("unfinished")
        self.copy("copy", cut_short)
        run = lxss("-d", "copy", "-e", "true")
        self.assertEqual((run.code, b"--check NAME --repair" in run.error), (FAILED, True), run.error)
        # copytree() knows no hard links.
        self.assertFound("it is a copy of another's", code=NOT_MADE, name="copy")
        os.unlink(f"{WORK}/copy/rootfs/root/hard")
        lxss("--terminate", "copy")
        os.link(f"{WORK}/copy/rootfs/root/file", f"{WORK}/copy/rootfs/root/hard")
        self.look("copy")
        self.assertFalse(os.path.exists(f"{WORK}/copy/rootfs/.lxss-places"))
        lxss("--terminate", "copy")
        self.assertTrue(os.path.exists(f"{WORK}/copy/rootfs/.lxss-places"))
        self.look()

    def test_a_copy_of_a_running_tree(self):
        """Its files may have moved since: better no owners than wrong ones."""
        lxss("-d", "box", "-e", "true")
        self.assertFalse(os.path.exists(self.tree + "/.lxss-places"))
        self.copy("copy")
        lines = self.assertFound("it is a copy of another's", code=NOT_MADE, name="copy")
        self.assertTrue(any("the copy has no whole list of its files" in line for line in lines), lines)

    def test_a_list_of_another_store(self):
        """As a crash may leave it when a copy has been taken over: the numbers in it are others."""
        def change(tree):
            with open(tree + "/.lxss-places", "rb") as file:
                text = file.read()
            first, rest = text.split(b"\0", 1)
            with open(tree + "/.lxss-places", "wb") as file:
                file.write(first[:-1] + (b"0" if first[-1:] != b"0" else b"1") + b"\0" + rest)
        self.copy("copy", change)
        lines = self.assertFound("it is a copy of another's", code=NOT_MADE, name="copy")
        self.assertTrue(any("the copy has no whole list of its files" in line for line in lines), lines)

    def test_a_damaged_store(self):
        def overwrite(tree):
            with open(tree + "/lxss~host/attributes.log", "r+b") as file:
                file.write(b"something")
        for change, text in ((overwrite, "is damaged"), (lambda tree: os.unlink(tree + "/lxss~host/attributes.log"), "is missing")):
            self.copy("copy", change)
            run = lxss("-d", "copy", "-e", "true")
            self.assertEqual((run.code, text.encode() in run.error), (FAILED, True), run.error)
            self.assertFound(text, code=NOT_MADE, name="copy")
            with open(f"{WORK}/copy/rootfs/root/{escaped('Makefile')}") as file:
                self.assertEqual(file.read(), "Makefile")
            self.assertEqual(os.path.exists(f"{WORK}/copy/rootfs/lxss~host/attributes.broken"), change is overwrite)

    def test_a_tree_of_another_host(self):
        folder = WORK + "/foreign"
        os.makedirs(folder + "/rootfs/etc")
        self.addCleanup(lxss, "--unregister", "foreign")
        self.assertEqual(lxss("--import-in-place", "foreign", windows(folder)).code, 0)
        before = self.snapshot(folder + "/rootfs")
        run = lxss("-d", "foreign", "-e", "true")
        self.assertEqual((run.code, b"laid out by another host" in run.error), (FAILED, True), run.error)
        for options in ((), ("--repair",)):
            code, lines = self.check(*options, name="foreign")
            self.assertEqual((code, "laid out by another host" in lines[0]), (NOT_MADE, True), lines)
        self.assertEqual(self.snapshot(folder + "/rootfs"), before)

    def test_running_and_unknown_instances(self):
        sleeper = Run("-d", "box", "-e", "/bin/sh", "-c", "echo ready; sleep 100")
        sleeper.wait_for(b"ready")
        run = lxss("--check", "box")
        self.assertEqual((run.code, b"'box' is running; 'lxss --terminate box' ends it" in run.error), (NOT_MADE, True), run.error)
        lxss("--terminate", "box")
        sleeper.finish()
        self.assertClean()
        run = lxss("--check", "nothing")
        self.assertEqual((run.code, b"there is no instance named 'nothing'" in run.error), (NOT_MADE, True), run.error)

    def kernel_in(self, folder):
        """The process that has files in the folder open: lxkernel.exe, at work there."""
        for number in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                with open(f"/proc/{number}/cmdline", "rb") as file:
                    if b"--check" not in file.read():
                        continue
                for descriptor in os.listdir(f"/proc/{number}/fd"):
                    with contextlib.suppress(OSError):
                        if os.readlink(f"/proc/{number}/fd/{descriptor}").startswith(folder):
                            return int(number)
        return None

    def test_start_during_a_check(self):
        """The lock is the check's, even when lxss.exe is killed."""
        os.mkdir(self.at("many"))
        self.addCleanup(shutil.rmtree, self.at("many"))
        for number in range(4000):
            with open(self.at(f"many/{number}"), "w"):
                pass
        launcher = Run("--check", "box")
        kernel = None
        deadline = time.monotonic() + 30
        while kernel is None and time.monotonic() < deadline:
            kernel = self.kernel_in(self.at("many"))
        self.assertIsNotNone(kernel, "no lxkernel.exe --check was seen")
        os.kill(kernel, signal.SIGSTOP)
        launcher.process.kill()
        launcher.finish()
        run = lxss("-d", "box", "-e", "true")
        os.kill(kernel, signal.SIGCONT)
        self.assertEqual((run.code, b"its lock is held" in run.error), (FAILED, True), run.error)
        deadline = time.monotonic() + 30
        while (run := lxss("-d", "box", "-e", "true")).code != 0:
            self.assertLess(time.monotonic(), deadline, run.error)


unittest.main(verbosity=2)
