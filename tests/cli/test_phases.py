"""Work that takes minutes on a cold cache says what it is at before each part of it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dcanary.cli.operations import connect, system
from dcanary.client.identity import create_identity
from dcanary.client.system import CANISTERS
from dcanary.client.transport import NetworkAddress

PRINCIPALS = {
    "webhook": "rrkah-fqaaa-aaaaa-aaaaq-cai",
    "pipeline_config": "ryjl3-tyaaa-aaaaa-aaaba-cai",
    "build_executor": "r7inp-6aaaa-aaaaa-aaabq-cai",
    "verification": "rkp4c-7iaaa-aaaaa-aaaca-cai",
    "deployment": "rno2w-sqaaa-aaaaa-aaacq-cai",
}
ADDRESS = NetworkAddress("http://127.0.0.1:1", b"key")


class Canisters:
    """The network and its management, of a new installation; what is done to it is in `events`."""

    def __init__(self, events: list[str]) -> None:
        self.events = events
        self.names = iter(CANISTERS)
        self.network = ADDRESS
        self.config = SimpleNamespace(canisters=PRINCIPALS)

    def __enter__(self) -> Canisters:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def create(self, *_: object) -> str:
        self.events.append("[create]")
        return PRINCIPALS[next(self.names)]

    def module_hash(self, _: bytes) -> None:
        return None

    def install(self, *_: object) -> None:
        self.events.append("[install]")

    def actor(self, name: str) -> Any:
        def call(method: str) -> Any:
            self.events.append(f"[{method}]")
            return {"name": name}

        return SimpleNamespace(call=call, ask=lambda *_: self.events.append("[wire]"))

    def close(self) -> None:
        pass


def phases(events: list[str]) -> list[str]:
    """The lines, and what is done after each, once."""
    return [one for i, one in enumerate(events) if i == 0 or events[i - 1] != one]


def test_a_deployment_names_each_canister_before_it_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    network = Canisters(events)
    monkeypatch.setattr(system, "Connection", lambda *_: network)
    monkeypatch.setattr(system, "Management", lambda _: network)
    monkeypatch.setattr(system.network_operations, "effective_canister", lambda _: b"")
    monkeypatch.setattr(system, "wire", lambda *_: events.append("[wire]"))
    monkeypatch.setattr(system, "Actor", lambda *_: None)
    monkeypatch.setattr(system, "name_network", lambda *_: None)
    monkeypatch.setattr(system, "bring_templates", lambda *_: events.append("[templates]"))
    built = cast(
        Any, {name: SimpleNamespace(wasm_gz=b"", did="service : {}") for name in CANISTERS}
    )
    identity = create_identity(tmp_path / "owner.pem")
    system.deploy(tmp_path / "system.json", ADDRESS, identity, built, events.append)
    told = phases(events)
    assert told[:2] == ["creating five canisters", "[create]"]
    for name in CANISTERS:
        at = told.index(f"{name} {PRINCIPALS[name]} created")
        assert told[at - 2].startswith(f"{name}: installing")
        assert told[at - 1] == "[install]"
    assert told[-3:] == ["wiring them to each other", "[wire]", "[templates]"]


def test_connecting_names_each_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []
    monkeypatch.setattr(connect, "System", lambda *_: Canisters(events))
    identity = create_identity(tmp_path / "owner.pem")
    file = tmp_path / "system.json"
    connect.connect(file, ADDRESS, PRINCIPALS, identity, progress=events.append)
    assert phases(events) == [
        "asking the five canisters who they are",
        "[health]",
        "wiring them to each other",
        "[wire]",
    ]
