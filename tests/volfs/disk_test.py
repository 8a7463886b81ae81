"""Disks that are full, folders that cannot be written, names of every kind."""
import os
import subprocess
import tempfile
import unittest

import support
import volfs_support


def mount(*words):
    return subprocess.run(["mount", *words], capture_output=True).returncode == 0


@unittest.skipUnless(os.geteuid() == 0, "only root may mount")
class SmallDisk(volfs_support.TreeTestCase):
    """The instance's folder is a file system of its own."""

    @classmethod
    def setUpClass(cls):
        cls.disk = tempfile.mkdtemp(prefix="lxss-disk-")
        cls.addClassCleanup(os.rmdir, cls.disk)
        if not mount("-t", "tmpfs", "-o", "size=400m,nr_inodes=20k", "lxss-test", cls.disk):
            raise unittest.SkipTest("nothing can be mounted here")
        cls.addClassCleanup(subprocess.run, ["umount", "-l", cls.disk])
        probe = os.path.join(cls.disk, "probe")
        with open(probe, "w"):
            pass
        try:
            os.setxattr(probe, "user.probe", b"1")
        except OSError as error:
            raise unittest.SkipTest("the host's tmpfs has no extended attributes") from error
        os.unlink(probe)
        folder = os.path.join(cls.disk, "instance")
        old = support.Home.instance_folder
        support.Home.instance_folder = lambda self, name: folder
        try:
            super().setUpClass()
        finally:
            support.Home.instance_folder = old
        cls.tree = os.path.join(folder, "rootfs")

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()

    FILL = "cat /dev/zero >/root/broken/fill 2>/dev/null; [ -s /root/broken/fill ] && sync"

    def test_full(self):
        # Each call that needs room says ENOSPC, and none of them leaves half of what it was to make.
        self.assertEqual(self.guest(r"""cd /root/broken; seq 1000 >kept; %s
            export LC_ALL=C; exec 2>&1
            echo more >>fill && echo wrong; dd if=/dev/zero of=kept2 bs=64k count=1 status=none && echo wrong
            perl -e 'open F, "+<", "kept"; $! = 0; syscall(285, fileno F, 0, 0, 1 << 24) == -1 and print "fallocate: $!\n"'
            mv kept renamed; chmod 640 renamed; chown 3:4 renamed; ln renamed other; rm other
            seq 1000 | cmp - renamed && echo same; stat -c '%%a %%u:%%g' renamed
            rm -f fill kept2; echo again >new; cat new""" % self.FILL).replace("sh: 21: ", ""), """\
sh: 3: echo: echo: I/O error
dd: error writing 'kept2': No space left on device
fallocate: No space left on device
same
640 3:4
again
""")
        self.stop()
        self.assertClean()

    def test_full_at_every_file(self):
        """No inode is left. (The host's tmpfs counts names, so that a link needs one too.)"""
        result = self.guest(r"""cd /root/broken; mkdir user; chown 1000:1000 user
            perl -e '$i = 0; $i++ while open F, ">", "full$i"; print "$!\n"; print mkdir("d") ? "wrong" : "$!", "\n";
                print symlink("a", "l") ? "wrong" : "$!", "\n"; print link("full0", "hard") ? "wrong" : "$!", "\n";
                rename("full0", "moved") or print "$!\n"; $) = "1000 1000"; $> = 1000; chdir "user";
                print mkdir("d") ? "wrong" : "$!", "\n"; print open(F, ">", "f") ? "wrong" : "$!", "\n";
                print symlink("a", "l") ? "wrong" : "$!", "\n"; $> = 0; opendir D, "."; print join(" ", sort readdir D), "\n"; '
            rm -f full*; touch works; ls""")
        full = "No space left on device\n"
        self.assertEqual(result, full * 7 + ". ..\nmoved\nuser\nworks\n")
        self.stop()
        self.assertClean()

    def test_start(self):
        self.guest(self.FILL)
        self.stop()
        self.assertEqual(self.guest("echo works"), "works\n")
        self.stop()
        self.assertClean()

    def test_read_only(self):
        self.guest("echo text >/root/broken/file")
        self.stop()
        self.assertTrue(mount("-o", "remount,ro", self.disk))
        try:
            result = self.home.run("-e", "cat", "/root/broken/file")
            self.assertNotEqual(result.returncode, 0)
            self.assertIn(b"Read-only file system", result.stderr)
            # A look is possible, a repair is not.
            self.assertClean()
        finally:
            self.assertTrue(mount("-o", "remount,rw", self.disk))
        self.assertEqual(self.guest("cat /root/broken/file"), "text\n")

    def test_read_only_tree(self):
        """The tree alone: the folder around it can be written."""
        self.stop()
        self.assertTrue(mount("--bind", self.tree, self.tree))
        try:
            self.assertTrue(mount("-o", "remount,bind,ro", self.tree))
            result = self.home.run("-e", "true")
            self.assertNotEqual(result.returncode, 0)
            self.assertIn(b"cannot write into the instance's rootfs: Read-only file system", result.stderr)
        finally:
            subprocess.run(["umount", "-l", self.tree], check=True)
        self.assertEqual(self.guest("echo works"), "works\n")


