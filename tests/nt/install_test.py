"""lxss.exe --install: the catalog, files, addresses, container images. Run by tests/nt/own-manager."""
import importlib.util
import json
import os
import ssl
import subprocess
import sys
import unittest

from own_manager import FAILED, LXSS, ROOT_ARCHIVE, WINE, WORK, lxss, windows

# The server that breaks off, and images, are those of the same test of the Linux host.
cli = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../cli")
sys.path.insert(0, cli)
specification = importlib.util.spec_from_file_location("cli_install_test", os.path.join(cli, "install_test.py"))
install = importlib.util.module_from_spec(specification)
specification.loader.exec_module(install)


class Install(unittest.TestCase):
    def setUp(self):
        self.addCleanup(self.unregister_all)

    def unregister_all(self):
        for name in self.names():
            lxss("--unregister", name)

    def catalog(self, *distributions):
        path = os.path.join(WORK, "catalog.json")
        with open(path, "w", encoding="ascii") as file:
            json.dump({"version": 1, "distributions": list(distributions)}, file)
        os.environ["LXSS_CATALOG"] = windows(path)
        lxss("--shutdown")

    def names(self):
        return lxss("--list", "--all", "--quiet").output.decode().split()

    def assertSuccess(self, run):
        self.assertEqual(run.code, 0, run.error)
        return run

    def assertFailure(self, run, reason):
        self.assertEqual((run.code, reason in run.error), (FAILED, True), run.error)

    def file(self, name):
        return os.path.join(WORK, "box", "rootfs", name)

    def test_shipped_catalog(self):
        os.environ.pop("LXSS_CATALOG", None)
        lxss("--shutdown")
        lines = self.assertSuccess(lxss("--list", "--online")).output.decode().splitlines()
        self.assertEqual(lines[4].split()[0], "Debian")
        # Windows has no apt, and there is no instance yet that has one; nor has the tests' own.
        self.assertFailure(lxss("--install"), b"apt of the default instance")
        self.assertSuccess(lxss("--install", "--from-file", windows(ROOT_ARCHIVE)))
        self.assertFailure(lxss("--install", "Debian"), b"apt of the default instance")
        self.assertEqual(self.names(), ["test-root"])

    def test_from_a_file(self):
        self.catalog({"name": "Mine", "source": windows(ROOT_ARCHIVE), "default": True})
        self.assertIn(b"lxss -d Mine", self.assertSuccess(lxss("--install")).output)
        self.assertSuccess(lxss("-d", "mine", "-e", "true"))
        self.assertSuccess(lxss("--install", "mine", "--name", "second", "--location", windows(WORK + "/place")))
        self.assertTrue(os.path.isdir(WORK + "/place/rootfs"))
        self.assertSuccess(lxss("--install", "--from-file", windows(ROOT_ARCHIVE)))
        self.assertEqual(sorted(self.names()), ["Mine", "second", "test-root"])
        self.assertFailure(lxss("--install", "Mine"), b"already")
        self.assertFailure(lxss("--install", "nosuch"), b"no distribution 'nosuch'")

    def test_a_damaged_catalog_is_said(self):
        for source, reason in (("https://127.0.0.1/x.tar", b"needs a sha256"), ("x.tar", b"whole file name")):
            self.catalog({"name": "Mine", "source": source})
            self.assertFailure(lxss("--list", "--online"), reason)

    def test_what_is_loaded_is_checked_and_resumed(self):
        with open(ROOT_ARCHIVE, "rb") as file:
            server = install.Server(file.read())
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        address = f"http://127.0.0.1:{server.server_port}/root.tar"
        self.catalog({"name": "Good", "source": address, "sha256": install.digest(server.content)},
                     {"name": "Bad", "source": address, "sha256": "0" * 64})
        self.assertFailure(lxss("--install", "Bad"), b"checksum")
        server.break_after = len(server.content) // 3
        for _ in range(2):
            self.assertFailure(lxss("--install", "Good"), b"goes on where this one ended")
        self.assertEqual(self.names(), [])
        server.break_after, server.ranges = None, []
        self.assertSuccess(lxss("--install", "Good"))
        self.assertEqual(server.ranges, [f"bytes={len(server.content) // 3 * 2}-"])
        self.assertSuccess(lxss("-d", "Good", "-e", "true"))
        self.assertEqual(os.listdir(WORK + "/home/download"), [])

    def test_addresses(self):
        with open(ROOT_ARCHIVE, "rb") as file:
            checksum = install.digest(file.read())
        address = "file:///Z:" + ROOT_ARCHIVE
        self.catalog({"name": "File", "source": address, "sha256": checksum},
                     {"name": "Wrong", "source": address, "sha256": "1" * 64},
                     {"name": "Gone", "source": "file:///Z:/no/such/file", "sha256": checksum},
                     {"name": "Refused", "source": "http://127.0.0.1:1/x", "sha256": checksum},
                     {"name": "Strange", "source": "gopher://127.0.0.1/x", "sha256": checksum})
        self.assertSuccess(lxss("--install", "File"))
        self.assertSuccess(lxss("-d", "File", "-e", "true"))
        self.assertFailure(lxss("--install", "Wrong"), b"checksum")
        self.assertFailure(lxss("--install", "Gone"), b"cannot be opened")
        self.assertFailure(lxss("--install", "Refused"), b"cannot load")
        self.assertFailure(lxss("--install", "Strange"), b"http, https and file")
        self.assertEqual(self.names(), ["File"])

    def openssl(self, *words):
        subprocess.run(["openssl", *words], check=True, cwd=WORK, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)

    def trust(self, what):
        program = os.path.join(os.path.dirname(LXSS), "../tests/nt/trust_certificate.exe")
        subprocess.run([WINE, program, what, windows(WORK + "/authority.der")], check=True, timeout=60, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def test_secure_addresses(self):
        self.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "authority.key", "-out", "authority.pem", "-days", "2",
                     "-subj", "/CN=lxss test authority", "-addext", "keyUsage=keyCertSign")
        self.openssl("x509", "-in", "authority.pem", "-outform", "der", "-out", "authority.der")
        self.openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
        with open(WORK + "/names", "w", encoding="ascii") as file:
            file.write("subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n")
        self.openssl("x509", "-req", "-in", "server.csr", "-CA", "authority.pem", "-CAkey", "authority.key", "-CAcreateserial",
                     "-days", "2", "-extfile", "names", "-out", "server.pem")
        with open(ROOT_ARCHIVE, "rb") as file:
            server = install.Server(file.read(), (WORK + "/server.pem", WORK + "/server.key"))
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.catalog(*({"name": name, "source": f"https://{host}:{server.server_port}/root.tar", "sha256": install.digest(server.content)}
                       for name, host in (("Good", "localhost"), ("Other", "127.0.0.1"))))
        self.assertFailure(lxss("--install", "Good"), b"certificate")
        self.trust("add")
        self.addCleanup(self.trust, "remove")
        self.assertFailure(lxss("--install", "Other"), b"certificate") # it is not of that name
        self.assertEqual(server.ranges, [])
        self.assertSuccess(lxss("--install", "Good"))
        self.assertSuccess(lxss("-d", "Good", "-e", "true"))
        self.assertEqual(self.names(), ["Good"])

    def test_container_images(self):
        layers = (install.layer(("etc", None), ("etc/a", b"one"), ("etc/b", b"one")),
                  install.layer(("etc/a", b"two"), ("etc/.wh.b", b"")))
        for image in (install.oci_image(*layers), install.docker_image(*layers)):
            archive = image.write(WORK + "/image.tar")
            self.assertSuccess(lxss("--import", "box", windows(WORK + "/box"), windows(archive)))
            self.assertEqual(sorted(os.listdir(self.file("etc"))), ["a"])
            with open(self.file("etc/a"), "rb") as file:
                self.assertEqual(file.read(), b"two")
            lxss("--unregister", "box")
        folder = install.oci_image(*layers).write_folder(WORK + "/im\u00e4ge")
        self.assertSuccess(lxss("--import", "box", windows(WORK + "/box"), windows(folder)))
        self.assertEqual(sorted(os.listdir(self.file("etc"))), ["a"])
        lxss("--unregister", "box")
        self.assertFailure(lxss("--import", "box", windows(WORK + "/box"), windows(WORK)), b"no OCI image layout")
        changed = install.oci_image(install.layer(("etc", None)))
        name = next(name for name, data in changed.files.items() if data.startswith(b"etc"))
        changed.files[name] = install.layer(("etc", None), ("etc/evil", b"x"))
        self.assertFailure(lxss("--import", "box", windows(WORK + "/box"), windows(changed.write(WORK + "/image.tar"))), b"image")
        self.assertEqual(self.names(), [])


unittest.main(verbosity=2)
