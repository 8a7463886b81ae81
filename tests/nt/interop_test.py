"""Programs of Windows, started from inside an instance. Run by tests/nt/own-manager; its files are interop_program.c, built for Windows,
and interop_requests.c, for the instance.
"""
import hashlib
import os
import shutil
import signal
import tempfile
import time
import unittest

import console_test
from own_manager import FILES, LXSS, ROOT_ARCHIVE, TIME_LIMIT, WINE, WORK, Run, lxss, windows

DRIVE = os.path.join(WORK, "drive")
INSIDE = "/mnt/z" + DRIVE
WINDOWS = windows(DRIVE)
PROGRAM = INSIDE + "/program.exe"
INTERRUPTED = 42  # what the program makes of Ctrl-C


def inside(*words, **options):
    return lxss("-d", "box", "-e", *words, **options)


def shell(script, **options):
    return inside("bash", "-c", f"p='{PROGRAM}'; {script}", **options)


def restart():
    lxss("--terminate", "box")


class Programs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        os.makedirs(DRIVE + "/a folder")
        shutil.copy(FILES[0], DRIVE + "/program.exe")
        shutil.copy(FILES[1], DRIVE + "/requests")
        run = lxss("--import", "box", windows(WORK + "/box"), windows(ROOT_ARCHIVE))
        if run.code != 0:
            raise RuntimeError(run.error)

    def assertLines(self, run, *lines):
        self.assertEqual((run.output.decode(), run.code), ("".join(line + "\n" for line in lines), 0), run.error)

    def test_by_path_and_by_name(self):
        self.assertEqual(inside("/mnt/c/windows/system32/cmd.exe", "/c", "echo hello").output, b"hello\r\n")
        for name in ("cmd", "cmd.exe", "C:\\windows\\system32\\cmd.exe"):
            self.assertEqual(inside("lxss-host", name, "/c", "echo hello").output, b"hello\r\n", name)
        self.assertLines(shell(f"cd '{INSIDE}/a folder'; lxss-host ../program.exe words found"), "found")

    def test_words(self):
        words = ["", "a b", "tab\t", "'", '"', 'x"y z"', "\\", "a\\b", "end\\", "an end\\", '\\"', '\\\\"', "%PATH%", "*", "&|<>^",
                 "\u00fcnic\u00f6de \U0001f600", "-"]
        self.assertLines(inside(PROGRAM, "words", *words), *words)
        word = "w" * 30000
        self.assertLines(inside(PROGRAM, "words", word), word)
        self.assertEqual(shell("$p words $(printf %040000d 0)").code, 126)

    def test_what_cannot_be_run(self):
        with open(os.path.join(DRIVE, "batch.bat"), "w", encoding="ascii") as file:
            file.write("echo ran\r\n")
        for word, code, reason in (("no-such-program", 127, "not found"), ("./no-such-file", 127, "No such file"),
                                   (WINDOWS + "\\batch.bat", 126, "cmd.exe"), (WINDOWS, 126, "")):
            run = inside("lxss-host", word)
            self.assertEqual((run.code, run.output), (code, b""), word)
            self.assertIn(reason, run.error.decode())
        # A program of Windows in the instance's own tree, which Windows has no name for.
        run = shell("cp $p /tmp/inside.exe; /tmp/inside.exe exit 0")
        self.assertEqual(run.code, 255)
        self.assertIn(b"does not see this file", run.error)

    def test_folder(self):
        self.assertLines(shell(f"cd '{INSIDE}/a folder'; $p folder"), WINDOWS + "\\a folder")
        self.assertLines(shell("cd /mnt/c; $p folder"), "C:\\")
        for folder in ("/etc", "/proc", "/tmp"):
            run = shell(f"cd {folder}; $p folder")
            self.assertRegex(run.output.decode(), r"^C:\\users\\")
            self.assertIn(b"home folder", run.error)

    def test_environment(self):
        self.assertLines(shell(f"export A=1 B='{INSIDE}/a folder' C=3 D=/mnt/c:/etc:/mnt/c/windows E=5 F=/etc G=7 "
                               "WSLENV=A:B/p:D/l:E/u:F/p:G/w; $p variables A B C D E F G WSL_DISTRO_NAME windir"),
                         "1", WINDOWS + "\\a folder", "(none)", "C:\\;C:\\windows", "(none)", "(none)", "7", "box", "C:\\windows")
        # And from Windows to the instance.
        environment = {"A": "1", "P": "C:\\windows", "L": "C:\\windows;Q:\\none;z:/tmp", "W": "2", "N": "3", "U": "4",
                       "WSLENV": "A:P/p:L/l:W/w:U/u"}
        self.assertLines(shell("echo $A,$P,$L,$W,$N,$U", environment=environment), "1,/mnt/c/windows,/mnt/c/windows:/mnt/z/tmp,,,4")

    def test_streams(self):
        run = inside(PROGRAM, "streams")
        self.assertEqual((run.output, run.error, run.code), (b"out\n", b"err\n", 0))
        data = bytes(range(256)) * 3 + b"\r\n\x1a" + os.urandom(2_000_000) + b"\x1a\n"
        with tempfile.TemporaryFile() as file:
            file.write(data)
            file.seek(0)
            run = inside(PROGRAM, "copy", stdin=file)
        self.assertEqual(run.code, 0, run.error)
        self.assertEqual(hashlib.sha256(run.output).digest(), hashlib.sha256(data).digest())
        # Through pipes of the instance; a program that reads nothing; a reader that goes; an end right after much output.
        self.assertLines(shell("echo text | $p copy | cat; head -c 500000 /dev/zero | $p exit 3; echo ${PIPESTATUS[1]}; "
                               "$p count | head -n 2; echo ${PIPESTATUS[0]}; $p write 1000000 | wc -c; ls -l <($p streams) >/dev/null"),
                         "text", "3", "0", "1", "5", "1000000")

    def test_what_a_program_leaves_behind(self):
        """It holds the streams, and is not waited for."""
        started = time.monotonic()
        self.assertLines(shell("$p leave; echo end"), "left", "end")
        self.assertLess(time.monotonic() - started, TIME_LIMIT)

    def test_exit_codes(self):
        codes = {"0": 0, "1": 1, "255": 255, "256": 255, "511": 255, "0xc0000005": 128 + signal.SIGSEGV,
                 "0xc000013a": 128 + signal.SIGINT, "0xc0000409": 128 + signal.SIGABRT}
        self.assertLines(shell(f"for code in {' '.join(codes)}; do ($p exit $code) 2>/dev/null; echo $?; done"),
                         *map(str, codes.values()))

    def test_signals_end_the_program(self):
        """What bash is told of lxss-host; and that nothing of the program is left."""
        script = ("set -m; $p wait >/tmp/out </dev/null & until [[ $(</tmp/out) == ready ]]; do sleep 0.05; done; kill -{} $!; wait $!; "
                  "echo $?")
        for number, code in ((signal.SIGINT, INTERRUPTED), (signal.SIGTERM, 128 + signal.SIGTERM),
                             (signal.SIGKILL, 128 + signal.SIGKILL), (signal.SIGHUP, 128 + signal.SIGHUP)):
            self.assertLines(shell(script.format(int(number))), str(code))
            self.assertTrue(self.is_gone("wait"), number)

    def is_gone(self, task):
        deadline = time.monotonic() + TIME_LIMIT
        while time.monotonic() < deadline:
            if not self.processes(task):
                return True
            time.sleep(0.05)
        return False

    def processes(self, task):
        """Of the host, that run the program for a task."""
        found = []
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{name}/cmdline", "rb") as file:
                    words = file.read().rstrip(b"\0").split(b"\0")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if words[0].endswith(b"program.exe") and words[1:2] == [task.encode()]:
                found.append(int(name))
        return found

    def test_interrupts_from_outside(self):
        run = Run("-d", "box", "-e", PROGRAM, "wait")
        run.wait_for(b"ready")
        run.process.kill()
        run.finish()
        self.assertTrue(self.is_gone("wait"), "the client's death ends the program")

    def test_stop_and_continue(self):
        run = shell("set -m; $p count >/tmp/count </dev/null & until [[ -s /tmp/count ]]; do sleep 0.05; done; kill -TSTP $!; "
                    "until [[ $(jobs) == *Stopped* ]]; do sleep 0.05; done; sleep 0.3; one=$(wc -l </tmp/count); sleep 0.5; "
                    "two=$(wc -l </tmp/count); kill -CONT $!; until (($(wc -l </tmp/count) > two)); do sleep 0.05; done; "
                    "kill $!; wait $!; echo $? $((one == two))")
        self.assertLines(run, "143 1")

    def test_many_at_once(self):
        self.assertLines(shell("for i in 1 2 3 4 5 6 7 8; do { echo $i | $p copy; } & done | { while read -r n; do ((sum += n)); "
                               "done; echo $sum; }; wait"), "36")

    def test_requests_that_make_no_sense(self):
        """The socket is anybody's inside; lxss-interop refuses, and goes on."""
        self.assertLines(inside(INSIDE + "/requests"), "short closed", "version 255", "empty 255", "no words 255",
                         "too many words 255", "too few words 255", "no end 255", "no value 255", "no name 255", "no program 255",
                         "no file 127", "too much 255", "(Message too large) any type 255")
        self.assertEqual(inside(PROGRAM, "exit", "3").code, 3)
        # And no other pipe of Windows is to be had.
        for name in ("@lxss-../x", "@other", "@lxss-\\x", "@lxss-X"):
            self.assertLines(inside(INSIDE + "/requests", "mount", name), "connect Invalid argument")
        restart()

    def test_paths(self):
        folder = INSIDE + "/a folder"
        cases = ((("-w", folder), WINDOWS + "\\a folder"), (("-m", folder), WINDOWS.replace("\\", "/") + "/a folder"),
                 (("-w", "/mnt/c"), "C:\\"), (("-m", "/mnt/c"), "C:/"), (("-w", "."), WINDOWS),
                 (("-u", "C:\\windows\\a b"), "/mnt/c/windows/a b"), (("c:/windows",), "/mnt/c/windows"), (("C:\\",), "/mnt/c/"),
                 (("C:",), "/mnt/c"), (("\\\\?\\C:\\x",), "/mnt/c/x"), (("a\\b",), "a/b"), (("-a", "a\\b"), INSIDE + "/a/b"),
                 (("/etc/passwd",), "/etc/passwd"))
        script = "; ".join("wslpath " + " ".join(f"'{word}'" for word in words) for words, _ in cases)
        self.assertLines(shell(f"cd '{INSIDE}'; {script}"), *(result for _, result in cases))
        for words in (("-w", "/etc/passwd"), ("-w", "/proc"), ("-w", "/no/such"), ("Q:\\x",), ("C:x",), ("\\\\server\\share",)):
            self.assertEqual(inside("wslpath", *words).code, 1, words)

    def test_helpers(self):
        """What opens a batch file runs it."""
        with open(os.path.join(DRIVE, "open.bat"), "w", encoding="ascii") as file:
            file.write(f"echo opened>{WINDOWS}\\opened.txt\r\n")
        self.assertLines(inside("lxss-open", INSIDE + "/open.bat"))
        deadline = time.monotonic() + TIME_LIMIT
        while not os.path.exists(DRIVE + "/opened.txt") and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertTrue(os.path.exists(DRIVE + "/opened.txt"))
        for name in ("lxss-open", "lxss-edit"):
            run = inside(name, "/etc/passwd")
            self.assertEqual(run.code, 255)
            self.assertIn(b"does not see this file", run.error)

    def test_current_folder_and_path(self):
        self.assertLines(inside("pwd", cwd=os.path.join(DRIVE, "a folder")), INSIDE + "/a folder")
        self.assertLines(lxss("-d", "box", "--cd", "C:\\windows", "-e", "pwd"), "/mnt/c/windows")
        self.assertIn(b":/mnt/c/windows/system32:/mnt/c/windows", shell("echo $PATH").output)
        self.assertEqual(shell("cmd.exe /c 'echo found'").output, b"found\r\n")

    def test_terminal(self):
        """Wine makes a console of the terminal; the program gets one of its own, of the same size."""
        console = console_test.Console([WINE, LXSS, "-d", "box", "-e", "/bin/bash", "--norc"])
        console.read_until(r"[#$]")
        console.type(f"p={PROGRAM}\r$p console\r")
        console.read_until(r"30 rows 100 columns and keys\s+\S*[#$]")
        console.type("$p console | cat\r")
        console.read_until(r"\nno console\s+\S*[#$]")
        console.type("cat </dev/null | $p console\r")
        console.read_until(r"30 rows 100 columns\s+\S*[#$]")
        console.type("$p copy\r")
        console.read_until(r"copy\s")
        time.sleep(1)  # it is the program that is to be typed to
        console.type("some text\r")
        console.read_until(r"some text\s+some text\s")
        console.type("\x03")
        console.read_until(r"[#$]")
        console.type("$p wait\r")
        console.read_until(r"ready\s")
        console.type("\x03")
        console.read_until(r"[#$]")
        console.type("exit $?\r")
        self.assertEqual(console.exit_code(), INTERRUPTED)

    def test_switched_off(self):
        configuration = os.path.join(WORK, "home/lxss.conf")
        try:
            self.assertEqual(shell("echo '[interop]' >/etc/wsl.conf; echo enabled=false >>/etc/wsl.conf; $p exit 0").code, 255)
            restart()
            run = shell("echo ${WSL_INTEROP-none}; $p exit 0")
            self.assertEqual((run.output, run.code), (b"none\n", 255))
            self.assertIn(b"[interop] enabled", run.error)
            shell("echo '[interop]' >/etc/wsl.conf; echo appendWindowsPath=false >>/etc/wsl.conf")
            run = shell("echo $PATH; $p exit 3")
            self.assertNotIn(b"/mnt/c", run.output)
            with open(configuration, "w", encoding="ascii") as file:
                file.write("[instance.box]\ninterop = false\n")
            restart()
            run = shell("[[ $(</proc/filesystems) != *hostsocket* ]] && echo unknown; $p exit 0")
            self.assertEqual((run.output, run.code), (b"unknown\n", 255))
        finally:
            if os.path.exists(configuration):
                os.remove(configuration)
            shell("rm /etc/wsl.conf")
            restart()


unittest.main(verbosity=2)
