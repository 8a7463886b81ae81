"""Everything of an instance killed in the middle of work on many files: what is left is in order, and the work can go on.

LXSS_CRASH_ROUNDS (default 10) is the number of kills.
"""
import os
import re
import signal
import stat
import subprocess
import sys
import time

import fault_support
from fault_support import process_is_alive, wait_until

ROUNDS = int(os.environ.get("LXSS_CRASH_ROUNDS", "10"))

PREPARE = r"""
set -e
mkdir -p /root/crash/seed && cd /root/crash
for d in a b c; do
    mkdir -p seed/$d/inner
    for i in $(seq 40); do echo "$d $i" >seed/$d/file$i; done
    ln -s file1 seed/$d/link; ln seed/$d/file2 seed/$d/hard; mkfifo seed/$d/pipe
    chown -h 1000:1000 seed/$d/file[1-9] seed/$d/link seed/$d/inner; chmod 4755 seed/$d/file3; chmod 0 seed/$d/file4
done
tar -cf seed.tar seed
for version in 1 2; do
    p=package$version; mkdir -p $p/DEBIAN $p/opt/crash/deep
    for i in $(seq 60); do echo "version $version, file $i" >$p/opt/crash/deep/file$i; done
    ln -s deep/file$version $p/opt/crash/link
    printf 'Package: lxss-crash\nVersion: %s\nArchitecture: all\nMaintainer: nobody <nobody@localhost>\nDescription: test\n' \
        $version >$p/DEBIAN/control
    dpkg-deb --root-owner-group -b $p $p.deb >/dev/null
done
mkdir /home/crash && chown 1000:1000 /home/crash
if command -v git >/dev/null; then
    git init -q repository && cd repository && git config user.email a@b && git config user.name n
fi
"""

# Each line says that one more turn is done; none of them ends by itself.
WORK = {
    "tar": "cd /root/crash; while :; do rm -rf out; mkdir out; tar -xpf seed.tar -C out; done",
    "dpkg": "cd /root/crash; dpkg --configure -a; while :; do dpkg -i package1.deb; dpkg -i package2.deb; "
            "dpkg --unpack package1.deb; dpkg --configure lxss-crash; done",
    "git": "cd /root/crash/repository; rm -f .git/*.lock .git/gc.pid; i=$$; while :; do i=$((i+1)); "
           "for f in 1 2 3 4 5; do echo $i $f >file$f; done; git add -A; git commit -qm $i; git gc -q --prune=now --force; done",
    # As a user, so that everything needs LXATTRB: made, moved, exchanged.
    "user": r"""cd /home/crash; exec setpriv --reuid 1000 --regid 1000 --clear-groups sh -c '
        while :; do
            for i in 1 2 3 4 5 6 7 8; do
                echo whole >new$i; mv new$i kept$i; mkfifo pipe$i; ln -s target link$i; mkdir dir$i; ln kept$i dir$i/hard
                mv dir$i moved$i; rm -f pipe$i link$i; rm -r moved$i
            done
        done'""",
    # One of the two names at every moment.
    "rename": "cd /root/crash; [ -e one ] || [ -e two ] || echo content >one; mkdir -p d; [ -e d/one ] || [ -e d/two ] || "
              "mkdir d/one; while :; do mv -T one two; mv -T d/one d/two; mv -T two one; mv -T d/two d/one; done 2>/dev/null",
}


