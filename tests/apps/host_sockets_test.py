"""UNIX sockets of the host inside of an instance: mounts of type hostsocket, and the host's display.

$HOST_SOCKET_CLIENT is host_socket_client, a static program that this test copies into the instance.
"""
import array
import mmap
import os
import pathlib
import random
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest

import guest

CLIENT = "/tmp/host-socket-client"
RIGHTS = (socket.SOL_SOCKET, socket.SCM_RIGHTS)


def send_fds(connection, fds):
    connection.sendmsg([b"f"], [(*RIGHTS, array.array("i", fds))])


def receive_fds(connection):
    data, control, _, _ = connection.recvmsg(100, 200)
    fds = array.array("i")
    for level, kind, content in control:
        if (level, kind) == RIGHTS:
            fds.frombytes(content)
    return data, list(fds)


class HostSockets(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="lxss-test-sockets-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        client = pathlib.Path(os.environ["HOST_SOCKET_CLIENT"]).read_bytes()
        result = guest.run("sh", "-c", f"cat >{CLIENT}.new && chmod 755 {CLIENT}.new && mv {CLIENT}.new {CLIENT}",
                           input=client)
        assert result.returncode == 0, result.stderr

    def mount(self, source):
        place = f"/run/test-socket-{random.randrange(1 << 30)}"
        result = guest.run("sh", "-c", f"touch {place} && mount -t hostsocket '{source}' {place}")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.addCleanup(guest.run, "sh", "-c", f"umount {place}; rm {place}")
        return place

    def serve(self, handler, kind=socket.SOCK_STREAM, name=None):
        """Serves one connection; returns the socket's name in the instance."""
        name = name or str(self.folder / f"s{random.randrange(1 << 30)}")
        listener = socket.socket(socket.AF_UNIX, kind)
        if name.startswith("@"):
            listener.bind("\0" + name[1:])
        elif len(name) < 108:
            listener.bind(name)
        else:
            folder = os.open(os.path.dirname(name), os.O_PATH)
            listener.bind(f"/proc/self/fd/{folder}/{os.path.basename(name)}")
            os.close(folder)
        listener.listen()

        def serve_one():
            with listener, listener.accept()[0] as connection:
                try:
                    handler(connection)
                except Exception as problem:  # shown by the main thread
                    self.problem = problem
        self.problem = None
        self.thread = threading.Thread(target=serve_one, daemon=True)
        self.thread.start()
        return self.mount(name)

    def client(self, *words):
        result = guest.run(CLIENT, *words, input=b"from standard input")
        self.thread.join(20)
        if self.problem:
            raise self.problem
        self.assertEqual(result.stderr, b"")
        return result.stdout.decode()

    @staticmethod
    def echo(connection):
        while data := connection.recv(50000):
            connection.sendall(data)

    def test_a_stream_both_ways(self):
        self.assertEqual(self.client("echo", self.serve(self.echo)), "8388608 same, then 0\n")

    def test_names(self):
        long = self.folder / ("x" * 100) / ("y" * 100)
        long.mkdir(parents=True)
        for name in (str(long / "socket"), f"@lxss-test-{os.getpid()}"):
            self.assertEqual(self.client("echo", self.serve(self.echo, name=name)), "8388608 same, then 0\n")

    def test_packets(self):
        def handler(connection):
            connection.sendall(b"answer to " + connection.recv(100))
            connection.sendall(b"second")
            connection.recv(100)
        output = self.client("packets", self.serve(handler, socket.SOCK_SEQPACKET))
        self.assertEqual(output, "answer to one\nsecond\nfamily 1, uid 0, error 0\nconnect: EISCONN\n")

    def test_descriptors_from_the_host(self):
        memory = os.memfd_create("test")
        os.ftruncate(memory, 4096)
        os.pwrite(memory, b"memory!", 0)
        pipe, second = os.pipe(), os.pipe()
        os.write(pipe[1], b"through a pipe")
        ours, theirs = socket.socketpair()
        ours.sendall(b"through a socket")
        event = os.eventfd(ord("A"))
        seen = []

        def handler(connection):
            folder = os.open("/", os.O_RDONLY)
            send_fds(connection, [memory, pipe[0], second[1], theirs.fileno(), event, folder])
            time.sleep(0.1)
            send_fds(connection, [pipe[0], pipe[0], pipe[0]])
            connection.recv(1)
            seen.append(os.pread(memory, 11, 0))
            connection.sendall(b"x")
        output = self.client("receive", self.serve(handler))
        self.assertEqual(output, "f 2 1 size 4096, mapped memory!, read memory!\n"
                                 "p 0 1 read through a pipe\n"
                                 "p 1 1 wrote 7\n"
                                 "s 2 1 read through a socket\n"
                                 "p 2 1 read A\n"
                                 "1, cut short\n")
        self.assertEqual(seen, [b"from inside"])
        self.assertEqual(os.read(second[0], 100), b"written")

    def test_descriptors_to_the_host(self):
        seen = []

        def handler(connection):
            for _ in range(3):
                _, fds = receive_fds(connection)
                seen.append(fds)
            file, stdin, itself = (fds[0] for fds in seen)
            seen[:] = [os.pread(file, 100, 0), os.read(stdin, 100)]
            os.write(itself, b"it")  # the client's own end, whose other end is this one
            connection.sendall(connection.recv(100) + b" came back")
        output = self.client("give", self.serve(handler))
        self.assertEqual(output, "file 1\npipe EINVAL\nstdin 1\nitself 1\nit came back\n")
        self.assertEqual(seen, [b"in a file", b"from standard input"])

    def test_shared_memory(self):
        seen = []

        def handler(connection):
            _, fds = receive_fds(connection)
            with mmap.mmap(fds[0], 8192) as buffer:
                seen.append(buffer[:6])
                connection.sendall(b"x")
                connection.recv(1)
                seen.append(buffer[4096:4101])
                buffer[100:113] = b"from the host"
                connection.sendall(b"x")
        self.assertEqual(self.client("buffer", self.serve(handler)), "from the host\n")
        self.assertEqual(seen, [b"before", b"after"])

    def test_readiness(self):
        def handler(connection):
            connection.recv(1)
            connection.sendall(b"ans")
            time.sleep(0.05)
            connection.sendall(b"wer")
            connection.recv(1)
        self.assertEqual(self.client("readiness", self.serve(handler)), "0\n1\nanswer\nEAGAIN\n1\n0\nEPIPE\n")

    def test_nobody_there(self):
        self.thread, self.problem = threading.Thread(), None
        self.thread.start()
        gone = self.folder / "gone"
        self.assertEqual(self.client("echo", self.mount(gone)), "connect: ENOENT\n")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(self.folder / "refused"))
        self.thread = threading.Thread()
        self.thread.start()
        self.assertEqual(self.client("echo", self.mount(self.folder / "refused")), "connect: ECONNREFUSED\n")
        # Of another type.
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(str(self.folder / "packets"))
            listener.listen()
            self.thread = threading.Thread()
            self.thread.start()
            self.assertEqual(self.client("echo", self.mount(self.folder / "packets")), "connect: EPROTOTYPE\n")

    def test_what_cannot_be_mounted(self):
        for source in ("relative", "none"):
            self.assertNotEqual(guest.run("sh", "-c", f"touch /run/x; mount -t hostsocket {source} /run/x").returncode, 0)
        run = [word if word != "-e" else "--user=nobody" for word in guest.RUN] + ["-e"]
        result = subprocess.run([*run, "perl", "-e", "my ($s, $p, $t) = qw(/x /etc/passwd hostsocket); "
                                 "syscall(165, $s, $p, $t, 0, 0) == 0 or print $!+0"],
                                capture_output=True, stdin=subprocess.DEVNULL, timeout=60)
        self.assertEqual(result.stdout, b"1")  # EPERM