class Names(volfs_support.TreeTestCase):
    NAMES = ["größe", "файл", "文件", "ファイル", "ملف", "😀", "e\u0301", "\u00e9", "a b", " ", "-n", "new\nline", "tab\t", "a:b",
             "con", "nul.txt", "end.", "back\\slash", "\"quoted\"", "*?<>|", "\uf03a", "x" * 255, "ü" * 127, "\u200b"]

    def test_in_every_alphabet(self):
        raw = [name.encode() for name in self.NAMES] + [b"\xff\xfe", b"\xed\xa0\x80", bytes(range(1, 47)), bytes(range(48, 256))]
        for name in raw:
            self.assertSuccess(self.home.run("-e", "/bin/sh", "-c", 'cd /root/broken; printf %s "$1" >"./$1"; chown 5 "./$1"',
                                             "sh", name))
        self.stop()
        place = os.fsencode(self.place)
        self.assertEqual(sorted(os.listdir(place)), sorted(raw))
        for name in raw:
            with open(os.path.join(place, name), "rb") as file:
                self.assertEqual(file.read(), name)
        self.assertClean()
        listed = self.assertSuccess(self.home.run("-e", "find", "/root/broken", "-type", "f", "-user", "5", "-printf", "%f\\0")).stdout
        self.assertEqual(sorted(listed.rstrip(b"\0").split(b"\0")), sorted(raw))

    def test_long_paths(self):
        """Paths longer than 260 and than 4,096 characters, on both sides."""
        name = "däta-" + "x" * 90
        # (A shell would go down by the whole path.)
        self.assertEqual(self.guest(r"""cd /root/broken; exec perl -e 'for (1 .. 60) { mkdir $ARGV[0] or die "$!"; chdir $ARGV[0] or die "$!" }
            open F, ">", "file" or die; print F "deep\n"; close F; chown 7, 7, "file" or die; rename "file", "moved" or die;
            symlink "moved", "link" or die; system "mkfifo pipe; cat link; find . -type p"' "$1" """, name), "deep\n./pipe\n")
        self.assertEqual(self.guest("""cd /root/broken; find . -name moved -printf '%d %U\\n'; mv "$1" other; chmod -R go-rwx other
            mv other "$1"; find . -name moved -printf '%d %U %m\\n'; find . -type p | wc -l""", name), "61 7\n61 7 600\n1\n")
        # One path of 4,095 bytes at most works, a longer one is ENAMETOOLONG.
        self.assertEqual(self.guest(r"""cd /root/broken; perl -e 'for $n (42, 43) { $p = "$ARGV[0]/" x $n;
            print length $p < 4096 ? "short " : "long ", -d $p ? "there" : "$!", "\n" }' "$1" """, name),
                         "short there\nlong File name too long\n")
        self.stop()
        self.assertClean()

    def test_folder_with_a_long_name(self):
        folder = os.path.join(self.home.folder, *["größe-" + "y" * 60] * 5, "instance")
        self.assertGreater(len(folder), 300)
        self.assertSuccess(self.home.run("--import", "long", folder, support.root_archive))
        result = self.home.run("-d", "long", "-e", "/bin/sh", "-c", "echo works >/root/file; cat /root/file")
        self.assertEqual((result.stdout, result.returncode), (b"works\n", 0), result.stderr)
        self.assertSuccess(self.home.run("--terminate", "long"))
        self.assertEqual(self.home.run("--check", "long").returncode, 0)
        self.assertSuccess(self.home.run("--unregister", "long"))


class Forbidden(volfs_support.TreeTestCase):
    def test_what_the_host_forbids(self):
        """EPERM of the host reaches the program, and nothing else breaks."""
        os.mkdir(self.place + "fixed")
        with open(self.place + "fixed/file", "w") as file:
            file.write("text")
        if subprocess.run(["chattr", "+i", self.place + "fixed"], capture_output=True).returncode != 0:
            self.skipTest("the host's file system has no immutable files")
        try:
            self.assertEqual(self.guest("""export LC_ALL=C; cd /root/broken/fixed; cat file; exec 2>&1; echo; mkdir new; rm file; mv file other
                ln -s a link; : >../works; cat file"""), """\
text
mkdir: cannot create directory 'new': Operation not permitted
rm: cannot remove 'file': Operation not permitted
mv: cannot move 'file' to 'other': Operation not permitted
ln: failed to create symbolic link 'link': Operation not permitted
text""")
        finally:
            subprocess.run(["chattr", "-i", self.place + "fixed"], check=True)
