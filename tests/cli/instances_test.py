"""Import, export, the list, and removal. Holds for every kernel."""
import io
import os
import signal
import subprocess
import tarfile
import time

import support


def make_archive(path, *items):
    """Items: (name, type, link or content)."""
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        for name, kind, content in items:
            item = tarfile.TarInfo(name)
            item.type = kind
            item.mode = 0o755
            if kind == tarfile.REGTYPE:
                item.size = len(content)
                archive.addfile(item, io.BytesIO(content))
            else:
                item.linkname = content
                archive.addfile(item)
    return path


class Instances(support.TestCase):
    def folder_names(self):
        folder = os.path.join(self.home.folder, "instances")
        return sorted(os.listdir(folder)) if os.path.exists(folder) else []

    def names(self):
        return self.home.run("--list", "--all", "--quiet").stdout.decode().split()

    def test_without_any(self):
        result = self.home.run("--list")
        self.assertEqual((result.returncode, result.stdout), (support.FAILED, b""))
        self.assertIn(b"--import", result.stderr)
        result = self.assertSuccess(self.home.run("--list", "--quiet"))
        self.assertEqual(result.stdout, b"")
        result = self.home.run("-e", "true")
        self.assertEqual(result.returncode, support.FAILED)
        self.assertIn(b"--import", result.stderr)

    def test_list_and_default(self):
        for name in ("one", "two"):
            self.assertSuccess(self.home.import_instance(name))
        self.assertEqual(self.home.run("-l").stdout, b"lxss instances:\none (Default)\ntwo\n")
        self.assertSuccess(self.home.run("--set-default", "TWO"))
        self.assertEqual(self.home.run("-l").stdout, b"lxss instances:\ntwo (Default)\none\n")
        self.assertEqual(self.home.run("-l", "-q").stdout, b"two\none\n")
        self.assertSuccess(self.home.run("-e", "true"))
        lines = self.home.run("-l", "-v").stdout.decode().splitlines()
        self.assertEqual(lines[0].split(), ["NAME", "STATE", "VERSION", "FOLDER"])
        self.assertEqual(lines[1].split(), ["*", "two", "Running", "1", self.home.instance_folder("two")])
        self.assertEqual(lines[2].split(), ["one", "Stopped", "1", self.home.instance_folder("one")])
        self.assertEqual(self.home.run("-l", "--running", "-q").stdout, b"two\n")

    def test_names_and_folders_are_checked(self):
        self.assertSuccess(self.home.import_instance("one"))
        self.assertIn(b"already", self.home.import_instance("ONE").stderr)
        self.assertIn(b"cannot be the name", self.home.import_instance("../x").stderr)
        for folder in (self.home.instance_folder("one"), self.home.instance_folder("one") + "/rootfs/x",
                       os.path.dirname(self.home.instance_folder("one"))):
            result = self.home.run("--import", "two", folder, support.root_archive)
            self.assertEqual(result.returncode, support.FAILED)
            self.assertRegex(result.stderr, b"overlaps|not empty")
        full = os.path.join(self.home.folder, "full")
        os.mkdir(full)
        open(os.path.join(full, "precious"), "w").close()
        self.assertIn(b"not empty", self.home.run("--import", "two", full, support.root_archive).stderr)
        self.assertEqual(os.listdir(full), ["precious"])
        self.assertIn(b"no instance named", self.home.run("-d", "nosuch", "-e", "true").stderr)
        self.assertEqual(self.names(), ["one"])

    def test_relative_folder(self):
        result = subprocess.run(self.home.command("--import", "one", "here/../there/one", support.root_archive),
                                cwd=self.home.folder, env=self.home.environment, capture_output=True, timeout=60)
        self.assertEqual(result.returncode, support.FAILED)  # here/ does not exist, so here/.. leads nowhere
        result = subprocess.run(self.home.command("--import", "one", "./there/one/", support.root_archive),
                                cwd=self.home.folder, env=self.home.environment, capture_output=True, timeout=60)
        self.assertSuccess(result)
        self.assertTrue(os.path.isdir(os.path.join(self.home.folder, "there/one/rootfs")))

    def test_compressed_archives(self):
        for suffix, program in (("gz", "gzip"), ("xz", "xz"), ("zst", "zstd"), ("bz2", "bzip2")):
            archive = os.path.join(self.home.folder, f"root.tar.{suffix}")
            with open(archive, "wb") as file:
                subprocess.run([program, "-1", "-c", support.root_archive], stdout=file, check=True)
            self.assertSuccess(self.home.import_instance(suffix, archive))
            self.assertEqual(self.home.run("-d", suffix, "-e", "cat", "/etc/hostname").returncode, 0)

    def test_import_from_standard_input(self):
        with open(support.root_archive, "rb") as archive:
            result = self.home.run("--import", "one", self.home.instance_folder("one"), "-", stdin=archive)
        self.assertSuccess(result)
        self.assertSuccess(self.home.run("-e", "true"))

    def test_round_trip(self):
        self.assertSuccess(self.home.import_instance("one"))
        script = ("cd /root && echo data >file && chmod 4750 file && ln file hard && ln -s file soft && "
                  "mkdir -m 1777 dir && touch 'dir/\u00e4 b' && touch \"dir/$(printf '\\377')\"")
        if not os.path.exists("/usr/bin/ln"):
            self.skipTest("no ln")
        # ln and touch are no part of the test tree.
        script = script.replace("ln file hard", "cp -l file hard").replace("ln -s file soft", "cp -s file soft")
        script = script.replace("touch ", ": >")
        self.assertSuccess(self.home.run("-e", "bash", "-c", script))
        for suffix in (".tar", ".tar.gz", ".tar.zst", ".tar.xz", ".tar.bz2"):
            archive = os.path.join(self.home.folder, "copy" + suffix)
            self.assertSuccess(self.home.run("--export", "one", archive))
            name = "copy" + suffix.replace(".tar", "").replace(".", "-")
            self.assertSuccess(self.home.import_instance(name, archive))
            look = ("cd /root && stat -c '%n %a %u:%g %s %F' file soft dir dir/* && stat -c '%h %Y' file && "
                    "[ file -ef hard ] && cat file soft && for f in dir/*; do printf '<%q>' \"$f\"; done")
            expected = self.assertSuccess(self.home.run("-d", "one", "-e", "bash", "-c", look))
            self.assertEqual(self.home.run("-d", name, "-e", "bash", "-c", look).stdout, expected.stdout)
            self.assertIn(b"data", expected.stdout)

    def test_export_of_a_stopped_instance_and_to_standard_output(self):
        self.assertSuccess(self.home.import_instance("one"))
        self.assertSuccess(self.home.run("--terminate", "one"))
        result = self.assertSuccess(self.home.run("--export", "one", "-"))
        with tarfile.open(fileobj=io.BytesIO(result.stdout)) as archive:
            self.assertIn("./etc/passwd", archive.getnames())
        self.assertNotIn(b"Running", self.home.run("-l", "-v").stdout)

    def test_export_does_not_overwrite(self):
        self.assertSuccess(self.home.import_instance("one"))
        archive = os.path.join(self.home.folder, "out.tar")
        with open(archive, "w") as file:
            file.write("precious")
        self.assertIn(b"exists already", self.home.run("--export", "one", archive).stderr)
        with open(archive) as file:
            self.assertEqual(file.read(), "precious")

    def test_failed_export_leaves_no_file(self):
        self.assertSuccess(self.home.import_instance("one"))
        result = self.home.run("--export", "one", "/dev/full")
        self.assertEqual(result.returncode, support.FAILED)
        archive = os.path.join(self.home.folder, "out.tar")
        result = subprocess.run(f"ulimit -f 100; exec {self.home.command()[0]} --export one {archive}", shell=True,
                                env=self.home.environment, capture_output=True, timeout=60)
        if result.returncode != 0:  # where the limit reaches the program that writes
            self.assertEqual([n for n in os.listdir(self.home.folder) if n.startswith("out")], [])

    def test_damaged_archives_leave_nothing(self):
        def path(name):
            return os.path.join(self.home.folder, name)

        with open(support.root_archive, "rb") as file:
            whole = file.read()
        damaged = {"empty": b"", "text": b"this is no archive" * 1000, "cut": whole[:len(whole) // 2 + 100]}
        for name, content in damaged.items():
            with open(path(name), "wb") as file:
                file.write(content)
            result = self.home.import_instance(name, path(name))
            self.assertEqual(result.returncode, support.FAILED, name)
            self.assertIn(b"nothing was kept", result.stderr)
        with open(path("cut.gz"), "wb") as file:
            file.write(subprocess.run(["gzip", "-1"], input=whole, capture_output=True).stdout[:1 << 20])
        self.assertEqual(self.home.import_instance("cutgz", path("cut.gz")).returncode, support.FAILED)
        self.assertEqual(self.folder_names(), [])
        self.assertEqual(self.names(), [])
        self.assertEqual(self.home.import_instance("missing", path("nosuch")).returncode, support.FAILED)

    def test_archives_do_not_reach_out(self):
        outside = os.path.join(self.home.folder, "outside")
        os.mkdir(outside)
        attacks = {
            "dotdot": [("../evil", tarfile.REGTYPE, b"x")],
            "inner": [("a/../../evil", tarfile.REGTYPE, b"x")],
            "link": [("out", tarfile.SYMTYPE, outside), ("out/evil", tarfile.REGTYPE, b"x")],
            "climb": [("out", tarfile.SYMTYPE, "../../../../.." + outside), ("out/evil", tarfile.REGTYPE, b"x")],
            "hard": [("hard", tarfile.LNKTYPE, "../../../lock")],
        }
        for name, items in attacks.items():
            archive = make_archive(os.path.join(self.home.folder, name + ".tar"), *items)
            self.home.import_instance(name, archive)
            self.assertEqual(os.listdir(outside), [], name)
            self.assertFalse(os.path.exists(os.path.join(self.home.folder, "evil")), name)
        self.assertEqual(self.names(), [])

    def test_later_entries_replace_earlier_ones(self):
        archive = make_archive(os.path.join(self.home.folder, "twice.tar"), ("file", tarfile.REGTYPE, b"old"),
                               ("file", tarfile.REGTYPE, b"new"), ("link", tarfile.SYMTYPE, "file"),
                               ("link", tarfile.SYMTYPE, "other"), ("folder", tarfile.DIRTYPE, ""),
                               ("folder", tarfile.DIRTYPE, ""))
        self.assertSuccess(self.home.import_instance("one", archive))
        exported = self.assertSuccess(self.home.run("--export", "one", "-"))
        with tarfile.open(fileobj=io.BytesIO(exported.stdout)) as copy:
            self.assertEqual(copy.extractfile("./file").read(), b"new")
            self.assertEqual(copy.getmember("./link").linkname, "other")

    def test_absolute_names_are_taken_inside(self):
        with open("/bin/true", "rb"):
            archive = make_archive(os.path.join(self.home.folder, "abs.tar"), ("/etc", tarfile.DIRTYPE, ""),
                                   ("/etc/lxss-absolute", tarfile.REGTYPE, b"x"))
        self.assertSuccess(self.home.import_instance("abs", archive))
        self.assertFalse(os.path.exists("/etc/lxss-absolute"))

    def interrupt_import(self, interrupt):
        """An archive that never ends; `interrupt` gets the launcher."""
        process = self.home.start("--import", "one", self.home.instance_folder("one"), "-")
        with open(support.root_archive, "rb") as archive:
            process.stdin.write(archive.read(3 << 20))
        process.stdin.flush()
        rootfs = os.path.join(self.home.instance_folder("one"), "rootfs")
        self.assertTrue(support.wait_until(lambda: os.path.exists(rootfs) and os.listdir(rootfs)))
        interrupt(process)
        return process

    def test_interrupted_import_leaves_nothing(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            process = self.interrupt_import(lambda process: process.send_signal(number))
            process.wait(30)
            self.assertNotEqual(process.returncode, 0)
            process.communicate()
            if number != signal.SIGKILL:
                self.assertEqual(self.folder_names(), [])
            self.assertTrue(support.wait_until(lambda: not self.folder_names()), number)
            self.assertTrue(support.wait_until(lambda: self.names() == []))
        self.assertSuccess(self.home.import_instance("one"))

    def test_import_blocks_what_would_cross_it(self):
        process = self.interrupt_import(lambda process: None)
        self.assertIn(b"Installing", self.home.run("-l", "-v").stdout)
        for words in (("-d", "one", "-e", "true"), ("--export", "one", "x"), ("--unregister", "one")):
            result = self.home.run(*words)
            self.assertEqual(result.returncode, support.FAILED)
            self.assertIn(b"being imported", result.stderr)
        process.kill()
        process.communicate()

    def test_manager_killed_in_an_import_cleans_up_at_its_next_start(self):
        self.assertEqual(self.names(), [])
        pid = self.home.manager_pids()[-1]
        process = self.interrupt_import(lambda process: os.kill(pid, signal.SIGKILL))
        self.assertEqual(process.wait(30), support.FAILED)
        process.communicate()
        self.assertEqual(self.folder_names(), ["one"])
        self.assertTrue(support.wait_until(lambda: self.names() == []))
        self.assertEqual(self.folder_names(), [])

    def test_unregister(self):
        self.assertSuccess(self.home.import_instance("one"))
        self.assertSuccess(self.home.import_instance("two"))
        process = self.home.start("-e", "sleep", "60")
        self.assertTrue(support.wait_until(lambda: b"Running" in self.home.run("-l", "-v").stdout))
        self.assertSuccess(self.home.run("--unregister", "one"))
        self.assertEqual(self.folder_names(), ["two"])
        self.assertEqual(self.home.run("-l").stdout, b"lxss instances:\ntwo (Default)\n")
        self.assertNotEqual(process.wait(10), 0)
        process.communicate()
        self.assertEqual(self.home.run("--unregister", "one").returncode, support.FAILED)
