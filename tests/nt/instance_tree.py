"""What the tests share that look at an instance's files on the host: an instance with files of every kind, as it is to look from inside."""
import io
import tarfile
import unittest

from own_manager import ROOT_ARCHIVE, WORK, lxss, windows

# Spelled as a tree has to be that cannot tell upper and lower case apart.
LONG = "C" * 80


def escaped(name):
    return "".join(chr(0xf000 + ord(letter)) if letter.isupper() else letter for letter in name)


def make_archive(path):
    """The tests' root with files of every kind and with names that Windows does not have."""
    with tarfile.open(ROOT_ARCHIVE) as source, tarfile.open(path, "w", format=tarfile.GNU_FORMAT, encoding="utf-8",
                                                            errors="surrogateescape") as archive:
        for member in source.getmembers():
            archive.addfile(member, source.extractfile(member) if member.isreg() else None)

        def add(name, kind=tarfile.REGTYPE, text=b"", **values):
            item = tarfile.TarInfo("root/" + name)
            item.type, item.size, item.mtime = kind, len(text), 1_000_000_000
            for key, value in values.items():
                setattr(item, key, value)
            archive.addfile(item, io.BytesIO(text))

        add("file", text=b"text\n", uid=9, gid=10, mode=0o4751)
        add("hard", tarfile.LNKTYPE, linkname="root/file")
        add("link", tarfile.SYMTYPE, linkname="file", mode=0o777)
        add("owned", tarfile.SYMTYPE, linkname="nowhere", uid=7, gid=8, mode=0o777)
        add("fifo", tarfile.FIFOTYPE, mode=0o640)
        add("null", tarfile.CHRTYPE, devmajor=1, devminor=3, mode=0o666)
        add("folder", tarfile.DIRTYPE, uid=5, gid=6, mode=0o2770)
        add("folder/Inner", text=b"inner", gid=6, mode=0o600)
        for name in ("Makefile", "makefile", "a:b", "dot.", "bytes\udcff", "Größe", LONG):
            add(name, text=name.encode(errors="surrogateescape"), mode=0o644)


LOOK = ("-c", "cd /root; for f in * folder/*; do stat -c '%n %F %a %u:%g %t:%T %h %s %Y' \"$f\"; done; "
              "cat file hard link folder/Inner Makefile makefile a:b dot. byte* Gr*e CCC*")
SEEN = """CCC regular file 644 0:0 0:0 1 80 1000000000
Größe regular file 644 0:0 0:0 1 7 1000000000
Makefile regular file 644 0:0 0:0 1 8 1000000000
a:b regular file 644 0:0 0:0 1 3 1000000000
bytes\udcff regular file 644 0:0 0:0 1 6 1000000000
dot. regular file 644 0:0 0:0 1 4 1000000000
fifo fifo 640 0:0 0:0 1 0 1000000000
file regular file 4751 9:10 0:0 2 5 1000000000
folder directory 2770 5:6 0:0 1 4096 1000000000
folder/Inner regular file 600 0:6 0:0 1 5 1000000000
hard regular file 4751 9:10 0:0 2 5 1000000000
link symbolic link 777 0:0 0:0 1 4 1000000000
makefile regular file 644 0:0 0:0 1 8 1000000000
null character special file 666 0:0 1:3 1 0 1000000000
owned symbolic link 777 7:8 0:0 1 7 1000000000
text
text
text
innerMakefilemakefilea:bdot.bytes\udcffGrößeCCC""".replace("CCC", LONG)


class TreeTestCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with open(WORK + "/home/lxss.conf", "w", encoding="ascii") as file:
            file.write("[drives]\nc = off\nz = off\n")
        archive = WORK + "/check.tar"
        make_archive(archive)
        cls.folder = WORK + "/box"
        run = lxss("--import", "box", windows(cls.folder), windows(archive))
        assert run.code == 0, run.error
        cls.tree = cls.folder + "/rootfs"
        cls.host = cls.tree + "/lxss~host"
        cls.log = cls.host + "/attributes.log"

    def setUp(self):
        lxss("--terminate", "box")

    def at(self, name):
        return f"{self.tree}/root/{name}"

    def look(self, name="box"):
        run = lxss("-d", name, "-e", "/bin/bash", *LOOK)
        self.assertEqual(run.code, 0, run.error)
        self.assertSeen(run.output, SEEN)

    def assertSeen(self, output, expected):
        def ordered(text):  # the shell's order of names is the locale's
            lines = text.splitlines()
            return sorted(lines[:15], key=lambda line: line.encode(errors="surrogateescape")) + lines[15:]
        self.assertEqual(ordered(output.decode(errors="surrogateescape")), ordered(expected))

    def check(self, *options, name="box"):
        run = lxss("--check", name, *options)
        self.error = run.error
        return run.code, run.output.decode(errors="surrogateescape").splitlines()

    def assertClean(self, name="box"):
        code, lines = self.check(name=name)
        self.assertEqual((code, len(lines)), (0, 1), lines)
