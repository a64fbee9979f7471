"""One network with the Motoko counter, shared by the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dcanary.replica import network


@pytest.fixture(scope="session")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """(running network, canister id as text, identity of its controller)."""
    from ic.identity import Identity

    from tests.replica.helpers.deploy import agent_of, create, install
    from tests.replica.helpers.motoko import COUNTER, compile_motoko

    module = compile_motoko(COUNTER)
    folder: Path = tmp_path_factory.mktemp("network")
    running = network.start(folder, allow_http_loopback=True)
    try:
        identity = Identity()
        agent = agent_of(running.url, identity)
        canister = create(agent)
        install(agent, canister, module)
        yield running, canister, identity
    finally:
        network.stop(folder)
