"""The shell lines with which a stage's source is unpacked and each of its commands is begun.

Both run inside the sandbox, each in a process tree of its own. Nothing here decides what comes
next: the executor counts the commands, starts each of them and reads how its tree ended. (An
earlier form looped over the commands inside and reported over a pipe; a command could take that
pipe and report for the others.)
"""

from collections.abc import Sequence

# $1: folder of the source. Standard input is the source as a tar stream.
_UNPACK = r"""
umask 022
mkdir -p "$1" "$HOME" "$TMPDIR" &&
exec tar -x -f - -C "$1" --no-same-owner --delay-directory-restore
"""
# $1: folder of the source, $2: the command.
_COMMAND = r"""
umask 022
cd "$1" && exec /bin/sh -e -c "$2"
"""
# $1: folder of the source. Standard input is a terminal; where `setsid` is there, it becomes that
# of the shell, which can then stop and continue what it starts.
_SHELL = r"""
umask 022
cd "$1" && exec >&0 2>&1
export PS1='sandbox$ '
shell=$(command -v bash || echo /bin/sh)
command -v setsid > /dev/null && exec setsid --ctty --wait "$shell" -i
exec "$shell" -i
"""


def unpack_program(source: str) -> Sequence[str]:
    """The program that unpacks the tar stream on its standard input in the folder `source`."""
    return ("/bin/sh", "-c", _UNPACK, "sh", source)


def command_program(source: str, command: str) -> Sequence[str]:
    """The program that runs one command of a stage in the folder `source`."""
    return ("/bin/sh", "-c", _COMMAND, "sh", source, command)


def shell_program(source: str) -> Sequence[str]:
    """The program that is a shell in the folder `source`, for the person at its standard input."""
    return ("/bin/sh", "-c", _SHELL, "sh", source)
