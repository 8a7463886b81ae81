"""The instance that $LXSS_RUN leads to, for tests in Python."""
import os
import shlex
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))
import support  # noqa: E402

RUN = shlex.split(os.environ["LXSS_RUN"])
TIME_LIMIT = 60


def run(*words, **options):
    options.setdefault("timeout", TIME_LIMIT)
    if "input" not in options and "stdin" not in options:
        options["stdin"] = subprocess.DEVNULL
    return subprocess.run([*RUN, *words], capture_output=True, **options)


def start(*words, **options):
    return subprocess.Popen([*RUN, *words], **options)


def terminal(*words, **options):
    """The program on a terminal of its own: a support.Terminal."""
    command = [shutil.which(RUN[0]), *RUN[1:], *words]
    return support.Terminal(command, dict(os.environ), **options)
