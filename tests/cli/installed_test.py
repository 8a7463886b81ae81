"""What `cmake --install` makes: it works from its place, and its manuals and completions say what the program does."""
import os
import re
import shutil
import subprocess
import unittest

import support

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def packaged(name):
    with open(os.path.join(SOURCE, "packaging", name)) as file:
        return file.read()


class Installed(support.TestCase):
    def test_installed_programs_find_one_another(self):
        prefix = os.path.join(self.home.folder, "prefix")
        subprocess.run(["cmake", "--install", support.build, "--prefix", prefix], check=True, stdout=subprocess.DEVNULL)
        self.home.command = lambda *words: [os.path.join(prefix, "bin", "lxss"), *words]
        self.assertSuccess(self.home.import_instance("one"))
        self.assertEqual(self.home.run("-e", "echo", "x").stdout, b"x\n")
        self.assertIn(b"Debian", self.home.run("--list", "--online").stdout)
        for name in ("share/man/man1/lxss.1", "share/man/man5/lxss.conf.5", "share/man/man5/wsl.conf.5",
                     "share/man/man8/lxssd.8", "share/bash-completion/completions/lxss",
                     "share/zsh/site-functions/_lxss", "share/fish/vendor_completions.d/lxss.fish",
                     "lib/systemd/user/lxssd.socket", "lib/systemd/user/lxssd.service"):
            self.assertTrue(os.path.exists(os.path.join(prefix, name)), name)

    @unittest.skipUnless(shutil.which("systemd-analyze"), "needs systemd-analyze")
    def test_units(self):
        folder = os.path.join(self.home.folder, "units")
        os.mkdir(folder)
        shutil.copy(os.path.join(SOURCE, "packaging/systemd/lxssd.socket"), folder)
        with open(os.path.join(folder, "lxssd.service"), "w") as file:
            file.write(packaged("systemd/lxssd.service.in").replace("@LXSS_INSTALLED@", support.build))
        result = subprocess.run(["systemd-analyze", "--user", "--man=no", "verify", folder + "/lxssd.socket"],
                                capture_output=True, text=True,
                                env=dict(os.environ, XDG_RUNTIME_DIR=self.home.folder, SYSTEMD_UNIT_PATH=folder + ":"))
        self.assertNotIn("lxssd", result.stderr)

    def long_options(self):
        text = self.home.run("--help").stdout.decode()
        return set(re.findall(r"(--[a-z][a-z-]+)", text))

    def test_every_option_has_its_page_and_its_completion(self):
        page = packaged("man/lxss.1").replace("\\-", "-")
        for name, text in (("lxss.1", page), ("bash", packaged("completions/lxss.bash")),
                           ("zsh", packaged("completions/_lxss")),
                           ("fish", re.sub(r"-l ([a-z-]+)", r"--\1", packaged("completions/lxss.fish")))):
            for option in self.long_options():
                self.assertIn(option, text, name)

    @unittest.skipUnless(shutil.which("man"), "needs man")
    def test_pages_are_well_formed(self):
        for name in os.listdir(os.path.join(SOURCE, "packaging", "man")):
            result = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8",
                                     os.path.join(SOURCE, "packaging", "man", name)], capture_output=True, text=True)
            self.assertEqual((result.returncode, result.stderr), (0, ""), name)

    def complete(self, *words):
        """What bash offers for the last word."""
        script = (f'PATH={os.path.join(support.build, "bin")}:$PATH; source "$0"; COMP_WORDS=("$@"); '
                  "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _lxss 2>/dev/null; printf '%s\\n' \"${COMPREPLY[@]}\"")
        result = subprocess.run(["bash", "-c", script, os.path.join(SOURCE, "packaging/completions/lxss.bash"), *words],
                                capture_output=True, text=True, env=self.home.environment, timeout=60)
        return result.stdout.split()

    def test_bash_completion(self):
        self.assertSuccess(self.home.import_instance("one"))
        self.assertEqual(self.complete("lxss", "-d", ""), ["one"])
        self.assertEqual(self.complete("lxss", "--terminate", "o"), ["one"])
        self.assertIn("Debian", self.complete("lxss", "--install", ""))
        self.assertEqual(self.complete("lxss", "--unreg"), ["--unregister"])
        self.assertEqual(self.complete("lxss", "--list", "--o"), ["--online"])
        self.assertEqual(self.complete("lxss", "-d", "one", "--us"), ["--user"])
        self.assertEqual(self.complete("lxss", "ls", "--us"), [])
        self.assertEqual(self.complete("lxss", "--manage", "one", "--m"), ["--move"])

    def test_other_shells_read_theirs(self):
        for shell, name in (("zsh", "_lxss"), ("fish", "lxss.fish")):
            if shutil.which(shell):
                result = subprocess.run([shell, "-n", os.path.join(SOURCE, "packaging/completions", name)],
                                        capture_output=True, text=True)
                self.assertEqual((result.returncode, result.stderr), (0, ""), shell)
