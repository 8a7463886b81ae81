"""init --boot, run natively as pid 1 of its own namespaces: what Linux itself makes of it. Needs root."""
import os
import re
import shutil
import subprocess
import tempfile
import unittest

import support


@unittest.skipUnless(support.can_unshare(), "needs root that may make namespaces")
class Boot(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="lxss-test-root-")
        self.addCleanup(shutil.rmtree, self.root)
        os.chmod(self.root, 0o755)
        subprocess.run(["tar", "-xf", support.root_archive, "-C", self.root], check=True)
        shutil.copy(os.path.join(support.build, "libexec/guest/init"), os.path.join(self.root, "init"))

    def boot(self, configuration=None, hostname="box", resolver="nameserver 192.0.2.1\n"):
        """Boots, and has [boot] command print what it finds; ends init with SIGTERM."""
        look = ("cat /proc/mounts; echo HOSTNAME $(cat /proc/sys/kernel/hostname); echo ENV $LXSS_RESOLV_CONF; "
                "cat /etc/hosts /etc/resolv.conf; kill -TERM 1")
        with open(os.path.join(self.root, "etc/wsl.conf"), "w") as file:
            file.write((configuration or "") + f"\n[boot]\ncommand = {look}\n")
        environment = {"LXSS_RESOLV_CONF": resolver, "PATH": os.environ["PATH"]}
        return subprocess.run(["unshare", "-mpuf", "--kill-child", "chroot", self.root, "/init", "--boot",
                               f"--hostname={hostname}"], capture_output=True, text=True, env=environment, timeout=20)

    def test_mounts_and_files(self):
        result = self.boot()
        self.assertEqual(result.returncode, 0, result.stderr)
        mounts = {line.split()[1]: line.split()[2] for line in result.stdout.splitlines() if " /" in line and "," in line}
        for folder, kind in (("/proc", "proc"), ("/sys", "sysfs"), ("/dev", "devtmpfs"), ("/dev/pts", "devpts"),
                             ("/dev/shm", "tmpfs"), ("/run", "tmpfs"), ("/run/lock", "tmpfs")):
            self.assertEqual(mounts.get(folder), kind, result.stdout)
        self.assertIn("HOSTNAME box", result.stdout)
        self.assertIn("127.0.1.1\tbox", result.stdout)
        self.assertIn("nameserver 192.0.2.1", result.stdout)
        self.assertIn("ENV\n", result.stdout)

    def test_configuration(self):
        for file in ("hosts", "resolv.conf"):
            with open(os.path.join(self.root, "etc", file), "w") as stream:
                stream.write(f"my own {file}\n")
        result = self.boot("[network]\nhostname = other\ngenerateHosts = false\ngenerateResolvConf=FALSE\n"
                           "[automount]\nenabled = true\n# comment\nnonsense line\n")
        self.assertIn("HOSTNAME other", result.stdout)
        self.assertIn("my own hosts", result.stdout)
        self.assertIn("my own resolv.conf", result.stdout)
        self.assertIn("/etc/wsl.conf:8: this is neither", result.stderr)

    def test_mistakes_are_said_once_with_their_line(self):
        text = ("[user]\n[network]\ngenerateHosts = perhaps\nhostname = bad_name!\nspeed = 9\n[nosuch]\nx = 1\n"
                "[automount]\nroot = mnt\nenabled = 0\nldconfig = false\n[interop]\nenabled = maybe\n"
                f"[boot]\nsystemd = false\ncommand = {'x' * 300}\n")
        result = self.boot(text)
        for line, complaint in ((3, "generateHosts is true or false, not 'perhaps'"), (4, "'bad_name!' cannot be a host name"),
                                (5, "there is no setting speed in [network]"), (7, "there is no setting x in [nosuch]"),
                                (9, "root is the absolute name"), (13, "enabled is true or false, not 'maybe'"),
                                (16, "the line is longer than")):
            self.assertEqual(result.stderr.count(f"/etc/wsl.conf:{line}: {complaint}"), 1, result.stderr)
        self.assertNotIn("ldconfig", result.stderr)
        self.assertNotIn("systemd", result.stderr)
        # The start went on, with what is set when nothing is said.
        self.assertIn("HOSTNAME box", result.stdout)
        self.assertIn("127.0.1.1\tbox", result.stdout)

    def test_quotes_and_comments(self):
        result = self.boot('[network]\nhostname = "quoted" \ngenerateHosts = no # mine\n')
        self.assertIn("HOSTNAME quoted", result.stdout)
        self.assertNotIn("127.0.1.1", result.stdout)

    def test_fstab(self):
        folder = os.path.join(self.root, "srv")
        os.mkdir(folder)
        for name in ("mount", "umount"):
            shutil.copy(shutil.which(name), os.path.join(self.root, "usr/bin", name))
        libraries = subprocess.run(["ldd", shutil.which("mount")], capture_output=True, text=True).stdout
        for library in re.findall(r"=> (/\S+)", libraries):
            target = os.path.join(self.root, "usr/lib/x86_64-linux-gnu", os.path.basename(library))
            if not os.path.exists(target):
                shutil.copy(library, target)
        with open(os.path.join(self.root, "etc/fstab"), "w") as file:
            file.write("# comment\ntmpfs /srv tmpfs size=1m 0 0\n")
        self.assertRegex(self.boot().stdout, r"tmpfs /srv tmpfs .*size=1024k")
        self.assertNotIn(" /srv ", self.boot("[automount]\nmountFsTab = false\n").stdout)

    def test_resolv_conf_link_is_replaced(self):
        os.symlink("../run/nowhere/resolv.conf", os.path.join(self.root, "etc/resolv.conf"))
        self.assertIn("nameserver 192.0.2.1", self.boot().stdout)
        self.assertFalse(os.path.islink(os.path.join(self.root, "etc/resolv.conf")))

    def test_missing_mount_points(self):
        for folder in ("proc", "sys", "run", "dev"):
            shutil.rmtree(os.path.join(self.root, folder))
        result = self.boot()
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("/proc proc", result.stdout)

    def test_wsl_conf_user(self):
        with open(os.path.join(self.root, "etc/wsl.conf"), "w") as file:
            file.write('[user]\ndefault = "user"\n')
        def session(*options):
            return subprocess.run(["chroot", self.root, "/init", "--session", *options, "--", "id", "-un"],
                                  capture_output=True, text=True, timeout=10).stdout.strip()
        self.assertEqual(session(), "user")
        self.assertEqual(session("--default-user=root"), "user")
        self.assertEqual(session("--user=root"), "root")
