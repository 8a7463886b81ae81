"""Trees that the NT host has laid out, copied here by host tools: refused, and made this host's by lxss --check --repair."""
import contextlib
import os
import shutil
import signal
import subprocess
import time

import fault_support
import nt_layout
import support
import volfs_support

MAKE = """cd /root/broken; umask 022; mkdir dir 'up:Dir'; chown 5:6 dir; chmod 2770 dir
          for name in Makefile makefile a:b dot. 'space ' "$(printf 'bytes\\377')" Größe x~1 lxss~1 "$(printf '\\357\\200\\272')" $(printf 'C%.0s' $(seq 80)); do
              printf %s "$name" >"$name"; printf %s "$name" >"up:Dir/$name"
          done
          chown 9:10 Makefile; chmod 4711 Makefile; ln Makefile dir/Hard; mkfifo -m 640 Fifo; mknod null c 1 3; ln -s Makefile Link; ln -s x own; chown -h 7:8 own
          mkdir "$(printf '\\357\\200\\272d')"; echo deep >"$(printf '\\357\\200\\272d')/Deep"; chmod 600 a:b; chmod 700 makefile
          touch -d @1000000000 Makefile a:b dir"""
LOOK = """cd /root/broken; find . | sort | while read -r name; do stat -c '%n %F %a %u:%g %t:%T %h %s' "$name"; done; readlink Link own
          find . -type f ! -path '*/Hard' ! -name Deep | sort | while read -r name; do cat "$name"; echo; done; cat */Deep; stat -c '%n %Y' Makefile a:b dir"""


