"""The death of lxss while its command runs: as the closing of a terminal."""
import os
import signal
import time

import fault_support
import support
from fault_support import wait_until

# A foreground job, one that ignores SIGHUP and one in a session of its own; each says how it ends. "job ready" comes when the
# two in the background have got as far as to be what they are.
JOBS = r"""
rm -rf /tmp/ends /tmp/lives; mkdir /tmp/ends /tmp/lives
nohup bash -c 'while sleep 0.2; do touch /tmp/lives/nohup; done' >/dev/null 2>&1 &
setsid bash -c 'while sleep 0.2; do touch /tmp/lives/setsid; done' >/dev/null 2>&1 </dev/null &
until [ -e /tmp/lives/nohup ] && [ -e /tmp/lives/setsid ]; do sleep 0.1; done
bash -c 'trap "touch /tmp/ends/hup; exit" HUP; echo job ready; while sleep 0.2; do touch /tmp/lives/job; done'
"""


class LauncherDeath(fault_support.FaultTestCase):
    variables = {"LXSS_GRACE": "600"}

    def living(self):
        """Which of the jobs touch their files now."""
        return self.instance.guest("rm -f /tmp/lives/*; sleep 1.5; ls /tmp/lives").stdout.decode().split()

    def end_all(self):
        self.instance.guest("kill -9 -1")
        self.assertOnlyInitIsLeft()

    def test_with_a_terminal(self):
        terminal = support.Terminal(self.instance.command("-e", "/bin/bash", "-c", JOBS), self.instance.environment)
        try:
            terminal.expect(b"job ready", 20)
            os.kill(terminal.pid, signal.SIGKILL)
            self.assertTrue(wait_until(lambda: b"hup" in self.instance.guest("ls /tmp/ends").stdout, 10))
            self.assertEqual(sorted(self.living()), ["nohup", "setsid"])
        finally:
            terminal.close()
        self.assertAnswers()
        self.end_all()

    def test_with_pipes(self):
        job = self.instance.start_guest(JOBS)
        self.assertEqual(job.stdout.readline(), b"job ready\n")
        job.kill()
        job.communicate()
        self.assertTrue(wait_until(lambda: "job" not in self.living(), 10), self.instance.guest_processes())
        self.assertEqual(sorted(self.living()), ["nohup", "setsid"])
        self.assertAnswers()
        self.end_all()

    def test_writers_of_a_dead_launcher(self):
        """A program whose output nobody takes gets SIGPIPE or SIGHUP; it does not run for ever."""
        job = self.instance.start("-e", "/usr/bin/yes")
        time.sleep(0.5)
        job.kill()
        job.stdout.close()
        job.communicate()
        self.assertOnlyInitIsLeft()

    def test_many_launchers_die(self):
        jobs = [self.instance.start_guest("while :; do /bin/true | cat; done") for _ in range(8)]
        time.sleep(1.5)
        for job in jobs:
            job.kill()
        for job in jobs:
            job.communicate(timeout=10)
        self.assertOnlyInitIsLeft(20)
        self.assertAnswers()


class LauncherDeathAndGrace(fault_support.FaultTestCase):
    variables = {"LXSS_GRACE": "1"}

    def test_what_stays_ends_with_the_instance(self):
        job = self.instance.start_guest(JOBS)
        self.assertEqual(job.stdout.readline(), b"job ready\n")
        kernel = self.instance.kernel_pid()
        processes = self.instance.pico_processes()
        job.kill()
        job.communicate()
        self.assertTrue(wait_until(lambda: not fault_support.process_is_alive(kernel), 15))
        self.assertTrue(wait_until(lambda: not any(map(fault_support.process_is_alive, processes)), 5))
