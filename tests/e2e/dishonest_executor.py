"""`dishonest_executor.py HOME NAME KIND LABEL [NAME KIND LABEL …]`: executors that break the rules.

Each as `dcanary executor start`, but for the class of `dcanary.testing.dishonest`, and with the
runtime `shell` only. All run in this process, until SIGTERM.
"""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

from dcanary.cli.operations.executor import executor_identity
from dcanary.cli.operations.sandboxing import require_sandbox
from dcanary.client.chain import SystemChain
from dcanary.client.system import System, SystemConfig
from dcanary.executor.config import ExecutorConfig
from dcanary.executor.executor import Executor
from dcanary.testing.dishonest import KINDS


def make(home: Path, name: str, kind: str, label: str) -> Executor:
    folder = home / "executors" / name
    system = System(
        SystemConfig.load(home / "system.json"), executor_identity(home / "executors", name)
    )
    config = ExecutorConfig(
        folder=folder / "state",
        sandbox=require_sandbox(folder / "builds", allow_unsandboxed=True),
        runtimes=("shell",),
        # Sooner than the honest: who is to upload is asked in the order of coming.
        poll_seconds=0.1,
        labels=(label,) if label else (),
        report=lambda line: print(f"{name}: {line}", flush=True),
    )
    executor = KINDS[kind](SystemChain(system), config)
    executor.prepare()
    return executor


def main() -> None:
    home, names, kinds, labels = Path(sys.argv[1]), sys.argv[2::3], sys.argv[3::3], sys.argv[4::3]
    executors = [make(home, *each) for each in zip(names, kinds, labels, strict=True)]
    threads = [threading.Thread(target=each.run_forever) for each in executors]

    def stop(*_: object) -> None:
        for each in executors:
            each.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
