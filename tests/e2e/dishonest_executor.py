"""`dishonest_executor.py HOME NAME KIND`: an executor of an installation that breaks the rules.

As `dcanary executor start`, but for the class of `dcanary.testing.dishonest`, and with the runtime
`shell` only.
"""

from __future__ import annotations

import sys
from pathlib import Path

from dcanary.cli.operations.executor import executor_identity, require_sandbox
from dcanary.client.chain import SystemChain
from dcanary.client.system import System, SystemConfig
from dcanary.executor import ExecutorConfig
from dcanary.testing import dishonest

KINDS = {
    "tampering": dishonest.TamperingExecutor,
    "uncommitting": dishonest.UncommittingExecutor,
    "holding": dishonest.HoldingExecutor,
    "lease-burning": dishonest.LeaseBurningExecutor,
    "offer-lying": dishonest.OfferLyingExecutor,
    "slow": dishonest.SlowExecutor,
    "equivocating": dishonest.EquivocatingExecutor,
    "unrevealing": dishonest.UnrevealingExecutor,
    "lying": dishonest.LyingExecutor,
}


def main() -> None:
    home, name, kind = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    folder = home / "executors" / name
    system = System(
        SystemConfig.load(home / "system.json"), executor_identity(home / "executors", name)
    )
    config = ExecutorConfig(
        folder=folder / "state",
        sandbox=require_sandbox(folder / "builds", allow_unsandboxed=True),
        runtimes=("shell",),
        poll_seconds=0.3,
        report=lambda line: print(line, flush=True),
    )
    executor = KINDS[kind](SystemChain(system), config)
    executor.prepare()
    executor.run_forever()


if __name__ == "__main__":
    main()
