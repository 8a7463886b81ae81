"""Trees whose attributes are kept beside the files, in a log: what Linux sees, what a kill, damage or a copy leave."""
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import fault_support
import support
import volfs_support

LOOK = """cd /root/broken; stat -c '%n %F %a %u:%g %t:%T %h' fifo null link file hard dir dir/inner; readlink link
          find . -type p -o -type l -o -type c | sort
          perl -e '
              my ($file, $name, $buffer) = ("file", "user.colour", " " x 100); my $length = syscall(191, $file, $name, $buffer, 100);
              print substr($buffer, 0, $length), "\\n"'"""
MAKE = """cd /root/broken; umask 022; mkfifo -m 640 fifo; mknod null c 1 3; ln -s target link; chown -h 7:8 link
          echo text >file; chown 9:10 file; chmod 4751 file; ln file hard; mkdir dir; chown 5:6 dir; chmod 2770 dir; : >dir/inner
          perl -e 'my ($file, $name, $value) = ("file", "user.colour", "blue");
                   syscall(188, $file, $name, $value, 4, 0) == 0 or die "setxattr: $!"'"""
SEEN = """fifo fifo 640 0:0 0:0 1
null character special file 644 0:0 1:3 1
link symbolic link 777 7:8 0:0 1
file regular file 4751 9:10 0:0 2
hard regular file 4751 9:10 0:0 2
dir directory 2770 5:6 0:0 2
dir/inner regular empty file 644 0:6 0:0 1
target
./fifo
./link
./null
blue
"""

# Files of a user, made, changed and removed without end.
WORK = """cd /root/broken; i=0; echo ready; while :; do
              i=$((i + 1)); echo whole >new$i; chown 1000:1000 new$i; mv new$i kept$((i % 20)); rm -f kept$(((i + 7) % 20))
          done"""


