"""lxss --check: one kind of damage at a time."""
import os
import signal
import socket
import stat
import subprocess
import time

import volfs_support
import wsl_layout as wsl


class Check(volfs_support.TreeTestCase):
    def assertFound(self, *expected):
        """Each of `expected` is in a line of its own; nothing on the host has changed; then a repair leaves no problem."""
        before = self.snapshot()
        code, lines = self.check()
        self.assertEqual(self.snapshot(), before)
        self.assertEqual(code, 4, lines)
        self.assertEqual(len(lines), len(expected) + 1, lines)
        for text in expected:
            self.assertTrue(any(text in line for line in lines[:-1]), (text, lines))
        code, lines = self.check("--repair")
        self.assertEqual(code, 1, lines)
        self.assertTrue(all(line.endswith("(repaired)") for line in lines[:-1]), lines)
        self.assertClean()
        return lines

    def file(self, name, mode=stat.S_IFREG | 0o644, **values):
        wsl.give(self.place + name, mode, **values)
        return self.place + name

    def test_clean_tree(self):
        before = self.snapshot()
        self.assertClean()
        self.assertEqual(self.snapshot(), before)
        # What programs inside make is in order too.
        self.guest("""cd /root/broken; mkdir d; chown 1000:1000 d; chmod 3777 d; mkfifo d/f; mknod d/n c 1 3; ln -s t d/l
            chown -h 1000 d/l; chmod 0 d; echo x >plain; chmod 0 plain; ln plain other; chmod 4755 plain""", )
        self.stop()
        self.assertClean()
        self.assertEqual(self.check("--repair")[0], 0)

    def test_malformed_lxattrb(self):
        for name, value in (("short", b"x"), ("long", bytes(60)), ("empty", b""),
                            ("version", wsl.lxattrb(stat.S_IFREG | 0o600, uid=5, version=2))):
            with open(self.place + name, "w") as file:
                file.write("kept")
            os.chmod(self.place + name, 0o640)
            os.setxattr(self.place + name, wsl.ATTRIBUTES, value)
        self.assertFound("/root/broken/short: LXATTRB is malformed", "long: LXATTRB is malformed",
                         "empty: LXATTRB is malformed", "version: LXATTRB is malformed")
        self.assertEqual(os.getxattr(self.place + "short", "user.lxattrb.broken"), b"x")
        self.assertEqual(self.guest("cd /root/broken; for f in *; do stat -c '%n %a %u' $f; cat $f; echo; done"),
                         "empty 640 0\nkept\nlong 640 0\nkept\nshort 640 0\nkept\nversion 640 0\nkept\n")

    def test_types_that_do_not_match(self):
        self.file("no-type", 0o640, data=b"1", uid=7)
        os.mkdir(self.place + "folder")
        os.setxattr(self.place + "folder", wsl.ATTRIBUTES, wsl.lxattrb(stat.S_IFREG | 0o700, uid=7))
        path = self.file("file", data=b"2")
        os.setxattr(path, wsl.ATTRIBUTES, wsl.lxattrb(stat.S_IFDIR | 0o700, uid=7))
        self.assertFound("no-type: LXATTRB names no type", "folder: LXATTRB says that this directory",
                         "file: LXATTRB says that this file is a directory")
        self.assertEqual(self.guest("cd /root/broken; stat -c '%n %F %a %u' *; cat no-type file"),
                         "file regular file 700 7\nfolder directory 700 7\nno-type regular file 640 7\n12")

    def test_links_without_a_target(self):
        os.setxattr(self.place, wsl.SPECIALS, b"1")
        self.file("empty", stat.S_IFLNK | 0o777)
        self.file("long", stat.S_IFLNK | 0o777, data=b"x" * 5000)
        self.file("nul", stat.S_IFLNK | 0o777, data=b"a\0b")
        self.file("good", stat.S_IFLNK | 0o777, data="größe".encode(), uid=3)
        self.assertFound("empty: a symbolic link without", "long: a symbolic link without", "nul: a symbolic link without")
        self.assertEqual(self.guest("cd /root/broken; stat -c '%F %s' empty long nul; readlink good; stat -c %u good"),
                         "regular empty file 0\nregular file 5000\nregular file 3\ngröße\n3\n")

    def test_devices_with_data(self):
        os.setxattr(self.place, wsl.SPECIALS, b"1")
        self.file("device", stat.S_IFCHR | 0o600, data=b"precious", device=(1, 3))
        self.file("pipe", stat.S_IFIFO | 0o600, data=b"data")
        self.file("good", stat.S_IFBLK | 0o600, device=(8, 300), uid=1)
        self.assertFound("device: a device, pipe or socket that holds data", "pipe: a device, pipe or socket that")
        self.assertEqual(self.guest("cd /root/broken; cat device pipe; stat -c '%F %t:%T' good"),
                         "preciousdata" + "block special file 8:12c\n")

    def test_files_of_the_host_s_kinds(self):
        os.mkfifo(self.place + "pipe", 0o640)
        with socket.socket(socket.AF_UNIX) as listener:
            old = os.getcwd()
            os.chdir(self.place)
            listener.bind("socket")
            os.chdir(old)
        self.assertFound("pipe: a device, pipe or socket of the host itself", "socket: a device, pipe or socket of the host")
        self.assertEqual(self.guest("cd /root/broken; stat -c '%n %F %a' pipe; find . -type p -o -type s | sort"),
                         "pipe fifo 640\n./pipe\n./socket\n")
        self.assertTrue(stat.S_ISREG(os.lstat(self.place + "pipe").st_mode))

    def test_unmarked_directory(self):
        self.file("link", stat.S_IFLNK | 0o777, data=b"target", uid=1000)
        self.assertFound("/root/broken: a directory with links, devices, pipes or sockets is not marked")
        self.assertEqual(self.guest("find /root/broken -type l"), "/root/broken/link\n")

    def test_host_permissions(self):
        with open(self.place + "file", "w") as file:
            file.write("text")
        os.mkdir(self.place + "folder")
        os.mkdir(self.place + "folder/inner")
        os.chmod(self.place + "file", 0o040)
        os.chmod(self.place + "folder", 0o500)
        with_attributes = self.file("mode", stat.S_IFREG | 0o4711, uid=9)
        os.chmod(with_attributes, 0)
        self.assertFound("file: the host", "folder: the host", "mode: the host")
        # The mode that they were is kept.
        self.assertEqual(self.guest("cd /root/broken; stat -c '%n %a %u' file folder mode; cat file; ls folder"),
                         "file 40 0\nfolder 500 0\nmode 4711 9\ntextinner\n")

    def test_owner_that_cannot_be(self):
        self.file("nobody", uid=0xffffffff, gid=4)
        self.assertFound("nobody: LXATTRB names an owner")
        self.assertEqual(self.guest("stat -c %u:%g /root/broken/nobody"), "0:4\n")

    def test_malformed_lxxattr(self):
        whole = wsl.lxxattr([(b"user.a", b"1"), (b"user.b", b"2" * 40)])
        for name, value in (("cut", whole[:-20]), ("nothing", b"\0\0\7\0")):
            path = self.file(name)
            os.setxattr(path, wsl.XATTRS, value)
        self.assertFound("cut: LXXATTR is malformed", "nothing: LXXATTR is malformed")
        self.assertEqual(os.getxattr(self.place + "cut", wsl.XATTRS), wsl.lxxattr([(b"user.a", b"1")]))
        self.assertNotIn(wsl.XATTRS, os.listxattr(self.place + "nothing"))

    def test_earlier_version(self):
        path = self.file("old", uid=1, flags=0x4000)
        os.setxattr(path, "user.lx.user.one", b"1")
        os.setxattr(path, "user.lx.security.capability", b"2")
        os.mkdir(self.place + "folder")
        os.setxattr(self.place + "folder", wsl.ATTRIBUTES, wsl.lxattrb(stat.S_IFDIR | 0o755, flags=0xc000))
        self.assertFound("old: LXATTRB has flags", "old: has Linux attributes in the form", "folder: LXATTRB has flags")
        names = sorted(name for name in os.listxattr(path))
        self.assertEqual(names, [wsl.ATTRIBUTES, wsl.XATTRS])
        self.assertEqual(len(os.getxattr(path, wsl.XATTRS)), len(wsl.lxxattr([(b"user.one", b"1"), (b"security.capability", b"2")])))
        self.assertEqual(os.getxattr(self.place + "folder", wsl.SPECIALS), b"1")

    def test_unfinished_files(self):
        staging = self.at("/.lxss-staging")
        os.makedirs(staging, exist_ok=True)
        with open(staging + "/1f", "w"):
            pass
        os.mkdir(staging + "/20")
        with open(self.at("/.lxss-storage.new"), "w"):
            pass
        self.assertFound("2 unfinished files", "an unfinished file of VolFs' own")

    def test_names_from_outside(self):
        with open(self.place + "one", "w"):
            pass
        os.link(self.place + "one", self.place + "two")
        self.assertClean()
        outside = os.path.join(self.home.folder, "outside")
        os.link(self.place + "one", outside)
        self.addCleanup(os.unlink, outside)
        for options in ((), ("--repair",)):
            code, lines = self.check(*options)
            self.assertEqual(code, 4)
            self.assertRegex(lines[0], r"/root/broken/(one|two): the file has 3 names, of which 2 are in the tree")

    def test_damaged_record(self):
        for text in ("", "something\n", "lxss VolFs tree, version 1\nnames upside down\n"):
            with open(self.at(".lxss-storage"), "w") as file:
                file.write(text)
            result = self.home.run("-e", "true")
            self.assertEqual(result.returncode, 255)
            self.assertIn(b".lxss-storage in the instance's rootfs is not understood", result.stderr)
            result = self.home.run("--check", "test")
            self.assertEqual(result.returncode, 4)
            self.assertIn(b"the record of how the tree is kept, .lxss-storage, is damaged", result.stdout)
            self.assertEqual(self.home.run("--check", "test", "--repair").returncode, 1)
            self.assertClean()
            self.assertEqual(self.guest("echo works"), "works\n")
            self.stop()

    def test_odd_names_are_one_line(self):
        self.file("new\nline\t\\x", 0o640)
        lines = self.assertFound("/root/broken/new\\012line\\011\\134x: LXATTRB names no type")
        self.assertEqual(len(lines), 2)

    def test_deep_and_wide(self):
        path = self.place
        for _ in range(300):
            path += "directory/"
            os.mkdir(path)
        self.file("x" * 255, 0o640)
        wsl.give(path + "last", 0o644)
        for number in range(3000):
            with open(self.place + f"file-{number}", "w"):
                pass
        self.assertEqual(self.assertFound("directory/last: LXATTRB names no type", "x" * 255)[-1].split()[1], "files,")



