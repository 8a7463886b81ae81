"""lxss -e as the remote interpreter of an IDE: requests and answers over pipes, none of which may wait for the next."""
import json
import re
import select
import subprocess
import unittest

import guest


class Interpreter(unittest.TestCase):
    def start(self, *words):
        process = guest.start(*words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
        self.addCleanup(self.end, process)
        return process

    def end(self, process):
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            stream.close()

    def read_until(self, stream, pattern):
        """What comes, as it comes, until the pattern is in it."""
        text = b""
        while not re.search(pattern, text):
            self.assertTrue(select.select([stream], [], [], guest.TIME_LIMIT)[0], f"nothing more after {text!r}")
            piece = stream.read(65536)
            self.assertTrue(piece, f"ended after {text!r}")
            text += piece
        return text

    def converse(self, process, requests):
        """One request at a time; each is answered before the next is made."""
        for number in range(requests):
            process.stdin.write(json.dumps({"id": number, "text": "x" * (number * 37)}).encode() + b"\n")
            answer = json.loads(self.read_until(process.stdout, rb"\n"))
            self.assertEqual(answer, {"id": number, "length": number * 37})
        process.stdin.close()
        self.assertEqual(process.wait(guest.TIME_LIMIT), 0)

    def test_python_answers_each_line(self):
        self.converse(self.start("python3", "-c", "import sys, json\n"
                                 "for line in sys.stdin:\n"
                                 "    q = json.loads(line)\n"
                                 "    print(json.dumps({'id': q['id'], 'length': len(q['text'])}), flush=True)\n"), 200)

    def test_python_prompts(self):
        process = self.start("python3", "-i", "-q", "-u")
        self.read_until(process.stderr, rb">>> $")
        for number in range(20):
            process.stdin.write(b"print(%d * %d)\n" % (number, number))
            self.assertEqual(self.read_until(process.stdout, rb"\n"), b"%d\n" % (number * number))
            self.read_until(process.stderr, rb">>> $")
        process.stdin.write(b"raise SystemExit(5)\n")
        self.assertEqual(process.wait(guest.TIME_LIMIT), 5)

    def test_python_says_what_it_is(self):
        """What IDEs ask an interpreter first."""
        result = guest.run("python3", "-c", "import sys, json; print(json.dumps([sys.platform, sys.stdin.isatty(), "
                           "sys.stdout.encoding, sys.executable]))")
        self.assertEqual(json.loads(result.stdout), ["linux", False, "utf-8", "/usr/bin/python3"])

    def test_node_answers_each_line(self):
        self.converse(self.start("node", "-e", "require('readline').createInterface({input: process.stdin}).on('line', line => {"
                                 "const q = JSON.parse(line);"
                                 "process.stdout.write(JSON.stringify({id: q.id, length: q.text.length}) + '\\n'); })"), 200)

    def test_gdb_speaks_its_machine_interface(self):
        process = self.start("gdb", "-q", "-nx", "--interpreter=mi3")
        self.read_until(process.stdout, rb"\(gdb\) \n$")
        for number in range(20):
            process.stdin.write(b"%d-data-evaluate-expression 6*7\n" % number)
            self.assertIn(b'%d^done,value="42"' % number, self.read_until(process.stdout, rb"\(gdb\) \n$"))
        process.stdin.write(b"-gdb-exit\n")
        self.assertEqual(process.wait(guest.TIME_LIMIT), 0)


unittest.main(verbosity=2)
