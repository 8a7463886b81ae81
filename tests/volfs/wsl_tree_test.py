"""A tree laid out as WSL 1 does: read by programs inside, changed by them, and compared byte by byte."""
import os
import stat

import volfs_support
import wsl_layout as wsl


class WslTree(volfs_support.TreeTestCase):
    """The instance's own tree is made into one of WSL's: no record, no marks, an LXATTRB on the root."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.home.run("--terminate", "test")
        os.unlink(os.path.join(cls.tree, ".lxss-storage"))
        os.setxattr(cls.tree, wsl.ATTRIBUTES, wsl.lxattrb(stat.S_IFDIR | 0o755))
        for folder, folders, files in os.walk(cls.tree, topdown=False):
            for name in folders + files:
                if wsl.escaped(name) != name:
                    os.rename(os.path.join(folder, name), os.path.join(folder, wsl.escaped(name)))

    def setUp(self):
        super().setUp()
        os.setxattr(self.place, wsl.ATTRIBUTES, wsl.lxattrb(stat.S_IFDIR | 0o755, uid=1000, gid=1000))
        wsl.give(self.place + "file", stat.S_IFREG | 0o4750, uid=1000, gid=50, data=b"data",
                 xattrs=[(b"user.one", b"1"), (b"security.capability", bytes(range(20))), (b"user.Two", b"")])
        wsl.give(self.place + "folder", stat.S_IFDIR | 0o1777, uid=7)
        wsl.give(self.place + "folder/" + wsl.escaped("a:b?.txt"), stat.S_IFREG | 0o600, data=b"odd")
        wsl.give(self.place + wsl.escaped("end."), stat.S_IFREG | 0o600, data=b"dot")
        wsl.give(self.place + "link", stat.S_IFLNK | 0o777, uid=1000, gid=1000, data="földer/a:b?.txt".encode())
        wsl.give(self.place + "null", stat.S_IFCHR | 0o666, device=(1, 3))
        wsl.give(self.place + "disk", stat.S_IFBLK | 0o660, gid=6, device=(259, 70000))
        wsl.give(self.place + "pipe", stat.S_IFIFO | 0o620, uid=3)
        wsl.give(self.place + "socket", stat.S_IFSOCK | 0o755)

    def attributes(self, name):
        path = self.place + name
        return {key: os.getxattr(path, key) for key in os.listxattr(path)}

    def test_is_read(self):
        self.assertEqual(self.guest("cd /root/broken; stat -c '%n %A %u:%g %t,%T' *"), """\
