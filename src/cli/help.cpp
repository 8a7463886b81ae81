#include "cli/arguments.hpp"

namespace lxss {

const char* const kHelpText =
    R"(lxss runs Linux programs in an instance: a Linux system of its own, without virtual machine or root.

Usage: lxss [OPTIONS] [COMMAND...]       run COMMAND through the user's shell, or open a login shell
       lxss [OPTIONS] -e COMMAND...      run COMMAND directly
       lxss VERB

Options:
  -d, --distribution NAME   the instance to use, instead of the default one
  -u, --user USER           run as this user of the instance, by name or number
      --cd DIR              start in this folder of the instance; ~ is the user's home
  ~                         start in the user's home
      --shell-type TYPE     standard (through the shell), login (through a login shell) or none (directly)
  -e, --exec                run COMMAND without a shell
  --                        what follows is the command, even if it starts with a dash
      --engine=NAME         how the instance runs its programs: direct (in place) or translate (from a
                            code cache); it must not be running with another one
      --trace               write the system calls of COMMAND to standard error
      --trace=summary       write their counts and times at the end instead
      --trace-file FILE     write the trace to FILE

Verbs:
  --install [NAME]                  make an instance of a distribution of the catalog, and open it
      --name NEW, --location FOLDER     with this name, in this folder
      --from-file FILE                  from an archive, as --import does
      --no-launch; --portable           do not open it; as with --import
  -l, --list [OPTION...]            list the instances
      -v, --verbose; -q, --quiet        with state and folder; names alone
      --running; --all                  only those that run; also those that are being made or removed
      -o, --online                      the distributions of the catalog instead
  --import NAME FOLDER FILE [--portable]
                                    make an instance in FOLDER from an archive of a root file system or from a
                                    container image (docker save, OCI layout; plain or compressed by gzip, xz,
                                    zstd or bzip2; - is standard input; an OCI layout may be a folder); portable: so that FOLDER can be
                                    copied to Windows, where --check --repair makes it an instance
  --import-in-place NAME FOLDER     register a folder that holds an instance
  --export NAME FILE [--format tar|tar.gz|tar.xz|tar.zst|tar.bz2]
                                    write the instance to an archive, compressed as FORMAT or FILE's suffix
                                    says (- is standard output)
  --manage NAME --set-default-user USER
                                    run commands as USER when no --user is given
  --manage NAME --move FOLDER       move the instance to another folder
  --manage NAME --rename NEW        give it another name
  --mount FOLDER [--name N] [--options O] [-d NAME]
                                    make a folder or drive of the host visible in the instance, as /mnt/N
  --unmount [N] [-d NAME]           take /mnt/N away again, or all that --mount has made
  -s, --set-default NAME            make NAME the default instance
  -t, --terminate NAME              end everything that runs in NAME
  --shutdown [--force]              end every instance, and the session manager
  --check NAME [--repair]           look through the files of NAME, which must not be running, for what interrupted
                                    work or programs of the host have left, and repair it. The exit code is that
                                    of fsck: 0 nothing found, 1 all repaired, 4 problems left, 8 failed
  --unregister NAME                 remove the instance and all its files
  --status, --system-info           what is set, and what runs
  --debug-shell                     a root shell that needs nothing of the instance's own settings
  -v, --version                     print the version
  -h, --help                        print this text

The exit code is that of COMMAND, 128+N if signal N ended it, or 255 with a message if lxss could not run it.
)";

} // namespace lxss
