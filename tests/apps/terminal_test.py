"""bash at a terminal: job control and line editing, typed."""
import time
import unittest

import guest

PROMPT = b"prompt> "


class Terminal(unittest.TestCase):
    def setUp(self):
        self.terminal = guest.terminal("env", "PS1=" + PROMPT.decode(), "PROMPT_COMMAND=", "TERM=dumb", "HISTFILE=", "bash",
                                       "--norc", "--noprofile")
        self.addCleanup(self.terminal.close)
        self.terminal.expect(PROMPT, 30)

    def type(self, line):
        """Types a line; returns what comes until the next prompt, without the echo."""
        self.terminal.write(line.encode() + b"\r")
        return self.terminal.expect(PROMPT, 30).replace(b"\r", b"").partition(b"\n")[2].decode()

    def begin(self, script, rest="", prepare=":"):
        """Types a foreground job, a shell of its own that runs `script`, and waits until it does.

        A subshell of bash would not do: a Ctrl-C on its way to exec is caught and forgotten, natively too.
        """
        self.terminal.write(f"sh -c '{prepare}; echo begun; {script}'{rest}\r".encode())
        self.terminal.expect(b"\nbegun")

    def resume(self, shown):
        self.terminal.write(b"fg\r")
        self.terminal.expect(shown)
        # bash says so first and hands the terminal over then, which nobody can see.
        time.sleep(0.5)

    def key(self, key):
        self.terminal.write(key)

    def test_job_control(self):
        self.begin("exec sleep 300")
        self.key(b"\x1a")
        self.terminal.expect(b"[1]+  Stopped")
        self.terminal.expect(PROMPT)
        self.assertIn("Stopped", self.type("jobs"))
        self.assertIn("sleep 300", self.type("bg"))
        self.assertIn("Running", self.type("jobs"))
        self.resume(b"sleep 300")
        self.key(b"\x03")
        self.terminal.expect(PROMPT)
        self.assertEqual(self.type("echo $?"), "130\n")
        self.type("sleep 301 &")
        self.type("kill %1; wait %1")
        self.assertEqual(self.type("jobs"), "")

    def test_background_job_that_reads_is_stopped(self):
        self.type("cat &")
        self.type("sleep 0.5")
        self.assertIn("Stopped", self.type("jobs"))
        self.type("kill -9 %1; wait %1")

    def test_interrupt_and_quit(self):
        self.begin("exec sleep 300")
        self.key(b"\x03")
        self.terminal.expect(PROMPT)
        self.assertEqual(self.type("echo $?"), "130\n")
        self.type("ulimit -c 0")
        self.begin("exec sleep 300")
        self.key(b"\x1c")
        self.terminal.expect(PROMPT)
        self.assertEqual(self.type("echo $?"), "131\n")

    def test_a_pipeline_is_one_job(self):
        self.begin("exec sleep 300", " | cat | cat")
        self.key(b"\x1a")
        self.terminal.expect(b"Stopped")
        self.terminal.expect(PROMPT)
        self.resume(b"cat | cat")
        self.key(b"\x03")
        self.terminal.expect(PROMPT)
        self.assertEqual(self.type("jobs"), "")

    def test_end_of_input(self):
        self.begin("exec cat")
        self.terminal.write(b"typed\r")
        self.terminal.expect(b"typed\r\ntyped\r\n")
        self.key(b"\x04")
        self.terminal.expect(PROMPT)
        self.key(b"\x04")
        self.assertEqual(self.terminal.wait(30), 0)

    def test_line_editing(self):
        self.terminal.write(b"echo one twoo\x7f\x01\x1b[C\x05\r")
        self.terminal.expect(b"\none two\r\n")
        self.terminal.expect(PROMPT)
        self.key(b"echo completed /etc/passw\t\r")
        self.terminal.expect(b"\ncompleted /etc/passwd\r\n")

    def test_size_and_its_change(self):
        self.assertEqual(self.type("stty size"), "24 80\n")
        self.begin("while :; do sleep 0.1; done", prepare='trap "echo changed; stty size; exit" WINCH')
        self.terminal.resize(30, 100)
        self.terminal.expect(b"changed\r\n30 100")
        self.terminal.expect(PROMPT)

    def test_terminal_of_the_session(self):
        self.assertEqual(self.type("tty | cut -c1-9; [ -t 0 ] && [ -t 1 ] && echo yes"), "/dev/pts/\nyes\n")
        self.assertEqual(self.type("ps -o tty= -p $$ | cut -c1-4; echo x >/dev/tty"), "pts/\nx\n")

    def test_read_without_echo(self):
        self.terminal.write(b"read -s -p 'sec''ret: ' v\r")
        self.terminal.expect(b"secret: ")
        self.assertNotIn(b"hidden", self.type_raw(b"hidden\r"))
        self.assertEqual(self.type("echo $v"), "hidden\n")

    def type_raw(self, data):
        self.terminal.write(data)
        return self.terminal.expect(PROMPT)


unittest.main(verbosity=2)