disk brw-rw---- 0:6 103,11170
end. -rw------- 0:0 0,0
file -rwsr-x--- 1000:50 0,0
folder drwxrwxrwt 7:0 0,0
link lrwxrwxrwx 1000:1000 0,0
null crw-rw-rw- 0:0 1,3
pipe prw--w---- 3:0 0,0
socket srwxr-xr-x 0:0 0,0
""")
        self.assertEqual(self.guest("cd /root/broken; readlink link; ls folder; cat file end. folder/a:b?.txt; cat null"),
                         "földer/a:b?.txt\na:b?.txt\n" + "datadotodd")
        self.assertEqual(self.guest("""cd /root/broken; find . -type l -o -type p -o -type s -o -type b -o -type c | sort"""),
                         "./disk\n./link\n./null\n./pipe\n./socket\n")
        # listxattr(2) and getxattr(2) by their numbers.
        self.assertEqual(self.guest(r"""cd /root/broken; perl -e '$f = "file"; $b = " " x 256; $n = syscall(194, $f, $b, 256);
            for $name (split /\0/, substr($b, 0, $n)) { $v = " " x 64; $l = syscall(191, $f, $name, $v, 64);
                print "$name=", unpack("H*", substr($v, 0, $l)), "\n"; }' """),
                         "user.one=31\nsecurity.capability=" + bytes(range(20)).hex() + "\nuser.Two=\n")

    def test_linux_attributes_are_written_back(self):
        # setxattr(2) and removexattr(2).
        self.guest(r"""cd /root/broken; perl -e 'sub set { my ($f, $n, $v) = @_;
                syscall(188, $f, $n, $v, length $v, 0) == 0 or die; }
            set("file", "user.one", "longer"); set("file", "user.new", "n"); set("folder", "user.f", "1");
            my ($f, $n) = ("file", "user.Two"); syscall(197, $f, $n) == 0 or die' """)
        self.stop()
        self.assertEqual(self.attributes("file")[wsl.XATTRS], wsl.lxxattr(
            [(b"user.one", b"longer"), (b"security.capability", bytes(range(20))), (b"user.new", b"n")]))
        self.assertEqual(self.attributes("folder")[wsl.XATTRS], wsl.lxxattr([(b"user.f", b"1")]))
        self.guest(r"""cd /root/broken; perl -e '($f, $n) = ("folder", "user.f"); syscall(197, $f, $n) == 0 or die' """)
        self.stop()
        self.assertNotIn(wsl.XATTRS, self.attributes("folder"))

    def test_reading_writes_nothing(self):
        before = {name: self.attributes(name) for name in os.listdir(self.place)}
        self.guest("cd /root/broken; ls -laR >/dev/null; cat file folder/* >/dev/null; readlink link")
        self.stop()
        self.assertEqual({name: self.attributes(name) for name in os.listdir(self.place)}, before)

    def test_is_written_back(self):
        # What is set to what it was comes out as WSL wrote it, but for the times.
        before = {name: self.attributes(name) for name in ("file", "folder", "link", "null", "disk", "pipe", "socket")}
        self.guest("""cd /root/broken; chmod 4750 file; chown 1000:50 file; chmod 4750 file; chmod 1777 folder
            chown -h 1000:1000 link; chmod 666 null; chown 0:6 disk; chmod 620 pipe; chmod 755 socket""")
        self.stop()
        for name, old in before.items():
            new = self.attributes(name)
            self.assertEqual(new.keys(), old.keys(), name)
            self.assertEqual(len(new[wsl.ATTRIBUTES]), 56)
            self.assertEqual(new[wsl.ATTRIBUTES][:20], old[wsl.ATTRIBUTES][:20], name)
            self.assertEqual(new.get(wsl.XATTRS), old.get(wsl.XATTRS), name)
            status = os.stat(self.place + name)
            expected = wsl.lxattrb(0, times=[(0, 0), divmod(status.st_mtime_ns, 10**9), (0, 0)])
            self.assertEqual(new[wsl.ATTRIBUTES][24:28], expected[24:28])
            self.assertEqual(new[wsl.ATTRIBUTES][40:48], expected[40:48])

    def test_new_files_are_laid_out_alike(self):
        self.guest("""cd /root/broken; mknod dev c 4 64; chown 5:6 dev; echo -n 'x y' >'new: "file"?'; ln -s 'a/b:c' sym
            chown -h 1000 sym; mv 'folder/a:b?.txt' 'folder/c|d.'; mkdir '<dir>'; touch '<dir>/ '; chown 9 '<dir>'""")
        self.stop()
        self.assertEqual(self.attributes("dev")[wsl.ATTRIBUTES][:20],
                         wsl.lxattrb(stat.S_IFCHR | 0o644, uid=5, gid=6, device=(4, 64))[:20])
        with open(self.place + wsl.escaped('new: "file"?')) as file:
            self.assertEqual(file.read(), "x y")
        self.assertTrue(stat.S_ISREG(os.lstat(self.place + "sym").st_mode))
        with open(self.place + "sym", "rb") as file:
            self.assertEqual(file.read(), b"a/b:c")
        self.assertEqual(self.attributes("sym")[wsl.ATTRIBUTES][:20], wsl.lxattrb(stat.S_IFLNK | 0o777, uid=1000)[:20])
        self.assertEqual(os.listdir(self.place + "folder"), [wsl.escaped("c|d.")])
        self.assertEqual(os.listdir(self.place + wsl.escaped("<dir>")), [wsl.escaped(" ")])
        self.assertEqual(self.guest("cd /root/broken; ls -d '<dir>' '<dir>/ ' 'folder/c|d.'; rm -r '<dir>'; ls"),
                         "<dir>\n<dir>/ \nfolder/c|d.\n" +
                         "\n".join(sorted(["dev", "disk", "end.", "file", "folder", "link", 'new: "file"?', "null", "pipe",
                                           "socket", "sym"], key=lambda name: name)) + "\n")
        self.stop()
        self.assertClean()

    def test_names_that_hide(self):
        """A host program has made a file with a name that no file of this tree can have."""
        with open(self.place + "raw:name", "w") as file:
            file.write("1")
        code, lines = self.check()
        self.assertEqual(code, 4, lines)
        self.assertIn("/root/broken/raw:name: the name cannot be reached", lines[0])
        code, lines = self.check("--repair")
        self.assertEqual(code, 1, lines)
        self.assertEqual(self.guest("cat /root/broken/raw:name"), "1")
