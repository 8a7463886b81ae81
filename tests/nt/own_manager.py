"""What the tests share that tests/nt/own-manager runs: its arguments, and lxss.exe. arguments: WORK WINE LXSS-EXE ROOT-ARCHIVE [FILE]...
[-- CASE...]
"""
import os
import subprocess
import sys
import tempfile
import time

TIME_LIMIT = 60
FAILED = 255  # exit code of lxss itself

WORK, WINE, LXSS, ROOT_ARCHIVE = sys.argv[1:5]
_end = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
FILES = sys.argv[5:_end]
del sys.argv[1:_end + 1]


def windows(path):
    return "Z:" + path.replace("/", "\\")


class Run:
    """lxss.exe with `words`. Output goes to files: processes of Wine that outlive the run for a while would keep pipes open."""

    def __init__(self, *words, environment=None, stdin=subprocess.DEVNULL, cwd=None):
        self.files = [tempfile.TemporaryFile(), tempfile.TemporaryFile()]
        self.process = subprocess.Popen([WINE, LXSS, *words], stdin=stdin, stdout=self.files[0], stderr=self.files[1], cwd=cwd,
                                        env=dict(os.environ, **(environment or {})))

    def content(self, index):
        descriptor = self.files[index].fileno()
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0)

    def wait_for(self, text):
        deadline = time.monotonic() + TIME_LIMIT
        while text not in self.content(0):
            if time.monotonic() > deadline:
                raise RuntimeError(f"no {text!r} in {self.content(0)!r}, {self.content(1)!r}")
            time.sleep(0.05)

    def finish(self):
        try:
            self.code = self.process.wait(TIME_LIMIT)
        finally:
            self.process.kill()
        self.output, self.error = self.content(0), self.content(1)
        for file in self.files:
            file.close()
        return self


def lxss(*words, **options):
    return Run(*words, **options).finish()
