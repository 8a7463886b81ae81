"""What the fault tests share: an instance of Debian of their own, and a view of its processes from the host."""
import os
import random
import re
import signal
import subprocess
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "cli"))

import support  # noqa: E402
from support import process_is_alive, process_state, wait_until  # noqa: E402,F401

guest_programs = ""


def children(pid):
    """The host children of a process, threads' included."""
    found = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children") as file:
                found += [int(child) for child in file.read().split()]
    except (FileNotFoundError, ProcessLookupError):
        pass
    return found


class Instance(support.Home):
    """An LXSS_HOME with one running instance, "test", in it."""

    def __init__(self, **variables):
        variables.setdefault("LXSS_GRACE", "600")
        grace = variables.pop("LXSS_GRACE")
        super().__init__(**variables)
        # What is left of an instance is counted: interop's own process is not to be among it.
        with open(os.path.join(self.path, "lxss.conf"), "a") as file:
            file.write("[instance.test]\ninterop = false\n")
        self.environment.update(LXSS_GRACE=grace, LXSS_IDLE="600", LXSS_KERNEL=support.kernel)

    def make(self):
        result = self.import_instance("test")
        if result.returncode != 0:
            raise RuntimeError(f"import failed: {result.stderr.decode()}")
        self.guest("true", timeout=30)

    # ---- inside

    def guest(self, script, *words, timeout=60, **options):
        """bash -c SCRIPT inside; raises when it takes longer."""
        return self.run("-e", "/bin/bash", "-c", script, "bash", *words, timeout=timeout, **options)

    def start_guest(self, script, *words, **options):
        return self.start("-e", "/bin/bash", "-c", script, "bash", *words, **options)

    def install(self, *names):
        """Puts test programs into /opt/fault."""
        for name in names:
            with open(os.path.join(guest_programs, name), "rb") as file:
                result = self.guest(f"mkdir -p /opt/fault && cat >/opt/fault/{name} && chmod 755 /opt/fault/{name}",
                                    stdin=file)
            if result.returncode != 0:
                raise RuntimeError(f"install failed: {result.stderr.decode()}")

    def guest_processes(self):
        """Command lines by pid, without those of the look itself."""
        script = """for p in /proc/[0-9]*; do p=${p#/proc/}; [ $p = $$ ] || [ $p = $PPID ] ||
            { read -r -d '' c </proc/$p/cmdline; echo "$p ${c:-[$(</proc/$p/comm)]}"; } done 2>/dev/null"""
        lines = self.guest(script).stdout.decode().splitlines()
        return {int(line.split()[0]): line.split(" ", 1)[1] for line in lines if " " in line}

    # ---- from the host

    def kernel_pid(self):
        """The lxkernel of the instance."""
        # /proc's list of children may leave some out while others come and go: proc_tid_children(5).
        for _ in range(20):
            for manager in self.manager_pids():
                for pid in children(manager):
                    try:
                        with open(f"/proc/{pid}/cmdline", "rb") as file:
                            program = os.path.basename(file.read().split(b"\0")[0])
                    except (FileNotFoundError, ProcessLookupError):
                        continue
                    if program == b"lxkernel" and process_is_alive(pid):
                        return pid
            time.sleep(0.05)
        raise AssertionError(f"no lxkernel runs; the log ends: {self.instance_log()[-2000:]}")

    def pico_processes(self):
        """The host processes of the guest's, the oldest, init's, first."""
        def age(pid):
            try:
                with open(f"/proc/{pid}/stat") as file:
                    return int(file.read().rsplit(")", 1)[1].split()[19]), pid
            except (FileNotFoundError, ProcessLookupError):
                return 1 << 62, pid
        return sorted((pid for pid in children(self.kernel_pid()) if process_is_alive(pid)), key=age)

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.kernel_pid()}/fd"))

    def instance_log(self):
        with open(os.path.join(self.instance_folder("test"), "lxss.log"), errors="replace") as file:
            return file.read()


class FaultTestCase(unittest.TestCase):
    """An instance of its own for each class."""

    programs = ()
    variables = {}

    @classmethod
    def setUpClass(cls):
        cls.instance = Instance(**cls.variables)
        cls.addClassCleanup(cls.instance.close)
        cls.instance.make()
        cls.instance.install(*cls.programs)

    def assertSuccess(self, result):
        self.assertEqual(result.returncode, 0, (result.stdout or b"").decode(errors="replace")[-2000:] +
                         (result.stderr or b"").decode(errors="replace")[-2000:])
        return result

    def assertAnswers(self, seconds=5):
        """The instance runs a command, soon."""
        try:
            result = self.instance.guest("echo answer", timeout=seconds)
        except subprocess.TimeoutExpired:
            self.fail(f"the instance does not answer; its log ends: {self.instance.instance_log()[-2000:]}")
        self.assertSuccess(result)
        self.assertEqual(result.stdout, b"answer\n")

    def assertLogIsClean(self):
        for line in self.instance.instance_log().splitlines():
            self.assertNotRegex(line, r"(?i)panic|kernel fault|assertion")

    def assertOnlyInitIsLeft(self, seconds=10):
        """No process is left but init's, inside and on the host."""
        if not wait_until(lambda: len(self.instance.pico_processes()) == 1, seconds):
            self.fail(f"left on the host: {self.instance.pico_processes()}; inside: {self.instance.guest_processes()}")
        inside = {pid: name for pid, name in self.instance.guest_processes().items() if pid != 1}
        self.assertEqual(inside, {})


def seeded(name):
    """Random numbers, the same ones each time unless LXSS_FAULT_SEED says otherwise."""
    seed = os.environ.get("LXSS_FAULT_SEED", "1")
    print(f"{name}: LXSS_FAULT_SEED={seed}", file=sys.stderr)
    return random.Random(f"{name}{seed}")
