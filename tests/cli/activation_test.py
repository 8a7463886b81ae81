"""lxssd with a socket from the service manager: the protocol of sd_listen_fds(3), spoken by the test, and by systemd."""
import os
import shutil
import socket
import subprocess
import time
import unittest

import support

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
SYSTEMD = "/lib/systemd/systemd"


class Activation(support.TestCase):
    def setUp(self):
        super().setUp()
        os.mkdir(os.path.join(self.home.path, "run"), 0o700)
        self.path = os.path.join(self.home.path, "run", "lxssd.sock")
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(self.path)
        self.listener.listen()
        self.addCleanup(lambda: self.listener.close())

    def activate(self):
        """As systemd does when a client comes."""
        program = os.path.join(support.build, "bin", "lxssd")
        descriptor = self.listener.fileno()
        script = f"exec 3<&{descriptor}; export LISTEN_FDS=1 LISTEN_PID=$$; exec {program}"
        return subprocess.Popen(["bash", "-c", script], env=self.home.environment, pass_fds=[descriptor],
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def test_serves_and_leaves_the_socket(self):
        manager = self.activate()
        self.assertSuccess(self.home.import_instance("one"))
        self.assertEqual(self.home.run("-e", "echo", "x").stdout, b"x\n")
        self.assertEqual(manager.wait(20), 0)
        self.assertTrue(os.path.exists(self.path))
        # A client waits in the listener's queue until the next manager serves it.
        client = self.home.start("-e", "echo", "y")
        time.sleep(0.3)
        manager = self.activate()
        self.assertEqual(client.communicate(timeout=20)[0], b"y\n")
        self.assertEqual(manager.wait(20), 0)

    def test_waits_for_a_manager_that_was_there_before(self):
        self.listener.close()
        os.unlink(self.path)
        self.assertSuccess(self.home.import_instance("one"))
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        os.unlink(self.path)
        self.listener.bind(self.path)
        self.listener.listen()
        manager = self.activate()
        self.assertEqual(self.home.run("-e", "echo", "x").stdout, b"x\n")
        self.assertEqual(manager.wait(20), 0)
        self.assertTrue(os.path.exists(self.path))


@unittest.skipUnless(os.path.exists(SYSTEMD) and shutil.which("systemctl") and support.can_unshare(),
                     "needs systemd, and root that may make namespaces")
class UserManager(support.TestCase):
    """The shipped units, under a systemd user manager in namespaces of its own."""

    SCRIPT = """
        set -u
        mount -t tmpfs tmpfs /run
        mkdir -p /run/systemd/system /run/user/0   # what sd_booted(3) looks for
        chmod 700 /run/user/0
        {systemd} --user --log-target=null &
        until systemctl --user is-system-running >/dev/null 2>&1 || [ -S /run/user/0/systemd/private ]; do sleep 0.1; done
        systemctl --user set-environment LXSS_KERNEL=$LXSS_KERNEL LXSS_GRACE=0.5 LXSS_IDLE=0.5
        systemctl --user enable --now lxssd.socket 2>/dev/null
        manager() {{ echo "socket $(systemctl --user is-active lxssd.socket) service $(systemctl --user is-active lxssd.service)"; }}
        manager
        {lxss} --import one $HOME/one {archive} && {lxss} -e echo first
        manager
        until [ "$(systemctl --user is-active lxssd.service)" = inactive ]; do sleep 0.1; done
        manager
        {lxss} -e echo second
        {lxss} -e sh -c 'trap "echo ended in order; exit 3" TERM; echo running; while :; do sleep 0.05; done' >$HOME/out &
        until grep -q running $HOME/out; do sleep 0.1; done
        systemctl --user stop lxssd.service
        wait $!
        echo "code $?"
        cat $HOME/out
        {lxss} -e echo third
    """

    def test_units(self):
        home = os.path.join(self.home.folder, "user")
        units = os.path.join(home, ".config/systemd/user")
        os.makedirs(units)
        shutil.copy(os.path.join(SOURCE, "packaging/systemd/lxssd.socket"), units)
        with open(os.path.join(SOURCE, "packaging/systemd/lxssd.service.in")) as template, \
             open(os.path.join(units, "lxssd.service"), "w") as unit:
            unit.write(template.read().replace("@LXSS_INSTALLED@", support.build))
        script = self.SCRIPT.format(systemd=SYSTEMD, lxss=self.home.command()[0], archive=support.root_archive)
        environment = {"PATH": os.environ["PATH"], "HOME": home, "XDG_RUNTIME_DIR": "/run/user/0", "LXSS_KERNEL": support.kernel}
        result = subprocess.run(["unshare", "-mpf", "--kill-child", "--mount-proc", "bash", "-c", script], env=environment,
                                stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        self.assertEqual(result.stdout.splitlines(), [
            "socket active service inactive", "first", "socket active service active", "socket active service inactive",
            "second", "code 3", "running", "ended in order", "third"], result.stderr)
