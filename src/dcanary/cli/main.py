"""Entry point of the console script.

`dcanary` and `dcanary --help` are answered from a text that is kept: importing a command-line
library alone takes four times as long as Python's own start (bench/startup.py measures both).
"""

import os
import sys

INTERRUPTED = 130
"""What a shell calls the end of a process by SIGINT."""

READER_GONE = 141
"""What a shell calls the end of a process by SIGPIPE: what read our output, such as `head`, has
ended. Other command lines end so by the signal itself; here files and locks are let go first."""

ASKS_FOR_COMPLETION = "_DCANARY_COMPLETE"
"""The variable by which a shell asks what a word can be: click's name for it."""

try:
    from dcanary.cli.help import HELP
except KeyboardInterrupt:
    # The console script imports this module before it calls anything that could catch it.
    sys.exit(INTERRUPTED)


def main() -> None:
    """Run the command line and exit."""
    try:
        _open_closed_streams()
        code = _flushed(_answer(sys.argv[1:]))
    except KeyboardInterrupt:
        # Before the command began, or while it ended: there is nothing to tell. What was not
        # written yet is not waited for either.
        sys.stdout = None
        code = INTERRUPTED
    sys.exit(code)


def _answer(arguments: list[str]) -> int:
    if arguments not in ([], ["--help"], ["-h"]) or ASKS_FOR_COMPLETION in os.environ:
        return run(arguments)
    try:
        sys.stdout.write(HELP)
    except OSError as error:
        return _lost(error)
    return 0


def _flushed(code: int) -> int:
    """The exit code once what was printed has left; a failure is told unless the command did."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        lost = _lost(error) if code == 0 else code
        sys.stdout = None
        return lost
    return code


def _lost(error: OSError) -> int:
    """The exit code when standard output cannot be written."""
    # Without a stream Python does not try again at exit.
    sys.stdout = None
    if isinstance(error, BrokenPipeError):
        return READER_GONE
    sys.stderr.write(f"error: the output cannot be written: {error.strerror}\n")
    return 1


def _open_closed_streams() -> None:
    """Open the standard streams that the caller has closed (`>&-`).

    Else the next file or connection gets their number. Writing to standard output still fails, as
    it must: it is opened for reading.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, os.O_WRONLY if name == "stderr" else os.O_RDONLY)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            mode = "r" if name == "stdin" else "w"
            stream = os.fdopen(number, mode, encoding="utf-8", closefd=False)
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)


def run(arguments: list[str]) -> int:
    """The exit code of one command."""
    from dcanary.cli.app import run as run_command

    return run_command(arguments)
