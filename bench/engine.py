"""Measures the replica's execution engine in process against bare wasmtime with the same module.

Usage: python -m bench.engine. The peer is the package `wasmtime` as anyone would use it: no
metering, no rollback, no cycles, host functions that do nothing. All figures are CPU time of the
process, which other work on the machine hardly changes, and the least of several batches of both
in turn.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench.figures import Ratio
from bench.report import ratio_lines
from bench.subnet import BATCH, BATCHES, Bare, Subnet, cpu_seconds, module

COMPUTING = {"heavy": "a hash loop", "tight": "the tightest loop"}


def updates(subnet: Subnet) -> float:
    """CPU seconds per small update, the best of several batches."""
    canister = subnet.install()

    def batch() -> None:
        for _ in range(BATCH):
            subnet.engine.submit(subnet.message(canister, "inc"))
        subnet.engine.execute_round()

    return min(cpu_seconds(batch) for _ in range(BATCHES)) / BATCH


def computing(subnet: Subnet, method: str) -> float:
    """CPU seconds of an update that only computes."""
    canister = subnet.install()
    return min(cpu_seconds(lambda: subnet.call(canister, method)) for _ in range(3))


def measure(progress: Callable[[str], None]) -> list[Ratio]:
    """All ratios of the engine."""
    wasm = module()
    bare = Bare(wasm)
    with tempfile.TemporaryDirectory(prefix="dcanary-bench-") as folder:
        subnet = Subnet(Path(folder), wasm)
        progress("small updates of the engine")
        small, small_bare = updates(subnet), bare.updates()
        progress("updates that compute")
        computed = [
            (method, computing(subnet, method), bare.computing(method)) for method in COMPUTING
        ]
        subnet.engine.close()
    return [
        *(
            Ratio(
                f"engine_{method}",
                f"speed of a CPU-bound update ({COMPUTING[method]})",
                alone / counted,
                "bare wasmtime",
                f"{counted:.2f} s and {alone:.2f} s",
            )
            for method, counted, alone in computed
        ),
        Ratio(
            "engine_small",
            "updates per second",
            small_bare / small,
            "calls per second of bare wasmtime",
            f"{1 / small:,.0f} and {1 / small_bare:,.0f}",
        ),
    ]


def main() -> int:
    """Measure and print."""
    ratios = measure(lambda text: print(f"bench: {text}", file=sys.stderr, flush=True))
    print("\n".join(ratio_lines(ratios)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
