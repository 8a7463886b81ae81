"""lxssd with a socket from the service manager: the protocol of sd_listen_fds(3), spoken by the test."""
import os
import socket
import subprocess
import time

import support


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
