"""`python -m bench.startup`: what it takes to start a command, to `python -c pass`.

Processor time and the least of several starts: both hardly depend on what else the machine does.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

STARTS = 15
BARE = "python -c pass"
COMMANDS: Mapping[str, Sequence[str]] = {
    BARE: ["-c", "pass"],
    "dcanary --help": ["-c", "from dcanary.cli.main import main; main()", "--help"],
    "dcanary run --help": ["-c", "from dcanary.cli.main import main; main()", "run", "--help"],
}


def processor_seconds(arguments: Sequence[str]) -> float:
    """Of one start of Python. Raises RuntimeError when it fails."""
    nothing = (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)
    command = [sys.executable, *arguments]
    child = os.posix_spawn(sys.executable, command, os.environ, file_actions=[nothing])
    _, status, used = os.wait4(child, 0)
    if status != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}")
    return used.ru_utime + used.ru_stime


def measure(starts: int = STARTS) -> dict[str, float]:
    """Command -> its least processor time in seconds. All take turns, so that load meets each."""
    least = dict.fromkeys(COMMANDS, float("inf"))
    for _ in range(starts):
        for name, arguments in COMMANDS.items():
            least[name] = min(least[name], processor_seconds(arguments))
    return least


def main() -> None:
    """Print the ratios."""
    least = measure()
    for name, seconds in least.items():
        if name != BARE:
            print(f"{seconds / least[BARE]:8.2f}  {name}")
            print(f"{'':8}  ratio to {BARE}: {1e3 * seconds:.0f} ms to {1e3 * least[BARE]:.0f} ms")


if __name__ == "__main__":
    main()
