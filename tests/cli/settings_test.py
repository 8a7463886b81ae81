"""lxss.conf: what it sets, and what is said of mistakes."""
import os

import support


class Settings(support.TestCase):
    def setUp(self):
        super().setUp()
        for name in ("LXSS_GRACE", "LXSS_IDLE"):
            del self.home.environment[name]

    def configure(self, text):
        with open(os.path.join(self.home.path, "lxss.conf"), "w") as file:
            file.write(text)

    def running(self):
        return self.home.run("-l", "-q", "--running").stdout.decode().split()

    def test_idle_timeout_and_keep_alive(self):
        self.configure("[general]\ninstanceIdleTimeout = 300\nmanagerIdleTimeout=300\n[instance.kept]\nkeepAlive = true\n")
        for name in ("short", "kept"):
            self.assertSuccess(self.home.import_instance(name))
            self.assertSuccess(self.home.run("-d", name, "-e", "true"))
        self.assertTrue(support.wait_until(lambda: "short" not in self.running()))
        self.assertEqual(self.running(), ["kept"])
        self.assertSuccess(self.home.run("--terminate", "kept"))
        self.assertEqual(self.running(), [])
        self.assertTrue(support.wait_until(lambda: not self.home.manager_runs()))

    def test_never_means_until_it_is_terminated(self):
        self.configure("[general]\ninstanceIdleTimeout = -1\n")
        self.assertSuccess(self.home.import_instance("one"))
        self.assertSuccess(self.home.run("-e", "true"))
        self.assertIn("Instance Idle Timeout: never", self.home.run("--status").stdout.decode())
        self.assertEqual(self.running(), ["one"])

    def test_default_instance(self):
        for name in ("one", "two"):
            self.assertSuccess(self.home.import_instance(name))
        self.configure("[general]\ndefaultInstance = two\n")
        self.assertIn(b"two (Default)", self.home.run("-l").stdout)
        self.assertIn(b"Default Instance: two", self.home.run("--status").stdout)
        result = self.home.run("--set-default", "one")
        self.assertEqual(result.returncode, support.FAILED)
        self.assertIn(b"lxss.conf", result.stderr)
        self.configure("")
        self.assertSuccess(self.home.run("--set-default", "one"))
        self.assertIn(b"one (Default)", self.home.run("-l").stdout)

    def test_instance_folder(self):
        place = os.path.join(self.home.folder, "elsewhere")
        self.configure(f"[general]\ninstanceFolder = {place}\n")
        self.assertSuccess(self.home.run("--install", "--from-file", support.root_archive, "--name", "one"))
        self.assertTrue(os.path.isdir(os.path.join(place, "one", "rootfs")))

    def test_mistakes_are_said_with_their_line_and_stop_nothing(self):
        self.configure("# lxss\n[general]\ninstanceIdleTimeout = soon\nunknown = 1\nnonsense\n[nosuch]\nx = 1\n"
                       "[instance.one]\ninterop = perhaps\n[drives]\nc = relative\n")
        status = self.assertSuccess(self.home.run("--status")).stdout.decode()
        for text in (":3: instanceIdleTimeout is a number", ":4: there is no setting unknown", ":5: this is neither",
                     ":7: there is no section [nosuch]", ":9: interop is true or false", ":11: c is an absolute name"):
            self.assertIn("lxss.conf" + text, status)
        self.assertIn("Instance Idle Timeout: 15000 ms", status)
        self.assertSuccess(self.home.import_instance("one"))
