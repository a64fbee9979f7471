"""`executor start --once` of an executor that is not registered yet: its key, and the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from dcanary.cli.operations import executor as operations
from dcanary.executor import standing
from dcanary.testing.native import user_principal
from dcanary.wasm import BuildError
from tests.executor.chain import NativeChain


@pytest.fixture
def chain() -> NativeChain:
    return NativeChain()


def test_one_that_is_not_registered_says_so_and_ends_before_anything_is_prepared(
    tmp_path: Path, chain: NativeChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It made the canister template first, which takes minutes."""
    asked: list[str] = []

    def none(progress: object) -> None:
        asked.append("a template")
        raise BuildError("none here")

    monkeypatch.setattr(operations, "ensure_template", none)
    monkeypatch.setattr(operations, "close_process", lambda: None)  # It is the tests' own.
    said: list[str] = []

    def run(number: int, once: bool) -> None:
        operations.run_executor(
            chain.system(user_principal(number)),
            tmp_path,
            allow_unsandboxed=True,
            offering=operations.Offering(build_images=False),
            once=once,
            progress=said.append,
        )

    run(90, once=True)
    sender = user_principal(90).to_str()
    assert said[-1] == (
        f"no work yet: {sender} is not a registered executor: ask an admin to register it"
    )
    assert asked == []
    assert standing.owner(operations.state_folder(tmp_path)) is None

    chain.owner.build_executor.register_executor(
        {"executor": sender, "operator": "alice", "runtimes": [{"Shell": None}]}
    )
    run(90, once=True)
    assert asked == ["a template"]
