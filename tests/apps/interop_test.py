"""Programs of the host started from inside: lxss-host, its helpers, wslpath, WSLENV."""
import hashlib
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import guest

INSTANCE = pathlib.Path(os.environ["LXSS_HOME"]) / "test"


def sh(line, **options):
    return guest.run("sh", "-c", line, **options)


def wait_for(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("it has not come about")
        time.sleep(0.02)


class HostFolder(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="lxss-test-interop-"))
        self.addCleanup(shutil.rmtree, self.folder)


class Programs(HostFolder):
    def test_it_is_the_host_that_runs_it(self):
        (self.folder / "seen").write_text("on the host\n")
        result = guest.run("lxss-host", "cat", str(self.folder / "seen"))
        self.assertEqual((result.returncode, result.stdout), (0, b"on the host\n"), result.stderr)
        self.assertNotEqual(guest.run("cat", str(self.folder / "seen")).returncode, 0)

    def test_words_arrive_as_they_are(self):
        words = ["", " ", "a b", "'", '"', "\\", "$HOME", "*", "\n", "é", "-x", "--"]
        result = guest.run("lxss-host", "printf", "<%s>", *words)
        self.assertEqual(result.stdout.decode(), "".join(f"<{word}>" for word in words), result.stderr)

    def test_exit_codes(self):
        for code in (0, 1, 77, 126, 255):
            self.assertEqual(guest.run("lxss-host", "sh", "-c", f"exit {code}").returncode, code)

    def test_what_cannot_be_run(self):
        result = guest.run("lxss-host", "no-such-program")
        self.assertEqual(result.returncode, 127)
        self.assertIn(b"command not found on the host", result.stderr)
        self.assertEqual(guest.run("lxss-host", "/etc/passwd").returncode, 126)
        self.assertEqual(guest.run("lxss-host").returncode, 255)

    def test_death_by_signal(self):
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM, signal.SIGUSR1):
            # lxss-host dies of it too: the guest's shell sees a signal, not a number.
            script = f"perl -e 'system(\"lxss-host\", \"sh\", \"-c\", \"kill -{int(number)} \\$\\$\"); print $? & 127'"
            self.assertEqual(sh(script).stdout, str(int(number)).encode())

    def test_signals_reach_the_program(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
            name = number.name[3:]
            script = f"trap 'echo caught {name}; exit 9' {name}; echo ready; while :; do sleep 0.05; done"
            with guest.start("lxss-host", "bash", "-c", script, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE) as process:
                self.assertEqual(process.stdout.readline(), b"ready\n")
                guest.run("sh", "-c",
                          f"for p in /proc/[0-9]*; do grep -qs 'caught {name}' $p/cmdline && kill -{name} ${{p#/proc/}}; done; :")
                self.assertEqual(process.stdout.read(), f"caught {name}\n".encode())
                self.assertEqual(process.wait(guest.TIME_LIMIT), 9)

    def test_it_is_hung_up_with_lxss_host(self):
        marker = self.folder / "end"
        with guest.start("lxss-host", "bash", "-c", f"trap 'echo hung up >{marker}; exit' HUP; echo ready; "
                         "while :; do sleep 0.05; done", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
            self.assertEqual(process.stdout.readline(), b"ready\n")
            sh(f"for p in /proc/[0-9]*; do grep -qs {marker} $p/cmdline && [ ${{p#/proc/}} != $$ ] && "
               "kill -9 ${p#/proc/}; done; :")
            self.assertEqual(process.wait(guest.TIME_LIMIT), 137)
        wait_for(marker.exists)

    def test_many_at_a_time(self):
        result = sh("for i in $(seq 20); do lxss-host sh -c \"sleep 0.2; echo $i\" & done; wait")
        self.assertEqual(sorted(map(int, result.stdout.split())), list(range(1, 21)))

    def test_other_users_of_the_instance(self):
        run = [word if word != "-e" else "--user=nobody" for word in guest.RUN] + ["-e"]
        result = subprocess.run([*run, "lxss-host", "id", "-u"], capture_output=True, stdin=subprocess.DEVNULL, timeout=60)
        self.assertEqual(result.stdout.decode().strip(), str(os.getuid()), result.stderr)


class Streams(HostFolder):
    def test_megabytes_through_pipes_of_the_instance(self):
        result = sh("head -c 30000000 /dev/urandom >/tmp/interop-data; md5sum </tmp/interop-data; "
                    "cat /tmp/interop-data | lxss-host cat | lxss-host dd bs=777 status=none | md5sum; "
                    "lxss-host md5sum </tmp/interop-data; "
                    "lxss-host cat </tmp/interop-data >/tmp/interop-copy; md5sum </tmp/interop-copy; "
                    "rm /tmp/interop-data /tmp/interop-copy")
        self.assertEqual(len(set(result.stdout.splitlines())), 1, result)
        self.assertEqual(len(result.stdout.splitlines()), 4)

    def test_pipes_of_the_host_are_handed_over(self):
        data = os.urandom(5_000_000)
        result = guest.run("lxss-host", "cat", input=data)
        self.assertEqual(hashlib.sha256(result.stdout).digest(), hashlib.sha256(data).digest())
        # The program has the very pipe that this test made.
        ours, theirs = os.pipe()
        with guest.start("lxss-host", "readlink", "/proc/self/fd/1", stdin=subprocess.DEVNULL, stdout=theirs) as process:
            os.close(theirs)
            self.assertEqual(process.wait(guest.TIME_LIMIT), 0)
            self.assertEqual(os.read(ours, 100).decode().strip(), f"pipe:[{os.fstat(ours).st_ino}]")
            os.close(ours)

    def test_what_is_appended_stays_in_order(self):
        result = sh("f=/tmp/interop-append; echo one >$f; lxss-host echo two >>$f; echo three >>$f; cat $f; rm $f")
        self.assertEqual(result.stdout, b"one\ntwo\nthree\n")

    def test_errors_have_their_own_stream(self):
        result = sh("lxss-host sh -c 'echo out; echo err >&2' 2>/tmp/interop-err; echo --; cat /tmp/interop-err")
        self.assertEqual(result.stdout, b"out\n--\nerr\n")

    def test_closed_output_ends_the_program(self):
        result = sh("lxss-host sh -c 'yes; echo $? >&2' | head -n 1", timeout=60)
        self.assertEqual(result.stdout, b"y\n")

    def test_a_program_that_does_not_read(self):
        self.assertEqual(sh("yes | lxss-host true; echo $?").stdout, b"0\n")

    def test_what_was_written_before_the_end_arrives(self):
        for _ in range(5):
            self.assertEqual(len(sh("lxss-host head -c 60000 /dev/zero | cat").stdout), 60000)

    def test_a_background_process_does_not_hold_it(self):
        begin = time.monotonic()
        self.assertEqual(sh("lxss-host sh -c 'echo first; sleep 45 &' 2>/dev/null | cat; echo second", timeout=40).stdout,
                         b"first\nsecond\n")
        self.assertLess(time.monotonic() - begin, 30)

    def test_answers_come_at_once(self):
        # One line at a time, each answered before the next is sent.
        with guest.start("sh", "-c", "cat | lxss-host cat | cat", stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         bufsize=0) as process:
            for number in range(50):
                process.stdin.write(b"%d\n" % number)
                self.assertEqual(process.stdout.readline(), b"%d\n" % number)
            process.stdin.close()
            self.assertEqual(process.wait(guest.TIME_LIMIT), 0)


class Terminal(unittest.TestCase):
    def terminal(self, *words):
        terminal = guest.terminal("lxss-host", *words)
        self.addCleanup(terminal.close)
        return terminal

    def test_the_program_has_a_terminal(self):
        terminal = self.terminal("sh", "-c", "test -t 0 && test -t 1 && test -t 2 && stty size && tty && read line && "
                                 "echo \"got $line\"")
        terminal.expect(b"24 80")
        terminal.expect(b"/dev/pts/")
        terminal.write(b"typed\r")
        terminal.expect(b"got typed")
        self.assertEqual(terminal.wait(), 0)

    def test_interrupt(self):
        terminal = self.terminal("sh", "-c", "echo ready; exec sleep 300")
        terminal.expect(b"ready")
        terminal.write(b"\x03")
        self.assertEqual(terminal.wait(), 128 + signal.SIGINT)

    def test_end_of_file(self):
        terminal = self.terminal("sh", "-c", "echo ready; cat; echo over")
        terminal.expect(b"ready")
        terminal.write(b"\x04")
        terminal.expect(b"over")
        self.assertEqual(terminal.wait(), 0)

    def test_window_size(self):
        terminal = self.terminal("bash", "-c", "trap 'stty size; exit' WINCH; echo ready; while :; do sleep 0.05; done")
        terminal.expect(b"ready")
        terminal.resize(33, 101)
        terminal.expect(b"33 101")
        self.assertEqual(terminal.wait(), 0)

    def test_the_terminal_is_as_before(self):
        terminal = guest.terminal("bash", "--norc", "--noprofile")
        self.addCleanup(terminal.close)
        terminal.write(b"stty -a >/tmp/interop-1; lxss-host true; stty -a >/tmp/interop-2; "
                       b"cmp /tmp/interop-1 /tmp/interop-2 && echo sa''me\r")
        terminal.expect(b"same\r\n", 30)

    def test_output_alone_on_a_terminal(self):
        terminal = guest.terminal("sh", "-c", "echo piped | lxss-host sh -c 'test -t 0; echo $?; cat; test -t 1; echo $?'")
        self.addCleanup(terminal.close)
        terminal.expect(b"1\r\npiped\r\n0\r\n", 30)


class Environment(HostFolder):
    def run_with(self, environment, *words):
        return guest.run(*words, env={**os.environ, **environment})

    def test_it_is_the_hosts_with_what_wslenv_names(self):
        line = "A=1 B=2 C=3 WSLENV=A:B/u:C/w lxss-host sh -c 'echo $A-$B-$C; echo $WSL_DISTRO_NAME'"
        self.assertEqual(sh(line).stdout, b"1--3\ntest\n")
        self.assertEqual(sh("A=1 lxss-host sh -c 'echo x$A'").stdout, b"x\n")

    def test_paths_are_translated(self):
        root = INSTANCE / "rootfs"
        line = ("P=/etc/passwd L=/etc:/dev/null:/usr WSLENV=P/p:L/l lxss-host sh -c 'echo $P; echo $L'")
        self.assertEqual(sh(line).stdout.decode().split(), [f"{root}/etc/passwd", f"{root}/etc:{root}/usr"])

    def test_the_other_way(self):
        root = INSTANCE / "rootfs"
        result = self.run_with({"WSLENV": "A:B/u:C/w:P/p", "A": "1", "B": "2", "C": "3", "P": f"{root}/etc/passwd"},
                               "sh", "-c", "echo $A-$B-$C; echo $P")
        self.assertEqual(result.stdout, b"1-2-\n/etc/passwd\n")

    def test_names_of_the_session(self):
        result = sh("echo $WSL_DISTRO_NAME $WSL_INTEROP; test -S $WSL_INTEROP && echo socket")
        self.assertEqual(result.stdout.split()[0], b"test")
        self.assertTrue(result.stdout.endswith(b"socket\n"), result)

    def test_the_folder(self):
        result = sh("cd /etc && lxss-host pwd")
        self.assertEqual((result.stdout.decode().strip(), result.stderr), (f"{INSTANCE}/rootfs/etc", b""))
        result = sh("cd /dev/shm && lxss-host pwd")
        self.assertEqual(result.stdout.decode().strip(), os.path.expanduser("~"))
        self.assertIn(b"home folder", result.stderr)


class Paths(unittest.TestCase):
    def wslpath(self, *words, folder="/"):
        result = guest.run("sh", "-c", 'cd "$0" && exec wslpath "$@"', folder, *words)
        return result.returncode, result.stdout.decode().rstrip("\n"), result.stderr.decode()

    def test_to_the_host_and_back(self):
        root = str(INSTANCE / "rootfs")
        for form in ("-w", "-m", "-aw", "-am"):
            self.assertEqual(self.wslpath(form, "/etc/passwd"), (0, root + "/etc/passwd", ""))
        self.assertEqual(self.wslpath("-w", "/"), (0, root, ""))
        self.assertEqual(self.wslpath("-aw", "passwd", folder="/etc"), (0, root + "/etc/passwd", ""))
        self.assertEqual(self.wslpath("-u", root + "/etc/passwd"), (0, "/etc/passwd", ""))
        self.assertEqual(self.wslpath(root + "/etc/passwd"), (0, "/etc/passwd", ""))
        self.assertEqual(self.wslpath("-u", root), (0, "/", ""))
        self.assertEqual(self.wslpath("-a", "passwd", folder="/etc"), (0, "/etc/passwd", ""))
        self.assertEqual(self.wslpath("passwd", folder="/etc"), (0, "passwd", ""))

    def test_drives(self):
        # The host's root is drive c, which the tests' instance has not from the start. The instance's own files have shorter names.
        launcher = guest.RUN[:-1]
        subprocess.run([*launcher, "--mount", "/", "--name", "c", "--options", "ro"], check=True, stdin=subprocess.DEVNULL)
        self.addCleanup(subprocess.run, [*launcher, "--unmount", "c"], check=True, stdin=subprocess.DEVNULL)
        folder = pathlib.Path(tempfile.mkdtemp(prefix="lxss-test-interop-"))
        self.addCleanup(shutil.rmtree, folder)
        self.assertEqual(self.wslpath("-w", f"/mnt/c{folder}"), (0, str(folder), ""))
        self.assertEqual(self.wslpath("-w", "/mnt/c"), (0, "/", ""))
        self.assertEqual(self.wslpath("-u", str(folder)), (0, f"/mnt/c{folder}", ""))
        self.assertEqual(self.wslpath("-u", "/"), (0, "/mnt/c/", ""))
        result = sh(f"cd /mnt/c{folder} && lxss-host pwd && lxss-host sh -c 'echo text >made' && cat made")
        self.assertEqual(result.stdout.decode(), f"{folder}\ntext\n", result.stderr)

    def test_the_file_is_there(self):
        guest.run("sh", "-c", "echo content >'/root/a b'")
        self.addCleanup(guest.run, "rm", "/root/a b")
        code, name, _ = self.wslpath("-w", "/root/a b")
        self.assertEqual((code, pathlib.Path(name).read_text()), (0, "content\n"))

    def test_errors(self):
        code, output, errors = self.wslpath("-w", "/no/such/file")
        self.assertEqual((code, output, errors), (1, "", "wslpath: /no/such/file: No such file or directory\n"))
        # What only the instance's kernel has.
        self.assertEqual(self.wslpath("-w", "/proc/self")[:2], (1, ""))
        for words in ((), ("-w",), ("-x", "/"), ("a", "b")):
            code, output, errors = self.wslpath(*words)
            self.assertEqual((code, output), (1, ""))
            self.assertTrue(errors)


class ForeignPrograms(unittest.TestCase):
    def test_a_file_of_the_instance_by_its_name_here(self):
        # The instance's program as a process of the host.
        result = sh("cd /usr/bin && lxss-run ./readlink /proc/self/exe; echo $?")
        self.assertEqual(result.stdout.decode(), f"{INSTANCE}/rootfs/usr/bin/readlink\n0\n", result.stderr)

    def test_a_windows_program_goes_to_the_host(self):
        # Whether the host can run it is the host's affair; this one nobody can.
        result = sh("printf 'MZ%0100d' 0 >/root/broken.exe; chmod +x /root/broken.exe; /root/broken.exe; echo $?; "
                    "rm /root/broken.exe")
        self.assertIn(result.stdout, (b"126\n", b"1\n"))
        self.assertIn(f"{INSTANCE}/rootfs/root/broken.exe".encode(), result.stderr)

    def test_a_portable_script_is_left_to_the_shell(self):
        result = sh("printf \"MZqFpD='\\n'\\necho script\\n\" >/root/portable; chmod +x /root/portable; sh -c /root/portable; "
                    "rm /root/portable")
        self.assertEqual(result.stdout, b"script\n", result.stderr)


class Helpers(HostFolder):
    def test_the_browser(self):
        opener = self.folder / "xdg-open"
        opener.write_text(f'#!/bin/sh\necho "$@" >>{self.folder}/opened\n')
        opener.chmod(0o755)
        # The host's own PATH finds the stand-in: it goes along by WSLENV.
        result = guest.run("sh", "-c", f"WSLENV=PATH PATH={self.folder}:/usr/bin:/bin:/run/lxss/bin; export PATH WSLENV; "
                           "wslview https://example.org/ && lxss-open /etc/passwd")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual((self.folder / "opened").read_text(),
                         f"https://example.org/\n{INSTANCE}/rootfs/etc/passwd\n")

    def edit(self, editor, file="/root/interop-edit", prepare="echo old >$FILE; chmod 640 $FILE"):
        script = self.folder / "editor"
        script.write_text("#!/bin/sh\n" + editor)
        script.chmod(0o755)
        self.addCleanup(guest.run, "rm", "-f", file)
        return sh(f"FILE={file}; {prepare}; EDITOR={script} WSLENV=EDITOR lxss-edit $FILE; code=$?; "
                  "cat $FILE; stat -c %a $FILE; exit $code")

    def test_the_editor(self):
        result = self.edit('test "$(cat "$1")" = old && echo new >"$1.x" && mv "$1.x" "$1"\n')
        self.assertEqual((result.returncode, result.stdout), (0, b"new\n640\n"), result.stderr)

    def test_an_editor_that_fails_changes_nothing(self):
        result = self.edit('echo new >"$1"; exit 3\n')
        self.assertEqual((result.returncode, result.stdout), (3, b"old\n640\n"), result.stderr)

    def test_a_new_file(self):
        result = self.edit('test ! -s "$1" && echo new >"$1"\n', prepare="umask 022")
        self.assertEqual((result.returncode, result.stdout), (0, b"new\n644\n"), result.stderr)


class SwitchedOff(unittest.TestCase):
    """An instance of its own: its configuration is changed."""

    @classmethod
    def setUpClass(cls):
        cls.lxss = guest.RUN[0]
        cls.name = "interop-off"
        source = pathlib.Path(__file__).parents[2] / "scripts/bootstrap-debian"
        archive = subprocess.run([source], capture_output=True, text=True, check=True).stdout.strip()
        folder = pathlib.Path(os.environ["LXSS_HOME"]) / cls.name
        subprocess.run([cls.lxss, "--import", cls.name, folder, archive], check=True, stdin=subprocess.DEVNULL, timeout=120)

    @classmethod
    def tearDownClass(cls):
        subprocess.run([cls.lxss, "--unregister", cls.name], stdin=subprocess.DEVNULL, timeout=60)

    def run_in(self, *words, environment={}):
        return subprocess.run([self.lxss, "-d", self.name, "-e", *words], capture_output=True, text=True, timeout=60,
                              stdin=subprocess.DEVNULL, env={**os.environ, **environment})

    def test_wsl_conf(self):
        self.assertEqual(self.run_in("lxss-host", "true").returncode, 0)
        self.run_in("sh", "-c", "printf '[interop]\\nenabled = false\\n' >/etc/wsl.conf")
        result = self.run_in("lxss-host", "true")
        self.assertEqual(result.returncode, 255)
        self.assertIn("/etc/wsl.conf", result.stderr)
        # From the next start on the socket is not even there.
        subprocess.run([self.lxss, "--terminate", self.name], check=True, timeout=60)
        result = self.run_in("sh", "-c", "echo \"<$WSL_INTEROP$DISPLAY>\"; ls /run/lxss/interop; lxss-host true; echo $?",
                             environment={"DISPLAY": "localhost:99"})
        self.assertEqual(result.stdout, "<>\n255\n")
        self.assertIn("interop is switched off", result.stderr)


unittest.main(verbosity=2)
