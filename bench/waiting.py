"""Measures how long others wait while one canister computes, on a network's own process over HTTP.

Usage: python -m bench.waiting. One canister executes updates of a second and more without a pause.
Meanwhile a client that verifies certificates sends updates to another canister and queries to
both, one at a time. The same is measured without the load: what the machine itself adds.
"""

from __future__ import annotations

import contextlib
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.figures import Ratio
from bench.report import ratio_lines
from bench.subnet import module
from dcanary.cli.operations.network import address, effective_canister
from dcanary.client import principal
from dcanary.client.errors import ClientError
from dcanary.client.identity import Anonymous
from dcanary.client.management import Management
from dcanary.client.transport import Connection, NetworkAddress
from dcanary.replica.network import control

PROBES = 300
LIMIT_SECONDS = 0.1
"""What 99 of 100 others may wait at most."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Seconds of each update and query of others."""

    updates: list[float]
    queries: list[float]


def p99(times: list[float]) -> float:
    """The 99th percentile."""
    return statistics.quantiles(times, n=100)[98]


def _probe(connection: Connection, busy: bytes, other: bytes) -> Waiting:
    waited = Waiting([], [])
    for number in range(PROBES):
        begun = time.perf_counter()
        connection.update(other, "inc", b"")
        waited.updates.append(time.perf_counter() - begun)
        begun = time.perf_counter()
        connection.query(busy if number % 2 else other, "get", b"")
        waited.queries.append(time.perf_counter() - begun)
    return waited


class _Load:
    """Updates of a second and more, one after the other, from a thread of its own."""

    def __init__(self, network: NetworkAddress, canister: bytes) -> None:
        self._connection = Connection(network, Anonymous())
        self._canister = canister
        self._over = threading.Event()
        self.error: ClientError | None = None
        self.seconds: list[float] = []
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            while not self._over.is_set():
                begun = time.perf_counter()
                self._connection.update(self._canister, "busy", b"")
                self.seconds.append(time.perf_counter() - begun)
        except ClientError as error:
            self.error = error

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Raises ClientError at the end when an update failed."""
        self._thread.start()
        try:
            yield
        finally:
            self._over.set()
            self._thread.join()
            self._connection.close()
        if self.error is not None:
            raise self.error


def measure(progress: Callable[[str], None]) -> list[Ratio]:
    """Updates and queries against the limit, and against the same without the load."""
    progress(f"{PROBES} updates and queries while another canister computes")
    with tempfile.TemporaryDirectory(prefix="dcanary-bench-") as folder:
        network = address(control.start(Path(folder) / "network"))
        try:
            with Connection(network, Anonymous()) as connection:
                management = Management(connection)
                canisters = []
                for _ in range(2):
                    made = management.create(effective_canister(network.url))
                    management.install(made, module(), b"DIDL\x00\x00", "install")
                    canisters.append(principal.from_text(made))
                busy, other = canisters
                alone = _probe(connection, busy, other)
                load = _Load(network, busy)
                with load.running():
                    waited = _probe(connection, busy, other)
        finally:
            control.stop(Path(folder) / "network")
    each = statistics.median(load.seconds)
    return [
        *ratios("updates", waited.updates, alone.updates, each),
        *ratios("queries", waited.queries, alone.queries, each),
    ]


def ratios(kind: str, waited: list[float], alone: list[float], each: float) -> list[Ratio]:
    """The 99th percentile against the limit and against an idle network; all in seconds.

    `each` is how long an update of the canister that computes took.
    """
    slow, usual = p99(waited), p99(alone)
    return [
        Ratio(
            f"waiting_{kind}_p99",
            f"p99 of others' {kind} while a canister computes",
            slow / LIMIT_SECONDS,
            "the limit of 100 ms",
            f"{slow * 1000:.1f} ms, median {statistics.median(waited) * 1000:.1f} ms, "
            f"beside updates of {each:.1f} s",
        ),
        Ratio(
            f"waiting_{kind}_to_alone",
            f"p99 of others' {kind} while a canister computes",
            slow / usual,
            "the same while none computes",
            f"{slow * 1000:.1f} ms to {usual * 1000:.1f} ms",
        ),
    ]


def main() -> int:
    """Measure and print."""
    measured = measure(lambda text: print(f"bench: {text}", file=sys.stderr, flush=True))
    print("\n".join(ratio_lines(measured)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