class SideStore(volfs_support.TreeTestCase):
    """On any host: the record of an ordinary tree is changed before anything is in it."""

    def setUp(self):
        super().setUp()
        path = self.at(".lxss-storage")
        with open(path) as file:
            text = file.read()
        with open(path, "w") as file:
            file.write(text.replace("metadata attributes", "metadata side-store"))
        self.log = self.at(".lxss-attributes")

    def test_everything_is_kept(self):
        self.guest(MAKE)
        self.assertEqual(self.guest(LOOK), SEEN)
        self.stop()
        self.assertClean()
        self.assertEqual(self.guest(LOOK), SEEN)
        # The host's files know nothing of it.
        for folder, folders, files in os.walk(self.place):
            for name in folders + files:
                self.assertEqual(os.listxattr(os.path.join(folder, name), follow_symlinks=False), [])

    def test_guests_do_not_see_it(self):
        self.assertEqual(self.guest("ls -A / | grep lxss; cat /.lxss-attributes 2>&1; true"),
                         "cat: /.lxss-attributes: No such file or directory\n")

    def test_a_number_that_comes_again(self):
        """A new file has nothing of the one that had its number before."""
        self.guest("""cd /root/broken; for round in 1 2 3; do
                for i in $(seq 100); do : >f$i; chown 3:4 f$i; chmod 7000 f$i; done; rm f*
                for i in $(seq 100); do : >g$i; mkdir d$i; done
                [ "$(stat -c %a:%u:%g g* | sort -u)" = 644:0:0 ] && [ "$(stat -c %a:%u:%g d* | sort -u)" = 755:0:0 ] || exit 1
                rm -r g* d*
            done""")

    def test_change_times(self):
        """ctime moves although no file of the host does."""
        script = """cd /root/broken; : >f
            for change in 'chown 1 f' 'chmod 4700 f' 'perl -e "@a = qw(f user.a b); exit syscall 188, @a, 1, 0"'; do
                before=$(stat -c %.Z f); sleep 0.05; eval "$change" || exit 1; [ "$(stat -c %.Z f)" != "$before" ] || echo "$change"
            done"""
        self.assertEqual(self.guest(script), "")

    def test_kills(self):
        kills = fault_support.seeded("side store")
        for _ in range(8):
            job = self.home.start("-e", "/bin/sh", "-c", WORK, stderr=subprocess.DEVNULL)
            self.assertEqual(job.stdout.readline(), b"ready\n")
            time.sleep(kills.uniform(0.05, 0.6))
            kernel = fault_support.Instance.kernel_pid(self.home)
            victims = [kernel, *fault_support.children(kernel)]
            for number in (signal.SIGSTOP, signal.SIGKILL):  # in one blow
                for pid in victims:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, number)
            job.communicate(timeout=20)
            self.assertTrue(support.wait_until(lambda: not any(map(support.process_is_alive, victims))))
            self.guest("""cd /root/broken; for f in kept*; do
                [ ! -e $f ] || [ "$(stat -c %u:%g:%s $f)" = 1000:1000:6 ] || { stat $f; exit 1; }; done""")
        self.stop()
        self.assertClean()

    def test_a_torn_end(self):
        self.guest(MAKE)
        self.stop()
        with open(self.log, "ab") as file:
            file.write(b"\x55" * 100)
        self.assertClean()
        self.assertEqual(self.guest(LOOK), SEEN)

    def expect_refusal(self, text):
        result = self.home.run("-e", "true")
        self.assertNotEqual(result.returncode, 0)
        self.assertIn(text, result.stderr.decode())
        code, lines = self.check()
        self.assertEqual(code, 8, lines)
        self.assertIn(text, lines[0])

    def test_damage(self):
        self.guest(MAKE)
        self.stop()
        with open(self.log, "r+b") as file:
            file.write(b"nothing of ours")
        self.expect_refusal("side store, .lxss-attributes, is damaged")
        self.assertEqual(self.check("--repair")[0], 1)
        # The files are there, but root's; what was known of them is not thrown away.
        self.assertEqual(self.guest("cd /root/broken; stat -c '%a %u:%g' file; cat file"), "751 0:0\ntext\n")
        self.assertTrue(os.path.exists(self.at(".lxss-attributes.broken")))
        self.stop()
        os.unlink(self.at(".lxss-attributes.broken"))

    def copy_tree(self):
        """Puts a copy by the host's tools in the tree's place: all files have other numbers."""
        original = self.tree + ".original"
        os.rename(self.tree, original)
        subprocess.run(["cp", "-a", original, self.tree], check=True)
        shutil.rmtree(original)
        self.expect_refusal("it is a copy of another's")

    def test_a_copy(self):
        self.guest(MAKE)
        # What counts is where files are in the end.
        self.guest("cd /root/broken; mkdir deep; mv file hard dir deep; mv deep away; mv away/* .; rmdir away; mkfifo gone")
        self.stop()
        self.copy_tree()
        os.unlink(self.place + "gone")
        code, lines = self.check("--repair")
        self.assertEqual(code, 1, lines)
        self.assertTrue(any("files of the copy have their owners and modes again, 1 of its list are not there" in line
                            for line in lines), lines)
        self.assertClean()
        self.assertEqual(self.guest(LOOK), SEEN)
        self.stop()
        # The copy is a tree like any other: it can be copied again.
        self.copy_tree()
        self.assertEqual(self.check("--repair")[0], 1)
        self.assertEqual(self.guest("stat -c %u:%g:%a /root/broken/file"), "9:10:4751\n")

    def test_a_copy_of_a_running_tree(self):
        """Its files may have moved since: better no owners than wrong ones."""
        self.guest(MAKE)
        self.assertFalse(os.path.exists(self.at(".lxss-places")))
        kernel = fault_support.Instance.kernel_pid(self.home)
        victims = [kernel, *fault_support.children(kernel)]
        for pid in victims:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.assertTrue(support.wait_until(lambda: not any(map(support.process_is_alive, victims))))
        self.copy_tree()
        code, lines = self.check("--repair")
        self.assertEqual(code, 1, lines)
        self.assertTrue(any("the copy has no whole list of its files" in line for line in lines), lines)
        self.assertEqual(self.guest("cd /root/broken; stat -c '%a %u:%g' file; cat file"), "751 0:0\ntext\n")

    def test_a_damaged_list(self):
        self.guest(MAKE)
        self.stop()
        path = self.at(".lxss-places")
        os.truncate(path, os.path.getsize(path) - 1)
        self.copy_tree()
        code, lines = self.check("--repair")
        self.assertTrue(any("the copy has no whole list of its files" in line for line in lines), lines)
        self.assertEqual(self.guest("stat -c %u:%g /root/broken/file"), "0:0\n")

    @unittest.skipUnless(os.path.isdir("/dev/shm") and os.stat("/dev/shm").st_dev != os.stat(tempfile.gettempdir()).st_dev,
                         "needs a second file system")
    def test_move_to_another_file_system(self):
        self.guest(MAKE)
        self.stop()
        target, source = f"/dev/shm/lxss-test-{os.getpid()}", os.path.dirname(self.tree)
        os.unlink(self.at(".lxss-places"))  # as after a crash
        self.assertSuccess(self.home.run("--manage", "test", "--move", target))
        self.assertEqual(self.guest(LOOK), SEEN)
        self.stop()
        self.assertClean()
        self.assertTrue(support.wait_until(lambda: not os.path.exists(source), 120))
        self.assertSuccess(self.home.run("--manage", "test", "--move", source))
        self.assertTrue(support.wait_until(lambda: not os.path.exists(target), 120))
        # What cannot be carried over stays where it is.
        with open(self.log, "r+b") as file:
            before = file.read(8)
            file.seek(0)
            file.write(b"nonsense")
        result = self.home.run("--manage", "test", "--move", target)
        self.assertIn(b"could not be carried over: use --export and --import", result.stderr)
        self.assertFalse(os.path.exists(target))
        with open(self.log, "r+b") as file:
            file.write(before)
        self.assertEqual(self.guest(LOOK), SEEN)

    def test_many_changes_are_written_anew(self):
        self.guest("cd /root/broken; : >f; perl -e 'chown $_ % 1000 + 1, 1, \"f\" for 1..30000'")
        self.stop()
        before = os.path.getsize(self.log)
        self.assertGreater(before, 2 << 20)
        self.assertEqual(self.guest("cd /root/broken; stat -c %u:%g f"), "1:1\n")
        self.assertLess(os.path.getsize(self.log), before / 4)
        self.stop()
        self.assertEqual(self.guest("cd /root/broken; stat -c %u:%g f"), "1:1\n")


