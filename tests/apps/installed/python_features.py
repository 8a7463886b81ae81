"""What Python programs ask of a system, used for real. Prints the same everywhere."""
import asyncio
import concurrent.futures
import ctypes
import fcntl
import hashlib
import mmap
import multiprocessing
import os
import select
import selectors
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time


def square(number):
    return number * number


def worker(inbox, outbox, lock, counter):
    for number in iter(inbox.get, None):
        with lock:
            counter.value += 1
        outbox.put(square(number))


def subprocesses():
    print(subprocess.check_output(["echo", "out"]).decode().strip())
    print(subprocess.run("exit 7", shell=True).returncode, subprocess.run(["sh", "-c", "kill -9 $$"]).returncode)
    with subprocess.Popen(["tr", "a-z", "A-Z"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        output, _ = process.communicate(b"x" * 1_000_000)
    print(hashlib.md5(output).hexdigest())
    try:
        subprocess.run(["sleep", "30"], timeout=0.2)
    except subprocess.TimeoutExpired:
        print("timeout")
    try:
        subprocess.run(["/no/such/program"])
    except FileNotFoundError as error:
        print(error.strerror)
    print(subprocess.run(["sh", "-c", "echo $X; pwd; umask"], env={"X": "1", "PATH": os.environ["PATH"]}, cwd="/", umask=0o27,
                         capture_output=True, text=True).stdout.split())
    pipeline = subprocess.Popen(["seq", "1000"], stdout=subprocess.PIPE)
    print(subprocess.check_output(["tail", "-n", "1"], stdin=pipeline.stdout).strip(), pipeline.wait())


def threads():
    total, lock, barrier = [0], threading.Lock(), threading.Barrier(8)

    def add():
        barrier.wait()
        for _ in range(1000):
            with lock:
                total[0] += 1

    started = [threading.Thread(target=add) for _ in range(8)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    print(total[0])
    condition, items = threading.Condition(), []

    def consume():
        with condition:
            condition.wait_for(lambda: items)

    thread = threading.Thread(target=consume)
    thread.start()
    with condition:
        items.append(1)
        condition.notify()
    thread.join(10)
    print(thread.is_alive(), threading.Event().wait(0.05))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        print(sum(pool.map(square, range(100))))


def processes():
    with multiprocessing.Pool(3) as pool:
        print(sum(pool.map(square, range(200))))
    inbox, outbox = multiprocessing.Queue(), multiprocessing.Queue()
    lock, counter = multiprocessing.Lock(), multiprocessing.Value("i", 0)
    workers = [multiprocessing.Process(target=worker, args=(inbox, outbox, lock, counter)) for _ in range(3)]
    for process in workers:
        process.start()
    for number in range(50):
        inbox.put(number)
    for _ in workers:
        inbox.put(None)
    print(sum(outbox.get(timeout=20) for _ in range(50)), counter.value)
    for process in workers:
        process.join(20)
    print([process.exitcode for process in workers])
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        print(pool.map(abs, [-1, -2]))
    with concurrent.futures.ProcessPoolExecutor(2) as pool:
        print(sum(pool.map(square, range(20))))
    from multiprocessing import shared_memory
    memory = shared_memory.SharedMemory(create=True, size=4096)
    child = os.fork()
    if child == 0:
        memory.buf[0] = 77
        os._exit(3)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), memory.buf[0])
    memory.close()
    memory.unlink()


def sockets():
    with socket.create_server(("127.0.0.1", 0)) as server:
        def serve():
            peer, _ = server.accept()
            with peer:
                while data := peer.recv(65536):
                    peer.sendall(data[::-1])

        thread = threading.Thread(target=serve)
        thread.start()
        with socket.create_connection(server.getsockname()) as client:
            client.sendall(b"tcp")
            print(client.recv(10), client.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE) == socket.SOCK_STREAM)
        thread.join()
    one, two = socket.socketpair()
    one.sendall(b"pair")
    print(two.recv(10))
    reader, writer = os.pipe()
    socket.send_fds(one, [b"fd"], [writer])
    _, received, _, _ = socket.recv_fds(two, 10, 1)
    os.write(received[0], b"through a passed descriptor")
    print(os.read(reader, 100))
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as unix:
        unix.bind(folder + "/s")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"datagram", folder + "/s")
        print(unix.recv(100))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        udp.sendto(b"udp", udp.getsockname())
        print(udp.recvfrom(10)[0])
    with selectors.DefaultSelector() as selector:
        selector.register(two, selectors.EVENT_READ)
        print(selector.select(0.05))
        one.send(b"!")
        print(len(selector.select(5)), two.recv(1))
    one.close()
    print(two.recv(1))
    poll = select.poll()
    poll.register(two, select.POLLIN)
    print(poll.poll(0)[0][1] & select.POLLIN)


