"""What is measured: rows by group."""

inside = "/opt/lxss-bench"  # where the programs lie in the instance
programs = ("calls", "handoff", "processes", "commands", "files")


class Row:
    """One line of the table: a program below `inside`; {n} stands for the count, {at} for the folder of the group `files`."""

    def __init__(self, name, text, command, count, quick_count, rounds=7, needs=None):
        self.name, self.text, self.command = name, text, command
        self.count, self.quick_count, self.rounds = count, quick_count, rounds
        self.needs = needs  # a program of the instance


def whole(command):
    return f"commands {{n}} {command}"


# `start` is not here: it is measured from outside.
calls = [
    Row("getppid", "getppid", "calls getppid {n}", 200000, 100),
    Row("stat", "stat, warm", "calls stat {n}", 100000, 100),
    Row("open-close", "open and close", "calls open-close {n}", 50000, 100),
    Row("pread", "pread of 4 KiB, cached", "calls pread {n}", 100000, 100),
    Row("pipe", "pipe round trip, two processes", "handoff pipe {n}", 5000, 20),
    Row("futex", "futex round trip, two threads", "handoff futex {n}", 5000, 20),
    Row("fork", "fork, exit, wait", "processes fork {n}", 300, 3),
    Row("fork-exec", "fork, exec of /bin/true, wait", "processes fork-exec {n}", 200, 3),
    Row("fork-exec-static", "the same by a static program", "static/processes fork-exec {n}", 200, 3),
    Row("spawn", "posix_spawn of /bin/true, wait", "processes spawn {n}", 200, 3),
    Row("bash-loop", "bash: 500 times /bin/true",
        whole("bash -c 'for i in {{1..{loops}}}; do /bin/true; done'"), 1, 1, 5),
    Row("gcc", "gcc -O2 -c of a small file", whole(f"gcc -O2 -c {inside}/sample.c -o /tmp/lxss-bench.o"), 5, 1, 5, "gcc"),
    Row("find", "find /usr | wc -l", whole("sh -c 'find /usr | wc -l'"), 5, 1, 5),
    Row("tar", "tar c /usr/share | wc -c", whole("sh -c 'tar cf - /usr/share | wc -c'"), 3, 1, 5),
]
start_row = Row("start", "start of true, from the host", None, 20, 2, 5)
groups = {
    "calls": [*calls, start_row],
    "files": [
        Row("file-stat", "stat, 1,000 files in turn", "files stat {n} {at}", 50000, 100),
        Row("file-open", "open and close, likewise", "files open {n} {at}", 30000, 100),
        Row("file-readdir", "readdir of 1,000 names", "files readdir {n} {at}", 300, 2),
        Row("file-create", "create and close", "files create {n} {at}", 5000, 20),
        Row("file-rename", "rename", "files rename {n} {at}", 5000, 20),
        Row("file-unlink", "unlink", "files unlink {n} {at}", 5000, 20),
        Row("file-mkdir", "mkdir and rmdir", "files mkdir {n} {at}", 3000, 20),
        Row("file-find", "find over 100,000 files", whole("sh -c 'find {at}/tree | wc -l'"), 2, 1, 5),
        Row("file-tar", "tar x of 10,000 files", whole("--before 'rm -rf {at}/source' tar xf {at}/source.tar -C {at}"), 2, 1, 5),
        Row("file-rm", "rm -r of 10,000 files", whole("--before 'tar xf {at}/source.tar -C {at}' rm -r {at}/source"), 2, 1, 5),
        Row("file-git", "git status of 5,000 files", whole("git -C {at}/repository status"), 5, 1, 5, "git"),
    ],
}

# Makes what the rows of `files` work on in the folder $1, with the programs in $2: files of a tree, an archive and a repository.
prepare_files = """set -e
mkdir -p "$1"; cd "$1"
"$2"/files tree tree "$3" 0
"$2"/files tree source "$4" 2048
tar cf source.tar source; rm -r source
if command -v git >/dev/null; then
    "$2"/files tree repository "$5" 400; cd repository; git init -q; git add .
    git -c user.email=a@b -c user.name=n commit -qm all
fi"""
file_counts, quick_file_counts = (100000, 10000, 5000), (300, 200, 100)
