"""Programs of the host, started from inside; sockets of the host; paths. Holds for every kernel."""
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import support

HOST = "/usr/bin/lxss-host"


class Interop(support.InstanceTestCase):
    @classmethod
    def setUpClass(cls):
        # Programs of the host that say what they were asked for.
        cls.tools = tempfile.mkdtemp(prefix="lxss-test-")
        for name in ("xdg-open", "editor-of-the-host"):
            path = os.path.join(cls.tools, name)
            with open(path, "w") as file:
                file.write(f'#!/bin/sh\necho {name} "$@"\n')
            os.chmod(path, 0o755)
        cls.variables = {"MARK": "of-the-manager", "PATH": cls.tools + ":" + os.environ["PATH"],
                         "EDITOR": "editor-of-the-host --wait"}
        super().setUpClass()
        cls.rootfs = os.path.join(cls.home.instance_folder("test"), "rootfs")
        # The test double mounts nothing, so that the programs' folder is not there.
        result = cls.home.run("-e", "bash", "-c", "cat >/usr/bin/lxss-host && chmod 755 /usr/bin/lxss-host && "
                              "for n in wslpath lxss-open wslview lxss-edit; do cp /usr/bin/lxss-host /usr/bin/$n; done",
                              stdin=open(os.path.join(support.build, "libexec/guest/init"), "rb"))
        if result.returncode != 0:
            raise RuntimeError(result.stderr.decode())

    def host(self, *words, **options):
        return self.home.run("-e", HOST, *words, **options)

    def test_exit_codes_and_signals(self):
        for code in (0, 1, 77, 255):
            self.assertEqual(self.host("sh", "-c", f"exit {code}").returncode, code)
        for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGINT):
            self.assertEqual(self.host("sh", "-c", f"kill -{int(number)} $$").returncode, 128 + number)
        result = self.host("no-such-program")
        self.assertEqual(result.returncode, 127)
        self.assertIn(b"not found", result.stderr)

    def test_streams(self):
        result = self.host("sh", "-c", "echo out; echo err >&2")
        self.assertEqual((result.stdout, result.stderr), (b"out\n", b"err\n"))
        data = os.urandom(8 << 20)
        result = self.assertSuccess(self.host("cat", input=data))
        self.assertEqual(hashlib.sha256(result.stdout).digest(), hashlib.sha256(data).digest())
        # A program that reads nothing, one that stops early, and one that goes on after its input's end.
        self.assertEqual(self.host("true", input=data).returncode, 0)
        self.assertEqual(self.host("head", "-c", "10", input=data).stdout, data[:10])
        self.assertEqual(self.host("sh", "-c", "cat >/dev/null; echo end", input=data).stdout, b"end\n")

    def test_words_and_folder(self):
        words = ["", "a b", "$HOME", "'", "*", "\n"]
        result = self.host("sh", "-c", 'for w; do echo "<$w>"; done', "sh", *words)
        self.assertEqual(result.stdout.decode(), "".join(f"<{word}>\n" for word in words))
        self.assertEqual(self.home.run("--cd", "/usr/bin", "-e", HOST, "pwd").stdout.decode(), self.rootfs + "/usr/bin\n")
        # /proc is the instance's own; the host's home is taken.
        if not support.kernel_is_fake:
            self.assertEqual(self.home.run("--cd", "/proc", "-e", HOST, "pwd").stdout.decode(), os.environ["HOME"] + "\n")

    def test_environment(self):
        result = self.home.run("-e", "bash", "-c", f"export A=1 B=/etc C=3 D=/etc:/usr:/nowhere E=5 WSLENV=A:B/p:D/l:E/u; "
                               f"{HOST} sh -c 'echo $MARK,$A,$B,$C,$D,$E'")
        self.assertEqual(result.stdout.decode(), f"of-the-manager,1,{self.rootfs}/etc,,{self.rootfs}/etc:{self.rootfs}/usr,\n")
        environment = dict(self.home.environment, P=self.rootfs + "/etc", Q="/no/where", R="r", S="s",
                           WSLENV="P/p:Q/p:R/u:S/w")
        result = self.home.run("-e", "bash", "-c", "echo $P,$Q,$R,$S", env=environment)
        self.assertEqual(result.stdout, b"/etc,,r,\n")

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        shutil.rmtree(cls.tools)

    def test_browser_and_editor(self):
        for name in ("lxss-open", "wslview"):
            self.assertEqual(self.home.run("-e", name, "https://localhost/x?y=z").stdout,
                             b"xdg-open https://localhost/x?y=z\n")
            self.assertEqual(self.home.run("-e", name, "/etc/passwd").stdout.decode(),
                             f"xdg-open {self.rootfs}/etc/passwd\n")
        # The editor gets copies.
        result = self.home.run("--cd", "/etc", "-e", "lxss-edit", "+3", "passwd", "new-file")
        self.assertRegex(result.stdout.decode(), r"^editor-of-the-host --wait \+3 (/\S+/lxss-edit\.\w+)/2/passwd \1/3/new-file\n$")
        for word, reason in (("/no/such/folder/file", b"No such file"), ("/usr/bin", b"directory")):
            result = self.home.run("-e", "lxss-edit", word)
            self.assertEqual(result.returncode, support.FAILED)
            self.assertIn(reason, result.stderr)

    def test_paths(self):
        def wslpath(*words):
            return self.home.run("--cd", "/usr", "-e", "wslpath", *words)
        for option in ("-w", "-m"):
            self.assertEqual(wslpath(option, "/etc/passwd").stdout.decode(), self.rootfs + "/etc/passwd\n")
        self.assertEqual(wslpath("-w", "bin").stdout.decode(), self.rootfs + "/usr/bin\n")
        self.assertEqual(wslpath(self.rootfs + "/etc").stdout, b"/etc\n")
        self.assertEqual(wslpath("-u", self.rootfs).stdout, b"/\n")
        self.assertEqual(wslpath("-u", "bin").stdout, b"bin\n")
        self.assertEqual(wslpath("-a", "-u", "bin").stdout, b"/usr/bin\n")
        for words in (("-w", "/no/such"), ("-u", "/no/such"), (), ("-x", "y")):
            self.assertEqual(wslpath(*words).returncode, 1, words)

    def test_current_folder_is_kept_where_the_instance_sees_it(self):
        result = subprocess.run(self.home.command("-e", "pwd"), env=self.home.environment, cwd=self.rootfs + "/usr/bin",
                                capture_output=True, timeout=60)
        self.assertEqual(result.stdout, b"/usr/bin\n")
        result = subprocess.run(self.home.command("~", "-e", "pwd"), env=self.home.environment,
                                cwd=self.rootfs + "/usr/bin", capture_output=True, timeout=60)
        self.assertEqual(result.stdout, b"/root\n")

    def test_signals_go_to_the_host(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            process = self.home.start("-e", HOST, "bash", "-c", f"trap 'exit 42' {int(number)}; echo ready; "
                                      "while :; do sleep 0.05; done")
            self.assertEqual(process.stdout.readline(), b"ready\n")
            process.send_signal(number)
            self.assertEqual(process.wait(10), 42, number)
            process.communicate()

    def test_the_clients_death_ends_the_program(self):
        marker = os.path.join(self.home.folder, "hung-up")
        process = self.home.start("-e", HOST, "bash", "-c", f"trap 'echo >{marker}; exit' HUP; echo ready; "
                                  "while :; do sleep 0.02; done")
        self.assertEqual(process.stdout.readline(), b"ready\n")
        process.kill()
        process.communicate()
        self.assertTrue(support.wait_until(lambda: os.path.exists(marker)))

    def test_terminal(self):
        terminal = support.Terminal(self.home.command("-e", HOST, "bash", "--norc", "-i"), self.home.environment, rows=33,
                                    columns=77)
        self.addCleanup(terminal.close)
        terminal.write(b"PS1=; tty | tr / _; stty size; echo on''ce\n")
        terminal.expect(b"_dev_pts_")
        terminal.expect(b"33 77")
        terminal.expect(b"once")
        terminal.resize(20, 50)
        os.kill(terminal.pid, signal.SIGWINCH)
        time.sleep(0.3)
        terminal.write(b"stty size\n")
        terminal.expect(b"20 50")
        terminal.write(b"sleep 60; echo code $?\n")
        time.sleep(0.3)
        terminal.write(b"\x03")
        terminal.write(b"echo co''de $?\n")
        terminal.expect(b"code 130")
        terminal.write(b"exit 9\n")
        self.assertEqual(terminal.wait(), 9)

    def host_states(self, marker):
        """States of the host's processes whose command line has the marker, but for lxss itself."""
        found = []
        for name in os.listdir("/proc"):
            try:
                with open(f"/proc/{name}/cmdline", "rb") as file:
                    words = file.read().split(b"\0")
                if name.isdigit() and words[0] == b"sleep" and marker in words:
                    found.append(support.process_state(name))
            except (FileNotFoundError, NotADirectoryError, ProcessLookupError, PermissionError):
                pass
        return found

    def test_job_control(self):
        """Ctrl-Z, bg and fg of a shell inside stop and continue the program of the host."""
        marker = b"3%08d" % os.getpid()
        terminal = support.Terminal(self.home.command("-e", "bash", "--norc", "-i"), self.home.environment)
        self.addCleanup(terminal.close)
        def state_is(letters):
            self.assertTrue(support.wait_until(lambda: self.host_states(marker) in [[letter] for letter in letters]),
                            self.host_states(marker))
        terminal.write(b"PS1='pro''mpt> '\n")
        terminal.expect(b"prompt> ")
        terminal.write(HOST.encode() + b" sleep " + marker + b"\n")
        state_is("SR")
        time.sleep(0.3)
        terminal.write(b"\x1a")
        terminal.expect(b"Stopped")
        terminal.expect(b"prompt> ")
        state_is("T")
        terminal.write(b"bg\n")
        terminal.expect(b"prompt> ")
        state_is("SR")
        # In the background it takes nothing of what is typed.
        terminal.write(b"echo ty''ped\n")
        terminal.expect(b"\ntyped")
        terminal.expect(b"prompt> ")
        terminal.write(b"jobs\n")
        terminal.expect(b"Running")
        terminal.expect(b"prompt> ")
        terminal.write(b"fg\n")
        terminal.expect(b"sleep")
        time.sleep(1)
        terminal.write(b"\x1a")
        terminal.expect(b"Stopped")
        terminal.expect(b"prompt> ")
        state_is("T")
        terminal.write(b"fg\n")
        terminal.expect(b"sleep")
        state_is("SR")
        time.sleep(1)
        terminal.write(b"\x03")
        terminal.expect(b"prompt> ")
        terminal.write(b"echo co''de $?\n")
        terminal.expect(b"code 130")
        self.assertEqual(self.host_states(marker), [])

    def test_a_stop_where_no_shell_could_continue_it(self):
        """Natively the stop of an orphaned process group is left out, too."""
        terminal = support.Terminal(self.home.command("-e", HOST, "sh", "-c", "echo ready; read line; echo got $line"),
                                    self.home.environment)
        self.addCleanup(terminal.close)
        terminal.expect(b"ready")
        terminal.write(b"\x1a")
        time.sleep(0.3)
        terminal.write(b"more\n")
        terminal.expect(b"got more")
        self.assertEqual(terminal.wait(), 0)

    def test_many_at_once(self):
        processes = [self.home.start("-e", HOST, "sh", "-c", f"cat; exit {i}") for i in range(20)]
        for i, process in enumerate(processes):
            output, error = process.communicate(b"%d" % i, timeout=60)
            self.assertEqual((output, process.returncode), (b"%d" % i, i), error)

    def test_display_of_the_host(self):
        """A server of the test's own stands for the X server."""
        if support.kernel_is_fake:
            self.skipTest("the kernel shows sockets of the host")
        number = 200 + os.getpid() % 700
        path = f"/tmp/.X11-unix/X{number}"
        os.makedirs("/tmp/.X11-unix", exist_ok=True)
        server = socket.socket(socket.AF_UNIX)
        server.bind(path)
        self.addCleanup(os.unlink, path)
        self.addCleanup(server.close)
        server.listen()
        environment = dict(self.home.environment, DISPLAY=f":{number}.0")
        result = self.home.run("-e", "bash", "-c", f"echo $DISPLAY; [ -S {path} ] && echo socket", env=environment)
        self.assertEqual(result.stdout.decode(), f":{number}.0\nsocket\n")


class Off(support.TestCase):
    def test_by_either_side(self):
        self.assertSuccess(self.home.import_instance("one"))
        rootfs = os.path.join(self.home.instance_folder("one"), "rootfs")
        show = ("-e", "sh", "-c", "echo ${WSL_INTEROP-none}")
        self.assertEqual(self.home.run(*show).stdout, b"/run/lxss/interop\n")
        with open(rootfs + "/etc/wsl.conf", "w") as file:
            file.write("[interop]\nenabled = false\n")
        self.home.run("--shutdown")
        self.assertEqual(self.home.run(*show).stdout, b"none\n")
        os.unlink(rootfs + "/etc/wsl.conf")
        with open(os.path.join(self.home.path, "lxss.conf"), "a") as file:
            file.write("[instance.one]\ninterop = false\n")
        self.home.run("--shutdown")
        self.assertEqual(self.home.run(*show).stdout, b"none\n")
        if not support.kernel_is_fake:
            # Not even root inside reaches a socket of the host.
            result = self.home.run("-e", "bash", "-c", "[[ $(</proc/filesystems) != *hostsocket* ]]")
            self.assertEqual(result.returncode, 0)