async def asynchronous():
    async def handle(reader, writer):
        writer.write((await reader.readline()).upper())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    async def ask(text):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(text.encode() + b"\n")
        answer = await reader.readline()
        writer.close()
        return answer.decode().strip()

    print(await asyncio.gather(*(ask(f"client {i}") for i in range(20))))
    server.close()
    process = await asyncio.create_subprocess_exec("sh", "-c", "read x; echo got $x; exit 4", stdin=-1, stdout=-1)
    print(await process.communicate(b"line\n"), process.returncode)
    try:
        await asyncio.wait_for(asyncio.sleep(30), 0.05)
    except asyncio.TimeoutError:
        print("asyncio timeout")
    caught = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, caught.set)
    os.kill(os.getpid(), signal.SIGUSR1)
    await asyncio.wait_for(caught.wait(), 5)
    print(await asyncio.to_thread(square, 9))


def files():
    with tempfile.TemporaryDirectory() as folder:
        name = folder + "/data"
        with open(name, "wb+") as file:
            file.write(bytes(range(256)) * 64)
            file.flush()
            with mmap.mmap(file.fileno(), 0) as view:
                view[0:4] = b"mmap"
                print(view.find(b"\x10\x11"), view[:6])
            file.seek(0)
            print(file.read(6))
            fcntl.lockf(file, fcntl.LOCK_EX)
            child = os.fork()
            if child == 0:
                try:
                    fcntl.lockf(open(name, "rb+"), fcntl.LOCK_EX | fcntl.LOCK_NB)
                    os._exit(0)
                except BlockingIOError:
                    os._exit(5)
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        os.symlink("data", folder + "/link")
        os.makedirs(folder + "/a/b/c")
        print(sorted(os.listdir(folder)), [sorted(folders + names) for _, folders, names in os.walk(folder)][0])
        print(os.stat(folder + "/link").st_size, os.path.islink(folder + "/link"))
        database = sqlite3.connect(folder + "/db")
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE t (x INTEGER)")
        with database:
            database.executemany("INSERT INTO t VALUES (?)", [(i,) for i in range(1000)])
        print(database.execute("SELECT count(*), sum(x) FROM t").fetchone())
        database.close()


def signals():
    order = []
    signal.signal(signal.SIGALRM, lambda *_: order.append("alarm"))
    signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
    while len(order) < 3:
        signal.pause()
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
    os.kill(os.getpid(), signal.SIGUSR2)
    print(order, signal.sigwait([signal.SIGUSR2]).name)
    child = os.fork()
    if child == 0:
        ctypes.string_at(0)
    print(os.WTERMSIG(os.waitpid(child, 0)[1]))
    begin = time.monotonic()
    time.sleep(0.1)
    print(time.monotonic() - begin >= 0.1)


if __name__ == "__main__":
    for part in (subprocesses, threads, processes, sockets, files, signals):
        print(f"-- {part.__name__}", flush=True)
        part()
        sys.stdout.flush()
    print("-- asyncio", flush=True)
    asyncio.run(asynchronous())
