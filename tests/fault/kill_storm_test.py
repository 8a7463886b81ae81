"""Pico processes killed from outside, at any instruction: what they held is released, and the rest goes on."""
import os
import re
import signal
import subprocess
import threading
import time

import fault_support
from fault_support import wait_until

# Descriptors the instance may hold more than before: caches of inodes keep some.
DESCRIPTORS_LEFT = 200

# Work in the manner of a parallel build: processes, pipes, temporary files, renames, a lock.
BUILD = r"""
work=/var/tmp/build-$1 jobs=$2
rm -rf "$work"; mkdir -p "$work/src" "$work/obj" || exit 3
cd "$work"
for i in $(seq "$jobs"); do echo "source $i" >"src/$i.c"; done
compile() {
    set -e -o pipefail
    t=$(mktemp obj/tmp.XXXXXX)
    cat "src/$1.c" | sed s/source/object/ | tr a-z A-Z | sort >"$t"
    perl -e 'my $n = 0; for my $i (1..20000) { $n += $i * $i } print "$n\n"' >>"$t"
    mv "$t" "obj/$1.o"
    (flock 9; echo "$1" >>log) 9>lock
    ln -s "$1.o" "obj/$1.link"; cp "obj/$1.o" "obj/$1.copy"; cmp "obj/$1.o" "obj/$1.copy"; rm "obj/$1.copy"
}
export -f compile
seq "$jobs" | xargs -P4 -n1 timeout -s KILL 20 bash -c 'compile "$0"'
grep -h -c 2666866670000 obj/*.o | sort | uniq -c | tr -s ' '
sort -n log | md5sum
ls obj | wc -l
"""


