"""The executor's bounds are those of the canisters."""

import importlib.util
from pathlib import Path

from dcanary.cli import executor as cli_executor
from dcanary.executor import building, causes, executor, keeper, performing, transfer

LIMITS = Path(__file__).parents[2] / "shared" / "rules" / "limits.py"


def test_the_executor_stays_within_the_limits_of_the_canisters() -> None:
    spec = importlib.util.spec_from_file_location("shared_limits", LIMITS)
    assert spec is not None and spec.loader is not None
    theirs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(theirs)
    assert transfer.CHUNK_BYTES == theirs.MAX_CHUNK_BYTES
    assert building.MAX_FILE_BYTES == theirs.MAX_ARTIFACT_BYTES
    assert keeper.MAX_LOG_CHUNK_BYTES == theirs.MAX_LOG_BYTES_PER_CHUNK
    assert performing.MAX_LOG_BYTES <= theirs.MAX_LOG_BYTES_PER_ATTEMPT
    assert executor.MAX_HELD_JOBS <= theirs.MAX_HELD_JOBS
    assert causes.MAX_REASON_BYTES == theirs.MAX_FAILURE_REASON_BYTES
    assert cli_executor.MAX_SLOTS == theirs.MAX_LEASES_PER_EXECUTOR