@unittest.skipUnless(shutil.which("Xvfb"), "needs Xvfb")
class Display(HostSockets):
    """The X server of the host asks for a cookie."""

    # Those of the base class need not be run again.
    for name in dir(HostSockets):
        if name.startswith("test_"):
            locals()[name] = None
    del name

    def setUp(self):
        self.cookies = self.folder / f"cookies{random.randrange(1 << 30)}"
        cookie = os.urandom(16)

        def counted(data):
            return struct.pack(">H", len(data)) + data
        ready, theirs = os.pipe()
        # Another machine's cookie first, then ours.
        entries = [(256, b"elsewhere", b"77"), (256, socket.gethostname().encode(), b"")]
        self.cookies.write_bytes(b"".join(
            struct.pack(">H", family) + counted(host) + counted(number) + counted(b"MIT-MAGIC-COOKIE-1") + counted(cookie)
            for family, host, number in entries[1:]))
        # Not the lowest free number, which others on the machine may take and free meanwhile.
        self.server = subprocess.Popen(["Xvfb", f":{random.randrange(200, 30000)}", "-displayfd", str(theirs), "-noreset", "-auth", str(self.cookies), "-nolisten", "tcp",
                                        "-screen", "0", "320x200x24"], pass_fds=[theirs], stderr=subprocess.DEVNULL)
        os.close(theirs)
        self.addCleanup(self.server.wait)
        self.addCleanup(self.server.terminate)
        # To the line's end, which the server writes by itself: it would die of a pipe that is closed.
        with open(ready) as lines:
            self.display = ":" + lines.readline().strip()
        # The file as a session of the user has it.
        number = self.display[1:].encode()
        self.cookies.write_bytes(b"".join(
            struct.pack(">H", family) + counted(host) + counted(of or number) + counted(b"MIT-MAGIC-COOKIE-1") +
            counted(data) for family, host, of, data in
            [(256, b"elsewhere", b"77", os.urandom(16)), (256, socket.gethostname().encode(), b"", cookie)]))

    def x11(self, environment):
        run = guest.RUN
        return subprocess.run([*run, CLIENT, "x11"], capture_output=True, timeout=60, stdin=subprocess.DEVNULL,
                              env={**os.environ, **environment})

    def test_the_cookie_opens_the_display(self):
        result = self.x11({"DISPLAY": self.display, "XAUTHORITY": str(self.cookies)})
        self.assertEqual(result.stdout, b"accepted 11.0\n", result.stderr)
        # Without it the server refuses, which shows that it is asked.
        result = self.x11({"DISPLAY": self.display, "XAUTHORITY": "/nonexistent", "HOME": "/nonexistent",
                           "LXSS_HOME": os.environ["LXSS_HOME"]})
        self.assertTrue(result.stdout.startswith(b"refused"), result)

    def test_names_in_the_instance(self):
        result = subprocess.run([*guest.RUN, "sh", "-c", "echo $DISPLAY; stat -c %a $XAUTHORITY; test -S "
                                 f"/tmp/.X11-unix/X{self.display[1:]} && echo there"], capture_output=True, timeout=60,
                                stdin=subprocess.DEVNULL,
                                env={**os.environ, "DISPLAY": self.display, "XAUTHORITY": str(self.cookies)})
        self.assertEqual(result.stdout.decode().split(), [self.display, "600", "there"], result.stderr)

    def test_wayland_and_sound(self):
        for name in ("wayland-7", "native"):
            listener = socket.socket(socket.AF_UNIX)
            self.addCleanup(listener.close)
            listener.bind(str(self.folder / name))
            listener.listen()
        environment = {**os.environ, "WAYLAND_DISPLAY": "wayland-7", "XDG_RUNTIME_DIR": str(self.folder),
                       "PULSE_SERVER": f"unix:{self.folder}/native"}
        environment.pop("DISPLAY", None)
        script = ("echo $WAYLAND_DISPLAY; echo $PULSE_SERVER; "
                  "for s in $WAYLAND_DISPLAY ${PULSE_SERVER#unix:}; do "
                  "perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Peer => shift) and print \"connected\\n\"' $s; done")
        result = subprocess.run([*guest.RUN, "sh", "-c", script], capture_output=True, timeout=60, env=environment,
                                stdin=subprocess.DEVNULL)
        self.assertEqual(result.stdout, b"/run/lxss/host/wayland-0\nunix:/run/lxss/host/pulse\nconnected\nconnected\n",
                         result.stderr)


unittest.main(verbosity=2)
