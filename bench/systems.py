"""What is compared: the same programs natively, under lxss and under PRoot."""
import os
import shlex
import shutil
import subprocess
import sys

from rows import file_counts, inside, prepare_files, programs, quick_file_counts

root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root",
               "LANG": "C.UTF-8"}
skip_code = 77


def die(message, code=1):
    print(f"bench: {message}", file=sys.stderr)
    sys.exit(code)


def output_of(command, env=None):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=env, timeout=600)
    if done.returncode != 0:
        raise RuntimeError(f"exit code {done.returncode}: {done.stderr.strip()[-500:]}")
    return done.stdout


class System:
    """Runs a program below `inside` and gives the seconds that it prints. `at` is the folder for the group `files`."""

    def __init__(self, setup, name, at):
        self.setup, self.name, self.at = setup, name, at

    def run(self, words):
        return float(self.output([f"{inside}/{words[0]}", *words[1:]]))

    def prepare_files(self, quick):
        counts = quick_file_counts if quick else file_counts
        self.output(["/bin/sh", "-c", prepare_files, "sh", self.at, inside, *map(str, counts)])


class Native(System):
    """The instance's own programs in a chroot, which takes root; else the host's programs.

    Mounts are made in a mount namespace of each run, so nothing is left to clean up. /tmp is a folder apart: the
    instance owns its tree and does not expect others to write to it.
    """

    def __init__(self, setup):
        self.is_chroot = os.geteuid() == 0
        super().__init__(setup, "native", "/tmp/files" if self.is_chroot else f"{setup.temporary('host')}/files")

    def prefix(self):
        if not self.is_chroot:
            return ["env", "-i", *(f"{k}={v}" for k, v in environment.items())]
        tree, folder, temporary = (shlex.quote(path) for path in (
            self.setup.tree, self.setup.programs, self.setup.temporary("host")))
        script = (f"mount -t proc proc {tree}/proc && mount --rbind /dev {tree}/dev && "
                  f"mount --bind {folder} {tree}{inside} && mount --bind {temporary} {tree}/tmp && "
                  f'exec chroot {tree} "$@"')
        return ["unshare", "--mount", "sh", "-c", script, "sh", "env", "-i",
                *(f"{k}={v}" for k, v in environment.items())]

    def output(self, words):
        if not self.is_chroot:
            words = [word.replace(inside, self.setup.programs) for word in words]
        return output_of([*self.prefix(), *words])

    def start(self, count):
        return self.run(["commands", str(count), "true"])


class Lxss(System):
    def output(self, words):
        return output_of([*self.setup.lxss_e, *words])

    def start(self, count):
        return float(output_of([f"{self.setup.programs}/commands", str(count), *self.setup.lxss_e, "true"]))


class PRoot(System):
    """Works on the same files as Native."""

    def __init__(self, setup):
        super().__init__(setup, "proot", "/tmp/files")

    def command(self, *words):
        return ["proot", "-r", self.setup.tree, "-b", "/proc", "-b", "/dev",
                "-b", f"{self.setup.programs}:{inside}", "-b", f"{self.setup.temporary('host')}:/tmp", "-w", "/",
                *words]

    def output(self, words):
        return output_of(self.command(*words), environment)

    def start(self, count):
        program = [f"{self.setup.programs}/commands", str(count)]
        return float(output_of([*program, *self.command("/bin/true")], environment))


volfs_folder = "/var/lxss-bench"


def systems_of(setup, group, quick):
    """What the group compares, made ready."""
    native = Native(setup)
    others = [PRoot(setup)] if shutil.which("proot") else []
    if group != "files":
        return [native, Lxss(setup, "lxss", None), *others]
    drive, memory = "/mnt/lxss-bench", "/run/lxss-bench"
    setup.mount(drive, "-t", "drvfs", setup.temporary("drive"))
    setup.mount(memory, "-t", "tmpfs", "tmpfs")
    systems = [native, Lxss(setup, "volfs", volfs_folder), Lxss(setup, "drvfs", f"{drive}/files"),
               Lxss(setup, "tmpfs", f"{memory}/files")]
    for system in systems:
        system.prepare_files(quick)
    return [*systems, *others]