@unittest.skipUnless(os.geteuid() == 0, "mounts a file system without extended attributes")
class ImportWithoutAttributes(support.InstanceTestCase):
    """A host file system that can hold no attributes: the import chooses the side store, and says so in the record."""

    def test_import(self):
        folder = tempfile.mkdtemp(prefix="lxss-ramfs-")
        self.addCleanup(os.rmdir, folder)
        subprocess.run(["mount", "-t", "ramfs", "ramfs", folder], check=True)
        self.addCleanup(subprocess.run, ["umount", folder], check=True)
        self.assertSuccess(self.home.run("--import", "bare", f"{folder}/instance", support.root_archive, timeout=200))
        self.addCleanup(self.home.run, "--unregister", "bare")
        with open(f"{folder}/instance/rootfs/.lxss-storage") as file:
            self.assertIn("metadata side-store\n", file.read())
        run = lambda script: self.assertSuccess(self.home.run("-d", "bare", "-e", "sh", "-c", script)).stdout.decode()
        self.assertEqual(run("stat -c %a:%U:%G /usr/bin/passwd /usr/bin/chage /var/mail; mkdir /root/broken"),
                         "4755:root:root\n2755:root:shadow\n2775:root:mail\n")
        run(MAKE)
        self.assertSuccess(self.home.run("--terminate", "bare"))
        self.assertEqual(run(LOOK), SEEN)
        self.assertSuccess(self.home.run("--terminate", "bare"))
        self.assertSuccess(self.home.run("--check", "bare"))
