"""All host processes of an instance killed at random points of work on many files: nothing but unfinished files is left.

LXSS_CRASH_ROUNDS: how often (default 12); LXSS_FAULT_SEED: which points.
"""
import os
import random
import re
import signal
import time
import unittest

import fault_support
from fault_support import children, process_is_alive, wait_until

ROUNDS = int(os.environ.get("LXSS_CRASH_ROUNDS", "12"))

# What may be left: files in staging, which were never visible, and host bits behind LXATTRB, which is believed.
HARMLESS = re.compile(r"(/\.lxss-staging/\w+: a file that was never finished"
                      r"|/.*: the host's permissions are not those of the Linux mode)( \(repaired\))?$")

PREPARE = r"""
set -e
mkdir -p /crash/user && cd /crash
mkdir tree && cp -r /usr/share/perl5 tree/ && mkfifo tree/fifo && ln -s target tree/link
chmod 6755 tree/perl5; chmod 1777 tree
tar -cf tree.tar tree && rm -r tree; chown 1234:1235 user
mkdir -p package/DEBIAN package/opt/crash; cp -r /usr/share/perl5/Debconf package/opt/crash/
printf 'Package: crash\nVersion: 1\nArchitecture: all\nMaintainer: T <t@example.org>\nDescription: test\n' > package/DEBIAN/control
dpkg-deb -b package crash.deb > /dev/null && rm -r package
"""

WORK = {
    # As a user, whose files have their owner from the first moment on.
    "tar": "cd /crash/user; exec setpriv --reuid 1234 --regid 1235 --clear-groups sh -c "
           "'while :; do rm -rf tree; tar -xpf ../tree.tar; mv tree other; rm -rf other; done'",
    "dpkg": "cd /crash; while :; do dpkg -i crash.deb; dpkg -P crash; done",
    "links": "cd /crash; mkdir -p l; cd l; i=0; while :; do i=$((i+1)); echo $i > a$i; chown 1234:1235 a$i; ln a$i b$i; mv b$i c; "
             "ln -s a$i s; chown -h 1234 s; chmod 4711 a$i; mv s t; rm a$i; done",
}


class Crash(unittest.TestCase):
    def kill_all(self, instance):
        kernel = instance.kernel_pid()
        victims = [kernel, *children(kernel)]
        for pid in victims:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.assertTrue(wait_until(lambda: not any(process_is_alive(pid) for pid in victims)))

    def check(self, instance, *words):
        result = instance.run("--check", "test", *words, timeout=120)
        lines = result.stdout.decode().splitlines()
        self.assertTrue(lines and re.match(r"\d+ files, \d+ problems", lines[-1]), result)
        for line in lines[:-1]:
            self.assertRegex(line, HARMLESS)
        return result.returncode, len(lines) - 1

    def test_kill_at_random_points(self):
        seed = os.environ.get("LXSS_FAULT_SEED", str(random.randrange(1 << 30)))
        print(f"seed {seed}", flush=True)
        dice = random.Random(seed)
        instance = fault_support.Instance()
        self.addCleanup(instance.close)
        instance.make()
        result = instance.guest(PREPARE)
        self.assertEqual(result.returncode, 0, result.stderr)
        left = 0
        for number in range(ROUNDS):
            name = dice.choice(sorted(WORK))
            with self.subTest(round=number, work=name):
                with instance.start_guest(WORK[name]) as process:
                    time.sleep(0.1 + dice.random() * 1.2)
                    self.kill_all(instance)
                    process.kill()
                    process.communicate()
                code, problems = self.check(instance)
                self.assertEqual(code, 1 if problems else 0)
                left += problems
                if dice.random() < 0.5:
                    self.assertEqual(self.check(instance, "--repair")[0], 0)
                    self.assertEqual(self.check(instance), (0, 0))
                # What is there is whole: owners came with the names.
                seen = instance.guest("find /crash/user ! -user 1234 -o ! -group 1235; find /crash -name fifo ! -type p;"
                                      "find /crash -maxdepth 2 -name s ! -type l -o -name t ! -type l", timeout=60)
                self.assertEqual((seen.returncode, seen.stdout.decode()), (0, ""), seen.stderr)
                if name == "dpkg":
                    result = instance.guest("dpkg --configure -a && { dpkg -i /crash/crash.deb; dpkg -P crash; } && dpkg --audit", timeout=120)
                    self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        print(f"{ROUNDS} kills left {left} unfinished files", flush=True)


if __name__ == "__main__":
    unittest.main()
