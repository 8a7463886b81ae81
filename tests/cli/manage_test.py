"""Instances that change their name or their place."""
import json
import os
import shutil
import signal
import subprocess
import tempfile

import support


class Manage(support.TestCase):
    def setUp(self):
        super().setUp()
        self.assertSuccess(self.home.import_instance("one"))
        self.assertSuccess(self.home.run("-e", "bash", "-c", "echo kept >/root/kept; chmod 4711 /root/kept"))

    def stop(self):
        self.assertSuccess(self.home.run("--terminate", "one"))

    def registry(self):
        with open(os.path.join(self.home.path, "registry.json")) as file:
            return {item["name"]: item for item in json.load(file)["instances"]}

    def assertWhole(self, name="one"):
        result = self.assertSuccess(self.home.run("-d", name, "-e", "bash", "-c", "cat /root/kept; "
                                                  "[ -u /root/kept ] && echo set-id"))
        self.assertEqual(result.stdout, b"kept\nset-id\n")

    def test_rename(self):
        result = self.home.run("--manage", "one", "--rename", "two")
        self.assertEqual(result.returncode, support.FAILED)
        self.assertIn(b"is running", result.stderr)
        self.stop()
        self.assertSuccess(self.home.import_instance("other"))
        self.assertIn(b"already", self.home.run("--manage", "one", "--rename", "OTHER").stderr)
        self.assertSuccess(self.home.run("--manage", "one", "--rename", "two"))
        self.assertEqual(self.home.run("-l", "-q").stdout, b"two\nother\n")
        self.assertWhole("two")
        self.assertSuccess(self.home.run("--terminate", "two"))
        self.assertSuccess(self.home.run("--manage", "two", "--rename", "TWO"))
        self.assertEqual(self.home.run("-e", "sh", "-c", "echo $WSL_DISTRO_NAME").stdout, b"TWO\n")

    def test_move(self):
        self.stop()
        old, new = self.home.instance_folder("one"), os.path.join(self.home.folder, "far", "away")
        self.assertSuccess(self.home.run("--manage", "one", "--move", new))
        self.assertFalse(os.path.exists(old))
        self.assertEqual(self.registry()["one"]["folder"], new)
        self.assertWhole()
        self.stop()
        os.mkdir(old)
        with open(os.path.join(old, "precious"), "w"):
            pass
        self.assertIn(b"not empty", self.home.run("--manage", "one", "--move", old).stderr)
        self.assertIn(b"overlaps", self.home.run("--manage", "one", "--move", new + "/inside").stderr)
        self.assertWhole()

    def other_file_system(self):
        folder = tempfile.mkdtemp(prefix="lxss-test-", dir="/dev/shm")
        self.addCleanup(shutil.rmtree, folder, True)
        if os.stat(folder).st_dev == os.stat(self.home.folder).st_dev:
            self.skipTest("/dev/shm is no file system of its own")
        return folder

    def test_move_to_another_file_system(self):
        self.stop()
        old, new = self.home.instance_folder("one"), os.path.join(self.other_file_system(), "one")
        self.assertSuccess(self.home.run("--manage", "one", "--move", new))
        self.assertTrue(support.wait_until(lambda: not os.path.exists(old)))
        self.assertTrue(support.wait_until(lambda: "leftover" not in self.registry()["one"]))
        self.assertWhole()

    def test_progress_of_a_move(self):
        """On a terminal only; and it leaves the line empty."""
        self.stop()
        self.assertSuccess(self.home.run("-e", "bash", "-c", "mkdir /srv; for i in {1..3000}; do : >/srv/$i; done"))
        self.stop()
        terminal = support.Terminal(self.home.command("--manage", "one", "--move", os.path.join(self.other_file_system(), "one")),
                                    self.home.environment)
        self.addCleanup(terminal.close)
        self.assertEqual(terminal.wait(60), 0)
        self.assertRegex(terminal.output, rb"\rMoving: +\d+%, \d+ files")
        self.assertTrue(terminal.output.endswith(b"\r\x1b[K"), terminal.output[-100:])
        self.stop()
        result = self.home.run("--manage", "one", "--move", self.home.instance_folder("back"))
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, b"", b""))

    def test_manager_killed_in_a_move(self):
        other = self.other_file_system()
        for round_number in range(6):
            self.stop()
            pid = [pid for pid in self.home.manager_pids() if support.process_is_alive(pid)][0]
            target = os.path.join(other, f"round-{round_number}")
            source = self.registry()["one"]["folder"]
            process = self.home.start("--manage", "one", "--move", target)
            support.wait_until(lambda: os.path.exists(os.path.join(target, "rootfs")) or process.poll() is not None)
            if round_number % 2:
                support.wait_until(lambda: process.poll() is not None, round_number * 0.05)
            os.kill(pid, signal.SIGKILL)
            process.communicate(timeout=30)
            # Whole in one of the two places, and nothing in the other.
            self.assertTrue(support.wait_until(lambda: b"Converting" not in self.home.run("-l", "-v").stdout))
            self.assertWhole()
            place = self.registry()["one"]["folder"]
            self.assertIn(place, (source, target))
            gone = source if place == target else target
            self.assertTrue(support.wait_until(lambda: not os.path.exists(gone)), gone)

    def test_a_manager_whose_program_is_gone(self):
        """It does what needs a program of its own no more, and says why."""
        programs = os.path.join(self.home.folder, "programs", "bin")
        os.makedirs(programs)
        for name in ("lxss", "lxssd"):
            shutil.copy(os.path.join(support.build, "bin", name), programs)
        self.home.run("--shutdown")
        environment = dict(self.home.environment, LXSS_IDLE="60", LXSS_GUEST_DIR=os.path.join(support.build, "libexec/guest"))
        def run(*words):
            return subprocess.run([os.path.join(programs, "lxss"), *words], env=environment, capture_output=True, timeout=60,
                                  stdin=subprocess.DEVNULL)
        self.assertEqual(run("--list", "--quiet").stdout, b"one\n")
        os.unlink(os.path.join(programs, "lxssd"))
        result = run("--manage", "one", "--move", os.path.join(self.home.folder, "elsewhere"))
        self.assertEqual(result.returncode, support.FAILED)
        self.assertIn(b"cannot run " + programs.encode(), result.stderr)
        self.assertIn(b"lxss --shutdown", result.stderr)
        run("--shutdown")
        self.assertWhole()

    def test_import_in_place(self):
        self.stop()
        folder = self.home.instance_folder("one")
        self.assertIn(b"overlaps", self.home.run("--import-in-place", "two", folder).stderr)
        self.home.run("--shutdown")
        registry = os.path.join(self.home.path, "registry.json")
        os.unlink(registry)
        os.chmod(folder, 0o755)
        self.assertSuccess(self.home.run("--import-in-place", "two", folder))
        self.assertEqual(os.stat(folder).st_mode & 0o777, 0o700)
        self.assertWhole("two")
        empty = os.path.join(self.home.folder, "empty")
        os.mkdir(empty)
        self.assertIn(b"holds no instance", self.home.run("--import-in-place", "three", empty).stderr)
        os.mkdir(os.path.join(empty, "rootfs"))
        os.mkdir(os.path.join(empty, "precious"))
        self.assertIn(b"holds more than an instance", self.home.run("--import-in-place", "three", empty).stderr)

    def test_status_and_version(self):
        status = self.assertSuccess(self.home.run("--status")).stdout.decode()
        self.assertIn("Default Instance: one\n", status)
        self.assertIn("Default Version: 1\n", status)
        self.assertRegex(self.home.run("-v").stdout, rb"^lxss \d")

    def test_system_info(self):
        result = self.assertSuccess(self.home.run("-d", "one", "--system-info"))
        self.assertIn(b"Instance: one\n", result.stdout)
        self.assertIn(b"Kernel: Linux ", result.stdout)

    def test_debug_shell_heeds_no_setting(self):
        self.stop()
        with open(os.path.join(self.home.instance_folder("one"), "rootfs", "etc", "wsl.conf"), "w") as file:
            file.write("[user]\ndefault = nobody-here\n")
        self.assertEqual(self.home.run("-e", "true").returncode, support.FAILED)
        result = self.home.run("--debug-shell", input=b"id -u; echo $HOME\n")
        self.assertEqual(result.stdout, b"0\n/root\n")
