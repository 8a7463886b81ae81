"""Folders of the host inside of the instance. Needs the real kernel, which has a file system for them."""
import os
import subprocess
import unittest

import support


@unittest.skipIf(support.kernel_is_fake, "the test double mounts nothing")
class Drives(support.TestCase):
    def setUp(self):
        super().setUp()
        self.place = os.path.join(self.home.folder, "place")
        os.mkdir(self.place)
        with open(os.path.join(self.place, "file"), "w") as file:
            file.write("of the host\n")
        self.assertSuccess(self.home.import_instance("one"))

    def configure(self, text):
        with open(os.path.join(self.home.path, "lxss.conf"), "w") as file:
            file.write(text)
        self.home.run("--terminate", "one")

    def inside(self, script, **options):
        return subprocess.run(self.home.command("-e", "bash", "-c", script), env=self.home.environment,
                              capture_output=True, timeout=60, **options)

    def test_mount_and_unmount(self):
        result = self.assertSuccess(self.home.run("--mount", self.place))
        self.assertEqual(result.stdout.decode(), f"{self.place} is mounted on /mnt/place\n")
        self.assertSuccess(self.home.run("--mount", self.place, "--name", "second", "--options", "ro"))
        self.assertEqual(self.inside("cat /mnt/place/file; echo more >>/mnt/place/file; echo x >/mnt/second/new").stdout,
                         b"of the host\n")
        with open(os.path.join(self.place, "file")) as file:
            self.assertEqual(file.read(), "of the host\nmore\n")
        self.assertEqual(os.listdir(self.place), ["file"])
        self.assertSuccess(self.home.run("--unmount", "second"))
        self.assertEqual(self.inside("ls /mnt").stdout, b"place\n")
        self.assertSuccess(self.home.run("--unmount"))
        self.assertEqual(self.inside("ls /mnt").stdout, b"")
        self.assertNotEqual(self.home.run("--unmount", "second").returncode, 0)
        result = self.home.run("--mount", os.path.join(self.home.folder, "nosuch"))
        self.assertEqual(result.returncode, support.FAILED)
        self.assertEqual(self.inside("ls /mnt").stdout, b"")

    def test_drives_are_mounted_at_the_start(self):
        self.configure(f"[drives]\nwork = {self.place}\n")
        self.assertEqual(self.inside("cat /mnt/work/file; ls /mnt").stdout, b"of the host\nc\nwork\n")
        self.configure(f"[drives]\nc = off\nd = {self.place}\n")
        self.assertEqual(self.inside("cat /mnt/d/file; ls /mnt/c").stdout, b"of the host\n")
        self.assertSuccess(self.home.run("--mount", "D:", "--name", "again"))
        self.assertEqual(self.inside("cat /mnt/again/file").stdout, b"of the host\n")

    def test_wsl_conf_has_its_say(self):
        self.configure("")
        self.assertSuccess(self.inside("echo -e '[automount]\nroot = /drives\noptions = \"uid=1000,umask=77\"' >/etc/wsl.conf"))
        self.configure(f"[drives]\nc = off\nd = {self.place}\n")
        self.assertEqual(self.inside("stat -c '%u %a' /drives/d/file").stdout, b"1000 600\n")
        self.assertSuccess(self.inside("echo -e '[automount]\nenabled = false' >/etc/wsl.conf"))
        self.configure(f"[drives]\nc = {self.place}\n")
        self.assertEqual(self.inside("ls /drives /mnt 2>/dev/null | cat; echo end").stdout.splitlines()[-1], b"end")
        self.assertNotIn(b"drvfs", self.inside("cat /proc/mounts").stdout)

    def test_the_current_folder_is_kept(self):
        self.configure("")
        self.assertEqual(self.inside("pwd; cat file", cwd=self.place).stdout.decode(), f"/mnt/c{self.place}\nof the host\n")
        result = subprocess.run(self.home.command("~", "-e", "pwd"), env=self.home.environment, cwd=self.place,
                                capture_output=True, timeout=60)
        self.assertEqual(result.stdout, b"/root\n")
        # Programs of the host start there too.
        self.assertEqual(self.inside("/run/lxss/bin/lxss-host pwd", cwd=self.place).stdout.decode(), self.place + "\n")
        self.assertEqual(self.inside("cd /usr && lxss-host pwd").stdout.decode(),
                         os.path.join(self.home.instance_folder("one"), "rootfs/usr") + "\n")

    def test_paths(self):
        self.configure(f"[drives]\nc = off\nd = {self.place}\n")
        self.assertEqual(self.inside(f"wslpath {self.place}/file; wslpath -w /mnt/d/file; cd /mnt/d; wslpath -m file").stdout.decode(),
                         f"/mnt/d/file\n{self.place}/file\n{self.place}/file\n")
        self.assertEqual(self.inside("wslpath -w /proc/self").returncode, 1)
        environment = dict(self.home.environment, A=self.place, B=f"{self.place}/x:/nowhere:{self.place}", WSLENV="A/p:B/l")
        result = self.home.run("-e", "bash", "-c", "echo $A $B", env=environment)
        self.assertEqual(result.stdout, b"/mnt/d /mnt/d/x:/mnt/d\n")

    def test_an_export_leaves_the_drives_out(self):
        self.configure(f"[drives]\nc = off\nd = {self.place}\n")
        self.assertSuccess(self.inside("true"))
        archive = os.path.join(self.home.folder, "copy.tar")
        self.assertSuccess(self.home.run("--export", "one", archive))
        listing = subprocess.run(["tar", "-tf", archive], capture_output=True, text=True).stdout
        self.assertNotIn("mnt/d/file", listing)
