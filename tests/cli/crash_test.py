"""lxssd killed at any moment of an import, an export, a removal and a move: each instance is whole or gone, and nothing is left."""
import json
import os
import random
import shutil
import signal
import tempfile
import time

import support


class Crash(support.TestCase):
    def setUp(self):
        super().setUp()
        self.random = random.Random(5)

    def kill_manager_within(self, seconds):
        time.sleep(self.random.random() * seconds)
        for pid in self.home.manager_pids():
            if support.process_is_alive(pid):
                os.kill(pid, signal.SIGKILL)

    def states(self):
        """Names and states, once nothing is under way any more."""
        def settled():
            listing = self.home.run("--list", "--verbose").stdout
            return not any(word in listing for word in (b"Installing", b"Uninstalling", b"Converting", b"Exporting"))
        self.assertTrue(support.wait_until(settled, 30))
        return self.home.run("--list", "--all", "--quiet").stdout.decode().split()

    def registry_folder(self, name):
        with open(os.path.join(self.home.path, "registry.json")) as file:
            return next(item["folder"] for item in json.load(file)["instances"] if item["name"] == name)

    def folders(self):
        folder = os.path.join(self.home.folder, "instances")
        return sorted(os.listdir(folder)) if os.path.exists(folder) else []

    def assertWhole(self, name):
        result = self.home.run("-d", name, "-e", "bash", "-c", "cat /etc/hostname; sha256sum /usr/bin/* >/dev/null && echo read")
        self.assertEqual((result.returncode, result.stdout), (0, b"test\nread\n"), result.stderr)

    def test_import(self):
        kept = 0
        for number in range(12):
            name = f"one-{number}"
            process = self.home.start("--import", name, self.home.instance_folder(name), support.root_archive)
            self.kill_manager_within(0.5)
            process.communicate(timeout=60)
            names = self.states()
            self.assertTrue(support.wait_until(lambda: self.folders() == sorted(names), 20), (self.folders(), names))
            if name in names:
                kept += 1
                self.assertWhole(name)
                self.assertEqual(self.home.run("--unregister", name).returncode, 0)
            else:
                self.assertNotEqual(process.returncode, 0)
        print(f"{kept} of 12 were there")

    def test_unregister(self):
        for number in range(8):
            name = f"one-{number}"
            self.assertSuccess(self.home.import_instance(name))
            process = self.home.start("--unregister", name)
            self.kill_manager_within(0.08)
            process.communicate(timeout=60)
            names = self.states()
            self.assertTrue(support.wait_until(lambda: self.folders() == sorted(names), 20), (self.folders(), names))
            if name in names:
                self.assertWhole(name)
                self.assertSuccess(self.home.run("--unregister", name))

    def test_export(self):
        self.assertSuccess(self.home.import_instance("one"))
        for number in range(8):
            archive = os.path.join(self.home.folder, f"copy-{number}.tar")
            process = self.home.start("--export", "one", archive)
            self.kill_manager_within(0.5)
            process.communicate(timeout=60)
            # The archive is whole, or not there under its name.
            self.assertEqual(os.path.exists(archive), process.returncode == 0)
            self.assertFalse(os.path.exists(archive + ".partial"))
            self.assertEqual(self.states(), ["one"])
            self.assertWhole("one")

    def test_move(self):
        """To and fro, within a file system and, where there is another one, between two."""
        self.assertSuccess(self.home.import_instance("one"))
        other = tempfile.mkdtemp(prefix="lxss-test-", dir="/dev/shm")
        self.addCleanup(shutil.rmtree, other, True)
        for number in range(10):
            self.assertSuccess(self.home.run("--terminate", "one"))
            source = self.registry_folder("one")
            target = os.path.join(other if number % 3 else self.home.folder, f"place-{number}")
            process = self.home.start("--manage", "one", "--move", target)
            self.kill_manager_within(0.15)
            process.communicate(timeout=60)
            self.assertEqual(self.states(), ["one"])
            self.assertWhole("one")
            place = self.registry_folder("one")
            self.assertIn(place, (source, target))
            gone = source if place == target else target
            self.assertTrue(support.wait_until(lambda: not os.path.exists(gone), 30), gone)

    def test_the_registry_is_always_readable(self):
        """What a reader finds at any time, also in the midst of changes, is one whole state."""
        self.assertSuccess(self.home.import_instance("one"))
        path = os.path.join(self.home.path, "registry.json")
        process = self.home.start("--import", "two", self.home.instance_folder("two"), support.root_archive)
        while process.poll() is None:
            with open(path) as file:
                json.load(file)
        process.communicate()
        self.assertFalse(os.path.exists(path + ".new"))
