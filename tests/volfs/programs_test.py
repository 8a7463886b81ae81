"""Programs that a guest has written are run by the host while the instance goes on (ETXTBSY)."""
import errno
import os
import subprocess

import volfs_support

SCRIPT = "#!/bin/sh\necho it runs\n"


class Programs(volfs_support.TreeTestCase):
    def setUp(self):
        super().setUp()
        # This host must see the difference.
        path = self.place + "probe"
        with open(path, "w") as file:
            file.write(SCRIPT)
            file.flush()
            os.chmod(path, 0o755)
            if self.run_error(path) != errno.ETXTBSY:
                self.skipTest("the host runs what is open for writing")

    def run_error(self, path):
        """The errno of running it on the host; 0 once it has run."""
        try:
            result = subprocess.run([path], stdout=subprocess.PIPE, check=True)
        except OSError as error:
            return error.errno
        self.assertEqual(result.stdout, b"it runs\n")
        return 0

    def make(self, script):
        job = self.home.start("-e", "/bin/sh", "-c", f"cd /root/broken; {script}; echo ready; read line", "sh", SCRIPT)
        self.addCleanup(job.communicate, b"\n", timeout=20)
        self.assertEqual(job.stdout.readline(), b"ready\n")

    def test_executable_when_closed(self):
        self.make('umask 0; : >program; chmod 777 program; printf "$1" >>program')
        self.assertEqual(self.run_error(self.place + "program"), 0)

    def test_executable_later(self):
        self.make('printf "$1" >program; chmod 755 program')
        self.assertEqual(self.run_error(self.place + "program"), 0)

    def test_still_written(self):
        self.make('printf "$1" >program; chmod 755 program; exec 5>>program; echo "# more" >&5')
        self.assertEqual(self.run_error(self.place + "program"), errno.ETXTBSY)

    def test_unlinked(self):
        """What has no name any more keeps the handle that it could not open again."""
        self.assertEqual(self.guest('cd /root/broken; exec 5<>program; rm program; printf "$1" >&5; chmod 755 /proc/self/fd/5; '
                                    "cat /proc/self/fd/5; echo '# more' >&5; tail -n 1 /proc/self/fd/5", SCRIPT),
                         SCRIPT + "# more\n")
