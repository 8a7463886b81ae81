"""Sessions on a terminal. Holds for every kernel."""
import os
import signal
import termios
import time

import support


class TerminalSessions(support.InstanceTestCase):
    def open(self, *words, **options):
        terminal = support.Terminal(self.home.command(*words), self.home.environment, **options)
        self.addCleanup(terminal.close)
        return terminal

    def test_login_shell(self):
        terminal = self.open()
        terminal.expect(b"# ")
        self.assertTrue(terminal.is_raw())
        terminal.write(b"echo $((6*7)) $0; tty; shopt login_shell\r")
        terminal.expect(b"42 -bash\r\n")
        terminal.expect(b"login_shell    \ton\r\n")
        terminal.write(b"exit 3\r")
        self.assertEqual(terminal.wait(), 3)
        self.assertFalse(terminal.is_raw())

    def test_window_size(self):
        terminal = self.open("-e", "bash", "-c", "trap 'stty size' WINCH; stty size; while :; do sleep 0.02; done",
                             rows=30, columns=100)
        # The first size may arrive a moment after the start.
        terminal.expect(b"30 100\r\n")
        terminal.resize(44, 132)
        terminal.expect(b"44 132\r\n")

    def test_interrupt_key(self):
        terminal = self.open("-e", "bash", "-c", "trap 'echo caught; exit 5' INT; echo ready; while :; do sleep 0.02; done")
        terminal.expect(b"ready\r\n")
        terminal.write(b"\x03")
        terminal.expect(b"caught\r\n")
        self.assertEqual(terminal.wait(), 5)

    def test_end_of_file_key(self):
        terminal = self.open("-e", "cat")
        time.sleep(0.3)
        terminal.write(b"hello\r")
        terminal.expect(b"hello\r\nhello\r\n")
        terminal.write(b"\x04")
        self.assertEqual(terminal.wait(), 0)

    def test_job_control(self):
        terminal = self.open()
        terminal.expect(b"# ")
        terminal.write(b"sleep 100\r")
        time.sleep(0.3)
        terminal.write(b"\x1a")
        terminal.expect(b"Stopped")
        terminal.write(b"kill %1; exit 0\r")
        terminal.expect(b"exit")

    def test_settings_are_restored_after_signals(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            terminal = self.open("-e", "sleep", "60")
            self.assertTrue(support.wait_until(terminal.is_raw))
            time.sleep(0.3)
            os.kill(terminal.pid, number)
            self.assertIn(terminal.wait(), (128 + number, 1))
            self.assertFalse(terminal.is_raw(), number)

    def test_settings_are_restored_after_errors(self):
        terminal = self.open("-d", "nosuch", "-e", "true")
        terminal.expect(b"no instance named")
        self.assertEqual(terminal.wait(), support.FAILED)
        self.assertFalse(terminal.is_raw())

    def test_output_before_the_end_is_whole(self):
        terminal = self.open("-e", "bash", "-c", "for ((i = 0; i < 2000; i++)); do echo line $i; done")
        self.assertEqual(terminal.wait(30), 0)
        deadline = time.monotonic() + 2
        while b"line 1999" not in terminal.output and time.monotonic() < deadline:
            terminal.expect(b"line 1999")
            break

    def test_closed_terminal_ends_the_session(self):
        terminal = self.open("-e", "bash", "-c", "trap 'echo >/tmp/closed; exit' HUP; echo ready; while :; do sleep 0.02; done")
        terminal.expect(b"ready")
        os.close(terminal.master)
        terminal.master = os.open("/dev/null", os.O_RDWR)
        result = support.wait_until(lambda: self.home.run("-e", "ls", "/tmp/closed").returncode == 0)
        self.assertTrue(result)

    def test_pipe_in_terminal_out(self):
        terminal = support.Terminal(["/bin/sh", "-c", f"echo x | {self.home.command()[0]} -e cat"], self.home.environment)
        self.addCleanup(terminal.close)
        terminal.expect(b"x")
        self.assertEqual(terminal.wait(), 0)

    def test_pager_at_the_end_of_a_pipeline(self):
        lxss = self.home.command()[0]
        terminal = support.Terminal(
            ["/bin/bash", "-c", f"seq 3 | {lxss} -e bash -c 'cat >/dev/null; read -n 1 key <&1; echo got $key'"],
            self.home.environment)
        self.addCleanup(terminal.close)
        self.assertTrue(support.wait_until(terminal.is_raw))
        time.sleep(0.2)
        terminal.write(b"q")
        terminal.expect(b"got q")
        self.assertEqual(terminal.wait(), 0)
        self.assertFalse(terminal.is_raw())

    def test_interrupt_key_ends_a_whole_pipeline(self):
        terminal = support.Terminal(["/bin/bash", "-c", f"sleep 60 | {self.home.command()[0]} -e cat"],
                                    self.home.environment)
        self.addCleanup(terminal.close)
        self.assertTrue(support.wait_until(terminal.is_raw))
        time.sleep(0.2)
        terminal.write(b"\x03")
        terminal.wait()
        self.assertFalse(terminal.is_raw())

    def test_several_in_a_pipeline(self):
        lxss = self.home.command()[0]
        terminal = support.Terminal(["/bin/bash", "-c", f"{lxss} -e echo abc | {lxss} -e cat | {lxss} -e cat"],
                                    self.home.environment)
        self.addCleanup(terminal.close)
        terminal.expect(b"abc\r")
        self.assertEqual(terminal.wait(), 0)
        self.assertFalse(terminal.is_raw())

    def test_in_the_background_the_terminal_is_not_read(self):
        lxss = self.home.command()[0]
        terminal = support.Terminal(
            ["/bin/bash", "-c", f"set -m; {lxss} -e cat & sleep 0.5; read line; echo <$line>; wait".replace("<", "'<'").replace(">", "'>'")],
            self.home.environment)
        self.addCleanup(terminal.close)
        time.sleep(0.3)
        self.assertFalse(terminal.is_raw())
        terminal.write(b"mine\r")
        terminal.expect(b"<mine>")
        self.assertEqual(terminal.wait(), 0)

    def test_stop_and_continue_from_outside(self):
        terminal = self.open("-e", "cat")
        self.assertTrue(support.wait_until(terminal.is_raw))
        time.sleep(0.2)
        os.kill(terminal.pid, signal.SIGTSTP)
        self.assertTrue(support.wait_until(lambda: support.process_state(terminal.pid) == "T"))
        self.assertFalse(terminal.is_raw())
        os.kill(terminal.pid, signal.SIGCONT)
        self.assertTrue(support.wait_until(terminal.is_raw))
        terminal.write(b"\x04")
        self.assertEqual(terminal.wait(), 0)
