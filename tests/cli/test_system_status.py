"""`dcanary system status` of an installation whose canisters do not all answer."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dcanary.cli.context import Context
from dcanary.cli.operations.installation_lock import changing
from dcanary.cli.output import Output
from dcanary.cli.system import status
from dcanary.client.errors import ClientError, RejectedError
from dcanary.client.names import CANISTERS

PRINCIPAL = "rrkah-fqaaa-aaaaa-aaaaq-cai"
HEALTH = {"version": "0.2.0", "wired": True, "records": 3, "open": 1, "cycles": 5_000_000_000_000}


def installation(codes: dict[str, str], unwired: str = "") -> Any:
    """Five canisters, of which some reject every call with an error code."""

    def actor(name: str) -> Any:
        def health() -> Any:
            if name in codes:
                raise RejectedError(5, f"Canister {PRINCIPAL} …", codes[name], "health")
            return {**HEALTH, "wired": name != unwired}

        return SimpleNamespace(
            canister=PRINCIPAL, raw=name, health=health, is_of_this_version=lambda: True
        )

    def module_hash(name: str) -> bytes | None:
        assert codes.get(name) != "IC0301", "asked for the module of a canister that is not there"
        return None if codes.get(name) == "IC0537" else b"\1"

    return SimpleNamespace(actor=actor, connection=SimpleNamespace(module_hash=module_hash))


def show(system: Any, home: Path, *, as_json: bool = False) -> None:
    context = Context(home, "default", Output(as_json))
    context.__dict__["system"] = system
    cast(Any, status.callback).__wrapped__(context)


def test_each_canister_has_its_row_and_those_that_are_stopped_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    system = installation({"build_executor": "IC0508", "deployment": "IC0509"})
    with pytest.raises(ClientError) as raised:
        show(system, tmp_path)
    assert raised.value.exit_code == 1
    assert str(raised.value) == (
        "build_executor is stopped; deployment is stopping\n"
        "  finish or repeat the deployment: dcanary system deploy"
    )
    lines = capsys.readouterr().out.splitlines()[1:]
    assert [line.split()[0] for line in lines] == list(CANISTERS)
    assert [line.split()[2] for line in lines] == [
        "running",
        "running",
        "stopped",
        "running",
        "stopping",
    ]


def test_programs_get_the_same_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    codes = {"webhook": "IC0508", "verification": "IC0537", "deployment": "IC0503"}
    with pytest.raises(ClientError, match=r"deployment rejects calls: Canister .* \(IC0503\)"):
        show(installation(codes), tmp_path, as_json=True)
    rows = json.loads(capsys.readouterr().out)
    assert [row["state"] for row in rows] == ["stopped", "running", "running", "empty", "fails"]
    assert len({frozenset(row) - {"problem"} for row in rows}) == 1
    assert rows[3]["module"] is None and rows[3]["current"] is None


def test_a_canister_that_the_network_has_not_is_no_reason_to_deploy(tmp_path: Path) -> None:
    with pytest.raises(ClientError, match=r"webhook is missing\n  is this the network"):
        show(installation({"webhook": "IC0301"}), tmp_path)


def test_a_canister_that_was_never_wired_is_named(tmp_path: Path) -> None:
    with pytest.raises(ClientError, match=r"^verification is not wired\n.*dcanary system deploy"):
        show(installation({}, unwired="verification"), tmp_path)


def test_while_a_deployment_runs_it_is_named_instead(tmp_path: Path) -> None:
    with (
        changing(tmp_path, "system deploy", print),
        pytest.raises(ClientError, match=r"`dcanary system deploy` \(pid \d+\) changes this"),
    ):
        show(installation({"webhook": "IC0508"}), tmp_path)


def test_when_all_run_nothing_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    show(installation({}), tmp_path)
    told = capsys.readouterr()
    assert told.err == ""
    assert "5.00 T" in told.out
