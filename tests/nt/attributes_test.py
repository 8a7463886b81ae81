"""Trees and drives whose metadata are NTFS's extended attributes, with the double of those that tests/nt/ea_double.cpp is. Run by
tests/nt/own-manager, with the kernel of the double (its name beside lxss.exe), the folder of statically linked programs of tests/guest,
and tests/guest/compare.
"""
import os
import shutil
import stat
import struct
import subprocess
import sys
import tarfile
import unittest

from own_manager import FAILED, FILES, LXSS, ROOT_ARCHIVE, WINE, WORK, lxss, windows

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../volfs"))
import wsl_layout as wsl

KERNEL, GUEST_TESTS, COMPARE = FILES
# And their cases, where not all (under Wine a minute goes into deep folders).
PROGRAMS = {"acl": [], "attributes": [], "posix_owners": [], "posix_rights": [], "stat": [], "owners": [
    "special_files", "symlink_owner", "files_of_another_user", "modes_that_shut_the_owner_out", "user_xattrs",
    "unnamed_file_gets_a_name"]}
STEPS = "/opt/lxss-tests/musl-static/drive_steps"
ATTRIBUTES = os.path.join(WORK, "ea/ea-double") # one file for each that has some, named by its number
ARCHIVE = os.path.join(WORK, "root.tar")


def use_kernel(double=True):
    lxss("--shutdown")
    if double:
        os.environ["LXSS_KERNEL"] = windows(os.path.join(WORK, "ea/lxkernel.exe"))
    else:
        os.environ.pop("LXSS_KERNEL", None)


def place(path):
    return os.path.join(ATTRIBUTES, f"{os.lstat(path).st_ino:x}")


def attributes(path):
    """The extended attributes of a file: FILE_FULL_EA_INFORMATION."""
    found, at = {}, 0
    try:
        with open(place(path), "rb") as file:
            data = file.read()
    except FileNotFoundError:
        return found
    while at < len(data):
        following, flags, name_length, value_length = struct.unpack_from("<IBBH", data, at)
        name = data[at + 8:at + 8 + name_length]
        value = at + 8 + name_length + 1
        assert flags == 0 and data[value - 1] == 0
        found[name.decode()] = data[value:value + value_length]
        if following == 0:
            assert value + value_length == len(data)
            break
        assert following % 4 == 0
        at += following
    return found


def give(path, **values):
    """Sets the attributes of a file, as another program would have."""
    data = b""
    for number, (name, value) in enumerate(values.items()):
        entry = struct.pack("<BBH", 0, len(name), len(value)) + name.encode() + b"\0" + value
        padding = 0 if number == len(values) - 1 else -(4 + len(entry)) % 4
        data += struct.pack("<I", 0 if number == len(values) - 1 else 4 + len(entry) + padding) + entry + bytes(padding)
    with open(place(path), "wb") as file:
        file.write(data)


