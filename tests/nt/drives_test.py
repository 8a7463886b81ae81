"""Drives on the NT host: a folder of the host, by its letter under Wine (Z: is the host's root), mounted in an instance.

What is checked is what a guest program sees of the files of host programs, and they of its; tests/apps/drives_test.py has the rest of
the rules of drives, which are lxcore's. usage: drives_test.py DRIVE-STEPS, the program's name in the instance
"""
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = sys.argv.pop(1)
TIME_LIMIT = 60


class Drives(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="lxss drive ")
        self.addCleanup(shutil.rmtree, self.folder)
        self.source = "Z:" + self.folder.replace("/", "\\")

    def path(self, name):
        return os.path.join(self.folder, name)

    def put(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def text(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    # Output goes to files: processes of Wine that outlive the run for a while would keep pipes open.
    def start(self, *steps, options="", source=None, stdin=subprocess.DEVNULL):
        self.output = tempfile.NamedTemporaryFile()
        self.addCleanup(self.output.close)
        command = [os.path.join(HERE, "run"), PROGRAM, source or self.source, options, *steps]
        return subprocess.Popen(command, stdin=stdin, stdout=self.output, stderr=subprocess.STDOUT, text=True)

    def lines(self):
        with open(self.output.name, encoding="utf-8") as file:
            return file.read().splitlines()

    def steps(self, *steps, **options):
        with self.start(*steps, **options) as process:
            process.wait(TIME_LIMIT)
        self.assertLess(process.returncode, 2, self.lines())
        return self.lines()

    def check(self, *expected, **options):
        """Each step with what it is to print."""
        self.assertEqual(list(zip([step for step, _ in expected], self.steps(*(step for step, _ in expected), **options))),
                         list(expected))

    def test_both_see_the_same(self):
        self.put("Hello.TXT", "hi")
        os.mkdir(self.path("Sub"))
        os.mkdir(self.path("empty"))
        self.check(("ls .", "Hello.TXT Sub/ empty/"), ("stat .", "directory 777 0:0 0 0"), ("cat Hello.TXT", "hi"),
                   ("stat Hello.TXT", "file 777 0:0 2 1"), ("write Sub/f one", "ok"), ("append Sub/f +two", "ok"),
                   ("cat Sub/f", "one+two"), ("link Sub/f Sub/g", "ok"), ("stat Sub/g", "file 777 0:0 7 2"),
                   ("rename Sub/g moved", "ok"), ("truncate Sub/f 3", "ok"), ("touch Sub/f 1000", "ok"), ("mtime moved", "1000"),
                   ("create \u00fcnic\u00f6de", "ok"), ("ls .", "Hello.TXT Sub/ empty/ moved \u00fcnic\u00f6de"),
                   ("rmdir empty", "ok"), ("stat empty", "ENOENT"), ("mkdir empty", "ok"), ("rmdir Sub", "ENOTEMPTY"))
        self.assertEqual(self.text("moved"), "one")
        self.assertEqual(os.stat(self.path("Sub/f")).st_mtime, 1000)
        self.assertEqual(sorted(os.listdir(self.folder)), ["Hello.TXT", "Sub", "empty", "moved", "\u00fcnic\u00f6de"])

    def test_changes_are_seen_at_once(self):
        self.put("f", "one")
        with self.start("cat f", "ls .", "wait", "cat f", "ls .", "cat g", stdin=subprocess.PIPE) as process:
            deadline = time.monotonic() + TIME_LIMIT
            while self.lines()[-1:] != ["waiting"] and time.monotonic() < deadline:
                time.sleep(0.05)
            os.rename(self.path("f"), self.path("g"))
            self.put("f", "another")
            process.stdin.write("x")
            process.stdin.close()
            process.wait(TIME_LIMIT)
        self.assertEqual(self.lines(), ["one", "f", "waiting", "ok", "another", "f g", "one"])

    def windows(self, line):
        """A command line for Windows' own shell."""
        script = 'root=$1; . "$root/scripts/common.sh"; use_wine; exec "$WINE" cmd /c "$2"'
        subprocess.run(["bash", "-c", script, "bash", os.path.dirname(os.path.dirname(HERE)), line], check=True, timeout=TIME_LIMIT,
                       cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def test_inotify_hears_of_windows_programs(self):
        changes = [("mkdir folder", "40000100:folder"), ("ren folder other", "40000040:folder 40000080:other"),
                   ("rmdir other", "200:other"), ("echo more>>file", "2:file"), ("del file", "200:file")]
        self.put("file", "text")
        steps = ["watch ."] + ["wait", "event"] * len(changes) + ["mkdir own", "event"]
        expected = ["ok"]
        with self.start(*steps, stdin=subprocess.PIPE) as process:
            for line, event in changes:
                expected.append("waiting")
                deadline = time.monotonic() + TIME_LIMIT
                while self.lines() != expected and time.monotonic() < deadline:
                    time.sleep(0.05)
                self.windows(line)
                process.stdin.write("x")
                process.stdin.flush()
                expected += ["ok", event]
            process.stdin.close()
            process.wait(TIME_LIMIT)
        self.assertEqual(self.lines(), expected + ["ok", "40000100:own"]) # what the guest does is told once

    def test_case_is_ignored_and_kept(self):
        self.put("Hello.TXT", "hi")
        self.check(("cat hello.txt", "hi"), ("create HELLO.txt", "EEXIST"), ("mkdir hello.TXT", "EEXIST"),
                   ("write HELLO.TXT new", "ok"), ("ls .", "Hello.TXT"), ("unlink hELLO.txt", "ok"), ("ls .", ""))

    def test_names_that_windows_does_not_take(self):
        self.check(*((f"create {name}", "EINVAL") for name in ("a:b", "con", "NUL.txt", "a?", "end.", "a|b")), ("ls .", ""))
        self.check(("create a:b", "ok"), ("ls .", "a:b"), ("write a:b text", "ok"), ("cat a:b", "text"), options="names=escape")
        self.assertEqual(os.listdir(self.folder), ["a\uf03ab"])

    def test_open_files_stay(self):
        self.check(("write a 1", "ok"), ("write b 2", "ok"), ("open a", "ok"), ("unlink a", "EACCES"), ("rename b a", "EACCES"),
                   ("rename a c", "EACCES"), ("close", "ok"), ("rename a c", "ok"), ("unlink c", "ok"), ("ls .", "b"))

    def test_renames(self):
        self.check(("write a 1", "ok"), ("write b 2", "ok"), ("mkdir d", "ok"), ("mkdir e", "ok"), ("rename a b", "ok"),
                   ("cat b", "1"), ("rename b d", "EISDIR"), ("rename d b", "ENOTDIR"), ("rename d e", "ok"), ("stat d", "ENOENT"),
                   ("create e/x", "ok"), ("mkdir f", "ok"), ("rename f e", "ENOTEMPTY"), ("cd e", "ok"), ("rename ../b x", "ok"),
                   ("cat x", "1"), ("cd ..", "ok"), ("rename e g", "ok"), ("ls g", "x"))

    def test_modes(self):
        self.check(("write f 1", "ok"), ("chmod f 444", "ok"), ("stat f", "file 555 0:0 1 1"), ("chmod f 644", "ok"),
                   ("stat f", "file 777 0:0 1 1"))
        self.check(("stat f", "file 751 5:6 1 1"), ("mkdir d", "ok"), ("stat d", "directory 755 5:6 0 0"),
                   options="uid=5,gid=6,umask=22,fmask=4")
        self.check(("cat f", "1"), ("write f 2", "EROFS"), ("unlink f", "EROFS"), options="ro")

    def test_sources(self):
        self.put("f", "1")
        self.check(("cat f", "1"), source="z:" + self.folder)
        for source, error in (("Q:", "ENODEV"), ("5:", "ENODEV"), ("relative", "ENODEV"), (self.folder, "ENODEV"),
                              (self.source + "\\missing", "ENOENT"), (self.source + "\\f", "ENOTDIR")):
            self.assertEqual(self.steps(source=source), ["mount " + error], source)
        self.assertIn("windows/", self.steps("ls .", source="C:")[0])

    def test_long_names(self):
        name, deep = "n" * 255, "/".join(["directory-" + "d" * 60] * 5)
        steps = [(f"mkdir {'/'.join(deep.split('/')[:count])}", "ok") for count in range(1, 6)]
        self.check((f"create {name}", "ok"), (f"create {name}x", "ENAMETOOLONG"), *steps, (f"write {deep}/f deep", "ok"),
                   (f"cat {deep}/f", "deep"))
        self.assertEqual(self.text(deep + "/f"), "deep")


unittest.main(verbosity=2)