class Crash(fault_support.FaultTestCase):
    variables = {"LXSS_GRACE": "600"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tree = os.path.join(cls.instance.instance_folder("test"), "rootfs")
        # Where the machine has the package, git works too.
        cls.instance.guest("command -v git || apt-get install -y --no-install-recommends git || "
                           "{ apt-get update && apt-get install -y --no-install-recommends git; }", timeout=200)
        result = cls.instance.guest(PREPARE, timeout=100)
        if result.returncode != 0:
            raise RuntimeError(result.stderr.decode())
        cls.has_git = cls.instance.guest("command -v git").returncode == 0
        if not cls.has_git:
            print("crash: no git to be had; its part is left out", file=sys.stderr)

    def kill_everything(self, numbers):
        kernel = self.instance.kernel_pid()
        managers = [pid for pid in self.instance.manager_pids() if process_is_alive(pid)]
        picos = self.instance.pico_processes()
        # Mostly in one blow; sometimes one after the other, in any order.
        victims = [kernel, *picos, *managers]
        numbers.shuffle(victims)
        stop_first = numbers.random() < 0.7
        if stop_first:
            for pid in victims:
                self.send(pid, signal.SIGSTOP)
        for pid in victims:
            self.send(pid, signal.SIGKILL)
        self.assertTrue(wait_until(lambda: not any(map(process_is_alive, victims)), 20))

    @staticmethod
    def send(pid, number):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass

    def check(self):
        """What lxss --check says of the tree, without what the next start takes away."""
        result = self.instance.run("--check", "test", timeout=120)
        lines = result.stdout.decode(errors="replace").splitlines()
        self.assertEqual(result.stderr, b"")
        problems = [line for line in lines[:-1] if not re.search(r"unfinished files? of ", line)]
        self.assertEqual(problems, [])
        self.assertIn(result.returncode, (0, 4))
        self.assertEqual(result.returncode == 0, len(lines) == 1, lines)

    def check_whole(self):
        """Each operation has been done as a whole or not at all, as the host's files tell."""
        at = os.path.join(self.tree, "root/crash")
        for one, two in (("one", "two"), ("d/one", "d/two")):
            found = [name for name in (one, two) if os.path.lexists(os.path.join(at, name))]
            self.assertEqual(len(found), 1, (one, two))
        for folder, folders, files in os.walk(os.path.join(self.tree, "home/crash")):
            for name in folders + files:
                path = os.path.join(folder, name)
                stored = os.getxattr(path, "user.lxattrb", follow_symlinks=False)
                self.assertEqual(int.from_bytes(stored[8:12], "little"), 1000, path)
                if name.startswith("kept"):
                    self.assertEqual(os.path.getsize(path), 6, path)
                if name.startswith("link"):
                    with open(path, "rb") as file:
                        self.assertEqual(file.read(), b"target")
                    self.assertTrue(stat.S_ISLNK(int.from_bytes(stored[4:8], "little")))

    def test_rounds(self):
        numbers = fault_support.seeded("crash")
        kinds = [kind for kind in WORK if kind != "git" or self.has_git]
        self.assertSuccess(self.instance.guest("cd /root/crash; echo content >one; mkdir -p d/one"))
        done = {kind: 0 for kind in kinds}
        for round_number in range(ROUNDS):
            chosen = [kinds[round_number % len(kinds)], *numbers.sample(kinds, 2)]
            with self.subTest(round=round_number, work=chosen):
                jobs = [self.instance.start_guest("echo ready; " + WORK[kind], stderr=subprocess.DEVNULL)
                        for kind in dict.fromkeys(chosen)]
                for job in jobs:
                    self.assertEqual(job.stdout.readline(), b"ready\n")
                time.sleep(numbers.uniform(0.02, 1.2))
                self.kill_everything(numbers)
                for job in jobs:
                    job.communicate(timeout=20)
                for kind in dict.fromkeys(chosen):
                    done[kind] += 1
                self.check()
                self.check_whole()
                # The next start, and the work is taken up where it was.
                result = self.instance.guest("""set -e; cd /root/crash
                    cat one two 2>/dev/null | grep -q content
                    dpkg --configure -a >/dev/null 2>&1 || : # half an installation has to be made again, as natively
                    dpkg -i package2.deb >/dev/null 2>&1; dpkg --audit
                    [ "$(cat /opt/crash/link)" = "version 2, file 2" ]
                    [ ! -d repository ] || { rm -f repository/.git/*.lock; git -C repository fsck --connectivity-only >/dev/null; }
                    echo works""", timeout=60)
                self.assertEqual((result.stdout, result.returncode), (b"works\n", 0), result.stderr)
        print(f"crash: {ROUNDS} rounds, {done}", file=sys.stderr)
        self.instance.run("--terminate", "test")
        result = self.instance.run("--check", "test")
        self.assertEqual(result.returncode, 0, result.stdout)


RENAMES = r"""
chdir "/root/moves" or die; $| = 1; print "ready\n"; srand;
while (1) {
    my $i = int rand 8;
    rename "a$i", "b$i"; rename "b$i/file", "b$i/moved"; rename "b$i", "other/c$i"; rename "other/c$i/moved", "other/c$i/file";
    rename "other/c$i", "a$i";
    my ($x, $y) = ("x$i", "y$i"); syscall(316, -100, $x, -100, $y, 2); # RENAME_EXCHANGE
}
"""

# Stands in one of the directories all the time, and opens the file in it by its relative name when asked.
WATCHER = r"""
chdir "/root/moves/a$ARGV[0]" or die; $| = 1; print "ready\n"; <STDIN>;
for my $name ("file", "moved") { if (open F, "<", $name) { print <F>; exit } }
print "gone: $!\n";
"""

# More files than VolFs keeps open.
EVICT = "find /usr -xdev -type f | head -4000 | xargs -d '\\n' head -qc1 >/dev/null"


class RenameKills(fault_support.FaultTestCase):
    """Processes killed within renames, while the kernel lives on: no file is lost to it, and nothing waits for the dead."""

    def test_renames(self):
        numbers = fault_support.seeded("renames")
        self.assertSuccess(self.instance.guest("""mkdir -p /root/moves/other; cd /root/moves
            for i in 0 1 2 3 4 5 6 7; do mkdir a$i; echo $i >a$i/file; echo x >x$i; echo y >y$i; done"""))
        for round_number in range(5):
            with self.subTest(round=round_number):
                self.assertSuccess(self.instance.guest("""cd /root/moves; for i in 0 1 2 3 4 5 6 7; do
                    for d in b$i other/c$i; do [ ! -d $d ] || mv -T $d a$i; done; [ ! -e a$i/moved ] || mv a$i/moved a$i/file
                    done"""))
                watchers = [self.instance.start("-e", "/usr/bin/perl", "-e", WATCHER, str(i)) for i in range(8)]
                for watcher in watchers:
                    self.assertEqual(watcher.stdout.readline(), b"ready\n")
                spared = set(self.instance.pico_processes())
                for _ in range(12):
                    jobs = [self.instance.start("-e", "/usr/bin/perl", "-e", RENAMES) for _ in range(2)]
                    for job in jobs:
                        self.assertEqual(job.stdout.readline(), b"ready\n")
                    time.sleep(numbers.uniform(0, 0.05))
                    for pid in set(self.instance.pico_processes()) - spared:
                        Crash.send(pid, signal.SIGKILL)
                    for job in jobs:
                        job.communicate(timeout=20)
                self.assertSuccess(self.instance.guest(EVICT))
                for number, watcher in enumerate(watchers):
                    output = watcher.communicate(b"look\n", timeout=20)[0]
                    self.assertEqual(output, b"%d\n" % number)
                result = self.assertSuccess(self.instance.guest("""cd /root/moves; for i in 0 1 2 3 4 5 6 7; do
                    ls -d a$i b$i other/c$i 2>/dev/null | wc -l; cat {a$i,b$i,other/c$i}/{file,moved} 2>/dev/null; cat x$i y$i | sort
                    done"""))
                self.assertEqual(result.stdout.decode().split(), [word for i in range(8) for word in ("1", str(i), "x", "y")])
        self.assertLogIsClean()
        self.instance.run("--terminate", "test")
        self.assertEqual(self.instance.run("--check", "test").returncode, 0)