class CheckVerb(volfs_support.TreeTestCase):
    def test_running_instance(self):
        job = self.home.start("-e", "/bin/sh", "-c", "echo ready; sleep 100")
        self.assertEqual(job.stdout.readline(), b"ready\n")
        result = self.home.run("--check", "test")
        self.assertEqual(result.returncode, 8)
        self.assertIn(b"'test' is running; 'lxss --terminate test' ends it", result.stderr)
        self.stop()
        job.communicate(timeout=10)
        self.assertClean()

    def test_no_such_instance(self):
        result = self.home.run("--check", "nothing")
        self.assertEqual(result.returncode, 8)
        self.assertIn(b"there is no instance named 'nothing'", result.stderr)

    def test_tree_is_gone(self):
        self.stop()
        os.rename(self.tree, self.tree + ".away")
        self.addCleanup(os.rename, self.tree + ".away", self.tree)
        result = self.home.run("--check", "test")
        self.assertEqual(result.returncode, 8)
        self.assertIn(b"cannot open the folder", result.stderr)

    def test_start_during_a_check(self):
        """The lock is the check's, even when lxss is killed."""
        self.stop()
        for number in range(20000):
            os.mkdir(self.place + str(number))
        check = self.home.start("--check", "test", stdout=subprocess.PIPE)
        time.sleep(0.02)
        os.kill(check.pid, signal.SIGSTOP)
        result = self.home.run("-e", "echo", "works")
        os.kill(check.pid, signal.SIGCONT)
        check.communicate(timeout=60)
        # Either the check was through already, or the start has said why it cannot be, or waited for it.
        self.assertIn(check.returncode, (0, 8))
        if result.returncode != 0:
            self.assertIn(b"its lock is held", result.stderr)
        self.assertEqual(self.guest("echo works"), "works\n")


