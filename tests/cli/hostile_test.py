"""Archives that mean harm: refused, or contained in the instance's folder. Holds for every kernel."""
import io
import os
import shutil
import stat
import subprocess
import tarfile
import tempfile
import unittest

import support

REG, DIR, SYM, LNK, CHR, BLK = (tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE,
                                tarfile.BLKTYPE)


def entry(name, kind=REG, content=b"", link="", **attributes):
    item = tarfile.TarInfo(name)
    item.type, item.mode, item.linkname, item.size = kind, 0o755, link, len(content)
    for attribute, value in attributes.items():
        setattr(item, attribute, value)
    return item, content


def write_archive(path, entries):
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        for item, content in entries:
            archive.addfile(item, io.BytesIO(content))
    return path


class Hostile(support.TestCase):
    def names(self):
        return self.home.run("--list", "--all", "--quiet").stdout.decode().split()

    def folder_names(self):
        folder = os.path.join(self.home.folder, "instances")
        return os.listdir(folder) if os.path.exists(folder) else []

    def import_entries(self, name, entries):
        archive = write_archive(os.path.join(self.home.folder, name + ".tar"), entries)
        return self.home.import_instance(name, archive)

    def assertRefused(self, name, entries, reason=b""):
        result = self.import_entries(name, entries)
        self.assertEqual(result.returncode, support.FAILED, (name, result.stderr))
        self.assertIn(b"nothing was kept", result.stderr, name)
        self.assertIn(reason, result.stderr, name)
        self.assertEqual((self.names(), self.folder_names()), ([], []), name)

    def test_names_that_lead_out(self):
        outside = os.path.join(self.home.folder, "outside")
        os.mkdir(outside)
        attacks = {
            "up": [entry("../evil", content=b"x")],
            "up-inside": [entry("a/../../evil", content=b"x")],
            "up-folder": [entry("..", DIR)],
            "absolute-up": [entry("/../evil", content=b"x")],
            "link": [entry("out", SYM, link=outside), entry("out/evil", content=b"x")],
            "link-up": [entry("out", SYM, link="../../../../../../../.." + outside), entry("out/evil", content=b"x")],
            "link-for-folder": [entry("a", DIR), entry("a", SYM, link=outside), entry("a/evil", content=b"x")],
            "link-to-link": [entry("a", SYM, link="b"), entry("b", SYM, link=outside), entry("a/evil", content=b"x")],
            "hard-link-up": [entry("hard", LNK, link="../lock")],
            "hard-link-through": [entry("out", SYM, link=outside), entry("hard", LNK, link="out/file")],
            "empty-name": [entry("", content=b"x")],
        }
        for name, entries in attacks.items():
            self.assertRefused(name, entries)
            self.assertEqual(os.listdir(outside), [], name)
            self.assertFalse(os.path.exists(os.path.join(self.home.folder, "evil")), name)

    def test_a_link_is_no_way_for_later_entries(self):
        """Those of the archive itself: what a link hides is replaced, not written through."""
        precious = os.path.join(self.home.folder, "precious")
        with open(precious, "w") as file:
            file.write("precious")
        self.assertSuccess(self.import_entries("one", [entry("a", SYM, link=precious), entry("a", content=b"x")]))
        with open(precious) as file:
            self.assertEqual(file.read(), "precious")

    def test_names_that_no_file_can_have(self):
        self.assertRefused("long-part", [entry("x" * 300, content=b"x")])

    def test_deep_trees(self):
        """Deeper than a path may be long: it comes, or not, and goes."""
        for name, path in (("long", "/".join(["x" * 200] * 40)), ("deep", "d/" * 3000 + "file")):
            result = self.import_entries(name, [entry(path, content=b"x")])
            if result.returncode == 0:
                self.assertSuccess(self.home.run("--unregister", name))
            self.assertEqual((self.names(), self.folder_names()), ([], []), result.stderr)

    @unittest.skipIf(support.kernel_is_fake, "the test double has the host's devices")
    def test_devices_are_the_instances(self):
        """A device of an archive gives the instance what its own kernel has, and the host's nothing."""
        entries = [entry("dev", DIR), entry("dev/disk", BLK, devmajor=254, devminor=0, mode=0o666),
                   entry("dev/memory", CHR, devmajor=1, devminor=1, mode=0o666)]
        entries += [entry(f"dev/many{i}", CHR, devmajor=i >> 8, devminor=i & 255) for i in range(3000)]
        self.assertSuccess(self.import_entries("one", entries))
        for folder, _, files in os.walk(os.path.join(self.home.instance_folder("one"), "rootfs")):
            for name in files:
                mode = os.lstat(os.path.join(folder, name)).st_mode
                self.assertTrue(stat.S_ISREG(mode) or stat.S_ISLNK(mode), name)

    @unittest.skipIf(support.kernel_is_fake, "the test double keeps no metadata of its own")
    def test_what_volfs_keeps_beside_files_cannot_be_brought_along(self):
        """WSL 1's attribute holds owner and mode: one in the archive must not become a file's own."""
        mine = {"SCHILY.xattr.user.lxattrb": "\0\0\1\0" + "\0" * 52}
        root = support.root_archive
        with tarfile.open(root) as archive:
            entries = [(item, archive.extractfile(item).read() if item.isreg() else b"") for item in archive]
        entries.append(entry("root/marked", content=b"x", mode=0o640, uid=7, gid=8, pax_headers=mine))
        result = self.import_entries("one", entries)
        if result.returncode == 0:
            look = self.assertSuccess(self.home.run("-e", "stat", "-c", "%a %u:%g %s %F", "/root/marked"))
            self.assertEqual(look.stdout, b"640 7:8 1 regular file\n")

    def small_file_system(self, options):
        """A mount that a bomb would fill."""
        folder = tempfile.mkdtemp(prefix="lxss-test-")
        self.addCleanup(shutil.rmtree, folder)
        if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder]).returncode != 0:
            self.skipTest("needs to mount")
        self.addCleanup(subprocess.run, ["umount", "-l", folder], check=True)
        return folder

    def assertContained(self, folder, archive, reason):
        before = os.statvfs(folder)
        result = self.home.run("--import", "bomb", os.path.join(folder, "bomb"), archive)
        self.assertEqual(result.returncode, support.FAILED)
        self.assertIn(b"nothing was kept", result.stderr)
        self.assertIn(reason, result.stderr)
        self.assertEqual((self.names(), os.listdir(folder)), ([], []))
        after = os.statvfs(folder)
        self.assertEqual((after.f_bfree, after.f_ffree), (before.f_bfree, before.f_ffree))

    def test_a_bomb_of_bytes(self):
        folder = self.small_file_system("size=40m")
        archive = os.path.join(self.home.folder, "bomb.tar.zst")
        item = tarfile.TarInfo("zeros")
        item.size = 4 << 30
        with open(archive, "wb") as file, subprocess.Popen(["zstd", "-1", "-c"], stdin=subprocess.PIPE, stdout=file) as packer:
            packer.stdin.write(item.tobuf())
            for _ in range(item.size >> 22):
                packer.stdin.write(bytes(1 << 22))
            packer.stdin.close()
        self.assertLess(os.path.getsize(archive), 1 << 20)
        self.assertContained(folder, archive, b"No space left on device")

    def test_a_flood_of_entries(self):
        folder = self.small_file_system("size=200m,nr_inodes=8000")
        for name, kind in (("files", REG), ("folders", DIR), ("devices", CHR)):
            if kind == CHR and support.kernel_is_fake:
                continue
            archive = write_archive(os.path.join(self.home.folder, name + ".tar"),
                                    (entry(f"{i % 10}-{i}", kind, devmajor=1, devminor=3) for i in range(20000)))
            self.assertContained(folder, archive, b"No space left on device")
