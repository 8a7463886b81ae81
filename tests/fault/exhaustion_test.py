"""Resources that run out: the program gets its error, and the instance goes on."""
import os
import resource
import subprocess
import unittest

import fault_support
import support

BOMB = "ulimit -u 60; bomb() { bomb | bomb & }; bomb; sleep 3"


class Exhaustion(fault_support.FaultTestCase):
    programs = ("exhaust",)

    def exhaust(self, *arguments, timeout=60):
        result = self.instance.run("-e", "/opt/fault/exhaust", *arguments, timeout=timeout)
        self.assertEqual((result.stdout.decode(), result.stderr.decode()), ("PASS\n", ""))
        self.assertAnswers()
        self.assertLogIsClean()
        self.assertOnlyInitIsLeft()

    def test_descriptors(self):
        before = self.instance.descriptors()
        self.exhaust("descriptors", "1000")
        self.assertTrue(support.wait_until(lambda: self.instance.descriptors() < before + 200), self.instance.descriptors())

    def test_memory(self):
        self.exhaust("memory")

    def test_processes(self):
        self.exhaust("processes")

    def test_threads(self):
        self.exhaust("threads")

    def test_stack(self):
        self.exhaust("stack")

    def test_fork_bomb(self):
        # The bomb goes on behind its shell.
        script = f"timeout -k 1 10 su -s /bin/bash nobody -c '{BOMB}' >/dev/null 2>&1 </dev/null; pgrep -c -u nobody"
        self.assertRegex(self.instance.guest(script, timeout=30).stdout, rb"^\d+\n$")
        self.assertAnswers()
        # All are stopped first, as otherwise the rest replaces those that go.
        script = "for i in {1..50}; do pkill -STOP -u nobody; pkill -KILL -u nobody; pgrep -u nobody || exit 0; done; exit 1"
        self.assertSuccess(self.instance.guest(script))
        self.assertOnlyInitIsLeft()
        self.assertLogIsClean()


class FewHostDescriptors(Exhaustion):
    """The same where the host gives the whole instance 200 descriptors only."""

    @classmethod
    def setUpClass(cls):
        # The programs are put in place first, and lxssd inherits the limit.
        cls.instance = fault_support.Instance()
        start, run = cls.instance.start, cls.instance.run
        limit = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))}
        cls.instance.start = lambda *words, **options: start(*words, **limit, **options)
        cls.instance.run = lambda *words, **options: run(*words, **limit, **options)
        cls.instance.make()
        cls.instance.install(*cls.programs)

    def test_descriptors(self):
        for _ in range(2):
            result = self.instance.run("-e", "/opt/fault/exhaust", "descriptors", timeout=60)
            self.assertEqual((result.stdout.decode(), result.stderr.decode()), ("PASS\n", ""))
            self.assertAnswers()
            self.assertOnlyInitIsLeft()

    def test_many_open_files(self):
        """More open files than the host has descriptors for: an error, and all is well once they are closed."""
        script = r"""
            mkdir -p /tmp/many; cd /tmp/many
            perl -e 'for (1..500) { open(my $f, ">", "f$_") or do { print "error: $!\n"; last }; print $f "x"; push @f, $f }
                     print "opened\n" if @f > 50'
            cat /etc/passwd >/dev/null && ls / | wc -l >/dev/null && rm -r /tmp/many && echo good
        """
        result = self.assertSuccess(self.instance.guest(script))
        self.assertRegex(result.stdout.decode(), r"^(error: Too many open files.*\n)?opened\ngood\n$")
        self.assertAnswers()


@unittest.skipUnless(os.geteuid() == 0, "mounting needs root")
class FullDisk(fault_support.FaultTestCase):
    programs = ("exhaust",)

    @classmethod
    def setUpClass(cls):
        cls.instance = fault_support.Instance()
        folder = os.path.join(cls.instance.folder, "instances")
        os.makedirs(folder)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300m,nr_inodes=40k", "lxss-test", folder],
                                 capture_output=True)
        if mounted.returncode != 0:
            cls.instance.close()
            raise unittest.SkipTest("mounting is not allowed here")
        try:
            cls.instance.make()
            cls.instance.install(*cls.programs)
        except BaseException:
            cls.tearDownClass()
            raise

    @classmethod
    def tearDownClass(cls):
        cls.instance.run("--shutdown")
        subprocess.run(["umount", os.path.join(cls.instance.folder, "instances")], check=False)
        cls.instance.close()

    def test_full_disk(self):
        result = self.instance.run("-e", "/opt/fault/exhaust", "disk", "/var/tmp", timeout=60)
        self.assertEqual((result.stdout.decode(), result.stderr.decode()), ("PASS\n", ""))
        self.assertAnswers()
        self.assertSuccess(self.instance.guest("cd /var/tmp && echo text >file && mv file other && [ $(<other) = text ] && rm other"))
        self.assertLogIsClean()

    def test_start_on_a_full_disk(self):
        self.assertSuccess(self.instance.guest("cat /dev/zero >/var/tmp/fill 2>/dev/null; [ -s /var/tmp/fill ]"))
        self.assertSuccess(self.instance.run("--terminate", "test"))
        self.assertAnswers(20)
        self.assertSuccess(self.instance.guest("rm /var/tmp/fill; echo text >/var/tmp/file && cat /var/tmp/file"))