class Attributes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        os.makedirs(ATTRIBUTES)
        shutil.copy(os.path.join(os.path.dirname(LXSS), KERNEL), WORK + "/ea/lxkernel.exe")
        with open(WORK + "/home/lxss.conf", "w", encoding="ascii") as file:
            file.write("[drives]\nc = off\nz = off\n")
        shutil.copy(ROOT_ARCHIVE, ARCHIVE)
        with tarfile.open(ARCHIVE, "a") as archive:
            for name in (*PROGRAMS, "drive_steps"):
                member = tarfile.TarInfo("opt/lxss-tests/musl-static/" + name)
                member.mode, member.size = 0o755, os.path.getsize(os.path.join(GUEST_TESTS, name))
                with open(os.path.join(GUEST_TESTS, name), "rb") as file:
                    archive.addfile(member, file)

    def setUp(self):
        self.addCleanup(self.clean)
        use_kernel()

    def clean(self):
        """The double is not told of files that go, and their numbers come again."""
        lxss("--shutdown")
        for name in os.listdir(ATTRIBUTES):
            os.unlink(os.path.join(ATTRIBUTES, name))

    def assertSuccess(self, run):
        self.assertEqual(run.code, 0, (run.output, run.error))
        return run

    def make(self, name="box"):
        self.assertSuccess(lxss("--import", name, windows(f"{WORK}/{name}"), windows(ARCHIVE)))
        self.addCleanup(lxss, "--unregister", name)
        return f"{WORK}/{name}/rootfs/"

    def check(self, *expected, name="box", source="", folder="/root"):
        """Each step of drive_steps.c with what it is to print."""
        run = lxss("-d", name, "-e", STEPS, source, folder, *(step for step, _ in expected))
        lines = run.output.decode().splitlines()
        self.assertEqual(list(zip([step for step, _ in expected], lines)), list(expected), (run.code, run.error))

    def assertAttribute(self, path, mode, **values):
        self.assertEqual(attributes(path)["LXATTRB"][:20], wsl.lxattrb(mode, **values)[:20], path)
        self.assertEqual(len(attributes(path)["LXATTRB"]), 56)

    def test_programs_find_linux(self):
        self.make()
        environment = dict(os.environ, LXSS_RUN=f"{WINE} {LXSS} -d box -e", LXSS_TEST_TIME_LIMIT="60",
                           LXSS_KNOWN_FAILURES=HERE + "/known-failures-guest.txt")
        for program, cases in PROGRAMS.items():
            with self.subTest(program=program):
                run = subprocess.run([COMPARE, os.path.join(GUEST_TESTS, program), *cases], env=environment, stdin=subprocess.DEVNULL,
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
                self.assertEqual(run.returncode, 0, run.stdout.decode())

    def test_layout_is_wsls_and_stays(self):
        tree = self.make()
        self.check(("write file one", "ok"), ("chmod file 4750", "ok"), ("chown file 1000:50", "ok"), ("chmod file 4750", "ok"),
                   ("xattr file user.one=1", "ok"), ("xattr file security.two=second", "ok"), ("xattr file user.Three=", "ok"),
                   ("xattr file user.one=longer", "ok"), ("write plain text", "ok"), ("mkdir folder", "ok"), ("chmod folder 1777", "ok"),
                   ("symlink link a/b", "ok"), ("chown link 5:6", "ok"), ("mknod null c 1 3", "ok"), ("chmod null 666", "ok"),
                   ("mknod disk b 259 70000", "ok"), ("mknod pipe p", "ok"), ("mknod socket s", "ok"), ("touch file 1000", "ok"),
                   ("chmod plain 604", "ok"), ("link plain other", "ok"), ("rename folder moved", "ok"))
        seen = [("stat file", "file 4750 1000:50 3 1"), ("xattrs file", "user.one=longer security.two=second user.Three="),
                ("mtime file", "1000"), ("stat plain", "file 604 0:0 4 2"), ("stat other", "file 604 0:0 4 2"),
                ("stat moved", "directory 1777 0:0 0 0"), ("stat link", "link 777 5:6 3 1"), ("target link", "a/b"),
                ("stat null", "device 666 0:0 c 1:3"), ("stat disk", "device 644 0:0 b 259:70000"), ("stat pipe", "fifo 644 0:0 0 1"),
                ("stat socket", "socket 644 0:0 0 1"), ("ls .", "disk file link moved/ null other pipe plain socket")]
        self.check(*seen)
        self.assertSuccess(lxss("--terminate", "box"))
        self.check(*seen)
        folder = tree + "root/"
        self.assertAttribute(folder + "file", stat.S_IFREG | 0o4750, uid=1000, gid=50)
        self.assertEqual(attributes(folder + "file")["LXXATTR"],
                         wsl.lxxattr([(b"user.one", b"longer"), (b"security.two", b"second"), (b"user.Three", b"")]))
        self.assertAttribute(folder + "plain", stat.S_IFREG | 0o604)
        self.assertEqual(set(attributes(folder + "plain")), {"LXATTRB"})
        self.assertAttribute(folder + "moved", stat.S_IFDIR | 0o1777)
        self.assertAttribute(folder + "link", stat.S_IFLNK | 0o777, uid=5, gid=6)
        with open(folder + "link", "rb") as file:
            self.assertEqual(file.read(), b"a/b")
        self.assertAttribute(folder + "null", stat.S_IFCHR | 0o666, device=(1, 3))
        self.assertAttribute(folder + "disk", stat.S_IFBLK | 0o644, device=(259, 70000))
        self.assertAttribute(folder + "pipe", stat.S_IFIFO | 0o644)
        self.assertAttribute(folder + "socket", stat.S_IFSOCK | 0o644)
        self.assertAttribute(tree, stat.S_IFDIR | 0o755)
        # Every file of the tree has one, as in WSL, but for lxss's own.
        for path, folders, files in os.walk(tree):
            folders[:] = [name for name in folders if name != "lxss~host"]
            for name in folders + files:
                if not name.startswith(".lxss-"):
                    self.assertIn("LXATTRB", attributes(os.path.join(path, name)), os.path.join(path, name))

    def test_removed(self):
        tree = self.make()
        self.check(("write file one", "ok"), ("xattr file user.one=1", "ok"), ("xattr file user.one", "ok"),
                   ("xattr file user.one", "ENODATA"), ("xattrs file", ""))
        self.assertEqual(set(attributes(tree + "root/file")), {"LXATTRB"})

    def test_more_than_a_file_holds(self):
        self.make()
        self.check(("write file one", "ok"), ("xattr file user.one*40000", "ok"), ("xattr file user.two*30000", "ENOSPC"),
                   ("xattr file user.two*25000", "ok"), ("xattrs file", "user.one=40000 bytes user.two=25000 bytes"),
                   ("chmod file 600", "ok"), ("xattr file user.three*500", "ENOSPC"), ("xattr file user.one=1", "ok"),
                   ("xattrs file", "user.one=1 user.two=25000 bytes"), ("stat file", "file 600 0:0 3 1"))

    def lay_out_as_wsl(self, tree):
        """The archive as WSL 1 unpacks it."""
        os.makedirs(tree)
        made = [(tree, stat.S_IFDIR | 0o755)]
        with tarfile.open(ARCHIVE) as archive:
            for member in archive:
                path = tree + member.name
                if member.isdir():
                    os.makedirs(path, exist_ok=True)
                    made.append((path, stat.S_IFDIR | member.mode))
                    continue
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "wb") as file:
                    file.write(member.linkname.encode() if member.issym() else archive.extractfile(member).read())
                made.append((path, (stat.S_IFLNK if member.issym() else stat.S_IFREG) | member.mode))
        for path, mode in made:
            give(path, LXATTRB=wsl.lxattrb(mode))

    def test_a_tree_of_wsl_opens(self):
        with open(ATTRIBUTES + "/case", "wb"):
            pass
        tree = WORK + "/wsl/rootfs/"
        self.lay_out_as_wsl(tree)
        for name, content, values in (
                ("Makefile", b"data", {"LXATTRB": wsl.lxattrb(stat.S_IFREG | 0o4750, uid=1000, gid=50), "LXXATTR": wsl.lxxattr(
                    [(b"user.one", b"1"), (b"user.Two", b"")])}),
                (wsl.escaped("a:b?.txt"), b"odd", {"LXATTRB": wsl.lxattrb(stat.S_IFREG | 0o600)}),
                (wsl.escaped("end."), b"dot", {"LXATTRB": wsl.lxattrb(stat.S_IFREG | 0o644)}),
                ("link", b"a:b?.txt", {"LXATTRB": wsl.lxattrb(stat.S_IFLNK | 0o777, uid=3, gid=4)}),
                ("null", b"", {"LXATTRB": wsl.lxattrb(stat.S_IFCHR | 0o666, device=(1, 3))})):
            with open(tree + "root/" + name, "wb") as file:
                file.write(content)
            give(tree + "root/" + name, **values)
        before = {name: attributes(tree + "root/" + name) for name in os.listdir(tree + "root")}
        self.assertSuccess(lxss("--import-in-place", "wsl", windows(WORK + "/wsl")))
        self.addCleanup(lxss, "--unregister", "wsl")
        self.assertEqual(lxss("--check", "wsl").code, 0)
        self.assertEqual({name: attributes(tree + "root/" + name) for name in os.listdir(tree + "root")}, before)
        self.assertFalse(os.path.exists(tree + "lxss~host"))
        self.check(("ls .", "Makefile a:b?.txt end. link null"), ("stat Makefile", "file 4750 1000:50 4 1"),
                   ("xattrs Makefile", "user.one=1 user.Two="), ("stat a:b?.txt", "file 600 0:0 3 1"), ("cat link", "odd"),
                   ("stat link", "link 777 3:4 8 1"), ("cat end.", "dot"), ("stat null", "device 666 0:0 c 1:3"), name="wsl")
        self.assertSuccess(lxss("--terminate", "wsl"))
        self.assertEqual({name: attributes(tree + "root/" + name) for name in os.listdir(tree + "root")}, before)
        self.check(("chown Makefile 7:8", "ok"), ("chmod Makefile 4751", "ok"), ("xattr Makefile user.one=new", "ok"),
                   ("write README: text", "ok"), name="wsl")
        self.assertSuccess(lxss("--terminate", "wsl"))
        self.assertAttribute(tree + "root/Makefile", stat.S_IFREG | 0o4751, uid=7, gid=8)
        self.assertEqual(attributes(tree + "root/Makefile")["LXXATTR"], wsl.lxxattr([(b"user.one", b"new"), (b"user.Two", b"")]))
        self.assertAttribute(tree + "root/" + wsl.escaped("README:"), stat.S_IFREG | 0o644)
        give(tree + "root/Makefile", LXATTRB=b"short")
        for options, code, ending in (((), 4, b"--repair repairs what can be"), (("--repair",), 1, b"1 problems, 1 repaired"), ((), 0, b"0 repaired")):
            run = lxss("--check", "wsl", *options)
            self.assertEqual((run.code, ending in run.output), (code, True), run.output + run.error)
        self.assertNotIn("LXATTRB", attributes(tree + "root/Makefile"))

    def snapshot(self, tree):
        return {path: (sorted(folders), sorted((name, os.stat(os.path.join(path, name)).st_mtime_ns, attributes(os.path.join(
            path, name)).get("LXATTRB")) for name in files)) for path, folders, files in os.walk(tree)}

    def test_what_a_tree_has_is_kept_to(self):
        tree = self.make()
        self.check(("write file one", "ok"), ("chown file 5:6", "ok"))
        self.assertSuccess(lxss("--terminate", "box"))
        before = self.snapshot(tree)
        use_kernel(double=False) # a volume without extended attributes
        refused = lxss("-d", "box", "-e", "/bin/true")
        self.assertEqual(refused.code, FAILED)
        self.assertIn(b"extended attributes, which this volume cannot hold", refused.error)
        for options in ((), ("--repair",)):
            run = lxss("--check", "box", *options)
            self.assertEqual((run.code, b"which this volume cannot hold" in run.output), (8, True), run.output + run.error)
        self.assertEqual(self.snapshot(tree), before)
        other = self.make("other")
        self.check(("write file one", "ok"), ("chown file 5:6", "ok"), name="other")
        use_kernel()
        self.check(("stat file", "file 644 5:6 3 1"))
        self.check(("stat file", "file 644 5:6 3 1"), ("chmod file 600", "ok"), ("write second two", "ok"), ("chmod second 640", "ok"),
                   name="other")
        self.assertEqual(attributes(other + "root/file"), {})
        self.assertEqual(attributes(other + "root/second"), {})
        use_kernel(double=False)
        self.check(("stat file", "file 600 5:6 3 1"), ("stat second", "file 640 0:0 3 1"), name="other")

    def test_metadata_of_drives(self):
        self.make()
        drive = WORK + "/drive/"
        os.mkdir(drive)
        with open(drive + "windows.txt", "wb"):
            pass
        place_of = {"source": windows(WORK + "/drive"), "folder": "metadata,uid=1,gid=2,symlinks=lx"}
        self.check(("stat windows.txt", "file 777 1:2 0 1"), ("write file one", "ok"), ("chown file 1000:50", "ok"),
                   ("chmod file 4751", "ok"), ("mkdir folder", "ok"), ("chmod folder 1770", "ok"), ("mknod null c 1 3", "ok"),
                   ("symlink link file", "ok"), ("mknod pipe p", "ok"), **place_of)
        seen = [("stat file", "file 4751 1000:50 3 1"), ("target link", "file"), ("cat link", "one"),
                ("stat windows.txt", "file 777 1:2 0 1")]
        self.check(*seen, **place_of)
        self.assertSuccess(lxss("--terminate", "box"))
        self.check(*seen, **place_of)
        self.assertEqual(attributes(drive + "file"), {"$LXUID": struct.pack("<I", 1000), "$LXGID": struct.pack("<I", 50),
                                                      "$LXMOD": struct.pack("<I", stat.S_IFREG | 0o4751)})
        self.assertEqual(attributes(drive + "null")["$LXDEV"], struct.pack("<II", 1, 3))
        self.assertEqual(attributes(drive + "folder")["$LXMOD"], struct.pack("<I", stat.S_IFDIR | 0o1770))
        self.assertEqual(attributes(drive + "windows.txt"), {})


unittest.main(verbosity=2)
