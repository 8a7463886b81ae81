"""Guest input never crashes the instance: system calls with arguments of ill will."""
import subprocess

import fault_support


class HostileCalls(fault_support.FaultTestCase):
    programs = ("hostile_calls",)

    def attack(self, *arguments, seconds, whole=0):
        """`whole`: how many of the programs must have made all their calls at least."""
        try:
            result = self.instance.run("-e", "/opt/fault/hostile_calls", *map(str, arguments), timeout=seconds)
        except subprocess.TimeoutExpired:
            self.fail(f"no end; the log ends: {self.instance.instance_log()[-2000:]}")
        self.assertSuccess(result)
        self.assertRegex(result.stdout, rb"^\d+ whole, \d+ ended, \d+ late\n$")
        self.assertGreaterEqual(int(result.stdout.split()[0]), whole)
        self.assertAnswers()
        self.assertLogIsClean()
        self.assertOnlyInitIsLeft()

    def test_short_lives(self):
        self.attack(1000, 60, 100, seconds=60, whole=30)

    def test_long_lives(self):
        self.attack(2000, 8, 3000, seconds=60)
