"""RENAME_WHITEOUT on VolFs: whatever interrupts it, the file has one of its two names and a whiteout the other."""
import contextlib
import os
import signal
import stat
import subprocess
import time

import fault_support
import support
import volfs_support
import wsl_layout as wsl

# The file goes to and fro between two names; the other one is a whiteout.
PREPARE = "cd /root/broken; echo data >a; mknod b c 0 0; mkdir other; mknod other/b c 0 0"
WORK = """chdir "/root/broken"; $| = 1; print "ready\n";
          my ($there, $from) = ($ARGV[0], -f "a" ? "a" : $ARGV[0]);
          for (;;) {
              my $to = $from eq "a" ? $there : "a";
              syscall(316, -100, $from, -100, $to, 4) == 0 or die "renameat2: $!";
              $from = $to;
          }"""
LOOK = "cd /root/broken; stat -c %F:%t:%T a $1 | sort; cat $(find a $1 -type f); ls . other | grep -c '^[ab]$'"
SEEN = "character special file:0:0\nregular file:0:0\ndata\n3\n"


class Whiteouts(volfs_support.TreeTestCase):
    def leave(self, number, place):
        """What a rename leaves in the staging folder when it is interrupted."""
        staging = self.at("/.lxss-staging/")
        os.makedirs(staging, exist_ok=True)
        wsl.give(staging + number, stat.S_IFCHR | 0o644, uid=7)
        with open(staging + number + ".place", "w") as file:
            file.write(place)

    def leave_all(self):
        os.setxattr(self.place, wsl.SPECIALS, b"1")
        with open(self.place + "unmoved", "w") as file:
            file.write("data")
        self.leave("1f", "root/broken/unmoved")     # the rename had not happened
        self.leave("2f", "root/broken/moved")       # it had
        self.leave("3f", "root/broken/gone/moved")  # its folder has gone since
        self.leave("4f", "")                        # the note was not written yet
        self.leave("5f", "etc/moved-in-etc")
        self.addCleanup(os.unlink, self.at("/etc/moved-in-etc"))

        for number, place in (("6f", "../outside"), ("7f", "root/../../outside"), ("8f", os.path.dirname(self.tree) + "/outside")):
            self.leave(number, place)               # not of ours: a tree may come from anywhere

    def expect_settled(self):
        self.assertFalse(os.path.lexists(os.path.dirname(self.tree) + "/outside"))
        self.assertEqual(os.listdir(self.at("/.lxss-staging")), [])
        self.assertEqual(self.guest("cd /root/broken; stat -c %n:%F:%t:%T:%u * /etc/moved-in-etc; cat unmoved"),
                         "moved:character special file:0:0:7\nunmoved:regular file:0:0:0\n"
                         "/etc/moved-in-etc:character special file:0:0:7\ndata")

    def test_start(self):
        os.setxattr(self.at("/etc"), wsl.SPECIALS, b"1")
        self.leave_all()
        self.guest("true")
        self.expect_settled()

    def test_check(self):
        os.setxattr(self.at("/etc"), wsl.SPECIALS, b"1")
        self.leave_all()
        code, lines = self.check()
        self.assertEqual(code, 4, lines)
        self.assertIn("interrupted renames have not left their whiteouts", lines[0])
        code, lines = self.check("--repair")
        self.assertEqual(code, 1, lines)
        self.assertClean()
        self.expect_settled()

    def test_ends_of_everything(self):
        kills = fault_support.seeded("whiteouts")
        self.guest(PREPARE)
        for turn in range(12):
            there = ("b", "other/b")[turn % 2]
            job = self.home.start("-e", "perl", "-e", WORK, there, stderr=subprocess.DEVNULL)
            self.assertEqual(job.stdout.readline(), b"ready\n")
            time.sleep(kills.uniform(0.02, 0.3))
            kernel = fault_support.Instance.kernel_pid(self.home)
            victims = [kernel, *fault_support.children(kernel)]
            for number in (signal.SIGSTOP, signal.SIGKILL):  # in one blow
                for pid in victims:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, number)
            job.communicate(timeout=20)
            self.assertTrue(support.wait_until(lambda: not any(map(support.process_is_alive, victims))))
            self.expect_one_file(there)
        self.stop()
        self.assertClean()

    def test_ends_of_the_program(self):
        """The kernel goes on: who looks next settles what the killed process has left."""
        kills = fault_support.seeded("whiteouts, one process")
        self.guest(PREPARE)
        for turn in range(25):
            there = ("b", "other/b")[turn % 2]
            job = self.home.start("-e", "perl", "-e", WORK, there, stderr=subprocess.DEVNULL)
            self.assertEqual(job.stdout.readline(), b"ready\n")
            kernel = fault_support.Instance.kernel_pid(self.home)
            perl = max(fault_support.children(kernel))
            time.sleep(kills.uniform(0.005, 0.1))
            os.kill(perl, signal.SIGKILL)
            job.communicate(timeout=20)
            self.expect_one_file(there)

    def expect_one_file(self, there):
        # Between the rounds the file is where the next may begin: at "a", or at the name of this round.
        self.assertEqual(self.guest(LOOK, there), SEEN)
        self.guest(f"""cd /root/broken; [ -f a ] || perl -e 'my ($from, $to) = ("{there}", "a"); syscall(316, -100, $from, -100, $to, 4) == 0 or die "renameat2: $!"'""")
