"""Developers' work on a drive with metadata and case=dir: git clone, a build with make, a tree as npm makes it."""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import guest  # noqa: E402

GIT = ["git", "-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]


class Builds(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="lxss-drive-")
        self.place = "/mnt/" + os.path.basename(self.folder)
        self.addCleanup(self.remove)
        result = guest.run("sh", "-c", f"mkdir -p {self.place} && mount -t drvfs {self.folder} {self.place} -o metadata,case=dir,umask=22")
        self.assertEqual(result.returncode, 0, result.stderr)

    def remove(self):
        guest.run("sh", "-c", f"umount -l {self.place}; rmdir {self.place}")
        shutil.rmtree(self.folder, ignore_errors=True)

    def inside(self, script):
        result = guest.run("bash", "-ec", f"cd {self.place}\n{script}", timeout=300)
        self.assertEqual(result.returncode, 0, result.stdout.decode() + result.stderr.decode())
        return result.stdout.decode()

    def test_git(self):
        git = " ".join(GIT)
        got = self.inside(f"""
            {git} init -q r; cd r
            for i in $(seq 200); do mkdir -p d$((i % 10)); echo $i > d$((i % 10))/f$i; done
            printf '#!/bin/sh\\n' > run; chmod +x run; ln -s run link
            {git} add .; {git} commit -qm first; cd ..
            {git} clone -q --no-local r c; cd c; {git} status --short; {git} ls-files | wc -l
            {git} switch -q -c topic; echo more >> d1/f1; {git} mv d2/f2 moved; {git} commit -qam topic
            {git} switch -q main; {git} merge -q topic; {git} gc -q; {git} fsck; {git} log --format=%s
            test -x run; readlink link; stat -c %a run d1/f1
        """)
        self.assertEqual(got.split("\n"), ["202", "topic", "first", "run", "755", "644", ""])
        # The host's git agrees.
        if shutil.which("git"):
            status = subprocess.run(["git", "-c", "safe.directory=*", "-C", os.path.join(self.folder, "c"), "status", "--short"],
                                    capture_output=True, text=True, check=True)
            self.assertEqual(status.stdout, "")

    def test_make(self):
        self.assertEqual(self.inside("""
            mkdir p; cd p; mkdir src
            for i in $(seq 30); do echo "int f$i(int x) { return x + $i; }" > src/f$i.c; done
            { for i in $(seq 30); do echo "int f$i(int);"; done; echo '#include <stdio.h>'; echo 'int main(void) { int s = 0;'
              for i in $(seq 30); do echo "s = f$i(s);"; done; echo 'printf("%d\\n", s); }'; } > src/main.c
            cat > Makefile <<'END'
OBJECTS := $(patsubst src/%.c,out/%.o,$(wildcard src/*.c))
prog: $(OBJECTS)
	gcc -o $@ $^
out/%.o: src/%.c | out
	gcc -c -O1 -MMD -o $@ $<
out:
	mkdir $@
-include $(OBJECTS:.o=.d)
END
            make -s -j4; ./prog; make -s -q && echo "up to date"; touch src/f7.c; make -n | grep -c gcc; make -s; ./prog
        """), "465\nup to date\n2\n465\n")

    def test_a_tree_as_npm_makes_it(self):
        got = self.inside("""
            mkdir app; cd app; mkdir -p node_modules/.bin
            for i in $(seq 60); do
              m=node_modules/package-$i; mkdir -p $m/lib $m/bin $m/node_modules/@scope/inner
              echo "{\\"name\\": \\"package-$i\\"}" > $m/package.json
              printf '#!/bin/sh\\necho ran %s\\n' $i > $m/bin/cli.js; chmod 755 $m/bin/cli.js
              ln -s ../package-$i/bin/cli.js node_modules/.bin/package-$i
              for j in 1 2 3; do echo $j > $m/lib/Index$j.js; done; echo x > $m/node_modules/@scope/inner/README.md
              # As installers do: written aside, then renamed.
              echo lock > $m/.package.json.1234; mv $m/.package.json.1234 $m/package.json
              mv $m node_modules/.package-$i-aside; mv node_modules/.package-$i-aside $m
            done
            ./node_modules/.bin/package-37; find . -type f | wc -l; find . -type l | wc -l
            cp -a node_modules copy; diff -r node_modules copy && echo same
            tar -cf tree.tar node_modules; rm -rf node_modules; tar -xf tree.tar; ./node_modules/.bin/package-9; rm -rf copy node_modules; ls
        """)
        self.assertEqual(got, "ran 37\n360\n60\nsame\nran 9\ntree.tar\n")


unittest.main(verbosity=2)
