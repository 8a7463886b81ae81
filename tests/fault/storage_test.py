"""What lies in the host folder of an instance: it outlives the kernel, WSL 1's layout is read and written, damage is found."""
import os
import struct
import unittest

import fault_support

# LXATTRB as WSL 1 has it: flags, version, mode, uid, gid, rdev, nanoseconds of three times, then their seconds.
LAYOUT = struct.Struct("<HHIIIIIIIQQQ")
VERSION = 1
OURS, HAS_SPECIALS = 0x4000, 0x8000


def lxattrb(mode, uid=0, gid=0, rdev=0, flags=0):
    return LAYOUT.pack(flags, VERSION, mode, uid, gid, rdev, 1, 2, 3, 1000, 2000, 3000)


class Storage(fault_support.FaultTestCase):
    def setUp(self):
        self.root = os.path.join(self.instance.instance_folder("test"), "rootfs")

    def stop(self):
        self.assertSuccess(self.instance.run("--terminate", "test"))

    def put(self, name, attribute=None, data=b""):
        path = os.path.join(self.root, name)
        if data is None:
            os.makedirs(path, exist_ok=True)
        else:
            with open(path, "wb") as file:
                file.write(data)
        if attribute:
            os.setxattr(path, "user.lxattrb", attribute)
        return path

    def guest(self, script):
        return self.assertSuccess(self.instance.guest(script)).stdout.decode()

    def check(self, *words, code):
        result = self.instance.run("--check", "test", *words)
        self.assertEqual(result.returncode, code, result)
        return result.stdout.decode()

    LOOK = "cd /kept; stat -c '%n %F %a %u:%g %t:%T' fifo socket null disk link root-link file dir; readlink link root-link; " \
           "cat file; getfattr --version >/dev/null 2>&1; stat -c %Y.%y file | cut -c1-21; stat -c %h file"

    def test_special_files_persist(self):
        self.guest("""mkdir /kept; cd /kept; mkfifo -m 640 fifo; mknod null c 1 3; mknod disk b 259 300000; ln -s target root-link
            perl -MSocket -e 'socket(S, PF_UNIX, SOCK_STREAM, 0); bind(S, sockaddr_un("socket")) or die'
            ln -s elsewhere link; chown -h 7:8 link; echo text > file; chmod 4751 file; chown 9:10 file; chmod 4751 file; ln file hard
            mkdir -m 2770 dir; chown 5:6 dir; chmod 2770 dir; touch -d '2001-02-03 04:05:06.789 UTC' file""")
        before = self.guest(self.LOOK)
        self.assertIn("null character special file 644 0:0 1:3\n", before)
        self.assertIn("disk block special file 644 0:0 103:493e0\n", before)
        self.assertIn("socket socket 755 0:0", before)
        self.assertIn("file regular file 4751 9:10", before)
        self.stop()
        self.assertIn(" 0 problems", self.check(code=0))
        self.assertEqual(self.guest(self.LOOK), before)
        self.assertEqual(self.guest("echo x > /kept/null; exec 3<>/kept/fifo; echo through >&3; read a <&3; echo $a"), "through\n")

    def test_the_layout_of_wsl_1(self):
        self.stop()
        self.put("wsl", lxattrb(0o040755, 1000, 1001), None)
        self.put("wsl/file", lxattrb(0o104751, 1000, 1001), b"content\n")
        self.put("wsl/link", lxattrb(0o120777, 1000, 1001), "zïel".encode())
        self.put("wsl/null", lxattrb(0o020666, rdev=(1 << 20) | 3))
        self.put("wsl/disk", lxattrb(0o060660, gid=6, rdev=(8 << 20) | 17))
        self.put("wsl/fifo", lxattrb(0o010640))
        self.put("wsl/socket", lxattrb(0o140755))
        self.put("wsl/shut", lxattrb(0o100000, 5, 5), b"for root\n")
        self.put("wsl/plain", None, b"made by the host\n")
        self.assertIn(" 0 problems", self.check(code=0))
        self.assertEqual(self.guest("cd /wsl; stat -c '%n %F %a %u:%g %t:%T' . file link null disk fifo socket shut plain; readlink link; "
                                    "cat shut; ls -p | grep -c '|' ; find . -type l -o -type p -o -type s -o -type c -o -type b | sort"),
                         ". directory 755 1000:1001 0:0\nfile regular file 4751 1000:1001 0:0\n"
                         "link symbolic link 777 1000:1001 0:0\nnull character special file 666 0:0 1:3\n"
                         "disk block special file 660 0:6 8:11\nfifo fifo 640 0:0 0:0\nsocket socket 755 0:0 0:0\n"
                         "shut regular file 0 5:5 0:0\nplain regular file 644 0:0 0:0\nzïel\nfor root\n0\n"
                         "./disk\n./fifo\n./link\n./null\n./socket\n")
        # What was only read is as it was, to the byte.
        for name, want in (("file", lxattrb(0o104751, 1000, 1001)), ("null", lxattrb(0o020666, rdev=(1 << 20) | 3))):
            self.assertEqual(os.getxattr(os.path.join(self.root, "wsl", name), "user.lxattrb"), want)
        # What is written has the same layout.
        self.guest("cd /wsl; chown 77:78 file; chmod 6711 file; mknod new b 8 18; ln -s far symlink; chown -h 3:4 symlink; mv new moved")
        for name, mode, uid, gid, rdev in (("file", 0o106711, 77, 78, 0), ("moved", 0o060644, 0, 0, (8 << 20) | 18),
                                           ("symlink", 0o120777, 3, 4, 0)):
            with self.subTest(name=name):
                stored = os.getxattr(os.path.join(self.root, "wsl", name), "user.lxattrb")
                self.assertEqual(len(stored), 56)
                flags, version, *rest = LAYOUT.unpack(stored)
                self.assertEqual((flags & ~OURS, version, *rest[:4]), (0, VERSION, mode, uid, gid, rdev))
        with open(os.path.join(self.root, "wsl", "symlink"), "rb") as file:
            self.assertEqual(file.read(), b"far")

    def test_the_check_finds_damage(self):
        self.guest("mkdir /damage; chown 1:1 /damage; touch /damage/f; chown 1:1 /damage/f; touch /damage/g; chown 1:1 /damage/g;"
                   "mkfifo /damage/p; mkdir /damage/d; touch /damage/d/x; chown -R 1:1 /damage/d; mkdir /damage/e; mknod /damage/e/c c 1 3")
        self.assertEqual(self.instance.run("--check", "test").returncode, 2)  # it runs
        self.stop()
        damage = os.path.join(self.root, "damage")
        os.setxattr(os.path.join(damage, "f"), "user.lxattrb", b"short")
        os.setxattr(os.path.join(damage, "g"), "user.lxattrb", lxattrb(0o040755, 1, 1, flags=OURS))
        with open(os.path.join(damage, "p"), "w") as file:
            file.write("data")
        os.chmod(os.path.join(damage, "d"), 0o711)
        os.removexattr(os.path.join(damage, "e"), "user.lxattrb")
        os.makedirs(os.path.join(self.root, ".lxss-staging"), exist_ok=True)
        self.put(".lxss-staging/1f", None, b"half")
        wanted = ["/.lxss-staging/1f: a file that was never finished",
                  "/damage/d: the host's permissions are not those of the Linux mode",
                  "/damage/e: not marked as a folder with devices, FIFOs, sockets or owned links",
                  "/damage/f: its Linux attributes cannot be read (kept as user.lxattrb.broken when repaired)",
                  "/damage/g: its Linux attributes are those of another type of file",
                  "/damage/p: a device, FIFO or socket with data in it"]
        found = self.check(code=1).splitlines()
        self.assertEqual(sorted(line for line in found if line[0] == "/" and not line.startswith("/damage/g: the host")), wanted)
        found = self.check("--repair", code=0).splitlines()
        for line in wanted:
            self.assertIn(line + " (repaired)", found)
        self.assertIn(" 0 problems", self.check(code=0))
        self.assertEqual(self.guest("cd /damage; stat -c '%F %u' f g p d e/c; find . -type c"),
                         "regular empty file 0\nregular empty file 1\nfifo 0\ndirectory 1\ncharacter special file 0\n./e/c\n")
        self.assertEqual(os.getxattr(os.path.join(damage, "f"), "user.lxattrb.broken"), b"short")

    def test_the_check_explains_itself(self):
        self.assertEqual(self.instance.run("--check", "nobody").returncode, 2)
        self.assertEqual(self.instance.run("--check").returncode, 2)
        self.assertEqual(self.instance.run("--check", "test", "--nonsense").returncode, 2)
        self.assertIn(b"Usage: lxss --check", self.instance.run("--check", "--help").stdout)


if __name__ == "__main__":
    unittest.main()