class KillStorm(fault_support.FaultTestCase):
    programs = ("sleepers",)

    def build(self, name, jobs=24, **options):
        return self.instance.guest(BUILD, name, str(jobs), **options)

    def check_after(self, descriptors):
        self.assertAnswers()
        self.assertOnlyInitIsLeft(30)
        self.assertLogIsClean()
        # Files that exist may be kept open.
        self.assertSuccess(self.instance.guest("rm -rf /var/tmp/build-*"))
        self.assertTrue(wait_until(lambda: self.instance.descriptors() <= descriptors + DESCRIPTORS_LEFT),
                        f"{self.instance.descriptors()} descriptors, {descriptors} before")

    def test_builds(self):
        numbers = fault_support.seeded("builds")
        whole = self.assertSuccess(self.build("whole"))
        descriptors = self.instance.descriptors()
        kills = 0
        deadline = time.monotonic() + 60
        while kills < 60 and time.monotonic() < deadline:
            build = self.instance.start_guest(BUILD, "storm", "40", stdout=subprocess.DEVNULL,
                                              stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
            start = time.monotonic()
            while build.poll() is None and time.monotonic() < start + 25:
                time.sleep(numbers.uniform(0.01, 0.12))
                # init's is the first one; the second is the session's, whose death would end the round early.
                victims = self.instance.pico_processes()[1:]
                if len(victims) > 3 and numbers.random() < 0.95:
                    victims = victims[2:]
                if not victims:
                    continue
                try:
                    os.kill(numbers.choice(victims), signal.SIGKILL)
                    kills += 1
                except ProcessLookupError:
                    pass
                if kills >= 60 and numbers.random() < 0.2:
                    break
            if build.poll() is None:
                # What a killed one left behind may wait for ever, as natively: end the rest in the same way.
                for pid in self.instance.pico_processes()[1:]:
                    try:
                        os.kill(pid, signal.SIGKILL)
                        kills += 1
                    except ProcessLookupError:
                        pass
                self.assertIsNotNone(build.wait(10))
        self.assertGreaterEqual(kills, 60)
        for _ in range(20):
            if len(self.instance.pico_processes()) == 1:
                break
            for pid in self.instance.pico_processes()[1:]:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.2)
        self.check_after(descriptors)
        again = self.assertSuccess(self.build("again"))
        self.assertEqual(again.stdout, whole.stdout)
        self.check_after(descriptors)

    def test_sleepers(self):
        numbers = fault_support.seeded("sleepers")
        self.assertSuccess(self.instance.guest("true"))
        descriptors = self.instance.descriptors()
        for round_number in range(3):
            with self.subTest(round=round_number):
                sleepers = self.instance.start("-e", "/opt/fault/sleepers", "outside")
                ready = sleepers.stdout.readline().decode()
                self.assertRegex(ready, r"^ready ")
                # All but init's and the program's own, which is older than those that it forked.
                victims = self.instance.pico_processes()[2:]
                self.assertGreater(len(victims), 20)
                numbers.shuffle(victims)
                for pid in victims:
                    try:
                        os.kill(pid, signal.SIGKILL)
                    except ProcessLookupError:
                        pass
                output, error = sleepers.communicate(timeout=50)
                self.assertEqual((output.decode(), error), ("PASS\n", b""))
        self.check_after(descriptors)

    def test_forks_while_others_die(self):
        """Each death makes everybody look again: a signal to every thread, also to those that are just being born."""
        numbers = fault_support.seeded("forks")
        descriptors = self.instance.descriptors()
        forks = self.instance.start_guest("""
            for i in 1 2 3 4; do (while :; do ( : ); ( : ); done) & done
            while :; do for i in 1 2 3 4 5 6 7 8; do sleep 3 & done; sleep 0.05; done""",
                                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        kills = 0
        deadline = time.monotonic() + 12
        while time.monotonic() < deadline:
            # Not init's, the session's, the loops'.
            victims = self.instance.pico_processes()[8:]
            for pid in numbers.sample(victims, min(3, len(victims))):
                try:
                    os.kill(pid, signal.SIGKILL)
                    kills += 1
                except ProcessLookupError:
                    pass
        self.assertGreater(kills, 20)
        self.assertIsNone(forks.poll())
        forks.kill()
        forks.wait(10)
        self.check_after(descriptors)

    def test_sleepers_killed_inside(self):
        script = '''
            exec 3< <(/opt/fault/sleepers); read -r ready <&3
            for word in $ready; do [[ $word == *=* ]] && kill -9 "${word#*=}"; done
            cat <&3'''
        for _ in range(2):
            result = self.instance.guest(script)
            self.assertEqual((result.stdout.decode(), result.stderr.decode()), ("PASS\n", ""))
        self.assertOnlyInitIsLeft()

    def test_all_at_once(self):
        """Everything but init's dies in one moment, several times."""
        descriptors = self.instance.descriptors()
        for i in range(4):
            builds = [self.instance.start_guest(BUILD, f"all-{k}", "300", stdout=subprocess.DEVNULL,
                                                stderr=subprocess.DEVNULL) for k in range(2)]
            time.sleep(0.8 + i / 5)
            deadline = time.monotonic() + 15
            while any(build.poll() is None for build in builds) and time.monotonic() < deadline:
                for pid in self.instance.pico_processes()[1:]:
                    try:
                        os.kill(pid, signal.SIGKILL)
                    except ProcessLookupError:
                        pass
                time.sleep(0.05)
            for build in builds:
                build.communicate(timeout=5)
                self.assertEqual(build.returncode, 128 + 9)
            self.assertAnswers()
        self.check_after(descriptors)


class InitDeath(fault_support.FaultTestCase):
    def test_init_killed(self):
        """Init's end is the instance's; the next command starts it anew."""
        job = self.instance.start_guest("echo ready; sleep 60")
        self.assertEqual(job.stdout.readline(), b"ready\n")
        kernel = self.instance.kernel_pid()
        os.kill(self.instance.pico_processes()[0], signal.SIGKILL)
        job.communicate(timeout=10)
        self.assertNotEqual(job.returncode, 0)
        self.assertTrue(wait_until(lambda: not fault_support.process_is_alive(kernel), 10))
        self.assertAnswers(15)
