"""Entry point of the console script.

`dcanary` and `dcanary --help` are answered from a text that is kept: importing a command-line
library alone takes four times as long as Python's own start (bench/startup.py measures both).
"""

import sys

from dcanary.cli.help import HELP


def main() -> None:
    """Run the command line and exit."""
    arguments = sys.argv[1:]
    if arguments in ([], ["--help"], ["-h"]):
        code = _print_help()
    else:
        code = run(arguments)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # What read our output has ended. Without a stream Python does not try again at exit.
        sys.stdout = None
        code = code or 1
    sys.exit(code)


def _print_help() -> int:
    try:
        sys.stdout.write(HELP)
    except BrokenPipeError:
        return 1
    return 0


def run(arguments: list[str]) -> int:
    """The exit code of one command."""
    from dcanary.cli.app import run as run_command

    return run_command(arguments)
