"""`python -m bench`: measure everything once and print it."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench import building, delivering, engine, queueing, runs, timers, waiting, whole_run
from bench.installation import Installation
from bench.report import Report
from dcanary.cli.errors import translated
from dcanary.client.errors import ClientError


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 when everything was measured, 1 or 3 (network) when something went wrong."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    options = parser.parse_args(arguments)
    if options.json is not None and not options.json.absolute().parent.is_dir():
        parser.error(f"there is no folder {options.json.parent} to write {options.json.name} in")
    # What was started must be stopped, also when somebody stops us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        with translated():
            report = _measure()
    except ClientError as error:
        print(f"bench: {error}", file=sys.stderr)
        return error.exit_code
    print(report.text(), end="")
    if options.json is not None:
        try:
            options.json.write_text(json.dumps(report.record(), indent=2) + "\n")
        except OSError as error:
            print(f"bench: cannot write {options.json}: {error.strerror}", file=sys.stderr)
            return 2
    return 0


def _measure() -> Report:
    load = os.getloadavg()[0]
    begun = time.monotonic()

    def progress(text: str) -> None:
        print(f"bench {time.monotonic() - begun:5.0f} s: {text}", file=sys.stderr, flush=True)

    bursts = timers.measure(progress)
    network = [*engine.measure(progress), *waiting.measure(progress)]
    burst = [*runs.measure(progress), *queueing.measure(progress)]
    built = building.measure(progress)
    with (
        tempfile.TemporaryDirectory(prefix="dcanary-bench-") as home,
        Installation(Path(home), progress) as installation,
    ):
        delivered = delivering.measure(installation)
        ran = whole_run.measure(installation)
    seconds = time.monotonic() - begun
    return Report(built, delivered, ran, os.cpu_count() or 1, load, seconds, bursts, network, burst)


if __name__ == "__main__":
    sys.exit(main())
