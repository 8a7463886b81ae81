"""The record of how a tree is kept, and trees that come from other hosts."""
import os
import re

import volfs_support
import wsl_layout as wsl


class Storage(volfs_support.TreeTestCase):
    def record(self):
        with open(self.at(".lxss-storage")) as file:
            return file.read()

    def change_record(self, old, new):
        text = self.record()
        self.assertIn(old, text)
        with open(self.at(".lxss-storage"), "w") as file:
            file.write(text.replace(old, new))
        self.addCleanup(self.put_record, text)

    def put_record(self, text):
        self.home.run("--terminate", "test")
        with open(self.at(".lxss-storage"), "w") as file:
            file.write(text)

    def test_is_made_at_import(self):
        self.assertEqual(self.record(), "lxss VolFs tree, version 1\nmetadata attributes\nnames raw\ncase sensitive\n"
                                        "specials marked\n")

    def test_is_kept(self):
        before = os.stat(self.at(".lxss-storage"))
        self.guest("true")
        self.stop()
        after = os.stat(self.at(".lxss-storage"))
        self.assertEqual((before.st_ino, before.st_mtime_ns), (after.st_ino, after.st_mtime_ns))

    def test_guests_do_not_see_it(self):
        self.assertEqual(self.guest("ls -A / | grep lxss; cat /.lxss-storage 2>&1; true"),
                         "cat: /.lxss-storage: No such file or directory\n")
        self.assertEqual(self.guest("(: >/.lxss-storage) 2>&1; mkdir /.lxss-trial 2>&1; "
                                    "touch /root/x; mv /root/x /.lxss-storage.new 2>&1; "
                                    "true").count("Operation not permitted"), 3)
        self.assertIn("names raw", self.record())

    def test_tree_with_other_names(self):
        """A tree from a host with Windows' rules for names."""
        self.change_record("names raw", "names windows")
        with open(self.place + wsl.escaped("a:b"), "w") as file:
            file.write("1")
        self.assertEqual(self.guest("cd /root/broken; ls; cat a:b; mv a:b 'c*'; ls"), "a:b\n1c*\n")
        self.stop()
        self.assertEqual(os.listdir(self.place), [wsl.escaped("c*")])

    def test_tree_without_marks(self):
        self.change_record("specials marked", "specials unmarked")
        os.setxattr(self.place, wsl.ATTRIBUTES, wsl.lxattrb(0o40755, uid=1))
        wsl.give(self.place + "pipe", 0o10644)
        self.assertEqual(self.guest("find /root/broken -type p"), "/root/broken/pipe\n")
        self.stop()
        # A repair gives it the marks, and then says so.
        self.assertEqual(self.check("--repair")[0], 0)
        self.assertIn("specials marked", self.record())
        self.assertEqual(os.getxattr(self.place, wsl.SPECIALS), b"1")
        self.assertEqual(self.guest("find /root/broken -type p"), "/root/broken/pipe\n")

    def test_unknown_kind(self):
        for line in ("metadata elsewhere", "case ignored", "colour blue"):
            self.change_record("case sensitive\n", line + "\n")
            result = self.home.run("-e", "true")
            self.assertNotEqual(result.returncode, 0)
            self.assertIn(f".lxss-storage in the instance's rootfs is not understood at '{line}'".encode(), result.stderr)
            self.doCleanups()
            os.mkdir(self.place)
            self.addCleanup(self.clean_up)

    def test_tree_of_the_windows_host(self):
        os.mkdir(self.at("lxss~host"))
        self.addCleanup(os.rmdir, self.at("lxss~host"))
        before = self.snapshot()
        result = self.home.run("-e", "true")
        self.assertNotEqual(result.returncode, 0)
        self.assertIn(b"in the form of the Windows host", result.stderr)
        code, lines = self.check("--repair")
        self.assertEqual(code, 8, lines)
        self.assertIn("comes from a Windows host, and its metadata store, lxss~host/attributes.log, is missing", lines[0])
        self.assertEqual(self.snapshot(), before)

    def test_nothing_is_left_of_trials(self):
        self.guest("true")
        self.stop()
        self.assertEqual(sorted(name for name in os.listdir(self.tree) if re.match(r"\.lxss", name)),
                         sorted({".lxss-storage"} | ({".lxss-staging"} & set(os.listdir(self.tree)))))

    def test_special_files_persist(self):
        look = """cd /root/broken; stat -c '%n %F %a %u:%g %t:%T' fifo socket null disk link root-link file dir
            readlink link root-link; cat file; stat -c %Y.%y file | cut -c1-21; stat -c %h file"""
        self.guest("""cd /root/broken; mkfifo -m 640 fifo; mknod null c 1 3; mknod disk b 259 300000; ln -s target root-link
            perl -MSocket -e 'socket(S, PF_UNIX, SOCK_STREAM, 0); bind(S, sockaddr_un("socket")) or die'
            ln -s elsewhere link; chown -h 7:8 link; echo text > file; chown 9:10 file; chmod 4751 file; ln file hard
            mkdir dir; chown 5:6 dir; chmod 2770 dir; touch -d '2001-02-03 04:05:06.789 UTC' file""")
        before = self.guest(look)
        self.assertIn("null character special file 644 0:0 1:3\n", before)
        self.assertIn("disk block special file 644 0:0 103:493e0\n", before)
        self.assertIn("socket socket 755 0:0", before)
        self.assertIn("file regular file 4751 9:10", before)
        self.stop()
        self.assertClean()
        self.assertEqual(self.guest(look), before)
        self.assertEqual(self.guest("cd /root/broken; echo x >null; exec 3<>fifo; echo through >&3; read a <&3; echo $a"),
                         "through\n")
