"""lxss.exe --manage NAME --move: within a volume and between two. Run by tests/nt/own-manager.

File systems of the machine are volumes: Windows would have a drive letter for each.
"""
import json
import os
import shutil
import signal
import tempfile
import time
import unittest

import console_test
from instance_tree import TreeTestCase
from own_manager import FAILED, LXSS, WINE, WORK, Run, lxss, windows


def wait_until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


class Move(TreeTestCase):
    def setUp(self):
        super().setUp()
        self.other = tempfile.mkdtemp(prefix="lxss-test-", dir="/dev/shm")
        self.addCleanup(shutil.rmtree, self.other, True)
        if os.stat(self.other).st_dev == os.stat(WORK).st_dev:
            self.skipTest("/dev/shm is no file system of its own")
        self.addCleanup(self.back)

    def registry(self):
        with open(WORK + "/home/registry.json", encoding="utf-8") as file:
            return json.load(file)

    def entry(self):
        text = json.dumps(self.registry())
        return next(item for item in json.loads(text)["instances"] if item["name"] == "box")

    def place(self):
        return self.entry()["folder"].removeprefix("Z:").replace("\\", "/")

    def move(self, target):
        lxss("--terminate", "box")
        return lxss("--manage", "box", "--move", windows(target))

    def back(self):
        wait_until(lambda: b"Converting" not in lxss("-l", "-v").output)
        if self.place() != self.folder:
            run = self.move(self.folder)
            self.assertEqual(run.code, 0, run.error)
            self.assertTrue(wait_until(lambda: "leftover" not in self.entry()))

    def assertMoved(self, source, target):
        self.assertEqual(self.place(), target)
        self.assertTrue(wait_until(lambda: not os.path.exists(source)), source)
        self.look()
        lxss("--terminate", "box")
        self.assertClean()

    def test_within_a_volume(self):
        target = WORK + "/far/away"
        run = self.move(target)
        self.assertEqual(run.code, 0, run.error)
        self.assertMoved(self.folder, target)

    def test_between_volumes(self):
        with open(self.at("sparse"), "wb") as file:
            file.seek(8 << 20)
            file.write(b"end")
        target = self.other + "/box"
        run = self.move(target)
        self.assertEqual((run.code, run.output), (0, b""), run.error)
        with open(target + "/rootfs/root/sparse", "rb") as file:
            status = os.fstat(file.fileno())
            self.assertEqual((status.st_size, file.read()), ((8 << 20) + 3, bytes(8 << 20) + b"end"))
            self.assertLess(status.st_blocks * 512, 1 << 20)
        os.unlink(target + "/rootfs/root/sparse")
        self.assertMoved(self.folder, target)

    def test_progress(self):
        """On a console only."""
        lxss("--terminate", "box")
        os.mkdir(self.at("many"))
        for number in range(2000):
            with open(self.at(f"many/{number}"), "w"):
                pass
        target = self.other + "/box"
        console = console_test.Console([WINE, LXSS, "--manage", "box", "--move", windows(target)])
        console.read_until(r"Moving: +\d+%, +\d+ +files")
        self.assertEqual(console.exit_code(), 0)
        shutil.rmtree(target + "/rootfs/root/many")
        self.assertMoved(self.folder, target)

    def test_after_a_crash(self):
        """No list of places was written; the move makes one."""
        sleeper = Run("-d", "box", "-e", "/bin/sh", "-c", "chmod 700 /root/makefile; chmod 644 /root/makefile; echo ready; sleep 100")
        sleeper.wait_for(b"ready")
        for number in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{number}/cmdline", "rb") as file:
                    words = file.read().replace(b"\\", b"/")
                if b"lxkernel" in words and (WORK + "/box/rootfs").encode() in words:
                    os.kill(int(number), signal.SIGKILL)
            except OSError:
                pass
        sleeper.finish()
        self.assertFalse(os.path.exists(self.tree + "/.lxss-places"))
        target = self.other + "/box"
        run = self.move(target)
        self.assertEqual(run.code, 0, run.error)
        self.assertMoved(self.folder, target)

    def test_a_tree_that_cannot_be_carried_over(self):
        """Its metadata store is damaged: it stays where it is, as it is."""
        lxss("--terminate", "box")
        log = self.tree + "/lxss~host/attributes.log"
        with open(log, "r+b") as file:
            before = file.read(8)
            file.seek(0)
            file.write(b"nonsense")
        target = self.other + "/box"
        run = self.move(target)
        self.assertEqual((run.code, b"could not be carried over: use --export and --import" in run.error), (FAILED, True), run.error)
        self.assertFalse(os.path.exists(target))
        with open(log, "r+b") as file:
            file.write(before)
        self.look()

    def test_manager_killed_in_a_move(self):
        for number in range(4):
            source, target = self.place(), f"{self.other}/round-{number}"
            lxss("--terminate", "box")
            process = Run("--manage", "box", "--move", windows(target))
            wait_until(lambda: os.path.exists(target + "/rootfs") or process.process.poll() is not None)
            time.sleep(number * 0.15)
            self.kill_manager()
            process.finish()
            # Whole in one of the two places, and nothing in the other.
            self.assertTrue(wait_until(lambda: b"Converting" not in lxss("-l", "-v").output))
            place = self.place()
            self.assertIn(place, (source, target))
            gone = source if place == target else target
            self.assertTrue(wait_until(lambda: not os.path.exists(gone)), gone)
            self.look()

    def kill_manager(self):
        """Wine's lxssd.exe of this test, by the environment that it was started with."""
        for number in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{number}/cmdline", "rb") as file:
                    words = file.read()
                with open(f"/proc/{number}/environ", "rb") as file:
                    variables = file.read().split(b"\0")
            except OSError:
                continue
            if b"lxssd.exe" in words and f"LXSS_HOME={os.environ['LXSS_HOME']}".encode() in variables:
                os.kill(int(number), signal.SIGKILL)


unittest.main(verbosity=2)
