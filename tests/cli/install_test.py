"""--install: the catalog, what is loaded from an address, and container images."""
import hashlib
import http.server
import io
import json
import os
import ssl
import tarfile
import threading

import support


def layer(*items):
    """A layer as bytes. Items: (name, content or None for a folder)."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in items:
            item = tarfile.TarInfo(name)
            item.mode = 0o755
            if content is None:
                item.type = tarfile.DIRTYPE
                archive.addfile(item)
            else:
                item.size = len(content)
                archive.addfile(item, io.BytesIO(content))
    return stream.getvalue()


def digest(data):
    return hashlib.sha256(data).hexdigest()


class Image:
    """Files of an image, by name."""

    def __init__(self):
        self.files = {}

    def blob(self, data):
        self.files["blobs/sha256/" + digest(data)] = data
        return {"digest": "sha256:" + digest(data), "size": len(data)}

    def write(self, path):
        with tarfile.open(path, "w") as archive:
            for name, data in self.files.items():
                item = tarfile.TarInfo(name)
                item.size = len(data)
                archive.addfile(item, io.BytesIO(data))
        return path

    def write_folder(self, folder):
        for name, data in self.files.items():
            path = os.path.join(folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(data)
        return folder


def oci_image(*layers):
    image = Image()
    manifest = image.blob(json.dumps({"schemaVersion": 2, "layers": [image.blob(data) for data in layers]}).encode())
    other = image.blob(b'{"schemaVersion": 2, "layers": []}')
    inner = image.blob(json.dumps({"manifests": [
        dict(other, platform={"architecture": "arm64", "os": "linux"}),
        dict(manifest, platform={"architecture": "amd64", "os": "linux"})]}).encode())
    image.files["index.json"] = json.dumps({"schemaVersion": 2, "manifests": [inner]}).encode()
    image.files["oci-layout"] = b'{"imageLayoutVersion": "1.0.0"}'
    return image


def docker_image(*layers):
    """As older `docker save` writes it: a folder a layer."""
    image = Image()
    names = []
    for number, data in enumerate(layers):
        names.append(f"{number:064x}/layer.tar")
        image.files[names[-1]] = data
    image.files["manifest.json"] = json.dumps([{"Config": "x.json", "Layers": names}]).encode()
    return image


class Server(http.server.ThreadingHTTPServer):
    """Serves one file, with ranges, and breaks off where it is told to; with a certificate and its key, by TLS."""

    def __init__(self, content, certificate=None):
        self.content, self.break_after, self.ranges = content, None, []
        super().__init__(("127.0.0.1", 0), Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        content, start = self.server.content, 0
        wanted = self.headers.get("Range")
        self.server.ranges.append(wanted)
        if wanted:
            start = int(wanted.removeprefix("bytes=").split("-")[0])
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        end = len(content) if self.server.break_after is None else start + self.server.break_after
        self.wfile.write(content[start:end])

    def log_message(self, *words):
        pass


class Install(support.TestCase):
    def catalog(self, *distributions):
        path = os.path.join(self.home.folder, "catalog.json")
        with open(path, "w") as file:
            json.dump({"version": 1, "distributions": list(distributions)}, file)
        self.home.environment["LXSS_CATALOG"] = path
        self.home.run("--shutdown")

    def names(self):
        return self.home.run("--list", "--all", "--quiet").stdout.decode().split()

    def test_shipped_catalog(self):
        lines = self.assertSuccess(self.home.run("--list", "--online")).stdout.decode().splitlines()
        self.assertEqual(lines[3].split(), ["NAME", "FRIENDLY", "NAME"])
        self.assertEqual(lines[4].split()[0], "Debian")

    def test_from_a_file(self):
        self.catalog({"name": "Mine", "source": support.root_archive, "default": True})
        result = self.assertSuccess(self.home.run("--install"))
        self.assertIn(b"lxss -d Mine", result.stdout)
        self.assertTrue(os.path.isdir(os.path.join(self.home.path, "instances", "Mine", "rootfs")))
        self.assertSuccess(self.home.run("-d", "mine", "-e", "true"))
        place = os.path.join(self.home.folder, "place")
        self.assertSuccess(self.home.run("--install", "mine", "--name", "second", "--location", place))
        self.assertTrue(os.path.isdir(os.path.join(place, "rootfs")))
        self.assertIn(b"already", self.home.run("--install", "Mine").stderr)
        self.assertIn(b"no distribution 'nosuch'", self.home.run("--install", "nosuch").stderr)

    def test_a_damaged_catalog_is_said(self):
        self.catalog({"name": "Mine", "source": "https://127.0.0.1/x.tar"})
        result = self.home.run("--list", "--online")
        self.assertEqual(result.returncode, support.FAILED)
        self.assertIn(b"needs a sha256", result.stderr)

    def test_what_is_loaded_is_checked_and_resumed(self):
        with open(support.root_archive, "rb") as file:
            server = Server(file.read())
        self.addCleanup(server.shutdown)
        address = f"http://127.0.0.1:{server.server_port}/root.tar"
        self.catalog({"name": "Good", "source": address, "sha256": digest(server.content)},
                     {"name": "Bad", "source": address, "sha256": "0" * 64})
        result = self.home.run("--install", "Bad")
        self.assertEqual(result.returncode, support.FAILED)
        self.assertIn(b"checksum", result.stderr)
        server.break_after = len(server.content) // 3
        for _ in range(2):
            self.assertEqual(self.home.run("--install", "Good").returncode, support.FAILED)
        self.assertEqual(self.names(), [])
        server.break_after, server.ranges = None, []
        self.assertSuccess(self.home.run("--install", "Good"))
        self.assertEqual(server.ranges, [f"bytes={len(server.content) // 3 * 2}-"])
        self.assertSuccess(self.home.run("-d", "Good", "-e", "true"))
        self.assertEqual(os.listdir(os.path.join(self.home.path, "download")), [])

    def rootfs(self, name):
        return os.path.join(self.home.instance_folder(name), "rootfs")

    def test_layers_and_whiteouts(self):
        layers = (layer(("usr", None), ("usr/a", b"one"), ("usr/b", b"one"), ("usr/sub", None), ("usr/sub/x", b"one"),
                        ("usr/dir", None), ("usr/dir/y", b"one"), ("etc", None)),
                  layer(("usr/a", b"two"), ("usr/.wh.b", b""), ("usr/sub/z", b"two"), ("usr/sub/.wh..wh..opq", b""),
                        ("usr/.wh.dir", b"")))
        for name, image in (("oci", oci_image(*layers)), ("docker", docker_image(*layers))):
            archive = image.write(os.path.join(self.home.folder, name + ".tar"))
            self.assertSuccess(self.home.import_instance(name, archive))
            root = self.rootfs(name)
            self.assertEqual(sorted(os.listdir(root + "/usr")), ["a", "sub"])
            self.assertEqual(os.listdir(root + "/usr/sub"), ["z"])
            with open(root + "/usr/a") as file:
                self.assertEqual(file.read(), "two")
            of_lxss = {"run", "dev", "proc", "sys", ".lxss-storage"}
            self.assertEqual(sorted(set(os.listdir(root)) - of_lxss), ["etc", "usr"])

    def test_an_oci_layout_in_a_folder(self):
        folder = oci_image(layer(("etc", None), ("etc/x", b"one"))).write_folder(os.path.join(self.home.folder, "image"))
        self.assertSuccess(self.home.import_instance("one", folder))
        self.assertTrue(os.path.exists(self.rootfs("one") + "/etc/x"))
        self.assertIn(b"no OCI image layout", self.home.import_instance("two", self.home.folder).stderr)

    def test_images_that_are_refused(self):
        changed = oci_image(layer(("etc", None)))
        name = next(name for name, data in changed.files.items() if data.startswith(b"etc"))
        changed.files[name] = layer(("etc", None), ("etc/evil", b"x"))
        own = oci_image(layer((".lxss-image", None), (".lxss-image/index.json", b"x")))
        climbing = docker_image(layer(("etc", None)))
        climbing.files["manifest.json"] = b'[{"Layers": ["../../etc/passwd"]}]'
        lost = oci_image(layer(("etc", None)))
        lost.files["index.json"] = b'{"manifests": [{"digest": "sha256:%s"}]}' % (b"0" * 64)
        empty = docker_image()
        garbled = oci_image(layer(("etc", None)))
        garbled.files["index.json"] = b"{"
        for number, image in enumerate((changed, own, climbing, lost, empty, garbled)):
            archive = image.write(os.path.join(self.home.folder, "image.tar"))
            result = self.home.import_instance(f"bad{number}", archive)
            self.assertEqual(result.returncode, support.FAILED, number)
            self.assertIn(b"image", result.stderr, number)
        self.assertEqual(self.names(), [])

    def test_later_layers_go_through_links_inside_only(self):
        first = io.BytesIO()
        with tarfile.open(fileobj=first, mode="w") as archive:
            for name, target in (("lib", "usr/lib"), ("out", "/tmp/lxss-test-outside")):
                item = tarfile.TarInfo(name)
                item.type, item.linkname = tarfile.SYMTYPE, target
                archive.addfile(item)
        layers = (layer(("usr", None), ("usr/lib", None), ("tmp", None), ("tmp/lxss-test-outside", None)),
                  first.getvalue(), layer(("lib/x", b"one"), ("out/y", b"one")))
        archive = oci_image(*layers).write(os.path.join(self.home.folder, "image.tar"))
        self.assertSuccess(self.home.import_instance("one", archive))
        self.assertTrue(os.path.exists(self.rootfs("one") + "/usr/lib/x"))
        self.assertFalse(os.path.exists("/tmp/lxss-test-outside"))
