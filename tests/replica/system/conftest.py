"""A subnet with the native system canisters, called as a user calls it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dcanary.candid import parse_interface
from dcanary.replica.api import Ingress, Reject, Reply
from dcanary.replica.engine import Options, ReplicaEngine
from dcanary.replica.opening import open_engine
from dcanary.replica.system import system_canisters

SUBNET = bytes(28) + b"\x02"
ALICE, BOB = b"\x11" * 28 + b"\x02", b"\x22" * 28 + b"\x02"


class Network:
    """An engine, and the interfaces of its native canisters."""

    def __init__(self, engine: ReplicaEngine) -> None:
        self.engine = engine

    def _methods(self, canister: bytes) -> Any:
        view = self.engine.canister(canister)
        assert view is not None
        return parse_interface(view.public_metadata["candid:service"].decode()).methods

    def raw(
        self, canister: bytes, method: str, arg: bytes, sender: bytes = ALICE
    ) -> Reply | Reject:
        """The outcome of an update, or why it was refused."""
        request_id = os.urandom(32)
        expiry = self.engine.now() + 10**11
        refused = self.engine.submit(Ingress(request_id, sender, canister, method, arg, expiry))
        if refused is not None:
            return refused
        while self.engine.execute_round():
            pass
        status = self.engine.request_status(request_id)
        assert status is not None and status.result is not None
        return status.result

    def call(self, canister: bytes, method: str, *values: Any, sender: bytes = ALICE) -> Any:
        """The decoded reply of an update."""
        found = self._methods(canister)[method]
        outcome = self.raw(canister, method, found.encode(values), sender)
        assert isinstance(outcome, Reply), outcome
        return found.decode(outcome.data)[0]

    def query(self, canister: bytes, method: str, *values: Any) -> Any:
        """The decoded reply of a query."""
        found = self._methods(canister)[method]
        outcome = self.engine.query(ALICE, canister, method, found.encode(values))
        assert isinstance(outcome, Reply), outcome
        return found.decode(outcome.data)[0]


@pytest.fixture
def open_network() -> Iterator[Callable[[Path | None], Network]]:
    """Opens networks, and closes them after the test."""
    engines: list[ReplicaEngine] = []

    def opened(folder: Path | None) -> Network:
        options = Options(subnet_id=SUBNET, natives=system_canisters())
        engines.append(open_engine(folder, options=options))
        return Network(engines[-1])

    yield opened
    for engine in engines:
        engine.close()


@pytest.fixture
def network(open_network: Callable[[Path | None], Network]) -> Network:
    return open_network(None)
