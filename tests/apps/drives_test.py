"""Drives (mount -t drvfs): what host programs and the guest see of each other's files, and the rules of Windows.

Each test has a fresh folder of the host, mounted where it asks for it in the instance that all tests share.
"""
import errno
import os
import re
import shutil
import struct
import subprocess
import tempfile
import unittest

import guest

# Prints what a call gave: nothing, or its errno's name.
PERL = """
use strict; use Errno; use Fcntl;
sub said { my ($ok) = @_; my %names = map { $! == Errno->can($_)->() ? ($_ => 1) : () } keys %!;
           print $ok ? "ok" : (grep $_ ne "ENOTSUP", sort keys %names)[0], "\\n"; }
"""


class Drives(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="lxss drive ")
        os.chmod(self.folder, 0o755)
        self.place = "/mnt/" + os.path.basename(self.folder).replace(" ", "-")
        self.addCleanup(self.remove)

    def remove(self):
        guest.run("sh", "-c", f"umount -l {self.place}; rmdir {self.place}")
        shutil.rmtree(self.folder, ignore_errors=True)

    def mount(self, options="", source=None):
        script = f'mkdir -p {self.place} && mount -t drvfs "$1" {self.place}' + (f" -o {options}" if options else "")
        result = guest.run("sh", "-c", script, "sh", source or self.folder)
        self.assertEqual(result.returncode, 0, result.stderr)

    def umount(self):
        self.assertEqual(guest.run("umount", self.place).returncode, 0)

    def inside(self, script, *arguments, code=0):
        """The output of a shell script in the mounted folder."""
        result = guest.run("sh", "-ec", f"cd {self.place}\n{script}", "sh", *arguments)
        self.assertEqual(result.returncode, code, result.stderr.decode())
        return result.stdout.decode()

    def perl(self, script, *arguments):
        result = guest.run("perl", "-e", f'{PERL} chdir "{self.place}" or die; {script}', *arguments)
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        return result.stdout.decode().split()

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def put(self, name, text="text\n"):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def text(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    # ---- both sides see the same

    def test_changes_are_seen_at_once(self):
        self.mount()
        with guest.start("sh", "-c", f"cd {self.place}; while read line; do eval \"$line\" 2>&1; echo END; done",
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            def ask(line):
                process.stdin.write(line.encode() + b"\n")
                process.stdin.flush()
                answer = []
                while (got := process.stdout.readline()) not in (b"END\n", b""):
                    answer.append(got.decode().rstrip())
                return answer

            self.assertEqual(ask("test -e f; echo $?"), ["1"])
            self.put("f", "one\n")
            self.assertEqual(ask("cat f"), ["one"])
            ask("exec 5<f")
            self.put("f", "one\ntwo\n")
            self.assertEqual(ask("cat f"), ["one", "two"])
            self.assertEqual(ask("cat <&5"), ["one", "two"])
            os.rename(self.path("f"), self.path("g"))
            self.assertEqual(ask("ls"), ["g"])
            self.assertEqual(ask("test -e f; echo $?"), ["1"])
            self.put("f", "another\n")
            self.assertEqual(ask("cat f"), ["another"])
            self.assertEqual(ask("cat g"), ["one", "two"])
            os.unlink(self.path("f"))
            os.mkdir(self.path("f"))
            self.assertEqual(ask("stat -c %F f"), ["directory"])
            os.rmdir(self.path("f"))
            os.symlink("g", self.path("f"))
            self.assertEqual(ask("stat -c %F f; cat f"), ["symbolic link", "one", "two"])
            # What was opened under a name before is not taken for what has the name now.
            self.put("h", "first\n")
            self.assertEqual(ask("cat h; cat h"), ["first", "first"])
            self.put("new", "second\n")
            os.rename(self.path("new"), self.path("h"))
            self.assertEqual(ask("cat h"), ["second"])
            os.link(self.path("h"), self.path("k"))
            self.assertEqual(ask("cat h; cat k"), ["second", "second"])
            self.put("new", "third\n")
            os.rename(self.path("new"), self.path("h"))
            self.assertEqual(ask("cat h; cat k; cat h k"), ["third", "second", "third", "second"])
            os.unlink(self.path("h"))
            os.symlink("k", self.path("h"))
            self.assertEqual(ask("cat h"), ["second"])
            os.unlink(self.path("k"))
            os.mkfifo(self.path("k"))
            self.assertEqual(ask("test -f k; echo $?; stat -c %F h -L"), ["1", "fifo"])
            os.unlink(self.path("k"))
            self.assertEqual(ask("cat k"), ["cat: k: No such file or directory"])
            # The working directory moves with the host's folder.
            os.mkdir(self.path("d"))
            ask("cd d")
            os.rename(self.path("d"), self.path("e"))
            self.assertEqual(ask("echo inside > x; cat x"), ["inside"])
            self.assertEqual(self.text("e/x"), "inside\n")
            os.chmod(self.path("e/x"), 0o755)
            self.assertEqual(ask("test -x x; echo $?"), ["0"])
            process.stdin.close()

    def test_the_guest_changes_the_host(self):
        self.mount()
        self.inside("mkdir -p a/b; echo hello > a/b/f; ln a/b/f a/g; ln -s b/f a/l; mv a/g a/h; chmod 755 a/h; touch -d @1000 a/b")
        self.assertEqual(sorted(os.listdir(self.path("a"))), ["b", "h", "l"])
        self.assertEqual(self.text("a/h"), "hello\n")
        self.assertEqual(os.readlink(self.path("a/l")), "b/f")
        info = os.stat(self.path("a/h"))
        self.assertEqual(info.st_nlink, 2)
        self.assertTrue(info.st_mode & 0o100)
        self.assertEqual(int(os.stat(self.path("a/b")).st_mtime), 1000)
        self.inside("echo more >> a/h; truncate -s 3 a/b/f; rm a/l; rm -r a")
        self.assertEqual(os.listdir(self.folder), [])

    def test_appending_from_both_sides(self):
        self.mount()
        with open(self.path("log"), "ab", buffering=0) as ours, guest.start(
                "sh", "-c", f"exec 5>>{self.place}/log; while read line; do echo $line >&5; echo; done",
                stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            for i in range(20):
                ours.write(f"host {i}\n".encode())
                process.stdin.write(f"guest {i}\n".encode())
                process.stdin.flush()
                process.stdout.readline()
            process.stdin.close()
        self.assertEqual(self.text("log").split("\n")[:-1],
                         [f"{who} {i}" for i in range(20) for who in ("host", "guest")])

    def test_shared_mappings_and_large_files(self):
        self.mount()
        self.perl('open my $f, "+>", "big" or die; seek $f, 5 << 30, 0; print $f "end"; close $f; print -s "big";')
        self.assertEqual(os.stat(self.path("big")).st_size, (5 << 30) + 3)

    def test_programs_run_from_a_drive(self):
        self.mount()
        self.put("script", "#!/bin/sh\necho ran $1\n")
        os.chmod(self.path("script"), 0o755)
        self.assertEqual(self.inside("./script x; cp /bin/echo e; ./e copied"), "ran x\ncopied\n")

    # ---- names

    def test_case_is_ignored_and_kept(self):
        self.put("Hello.TXT", "hello\n")
        self.put("ÄÖÜ-Straße", "umlauts\n")
        self.put("ΑΒΓ", "greek\n")
        self.mount("case=off")
        self.assertEqual(self.inside("cat hello.txt HELLO.txt äöü-STRAßE αβγ"), "hello\nhello\numlauts\ngreek\n")
        self.assertEqual(self.inside("ls"), "Hello.TXT\nÄÖÜ-Straße\nΑΒΓ\n")
        self.assertEqual(self.perl('said(mkdir "hello.txt"); said(sysopen my $f, "HELLO.TXT", O_CREAT | O_EXCL | O_WRONLY);'
                                   'said(sysopen my $g, "hello.txt", O_CREAT | O_RDONLY); said(symlink "x", "hELLO.txt");'
                                   'said(link "αβγ", "HELLO.txt");'), ["EEXIST", "EEXIST", "ok", "EEXIST", "EEXIST"])
        self.assertEqual(sorted(os.listdir(self.folder)), ["Hello.TXT", "ÄÖÜ-Straße", "ΑΒΓ"])
        # A name that differs only by case is the same name, spelt anew.
        self.assertEqual(self.perl('said(rename "hello.txt", "HELLO.txt"); said(rename "αβγ", "hello.TXT");'), ["ok", "ok"])
        self.assertEqual(sorted(os.listdir(self.folder)), ["hello.TXT", "ÄÖÜ-Straße"])
        self.assertEqual(self.text("hello.TXT"), "greek\n")
        self.inside("mkdir Sub; echo x > SUB/x; rm sub/X; rmdir sUB; rm HELLO.TXT")
        self.assertEqual(os.listdir(self.folder), ["ÄÖÜ-Straße"])

    def test_spellings_that_the_host_makes(self):
        self.mount("case=off")
        self.assertEqual(self.inside("test -e readme || echo none"), "none\n")
        self.put("README")
        self.assertEqual(self.inside("ls readme Readme README"), "README\nReadme\nreadme\n")
        os.rename(self.path("README"), self.path("ReadMe"))
        self.assertEqual(self.inside("ls readme README; ls"), "README\nreadme\nReadMe\n")

    def test_case_force(self):
        self.mount("case=force")
        self.inside("echo 1 > a; echo 2 > A; mkdir d D; touch d/x D/X")
        self.assertEqual(sorted(os.listdir(self.folder)), ["A", "D", "a", "d"])
        self.assertEqual(self.inside("cat a A; test -e d/X || echo none"), "1\n2\nnone\n")

    def test_case_of_a_directory(self):
        """case=dir: the flag system.wsl_case_sensitive of a directory decides, and its new directories have it too."""
        self.mount("case=dir")
        set_flag = 'my ($d, $v) = @ARGV; my $n = "system.wsl_case_sensitive"; said(!syscall(188, $d, $n, $v, 1, 0));'
        self.inside("mkdir d; echo 1 > d/a; cat d/A")
        self.assertEqual(self.perl(set_flag, "d", "1"), ["ok"])
        self.assertEqual(self.inside("test -e d/A || echo none; echo 2 > d/A; cat d/a d/A; mkdir d/e; touch d/e/x d/e/X; ls d/e"),
                         "none\n1\n2\nX\nx\n")
        self.assertEqual(os.getxattr(self.path("d/e"), "user.$LXCASE"), b"1")
        self.assertEqual(self.perl(set_flag, "d", "0"), ["ENOTEMPTY"])
        self.inside("rm d/A")
        self.assertEqual(self.perl(set_flag, "d", "0"), ["ok"])
        self.assertEqual(self.inside("cat d/A"), "1\n")
        self.assertEqual(self.perl(set_flag, "d/a", "1"), ["EOPNOTSUPP"])

    BAD_NAMES = ["a:b", "a<b", "a>b", 'a"b', "a|b", "a?b", "a*b", "a\\b", "tab\there", "con", "NUL.txt", "Com1", "lpt9.x",
                 "COM¹", "aux .x", "end.", "end ", "con.tar.gz"]

    def test_names_that_windows_does_not_take(self):
        self.mount()
        script = 'for (@ARGV) { said(sysopen my $f, $_, O_CREAT | O_WRONLY); said(mkdir $_); said(symlink "x", $_); }'
        self.assertEqual(set(self.perl(script, *self.BAD_NAMES)), {"EINVAL"})
        self.assertEqual(os.listdir(self.folder), [])
        for name in ("conn", "com0", "com10", ".hidden", "a.b.c", "aux2", "ü", "日本", "a;b", "a b", "x" * 255):
            self.assertEqual(self.perl("said(mkdir $ARGV[0]); rmdir $ARGV[0];", name), ["ok"], name)
        # Not valid UTF-8.
        self.assertEqual(self.perl(r'said(sysopen my $f, "a\xff", O_CREAT | O_WRONLY);'), ["EINVAL"])
        # What a host of Linux has all the same can be read and removed.
        self.put("a:b", "colon\n")
        self.assertEqual(self.inside("cat a:b; ls; rm a:b"), "colon\na:b\n")

    def test_names_are_escaped_by_option(self):
        self.mount("names=escape")
        self.inside("echo x > 'a:b'; mkdir 'q?'; echo y > 'q?/end.'; mv 'a:b' 'c*d'")
        self.assertEqual(sorted(os.listdir(self.folder)), ["c\uf02ad", "q\uf03f"])
        self.assertEqual(os.listdir(self.path("q\uf03f")), ["end\uf02e"])
        self.put("from\uf03ahost", "host\n")
        self.assertEqual(self.inside("ls; cat 'from:host' 'C*D' 'Q?/END.'"), "c*d\nfrom:host\nq?\nhost\nx\ny\n")
        self.assertEqual(self.perl('said(mkdir "con");'), ["EINVAL"])

    def test_long_paths_and_names(self):
        self.mount()
        parts = [f"directory-é-{i:03d}-{'n' * 60}" for i in range(20)]
        self.inside("for part in \"$@\"; do mkdir \"$part\"; cd \"$part\"; done; echo deep > file", *parts)
        deep = self.path(*parts)
        self.assertGreater(len(deep), 1500)
        self.assertEqual(self.text(os.path.join(deep, "file")), "deep\n")
        self.assertEqual(self.inside('cat "$1/file"; rm -r directory*', "/".join(parts)), "deep\n")
        self.assertEqual(self.perl(f'said(mkdir "{"x" * 256}");'), ["ENAMETOOLONG"])

    # ---- rights and attributes

    def test_modes_show_what_the_hosts_user_may_do(self):
        self.put("script")
        os.chmod(self.path("script"), 0o755)
        self.put("plain")
        os.chmod(self.path("plain"), 0o600)
        self.mount("uid=1000,gid=1001,umask=22,fmask=1")
        self.assertEqual(self.inside("stat -c '%a %u:%g' script plain ."), "754 1000:1001\n644 1000:1001\n755 1000:1001\n")
        self.umount()
        self.mount()
        # Without metadata, chmod changes what the host's user may do, and chown nothing.
        self.inside("chmod 755 plain; chown 7:8 plain; chmod 644 script; echo x > new; chmod 700 new")
        self.assertEqual(os.stat(self.path("plain")).st_mode & 0o777, 0o700 | 0o100)
        self.assertEqual(os.stat(self.path("script")).st_mode & 0o111, 0)
        self.assertEqual(self.inside("stat -c %u:%g plain"), "0:0\n")
        self.assertEqual(os.listxattr(self.path("plain")), [])

    def test_what_the_hosts_user_may_not_do(self):
        if os.geteuid() == 0:
            self.skipTest("the host's user is root, who may do everything")
        self.put("read-only")
        os.chmod(self.path("read-only"), 0o444)
        os.mkdir(self.path("shut"))
        os.chmod(self.path("shut"), 0o555)
        self.mount()
        self.assertEqual(self.inside("stat -c %a read-only shut"), "444\n555\n")
        self.assertEqual(self.perl('said(sysopen my $f, "read-only", O_WRONLY); said(mkdir "shut/x");'), ["EACCES", "EACCES"])

    def test_metadata(self):
        self.mount("metadata,uid=1000,gid=1000,umask=22")
        self.put("plain")
        os.chmod(self.path("plain"), 0o644)
        self.inside("touch f; chown 33:44 f; chmod 4751 f; mkdir d; chmod 1777 d; mkfifo p; mknod c c 1 3; mknod b b 8 17; ln -s f l")
        shown = "4751 33:44 regular empty file\n1777 0:0 directory\n644 0:0 fifo\n644 0:0 character special file\n" \
                "644 0:0 block special file\n644 1000:1000 regular file\n"
        ask = "stat -c '%a %u:%g %F' f d p c b plain"
        self.assertEqual(self.inside(ask), shown)
        self.assertEqual(self.inside("stat -c %t:%T b; echo gone > c; find . -type p -o -type b | sort"), "8:11\n./b\n./p\n")
        self.assertEqual(os.getxattr(self.path("f"), "user.$LXMOD"), struct.pack("<I", 0o104751))
        self.assertEqual(os.getxattr(self.path("f"), "user.$LXUID"), struct.pack("<I", 33))
        self.assertEqual(os.getxattr(self.path("f"), "user.$LXGID"), struct.pack("<I", 44))
        self.assertEqual(os.getxattr(self.path("b"), "user.$LXDEV"), struct.pack("<II", 8, 17))
        self.assertEqual(os.listxattr(self.path("plain")), [])
        self.umount()
        self.mount("metadata,uid=1000,gid=1000,umask=22")
        self.assertEqual(self.inside(ask), shown)
        os.setxattr(self.path("plain"), "user.$LXUID", struct.pack("<I", 77))
        self.assertEqual(self.inside("stat -c %u plain"), "77\n")
        self.umount()
        self.mount()
        self.assertEqual(self.inside("stat -c %F p c"), "regular empty file\nregular empty file\n")
        self.assertEqual(self.perl('said(!system "mkfifo q 2>/dev/null"); said(-e "q");')[-1] != "ok", True)

    def test_symlinks(self):
        self.mount("symlinks=lx")
        self.inside("echo text > f; ln -s f l; cat l")
        self.assertFalse(os.path.islink(self.path("l")))
        self.assertEqual(self.text("l"), "f")
        self.assertEqual(self.inside("readlink l; ls -F"), "f\nf\nl@\n")
        self.umount()
        self.mount("symlinks=off")
        self.assertEqual(self.perl('said(symlink "f", "m");'), ["EPERM"])
        self.assertEqual(self.inside("stat -c %F l"), "regular file\n")

    def test_open_files_stay(self):
        self.mount()
        self.inside("echo a > a; echo b > b")
        self.assertEqual(self.perl('open my $f, "<", "a" or die; said(unlink "a"); said(rename "b", "a"); said(rename "a", "c");'
                                   'said(unlink "b"); close $f; said(rename "a", "c"); said(unlink "c");'),
                         ["EACCES", "EACCES", "EACCES", "ok", "ok", "ok"])

    def test_user_attributes_are_the_hosts(self):
        self.put("f")
        os.setxattr(self.path("f"), "user.from_host", b"1")
        self.mount()
        self.assertEqual(self.perl('my ($p, $n, $v) = ("f", "user.from_host", "x" x 8); print syscall(191, $p, $n, $v, 8), "\\n";'
                                   'my ($m, $w) = ("user.from_guest", "two"); said(!syscall(188, $p, $m, $w, 3, 0));'
                                   'my ($t) = ("trusted.x"); said(!syscall(188, $p, $t, $w, 3, 0));'), ["1", "ok", "EOPNOTSUPP"])
        self.assertEqual(os.getxattr(self.path("f"), "user.from_guest"), b"two")

    # ---- mounting

    def test_sources_and_options(self):
        os.mkdir(self.path("sub"))
        self.put("sub/f")
        self.mount(source="C:" + self.folder.replace("/", "\\") + "\\sub")
        self.assertEqual(self.inside("ls"), "f\n")
        self.umount()
        self.mount(source="c:" + self.folder, options="ro,uid=5,metadata,case=off,symlinks=lx,fmask=11")
        line = [line for line in guest.run("cat", "/proc/mounts").stdout.decode().split("\n") if self.place in line]
        self.assertRegex(line[0], r" drvfs ro,relatime,uid=5,gid=0,fmask=011,metadata,case=off,symlinks=lx 0 0$")
        self.assertEqual(self.perl('said(mkdir "x");'), ["EROFS"])
        self.umount()
        mount = ["sh", "-c", 'mount -t drvfs "$1" ' + self.place + ' -o "$2" 2>&1', "sh"]
        for source, options in (("Q:", "ro"), ("\\\\server\\share", "ro"), (self.path("missing"), "ro"), ("C:", "case=maybe"),
                                ("C:", "nonsense"), ("C:", "uid=x")):
            self.assertNotEqual(guest.run(*mount, source, options).returncode, 0, (source, options))

    # ---- inotify

    WATCH = """
        my $fd = syscall(294, 0); my $p = $ARGV[0]; syscall(254, $fd, $p, 0xfff) >= 0 or die; open my $in, "<&=", $fd;
        $| = 1; print "ready\\n"; my $last = "";
        while (sysread $in, my $data, 4096) { while (length $data) {
            my ($wd, $mask, $cookie, $len) = unpack "lLLL", $data; my $name = unpack "Z*", substr $data, 16, $len;
            substr($data, 0, 16 + $len) = ""; printf "%x %s\\n", $mask & 0xfff, $name; exit if $name eq "end"; } }
    """

    def test_inotify_hears_the_host_and_the_guest(self):
        self.mount()
        with guest.start("perl", "-e", self.WATCH, self.place, stdout=subprocess.PIPE) as process:
            self.assertEqual(process.stdout.readline(), b"ready\n")
            self.put("by-host")
            os.rename(self.path("by-host"), self.path("moved"))
            self.inside("echo x > by-guest; rm moved by-guest")
            os.mkdir(self.path("end"))
            events = [tuple(line.decode().split()) for line in process.stdout]
        for wanted in (("100", "by-host"), ("2", "by-host"), ("8", "by-host"), ("40", "by-host"), ("80", "moved"),
                       ("100", "by-guest"), ("2", "by-guest"), ("200", "moved"), ("200", "by-guest"), ("100", "end")):
            self.assertEqual(events.count(wanted), 1, (wanted, events))

    # ---- when things go wrong

    def test_a_folder_that_goes_away(self):
        os.makedirs(self.path("gone/d"))
        self.put("gone/d/f")
        self.mount(source=self.path("gone"))
        self.inside("cat d/f")
        shutil.rmtree(self.path("gone"))
        self.assertEqual(self.perl('said(-e "d/f"); said(mkdir "x"); said(opendir my $d, ".");')[:2], ["ENOENT", "ENOENT"])

    def test_a_disk_that_is_put_in_and_pulled(self):
        os.mkdir(self.path("media"))
        self.mount()
        self.assertEqual(self.inside("ls media"), "")
        if subprocess.run(["mount", "-t", "tmpfs", "none", self.path("media")], capture_output=True).returncode:
            self.skipTest("needs a host user who may mount")
        try:
            self.put("media/f", "on the disk\n")
            self.assertEqual(self.inside("ls media; cat media/f; echo new > media/g"), "f\non the disk\n")
            self.assertEqual(self.text("media/g"), "new\n")
        finally:
            subprocess.run(["umount", "-l", self.path("media")], check=True)
        self.assertEqual(self.inside("ls media; test -e media/f || echo gone"), "gone\n")

    def test_a_full_disk_that_is_pulled(self):
        os.mkdir(self.path("disk"))
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", self.path("disk")], capture_output=True).returncode:
            self.skipTest("needs a host user who may mount")
        try:
            self.mount(source=self.path("disk"))
            self.assertEqual(self.perl('open my $f, ">", "big" or die; my $n = 0; while (my $w = syswrite $f, "x" x 65536) { $n += $w }'
                                       'said(0); print "$n\\n"; close $f; unlink "big"; said(mkdir "room");'),
                             ["ENOSPC", str(1 << 20), "ok"])
        finally:
            subprocess.run(["umount", "-l", self.path("disk")], check=True)


unittest.main(verbosity=2)
