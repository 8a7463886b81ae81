"""Portable trees (lxss --import --portable): nothing in them that a copy by host tools would lose, whatever the guest does."""
import os
import shutil
import stat
import subprocess

import fault_support  # noqa: F401
import support
import volfs_support

NAMES = ["Makefile", "makefile", "a:b", "x.", "end ", "x~1", "Größe", "\ue000\uf03a", "\udcff\udcc3", "-\x01\\"]
SPELLED = {"Makefile", "makefile", "a\uf03ab", "x\uf02e", "end\uf020", "x\uf07e1", "Größe", "\ue000\uf0ef\uf080\uf0ba", "\uf0ff\uf0c3",
           "-\uf001\uf05c"}
MAKE = """cd /root/broken; umask 022; for name; do printf %s "$name" >"$name"; done
          mkfifo -m 640 fifo; mknod null c 1 3; ln -s target link; ln -s target owned; chown -h 7:8 owned; ln link second
          echo text >file; chown 9:10 file; chmod 4751 file; ln file hard; echo none >none; chmod 0 none; mkdir dir; chown 5:6 dir
          chmod 2770 dir; : >dir/inner; mkdir shut; chmod 0 shut; touch -d @1000000000 none; ln -s x 'Odd:'
          perl -e 'my ($file, $name, $value) = ("file", "user.colour", "blue");
                   syscall(188, $file, $name, $value, 4, 0) == 0 or die "setxattr: $!"'"""
LOOK = """cd /root/broken; find . -mindepth 1 | LC_ALL=C sort | while IFS= read -r name; do
              stat -c '%n %F %a %u:%g %t:%T %h %Y' "$name" | sed 's/ [0-9]*$//'; [ ! -L "$name" ] || readlink "$name"; done
          stat -c %Y none; for name; do [ "$(cat <"$name")" = "$name" ] || echo "wrong: $name"; done
          perl -e '
              my ($file, $name, $buffer) = ("file", "user.colour", " " x 100); my $length = syscall(191, $file, $name, $buffer, 100);
              print substr($buffer, 0, $length), "\\n"'"""
KNOWN = ["./fifo fifo 640 0:0 0:0 1", "./null character special file 644 0:0 1:3 1", "./link symbolic link 777 0:0 0:0 2",
         "./owned symbolic link 777 7:8 0:0 1", "./second symbolic link 777 0:0 0:0 2", "./file regular file 4751 9:10 0:0 2",
         "./hard regular file 4751 9:10 0:0 2", "./none regular file 0 0:0 0:0 1", "./dir directory 2770 5:6 0:0 2",
         "./shut directory 0 0:0 0:0 2", "./dir/inner regular empty file 644 0:6 0:0 1", "./x~1 regular file 644 0:0 0:0 1",
         "./Odd: symbolic link 777 0:0 0:0 1"]