class NtTree(volfs_support.TreeTestCase):
    def setUp(self):
        super().setUp()
        self.guest(MAKE)
        self.seen = self.guest(LOOK)
        self.stop()

    def clean_up(self):
        self.home.run("--terminate", "test")
        shutil.rmtree(self.place)

    def refused(self, text):
        before = self.snapshot()
        result = self.home.run("-e", "true")
        self.assertEqual(result.returncode, support.FAILED)
        code, lines = self.check()
        self.assertEqual(code, 8)
        self.assertIn(text, lines[0])
        self.assertEqual(self.snapshot(), before)
        return result.stderr

    def repair(self):
        code, lines = self.check("--repair")
        self.assertEqual(code, 1, lines)
        self.assertTrue(any("have their owners and modes again, 0 of its list are not there" in line for line in lines), lines)
        self.assertWhole()

    def assertWhole(self):
        self.assertClean()
        self.assertFalse(os.path.exists(self.at("lxss~host")))
        self.assertFalse(os.path.exists(self.at(".lxss-places")))
        self.assertEqual(self.guest(LOOK), self.seen)
        self.stop()
        os.unlink(self.at(".lxss-attributes.broken"))

    def test_adoption(self):
        for escapes_case in (True, False):
            nt_layout.lay_out(self.tree, escapes_case)
            self.assertEqual(os.path.exists(self.at("/root/broken/Makefile")), not escapes_case)
            self.assertIn(b"'lxss --check NAME --repair' makes it one of this host's", self.refused("form of the Windows host"))
            self.repair()

    def test_a_list_that_leads_out(self):
        """It lies in the copy, and is what somebody has made of it."""
        outside = os.path.join(os.path.dirname(self.tree), "outside")
        with open(outside, "wb"):
            os.chmod(outside, 0o640)
        nt_layout.lay_out(self.tree)
        with open(self.at(".lxss-places"), "rb") as file:
            lines = file.read().split(b"\0")
        number = next(line.split()[0] for line in lines if line.endswith(b"/Makefile"))
        lines[1:1] = [number + b" " + path for path in (b"../outside", b"root/../../outside", os.fsencode(outside), b"..", b"root//broken")]
        with open(self.at(".lxss-places"), "wb") as file:
            file.write(b"\0".join(lines))
        code, lines = self.check("--repair")
        self.assertEqual(code, 1, lines)
        self.assertTrue(any("have their owners and modes again, 5 of its list are not there" in line for line in lines), lines)
        self.assertEqual((os.stat(outside).st_mode & 0o7777, os.listxattr(outside)), (0o640, []))
        self.assertEqual(os.listxattr(os.path.dirname(self.tree)), [])
        self.assertWhole()

    def test_what_cannot_be_taken_over(self):
        copy = self.tree + ".copy"
        for flags, change, text in (
                (0, lambda: os.unlink(self.at(".lxss-places")), "has no whole list of its files"),
                (0, lambda: os.truncate(self.at(".lxss-places"), 50), "has no whole list of its files"),
                (0, lambda: os.unlink(self.at("lxss~host/attributes.log")), "is missing or damaged"),
                (0, lambda: os.truncate(self.at("lxss~host/attributes.log"), 20), "is missing or damaged"),
                (2, lambda: None, "in attributes of NTFS that the copy does not have")):
            shutil.copytree(self.tree, copy, symlinks=True)
            nt_layout.lay_out(self.tree, flags=flags)
            change()
            self.refused(text)
            before = self.snapshot()
            code, lines = self.check("--repair")
            self.assertEqual(code, 8, lines)
            self.assertIn(text, lines[0])
            self.assertEqual(self.snapshot(), before)
            shutil.rmtree(self.tree)
            os.rename(copy, self.tree)
            self.assertClean()

    def test_an_adoption_that_was_cut_short(self):
        """At the points where doing all of it again would not do."""
        place = os.fsencode(self.place)
        odd = b"\xef\x80\xba"
        # Some names have their own bytes already; one that looks spelled waits aside.
        nt_layout.lay_out(self.tree)
        os.rename(place + nt_layout.spelled(b"Makefile"), place + b"Makefile")
        os.rename(place + nt_layout.spelled(b"up:Dir"), place + b"up:Dir")
        os.mkdir(place + b"lxss~raw")
        os.rename(place + nt_layout.spelled(odd), place + b"lxss~raw/" + odd)
        os.rename(place + nt_layout.spelled(odd + b"d"), place + b"lxss~raw/" + odd + b"d")
        self.repair()
        # All have; some have been brought out, and some permissions set.
        nt_layout.lay_out(self.tree)
        for folder, folders, files in os.walk(place, topdown=False):
            for name in (name for name in folders + files if self.own(name) != name):
                done = folder
                if odd in self.own(name) and len(name) % 2:
                    done = folder + b"/lxss~raw"
                    os.makedirs(done, exist_ok=True)
                os.rename(folder + b"/" + name, done + b"/" + self.own(name))
        os.utime(place + b"dir", (1_000_000_000, 1_000_000_000))
        for folder, folders, files in os.walk(os.fsencode(self.tree), topdown=False):
            for name in (name for name in folders + files if not folder.startswith(place.rstrip(b"/"))):
                if self.own(name) != name:
                    os.rename(folder + b"/" + name, folder + b"/" + self.own(name))
        with open(self.at("lxss~host/named"), "w"):
            pass
        os.chmod(self.place + "a:b", 0o777)
        self.repair()
        # Nothing but the folder is left.
        for files in (["named"], []):
            os.mkdir(self.at("lxss~host"))
            for name in [".lxss-attributes.broken", *("lxss~host/" + file for file in files)]:
                with open(self.at(name), "w"):
                    pass
            self.assertEqual(self.check("--repair")[0], 1)
            self.assertWhole()

    def test_a_killed_adoption(self):
        nt_layout.lay_out(self.tree)
        for number in range(20):
            process = self.home.start("--check", "test", "--repair", stdout=subprocess.PIPE)
            support.wait_until(lambda: fault_support.children(process.pid) or process.poll() is not None)
            time.sleep(number * 0.02)
            for pid in fault_support.children(process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.communicate(timeout=60)
            if process.returncode in (0, 1):
                break
        if os.path.exists(self.at("lxss~host")):
            self.assertEqual(self.check("--repair")[0], 1)
        self.check("--repair")  # what is left of the last one
        # A folder in which names were being changed has a new time.
        os.utime(self.place + "dir", (1_000_000_000, 1_000_000_000))
        self.assertWhole()

    @staticmethod
    def own(name):
        """The bytes that a spelled name stands for."""
        text = name.decode(errors="surrogateescape")
        return b"".join(bytes([ord(letter) - 0xf000]) if 0xf000 <= ord(letter) <= 0xf0ff
                        else letter.encode(errors="surrogateescape") for letter in text)

    def test_a_name_of_the_host_s_own(self):
        self.assertIn("Permission denied", self.guest("mkdir /lxss~host 2>&1; ls -d /lxss~host 2>/dev/null; true").replace(
            "Operation not permitted", "Permission denied"))
