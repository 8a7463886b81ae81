"""Standard streams, exit codes and signals of commands run through lxss."""
import hashlib
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

import guest

MEGABYTE = 1 << 20


class Streams(unittest.TestCase):
    def pump(self, process, megabytes):
        """Writes pseudo-random data in odd pieces; returns its hash, and that of what came back."""
        sent, received, length = hashlib.sha256(), hashlib.sha256(), 0
        block = os.urandom(MEGABYTE + 77)

        def feed():
            left = megabytes * MEGABYTE
            while left:
                piece = block[:min(left, len(block))]
                sent.update(piece)
                process.stdin.write(piece)
                left -= len(piece)
            process.stdin.close()

        writer = threading.Thread(target=feed)
        writer.start()
        while data := process.stdout.read(123457):
            received.update(data)
            length += len(data)
        writer.join()
        self.assertEqual(process.wait(guest.TIME_LIMIT), 0)
        return sent.hexdigest(), received.hexdigest(), length

    def test_a_hundred_megabytes_through_cat(self):
        with guest.start("cat", stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            sent, received, length = self.pump(process, 100)
        self.assertEqual(length, 100 * MEGABYTE)
        self.assertEqual(sent, received)

    def test_many_megabytes_through_a_pipeline_inside(self):
        with guest.start("sh", "-c", "cat | dd bs=999 status=none | cat", stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE) as process:
            sent, received, _ = self.pump(process, 20)
        self.assertEqual(sent, received)

    def test_without_waiting(self):
        """O_NONBLOCK that a program sets itself, on a pipe that is empty and on one that nobody reads; natively first."""
        for words in (["dd", "iflag=nonblock", "bs=1", "count=1"],
                      ["dd", "oflag=nonblock", "if=/dev/zero", "bs=64k", "count=100"]):
            for start in (lambda *words, **streams: subprocess.Popen(words, **streams), guest.start):
                with self.subTest(words=words, native=start is not guest.start), \
                        start("env", "LC_ALL=C", *words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
                    self.assertEqual(process.wait(guest.TIME_LIMIT), 1)
                    self.assertIn(b"Resource temporarily unavailable", process.stderr.read())

    def test_every_byte_value_goes_through(self):
        data = bytes(range(256)) * 3
        self.assertEqual(guest.run("cat", input=data).stdout, data)

    def test_files_as_streams(self):
        with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as target:
            source.write(b"line 1\nline 2\n")
            source.seek(7)
            result = subprocess.run([*guest.RUN, "sh", "-c", "cat; echo more"], stdin=source, stdout=target,
                                    timeout=guest.TIME_LIMIT)
            target.seek(0)
            self.assertEqual((result.returncode, target.read()), (0, b"line 2\nmore\n"))

    def test_a_socket_as_stream(self):
        ours, theirs = socket.socketpair()
        with ours, guest.start("tr", "a-z", "A-Z", stdin=theirs, stdout=theirs) as process:
            theirs.close()
            ours.sendall(b"over a socket")
            ours.shutdown(socket.SHUT_WR)
            self.assertEqual(ours.makefile("rb").read(), b"OVER A SOCKET")
            self.assertEqual(process.wait(guest.TIME_LIMIT), 0)

    def test_errors_have_their_own_stream(self):
        result = guest.run("sh", "-c", "echo out; echo err >&2")
        self.assertEqual((result.stdout, result.stderr), (b"out\n", b"err\n"))

    def test_closed_output_ends_the_writer(self):
        with guest.start("yes", stdout=subprocess.PIPE) as process:
            process.stdout.read(10)
            process.stdout.close()
            self.assertEqual(process.wait(guest.TIME_LIMIT), 128 + signal.SIGPIPE)

    def test_host_pipeline(self):
        command = " ".join(guest.RUN)
        result = subprocess.run(f"seq 100000 | {command} sort -rn | {command} head -n 3 | tr '\\n' ' '", shell=True,
                                capture_output=True, timeout=guest.TIME_LIMIT)
        self.assertEqual(result.stdout, b"100000 99999 99998 ")

    def test_exit_codes(self):
        for code in (0, 1, 2, 77, 126, 127, 255):
            self.assertEqual(guest.run("sh", "-c", f"exit {code}").returncode, code)

    def test_death_by_signal(self):
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM, signal.SIGUSR1):
            result = guest.run("sh", "-c", f"kill -{int(number)} $$")
            self.assertEqual(result.returncode, 128 + number)

    def test_what_cannot_be_run(self):
        self.assertEqual(guest.run("no-such-program").returncode, 127)
        self.assertEqual(guest.run("/etc/passwd").returncode, 126)

    def test_signals_reach_the_command(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with guest.start("sh", "-c", f"trap 'echo caught; exit 9' {number.name[3:]}; echo ready; "
                             "while :; do sleep 0.1; done", stdout=subprocess.PIPE) as process:
                self.assertEqual(process.stdout.readline(), b"ready\n")
                process.send_signal(number)
                self.assertEqual(process.stdout.read(), b"caught\n", number)
                self.assertIn(process.wait(guest.TIME_LIMIT), (9, 128 + number))

    def test_arguments_arrive_as_they_are(self):
        words = ["", " ", "a b", "'", '"', "\\", "$HOME", "*", "\n", "é", "-x", "--"]
        result = guest.run("printf", "<%s>", *words)
        self.assertEqual(result.stdout.decode(), "".join(f"<{word}>" for word in words))

    def test_many_at_a_time(self):
        processes = [guest.start("sh", "-c", f"sleep 0.2; echo {i}; exit {i}", stdout=subprocess.PIPE)
                     for i in range(20)]
        for i, process in enumerate(processes):
            with process:
                self.assertEqual(process.stdout.read(), f"{i}\n".encode())
                self.assertEqual(process.wait(guest.TIME_LIMIT), i)

    def test_a_daemon_does_not_hold_the_command(self):
        begin = time.monotonic()
        result = guest.run("sh", "-c", "setsid sleep 45 >/dev/null 2>&1 </dev/null & echo $!")
        self.assertLess(time.monotonic() - begin, 30)
        self.assertEqual(guest.run("kill", result.stdout.decode().strip()).returncode, 0)


unittest.main(verbosity=2)
