"""The deaths of lxssd and lxkernel: nothing of them stays behind, and the next command works."""
import json
import os
import signal
import time

import fault_support
from fault_support import process_is_alive, wait_until

LOAD = "echo ready; while :; do echo x | cat >/dev/null; done"


class ManagerDeath(fault_support.FaultTestCase):
    def start_jobs(self):
        jobs = [self.instance.start_guest(LOAD) for _ in range(2)]
        jobs.append(self.instance.start_guest("setsid sleep 1000 >/dev/null 2>&1 </dev/null & echo ready; sleep 1000"))
        for job in jobs:
            self.assertEqual(job.stdout.readline(), b"ready\n")
        return jobs

    def assertAllEnded(self, processes, seconds=8):
        self.assertTrue(wait_until(lambda: not any(map(process_is_alive, processes)), seconds),
                        [pid for pid in processes if process_is_alive(pid)])

    def test_manager_killed(self):
        for round_number in range(3):
            with self.subTest(round=round_number):
                jobs = self.start_jobs()
                self.assertSuccess(self.instance.guest(f"echo {round_number} >/root/kept; sync"))
                manager = [pid for pid in self.instance.manager_pids() if process_is_alive(pid)]
                self.assertEqual(len(manager), 1)
                processes = [self.instance.kernel_pid(), *self.instance.pico_processes()]
                os.kill(manager[0], signal.SIGKILL)
                for job in jobs:
                    error = job.communicate(timeout=10)[1]
                    self.assertEqual(job.returncode, 255)
                    self.assertIn(b"lxss:", error)
                # The next command may come before the old instance has ended.
                self.assertAnswers(20)
                self.assertAllEnded(processes)
                self.assertEqual(self.instance.guest("cat /root/kept").stdout, b"%d\n" % round_number)
        with open(os.path.join(self.instance.path, "registry.json")) as file:
            json.load(file)
        self.assertIn(b"test", self.instance.run("--list", "--quiet").stdout)

    def test_kernel_killed(self):
        for round_number in range(3):
            with self.subTest(round=round_number):
                jobs = self.start_jobs()
                self.assertSuccess(self.instance.guest(f"echo {round_number} >/root/kept"))
                kernel = self.instance.kernel_pid()
                processes = self.instance.pico_processes()
                os.kill(kernel, signal.SIGKILL)
                for job in jobs:
                    error = job.communicate(timeout=10)[1]
                    self.assertEqual(job.returncode, 255)
                    self.assertIn(b"killed by signal 9", error)
                    self.assertIn(b"lxss.log", error)
                self.assertAnswers(20)
                self.assertAllEnded(processes)
                self.assertEqual(self.instance.guest("cat /root/kept").stdout, b"%d\n" % round_number)

    def test_both_killed(self):
        jobs = self.start_jobs()
        manager = [pid for pid in self.instance.manager_pids() if process_is_alive(pid)]
        kernel = self.instance.kernel_pid()
        processes = [kernel, *self.instance.pico_processes()]
        os.kill(kernel, signal.SIGSTOP)
        os.kill(manager[0], signal.SIGKILL)
        os.kill(kernel, signal.SIGKILL)
        for job in jobs:
            job.communicate(timeout=10)
            self.assertEqual(job.returncode, 255)
        self.assertAnswers(20)
        self.assertAllEnded(processes)

    def test_manager_killed_while_an_instance_starts(self):
        for delay in (0, 0.01, 0.03, 0.1, 0.2):
            self.instance.run("--terminate", "test")
            job = self.instance.start_guest("echo done")
            time.sleep(delay)
            for pid in self.instance.manager_pids():
                if process_is_alive(pid):
                    os.kill(pid, signal.SIGKILL)
            job.communicate(timeout=20)
            self.assertAnswers(20)
