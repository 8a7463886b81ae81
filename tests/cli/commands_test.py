"""Commands without a terminal: streams, exit codes, signals, environment. Holds for every kernel."""
import hashlib
import os
import signal
import subprocess
import tempfile
import time

import support


class Commands(support.InstanceTestCase):
    def test_exit_codes(self):
        self.assertEqual(self.home.run("-e", "true").returncode, 0)
        self.assertEqual(self.home.run("-e", "false").returncode, 1)
        for code in (2, 77, 255):
            self.assertEqual(self.home.run("-e", "sh", "-c", f"exit {code}").returncode, code)

    def test_death_by_signal_is_128_and_more(self):
        for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV):
            result = self.home.run("-e", "sh", "-c", f"kill -{int(number)} $$")
            self.assertEqual(result.returncode, 128 + number, result.stderr)

    def test_streams_are_apart(self):
        result = self.assertSuccess(self.home.run("-e", "sh", "-c", "echo out; echo err >&2"))
        self.assertEqual((result.stdout, result.stderr), (b"out\n", b"err\n"))

    def test_words_reach_the_program_as_they_are(self):
        words = ["", "a b", "$HOME", "'", '"', "*", "\\", "\xe4\n", "-d", "--"]
        result = self.assertSuccess(self.home.run("-e", "sh", "-c", 'for w; do echo "<$w>"; done', "sh", *words))
        self.assertEqual(result.stdout.decode(), "".join(f"<{word}>\n" for word in words))

    def test_without_exec_the_shell_sees_the_line(self):
        result = self.assertSuccess(self.home.run("echo", "$((1+2))", "|", "cat"))
        self.assertEqual(result.stdout, b"3\n")
        self.assertEqual(self.home.run("--", "exit", "5").returncode, 5)

    def test_in_a_pipeline(self):
        result = subprocess.run(f"echo x | {self.home.command()[0]} -e cat | tr x y", shell=True, capture_output=True,
                                env=self.home.environment, timeout=60)
        self.assertEqual((result.stdout, result.stderr, result.returncode), (b"y\n", b"", 0))

    def test_pipes_are_byte_exact(self):
        data = os.urandom(32 << 20)
        result = self.assertSuccess(self.home.run("-e", "cat", input=data))
        self.assertEqual(hashlib.sha256(result.stdout).digest(), hashlib.sha256(data).digest())

    def test_files_are_byte_exact(self):
        with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as target:
            data = bytes(range(256)) * 4096
            source.write(data)
            source.seek(0)
            result = subprocess.run(self.home.command("-e", "cat"), stdin=source, stdout=target,
                                    env=self.home.environment, timeout=60)
            self.assertEqual(result.returncode, 0)
            target.seek(0)
            self.assertEqual(target.read(), data)

    def test_closed_standard_descriptors(self):
        result = subprocess.run(f"{self.home.command()[0]} -e sh -c 'cat; echo done' <&-", shell=True,
                                capture_output=True, env=self.home.environment, timeout=60)
        self.assertEqual((result.stdout, result.returncode), (b"done\n", 0))

    def test_reader_that_goes_ends_the_writer(self):
        result = subprocess.run(f"{self.home.command()[0]} -e sh -c 'while echo y; do :; done' | head -n 1",
                                shell=True, capture_output=True, env=self.home.environment, timeout=60)
        self.assertEqual(result.stdout, b"y\n")

    def test_programs_that_are_not_there(self):
        result = self.home.run("-e", "no-such-program")
        self.assertEqual(result.returncode, 127)
        self.assertIn(b"no-such-program: command not found", result.stderr)
        self.assertEqual(self.home.run("-e", "/no/such").returncode, 127)
        self.assertEqual(self.home.run("-e", "/etc/passwd").returncode, 126)

    def test_folder(self):
        self.assertEqual(self.home.run("-e", "pwd").stdout, b"/root\n")
        self.assertEqual(self.home.run("--cd", "/usr/bin", "-e", "pwd").stdout, b"/usr/bin\n")
        self.assertEqual(self.home.run("~", "pwd").stdout, b"/root\n")
        result = self.home.run("--cd", "/no/such", "-e", "pwd")
        self.assertEqual((result.returncode, result.stdout), (support.FAILED, b""))
        self.assertIn(b"/no/such", result.stderr)

    def test_environment_is_the_instances_own(self):
        environment = dict(self.home.environment, SECRET="x", SHARED="yes", PLACE="/p", TERM="some-term",
                           LANG="xx_YY.UTF-8", WSLENV="SHARED/u:PLACE/p:MISSING")
        result = self.assertSuccess(self.home.run("-e", "env", env=environment))
        found = dict(line.split("=", 1) for line in result.stdout.decode().splitlines())
        self.assertEqual(found["HOME"], "/root")
        self.assertEqual(found["USER"], "root")
        self.assertEqual(found["SHELL"], "/bin/bash")
        self.assertTrue(found["PATH"].startswith("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"))
        self.assertEqual(found["TERM"], "some-term")
        self.assertEqual(found["LANG"], "C.UTF-8")
        self.assertEqual(found["WSL_DISTRO_NAME"], "test")
        self.assertEqual(found["SHARED"], "yes")
        self.assertNotIn("SECRET", found)
        self.assertNotIn("PLACE", found)

    def test_users(self):
        result = self.home.run("-u", "no-such-user", "-e", "true")
        self.assertEqual(result.returncode, support.FAILED)
        self.assertIn(b"no user 'no-such-user'", result.stderr)
        if os.geteuid() != 0 and support.kernel_is_fake:
            self.skipTest("the test double has other users only as root")
        for user in ("user", "1000"):
            result = self.assertSuccess(self.home.run("-u", user, "-e", "sh", "-c", "id -u; id -G; echo $USER"))
            self.assertEqual(result.stdout, b"1000\n1000 50\nuser\n")
        self.assertSuccess(self.home.run("--manage", "test", "--set-default-user", "user"))
        self.assertEqual(self.home.run("-e", "id", "-u").stdout, b"1000\n")
        self.assertEqual(self.home.run("-u", "root", "-e", "id", "-u").stdout, b"0\n")
        self.assertSuccess(self.home.run("--manage", "test", "--set-default-user", "root"))

    def test_signals_reach_the_program(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            process = self.home.start("-e", "bash", "-c", f"trap 'exit 42' {int(number)}; echo ready; "
                                      "while :; do sleep 0.05; done")
            self.assertEqual(process.stdout.readline(), b"ready\n")
            process.send_signal(number)
            self.assertEqual(process.wait(10), 42, number)
            process.communicate()

    def test_untrapped_signal(self):
        process = self.home.start("-e", "sh", "-c", "echo ready; exec sleep 30")
        self.assertEqual(process.stdout.readline(), b"ready\n")
        process.terminate()
        self.assertEqual(process.wait(10), 128 + signal.SIGTERM)
        process.communicate()

    def test_trace_goes_beside_the_streams(self):
        result = self.assertSuccess(self.home.run("--trace", "-e", "echo", "x"))
        self.assertEqual(result.stdout, b"x\n")
        self.assertIn(b"execve", result.stderr)
        path = os.path.join(self.home.folder, "trace")
        result = self.assertSuccess(self.home.run("--trace-file", path, "-e", "echo", "x"))
        self.assertEqual(result.stderr, b"")
        with open(path, "rb") as file:
            self.assertIn(b"execve", file.read())
        self.assertEqual(self.home.run("--trace-file", "/no/such/file", "-e", "true").returncode, support.FAILED)

    def test_long_command_lines(self):
        word = "x" * 100_000
        result = self.assertSuccess(self.home.run("-e", "echo", word))
        self.assertEqual(result.stdout.decode(), word + "\n")
        result = self.home.run("-e", "echo", word, word)
        self.assertEqual(result.returncode, support.FAILED)
        self.assertIn(b"too long", result.stderr)

    def test_many_at_once(self):
        processes = [self.home.start("-e", "sh", "-c", f"cat; exit {i}") for i in range(20)]
        for i, process in enumerate(processes):
            output, _ = process.communicate(b"%d" % i, timeout=60)
            self.assertEqual((output, process.returncode), (b"%d" % i, i))

    def test_usage(self):
        result = self.home.run("--nosuch")
        self.assertEqual(result.returncode, support.FAILED)
        self.assertIn(b"--help", result.stderr)
        self.assertIn(b"Usage", self.home.run("--help").stdout)
        self.assertRegex(self.home.run("--version").stdout, rb"^lxss \d")

    def test_speed(self):
        """No figure is asserted that a busy machine could not keep."""
        self.home.run("-e", "true")
        times = []
        for _ in range(20):
            start = time.monotonic()
            self.home.run("-e", "true")
            times.append(time.monotonic() - start)
        print(f"lxss -e true: median {sorted(times)[10] * 1000:.1f} ms")
