"""The life of managers and instances, and deaths in between. Needs the test double."""
import os
import signal
import stat
import subprocess
import time

import support


class Lifetime(support.TestCase):
    def setUp(self):
        super().setUp()
        self.assertSuccess(self.home.import_instance("test"))

    def kernel_pids(self):
        with open(os.path.join(self.home.instance_folder("test"), "lxss.log")) as log:
            return [int(line.split()[1].rstrip(":")) for line in log if line.startswith("fake_lxkernel ") and "[" in line]

    def start_sleep(self):
        process = self.home.start("-e", "sh", "-c", "echo ready; exec sleep 60")
        self.assertEqual(process.stdout.readline(), b"ready\n")
        return process

    def state(self):
        for line in self.home.run("-l", "-v").stdout.decode().splitlines():
            words = line.lstrip("*").split()
            if words[0] == "test":
                return words[1]
        return None

    def test_manager_ends_when_idle_and_comes_back(self):
        self.assertTrue(self.home.manager_runs())
        self.assertTrue(support.wait_until(lambda: not self.home.manager_runs()))
        self.assertFalse(os.path.exists(os.path.join(self.home.path, "run", "lxssd.sock")))
        self.assertSuccess(self.home.run("-e", "true"))

    def test_instance_ends_after_its_grace_time(self):
        self.assertSuccess(self.home.run("-e", "true"))
        self.assertEqual(self.state(), "Running")
        pid = self.kernel_pids()[-1]
        self.assertTrue(support.wait_until(lambda: not support.process_is_alive(pid)))
        # The manager may see the end of its kernel later than we do.
        self.assertTrue(support.wait_until(lambda: self.state() == "Stopped"), self.state())

    def test_instance_stays_while_a_client_is_there(self):
        process = self.home.start("-e", "sleep", "1.5")
        time.sleep(1.2)
        self.assertEqual(self.state(), "Running")
        self.assertEqual(process.wait(10), 0)
        process.communicate()

    def test_one_manager_for_many_starters(self):
        self.home.run("--shutdown")
        before = len(self.home.manager_pids())
        processes = [self.home.start("-e", "true") for _ in range(16)]
        for process in processes:
            _, error = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 0, error)
        self.assertEqual(len(self.home.manager_pids()), before + 1)

    def test_requests_meet_a_manager_that_is_ending(self):
        self.home.environment["LXSS_IDLE"] = "0"
        self.home.environment["LXSS_GRACE"] = "0"
        self.home.run("--shutdown")
        for _ in range(100):
            self.assertSuccess(self.home.run("--list", "--quiet"))
        for _ in range(10):
            self.assertSuccess(self.home.run("-e", "true"))

    def test_start_while_stopping(self):
        for _ in range(5):
            self.assertSuccess(self.home.run("-e", "true"))
            process = subprocess.Popen(self.home.command("--terminate", "test"), env=self.home.environment)
            # It may run before, after, or be among what is terminated.
            self.assertIn(self.home.run("-e", "true").returncode, (0, 1, 128 + 15, 128 + 9))
            self.assertEqual(process.wait(20), 0)

    def test_an_export_is_over_when_it_answers(self):
        self.home.run("--terminate", "test")
        for number in range(8):
            archive = os.path.join(self.home.folder, f"copy-{number}.tar")
            self.assertSuccess(self.home.run("--export", "test", archive))
            self.assertNotEqual(self.state(), "Exporting")
            self.assertSuccess(self.home.run("--manage", "test", "--rename", "test"))

    def test_an_end_in_order(self):
        """SIGTERM comes first, with time to act on it; --force gives none."""
        marker = os.path.join(self.home.instance_folder("test"), "rootfs", "tmp", "ended")
        for words, expected in ((("--terminate", "test"), True), (("--shutdown",), True), (("--shutdown", "--force"), False)):
            process = self.home.start("-e", "bash", "-c", "trap 'sleep 0.3; echo >/tmp/ended; exit' TERM; echo ready; "
                                      "while :; do sleep 0.02; done")
            self.assertEqual(process.stdout.readline(), b"ready\n")
            self.assertSuccess(self.home.run(*words))
            process.communicate(timeout=20)
            self.assertEqual(os.path.exists(marker), expected, words)
            if expected:
                os.unlink(marker)

    def test_fifty_clients_at_once(self):
        processes = [self.home.start("-e", "sh", "-c", f"cat; exit {i}") for i in range(50)]
        for i, process in enumerate(processes):
            output, error = process.communicate(b"%d" % i, timeout=120)
            self.assertEqual((output, process.returncode), (b"%d" % i, i), error)

    def test_clients_that_die_at_any_moment(self):
        self.assertSuccess(self.home.run("-e", "true"))
        manager = self.home.manager_pids()[-1]
        before = len(os.listdir(f"/proc/{manager}/fd"))
        for i in range(60):
            process = self.home.start("-e", "sh", "-c", "cat; sleep 60")
            time.sleep(0.001 * (i % 20))
            process.kill()
            process.communicate()
        self.assertEqual(self.home.run("-e", "echo", "x").stdout, b"x\n")
        self.assertEqual(self.home.manager_pids()[-1], manager)
        # No session holds the instance, and no descriptor is left.
        self.assertTrue(support.wait_until(lambda: self.state() in ("Stopped", None), 20))
        self.assertTrue(support.wait_until(lambda: not support.process_is_alive(manager) or
                                           len(os.listdir(f"/proc/{manager}/fd")) <= before))

    def test_a_manager_waits_for_the_kernel_of_one_that_was_killed(self):
        """That kernel ends its instance in order, which takes it a while."""
        process = self.home.start("-e", "bash", "-c", "trap 'sleep 1; exit' TERM; echo ready; while :; do sleep 0.02; done")
        self.assertEqual(process.stdout.readline(), b"ready\n")
        os.kill(self.home.manager_pids()[-1], signal.SIGKILL)
        self.assertSuccess(self.home.run("-e", "true"))
        process.communicate(timeout=10)

    def test_terminate(self):
        process = self.start_sleep()
        self.assertSuccess(self.home.run("--terminate", "test"))
        self.assertNotEqual(process.wait(10), 0)
        process.communicate()
        self.assertEqual(self.state(), "Stopped")
        self.assertSuccess(self.home.run("--terminate", "test"))

    def test_shutdown(self):
        process = self.start_sleep()
        self.assertSuccess(self.home.run("--shutdown"))
        self.assertTrue(support.wait_until(lambda: not self.home.manager_runs()))
        self.assertNotEqual(process.wait(10), 0)
        process.communicate()
        started = len(self.home.manager_pids())
        self.assertSuccess(self.home.run("--shutdown"))  # starts none
        self.assertEqual(len(self.home.manager_pids()), started)

    def test_sigterm_ends_the_manager_in_order(self):
        process = self.start_sleep()
        os.kill(self.home.manager_pids()[-1], signal.SIGTERM)
        self.assertNotEqual(process.wait(10), 0)
        process.communicate()
        self.assertTrue(support.wait_until(lambda: not self.home.manager_runs()))
        self.assertFalse(support.process_is_alive(self.kernel_pids()[-1]))

    def test_kernel_death_is_reported(self):
        process = self.start_sleep()
        os.kill(self.kernel_pids()[-1], signal.SIGKILL)
        _, error = process.communicate(timeout=10)
        self.assertEqual(process.returncode, support.FAILED)
        self.assertIn(b"killed by signal 9", error)
        self.assertIn(b"lxss.log", error)
        self.assertSuccess(self.home.run("-e", "true"))

    def test_manager_death_is_reported(self):
        process = self.start_sleep()
        kernel = self.kernel_pids()[-1]
        os.kill(self.home.manager_pids()[-1], signal.SIGKILL)
        _, error = process.communicate(timeout=10)
        self.assertEqual(process.returncode, support.FAILED)
        self.assertIn(b"ended unexpectedly", error)
        self.assertTrue(support.wait_until(lambda: not support.process_is_alive(kernel)))
        self.assertSuccess(self.home.run("-e", "true"))

    def test_client_death_hangs_the_session_up(self):
        marker = os.path.join(self.home.instance_folder("test"), "rootfs", "tmp", "hung-up")
        process = self.home.start("-e", "bash", "-c", "trap 'echo >/tmp/hung-up; exit' HUP; echo ready; "
                                  "while :; do sleep 0.02; done")
        self.assertEqual(process.stdout.readline(), b"ready\n")
        process.kill()
        process.communicate()
        self.assertTrue(support.wait_until(lambda: os.path.exists(marker)))

    def test_kernel_that_does_not_start(self):
        for behaviour, text in (("die", b"could not start"), ("silent", None)):
            self.home.run("--shutdown")
            self.home.environment["FAKE_LXKERNEL"] = behaviour
            if text:
                result = self.home.run("-e", "true")
                self.assertEqual(result.returncode, support.FAILED)
                self.assertIn(text, result.stderr)
                self.assertIn(b"told to die", result.stderr)
            else:
                process = self.home.start("-e", "true")
                self.assertTrue(support.wait_until(lambda: self.state() == "Running"))
                self.assertSuccess(self.home.run("--terminate", "test"))
                self.assertEqual(process.wait(10), support.FAILED)
                process.communicate()
        self.home.run("--shutdown")
        self.home.environment["LXSS_KERNEL"] = "/no/such/kernel"
        self.assertIn(b"/no/such/kernel", self.home.run("-e", "true").stderr)

    def test_requests_wait_for_a_slow_kernel(self):
        self.home.run("--shutdown")
        self.home.environment["FAKE_LXKERNEL"] = "slow"
        processes = [self.home.start("-e", "echo", str(i)) for i in range(3)]
        for i, process in enumerate(processes):
            self.assertEqual(process.communicate(timeout=20)[0], b"%d\n" % i)

    def test_the_lock_keeps_a_second_kernel_out(self):
        with open(os.path.join(self.home.instance_folder("test"), "lock"), "w") as lock:
            import fcntl
            fcntl.flock(lock, fcntl.LOCK_EX)
            result = self.home.run("-e", "true")
            self.assertEqual(result.returncode, support.FAILED)
            self.assertIn(b"another lxss uses", result.stderr)
            self.assertEqual(self.home.run("--unregister", "test").returncode, support.FAILED)
        self.assertSuccess(self.home.run("--unregister", "test"))
        self.assertFalse(os.path.exists(self.home.instance_folder("test")))

    def test_damaged_registry(self):
        self.home.run("--shutdown")
        registry = os.path.join(self.home.path, "registry.json")
        with open(registry, "w") as file:
            file.write("{ damaged")
        result = self.home.run("--list")
        self.assertEqual(result.returncode, support.FAILED)
        self.assertIn(b"registry.json is damaged", result.stderr)
        self.assertIn(b"--import-in-place", result.stderr)
        with open(registry) as file:
            self.assertEqual(file.read(), "{ damaged")

    def test_missing_folder(self):
        """As of a file system that is not mounted: what is said helps, and nothing is lost."""
        self.home.run("--shutdown")
        folder = self.home.instance_folder("test")
        for missing in (folder, os.path.join(folder, "rootfs")):
            os.rename(missing, missing + ".away")
            target = os.path.join(self.home.folder, "target")
            for words in (("-e", "true"), ("--export", "test", target), ("--manage", "test", "--move", target)):
                result = self.home.run(*words)
                self.assertEqual(result.returncode, support.FAILED)
                for text in (f"not in {folder}", "--unregister test", "--import-in-place"):
                    self.assertIn(text, result.stderr.decode(), words)
            self.assertFalse(os.path.exists(target))
            os.rename(missing + ".away", missing)
            self.assertSuccess(self.home.run("-e", "true"))
            self.assertSuccess(self.home.run("--terminate", "test"))
        os.rename(folder, folder + ".away")
        self.assertSuccess(self.home.run("--unregister", "test"))
        self.assertEqual(self.state(), None)
        self.assertSuccess(self.home.run("--import-in-place", "test", folder + ".away"))
        self.assertSuccess(self.home.run("-e", "true"))

    def test_runtime_folder_is_private(self):
        run = os.path.join(self.home.path, "run")
        self.assertEqual(stat.S_IMODE(os.stat(run).st_mode), 0o700)
        self.assertEqual(stat.S_IMODE(os.stat(self.home.instance_folder("test")).st_mode), 0o700)
        self.home.run("--shutdown")
        os.chmod(run, 0o755)
        result = self.home.run("--list")
        self.assertEqual(result.returncode, support.FAILED)
        self.assertIn(b"open to other users", result.stderr)
        os.chmod(run, 0o700)
        os.rename(run, run + "-real")
        os.symlink(run + "-real", run)
        self.assertEqual(self.home.run("--list").returncode, support.FAILED)
        os.unlink(run)

    def test_long_home(self):
        home = support.Home()
        self.addCleanup(home.close)
        home.environment["LXSS_HOME"] = os.path.join(home.folder, "x" * 120)
        self.assertSuccess(home.run("--list", "--quiet"))
        self.assertSuccess(home.run("--shutdown"))

    def test_manager_that_is_missing(self):
        import shutil
        copy = os.path.join(self.home.folder, "bin")
        os.mkdir(copy)
        shutil.copy(self.home.command()[0], copy)
        self.home.run("--shutdown")
        result = subprocess.run([copy + "/lxss", "--list"], env=self.home.environment, capture_output=True, timeout=20)
        self.assertEqual(result.returncode, support.FAILED)
        self.assertIn(b"lxssd", result.stderr)
