"""vim on a terminal: a file is written, edited again and saved."""
import unittest

import guest

FILE = "/tmp/vim-test.txt"
# No colours and no questions to the terminal: what comes is easy to read.
VIM = ("env", "TERM=vt100", "vim", "-N", "-u", "NONE", "-i", "NONE", FILE)


class Vim(unittest.TestCase):
    def setUp(self):
        guest.run("rm", "-f", FILE)

    def vim(self):
        terminal = guest.terminal(*VIM)
        self.addCleanup(terminal.close)
        return terminal

    def test_write_and_edit_again(self):
        vim = self.vim()
        vim.expect(b"vim-test.txt", 30)
        vim.write(b"ifirst line\rsecond line\rthird\x1b")
        vim.expect(b"third")
        vim.write(b":wq\r")
        self.assertEqual(vim.wait(30), 0)
        self.assertEqual(guest.run("cat", FILE).stdout, b"first line\nsecond line\nthird\n")

        vim = self.vim()
        vim.expect(b"third", 30)
        vim.write(b":%s/line/row/g\r")
        vim.expect(b"row")
        vim.write(b"ggyyGp:r !echo from a shell\r")
        vim.expect(b"from a shell")
        vim.write(b"ZZ")
        self.assertEqual(vim.wait(30), 0)
        self.assertEqual(guest.run("cat", FILE).stdout,
                         b"first row\nsecond row\nthird\nfirst row\nfrom a shell\n")

    def test_suspended_by_a_shell(self):
        shell = guest.terminal("env", "PS1=prompt> ", "TERM=vt100", "bash", "--norc", "--noprofile")
        self.addCleanup(shell.close)
        shell.expect(b"prompt> ", 30)
        shell.write(f"vim -N -u NONE -i NONE {FILE}\r".encode())
        shell.expect(b"[New]", 30)
        shell.write(b"itext\x1b")
        shell.expect(b"text")
        shell.write(b"\x1a")
        shell.expect(b"Stopped", 30)
        shell.expect(b"prompt> ")
        shell.write(b"fg\r")
        shell.expect(b"text", 30)
        shell.write(b":x\r")
        shell.expect(b"prompt> ", 30)
        shell.write(f"cat {FILE}; exit 5\r".encode())
        shell.expect(b"text")
        self.assertEqual(shell.wait(30), 5)


unittest.main(verbosity=2)