class Portable(volfs_support.TreeTestCase):
    import_options = ("--portable",)

    def assertPortable(self):
        """Plain files and folders alone, by names that are UTF-8 and NTFS's."""
        count = 0
        for folder, folders, files in os.walk(os.fsencode(self.tree)):
            for name in folders + files:
                mode = os.lstat(folder + b"/" + name).st_mode
                self.assertTrue(stat.S_ISREG(mode) or stat.S_ISDIR(mode), (folder, name))
                text = name.decode()  # or it fails
                self.assertFalse(set(text) & set('"*:<>?\\|') or min(text) < " " or text[-1] in ". ", text)
                count += 1
        self.assertGreater(count, 1000)

    def record(self):
        with open(self.at(".lxss-storage"), encoding="ascii") as file:
            return file.read()

    def assertSeen(self, seen):
        lines = seen.splitlines()
        self.assertEqual([line for line in KNOWN if line not in lines], [])
        self.assertEqual(lines[-2:], ["1000000000", "blue"])
        self.assertFalse([line for line in lines if line.startswith("wrong")], seen)

    def make(self):
        self.guest(MAKE, *NAMES)
        seen = self.guest(LOOK, *NAMES)
        self.assertSeen(seen)
        return seen

    def test_tree(self):
        self.assertEqual(self.record(), "lxss VolFs tree, version 1\nlayout portable\ncase sensitive\nspecials marked\n")
        seen = self.make()
        self.stop()
        self.assertLessEqual(SPELLED, set(os.listdir(self.place)))
        self.assertPortable()
        self.assertClean()
        self.assertEqual(self.guest(LOOK, *NAMES), seen)

    def test_what_a_guest_does_keeps_it_so(self):
        self.make()
        self.guest("""cd /root/broken; chmod 644 file; chown 0:0 file owned; chown -h 0:0 owned; chown -h 3:4 link; mv a:b 'c:d'; mv -T dir 'Dir.'
                      mv owned 'own ed '; ln -s /etc/passwd again; rm null; mknod null b 8 1; cp -a fifo 'fifo|'; rm hard
                      ln 'c:d' 'Hard*'""")
        look = """cd /root/broken; for name in file link 'own ed ' 'Dir.' null 'fifo|' again 'c:d' 'Hard*'; do
                  stat -c '%n %F %a %u:%g %t:%T %h' "$name"; done; cat 'Hard*'"""
        seen = self.guest(look)
        self.assertEqual(seen.splitlines(), [
            "file regular file 644 0:0 0:0 1", "link symbolic link 777 3:4 0:0 2", "own ed  symbolic link 777 0:0 0:0 1",
            "Dir. directory 2770 5:6 0:0 2", "null block special file 644 0:0 8:1 1", "fifo| fifo 640 0:0 0:0 1",
            "again symbolic link 777 0:0 0:0 1", "c:d regular file 644 0:0 0:0 2", "Hard* regular file 644 0:0 0:0 2", "a:b"])
        self.stop()
        self.assertPortable()
        self.assertClean()
        self.assertEqual(self.guest(look), seen)
        self.stop()

    def copy_tree(self, *command):
        shutil.rmtree(self.tree + ".original", ignore_errors=True)
        os.rename(self.tree, self.tree + ".original")
        subprocess.run([*command, self.tree + ".original", self.tree], check=True, umask=0o077)
        shutil.rmtree(self.tree + ".original")

    def test_a_copy_without_modes_on_linux(self):
        seen = self.make()
        self.stop()
        self.copy_tree("cp", "-r", "--preserve=links,timestamps")
        self.assertEqual(self.home.run("-e", "true").returncode, support.FAILED)
        self.assertEqual(self.check("--repair")[0], 1)
        self.assertClean()
        self.assertEqual(self.guest(LOOK, *NAMES), seen)
        self.stop()
        self.assertIn("layout portable", self.record())
        os.unlink(self.at(".lxss-attributes.broken"))

    def test_names_of_host_programs(self):
        for name in ("up:Down", "x~1", "\uf061", "dot."):
            with open(self.place + name, "w"):
                pass
        with open(os.fsencode(self.place) + b"\xff", "w"):
            pass
        code, lines = self.check()
        self.assertEqual((code, len(lines)), (4, 6), lines)
        self.assertEqual(self.check("--repair")[0], 1)
        self.assertClean()
        self.assertPortable()
        self.assertEqual(self.guest("cd /root/broken; export LC_ALL=C; ls -b | sort"), "\\357\\201\\241\n\\377\ndot.\nup:Down\nx~1\n")
        self.stop()

    def test_a_record_that_contradicts_itself(self):
        text = self.record()
        with open(self.at(".lxss-storage"), "a", encoding="ascii") as file:
            file.write("names raw\n")
        result = self.home.run("-e", "true")
        self.assertEqual(result.returncode, support.FAILED)
        self.assertIn(b"is not understood at 'layout portable'", result.stderr)
        with open(self.at(".lxss-storage"), "w", encoding="ascii") as file:
            file.write(text)
        self.assertClean()