class Setup:
    """The instance, its folder on the host, and the built programs."""

    def __init__(self, options, work):
        self.work = work
        self.mounts = []
        self.binary = f"{options.build}/bin/lxss"
        # A copy, laid out as in the instance; native and PRoot see it in the instance's place.
        self.programs = f"{work}/programs"
        built = f"{options.build}/bench"
        for needed in (self.binary, *(f"{built}/{link}/{name}" for link in ("dynamic", "static") for name in programs)):
            if not os.path.exists(needed):
                die(f"{needed} is missing; build it: cmake --preset {os.path.basename(options.build)} -DBUILD_TESTING=ON && "
                    f"cmake --build --preset {os.path.basename(options.build)}")
        shutil.copytree(f"{built}/dynamic", self.programs)
        shutil.copytree(f"{built}/static", f"{self.programs}/static")
        shutil.copy(f"{root}/bench/programs/sample.c", self.programs)
        self.own = options.instance is None
        self.instance = options.instance or "bench"
        if self.own:
            os.environ["LXSS_HOME"] = f"{work}/home"
            os.environ.setdefault("LXSS_GRACE", "600")
            os.mkdir(os.environ["LXSS_HOME"])
            with open(os.environ["LXSS_HOME"] + "/lxss.conf", "w") as file:
                file.write("[drives]\nc = off\n")  # commands start in their home
            archive = options.archive or self.find_archive(options.cached_only)
            self.check([self.binary, "--import", self.instance, f"{work}/instance", archive])
        self.lxss_e = [self.binary, "-d", self.instance, "-u", "root", "-e"]
        self.tree = self.find_tree()

    @staticmethod
    def check(command, **options):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
        if done.returncode != 0:
            die(f"{shlex.join(command)}: {done.stdout.decode(errors='replace').strip()[-2000:]}")
        return done.stdout.decode(errors="replace")

    @staticmethod
    def find_archive(cached_only):
        if cached_only:
            cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
            names = [f"{folder}/{name}" for folder in ("/var/cache/lxss", f"{cache}/lxss") if os.path.isdir(folder)
                     for name in sorted(os.listdir(folder)) if name.startswith("debian-") and name.endswith(".tar.zst")]
            if not names:
                die("no Debian tarball in the cache; scripts/bootstrap-debian makes one", skip_code)
            return names[0]
        done = subprocess.run([f"{root}/scripts/bootstrap-debian"], stdout=subprocess.PIPE, text=True)
        if done.returncode != 0:
            die("no Debian tarball")
        return done.stdout.strip()

    def find_tree(self):
        for line in self.check([self.binary, "--list", "-v"]).splitlines():
            words = line.lstrip("* ").split(maxsplit=2)
            at = line.find("/")
            if words and words[0] == self.instance and at >= 0:
                return os.path.join(line[at:].strip(), "rootfs")
        die(f"lxss knows no instance {self.instance}")

    def temporary(self, name):
        folder = f"{self.work}/tmp-{name}"
        os.makedirs(folder, exist_ok=True)
        return folder

    # Files go in through lxss: a running instance does not look for changes that the host makes to its tree.
    def put_programs(self):
        for name in (*programs, *(f"static/{name}" for name in programs), "sample.c"):
            with open(f"{self.programs}/{name}", "rb") as file:
                self.check([*self.lxss_e, "sh", "-c", 'mkdir -p "${1%/*}" && cat >"$1" && chmod 755 "$1"', "sh",
                            f"{inside}/{name}"], stdin=file)

    def has(self, program):
        return subprocess.run([*self.lxss_e, "sh", "-c", f"command -v {program}"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL).returncode == 0

    def install(self, program, packages):
        if not self.has(program):
            print(f"bench: installing {program} in the instance", file=sys.stderr)
            self.check([*self.lxss_e, "sh", "-c", "apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y "
                        f"--no-install-recommends {packages}"], stdin=subprocess.DEVNULL)

    def mount(self, folder, *options):
        """A mount in the instance, which stays until the instance ends."""
        self.check([*self.lxss_e, "sh", "-c", 'mkdir -p "$1" && folder=$1 && shift && mount "$@" "$folder"', "sh", folder,
                    *options], stdin=subprocess.DEVNULL)
        self.mounts.append(folder)

    def close(self):
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        if self.own:
            subprocess.run([self.binary, "--unregister", self.instance], **quiet)
            subprocess.run([self.binary, "--shutdown"], **quiet)
        else:
            for folder in self.mounts:
                subprocess.run([*self.lxss_e, "umount", folder], **quiet)
            subprocess.run([*self.lxss_e, "rm", "-rf", inside, volfs_folder, *self.mounts], **quiet)
