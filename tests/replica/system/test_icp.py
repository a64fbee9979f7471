"""`icp` on a network of ours: a project is deployed, funded, saved, restored and deleted."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from dcanary.replica import network
from tests.replica.helpers.icp import Icp
from tests.replica.helpers.motoko import COUNTER, compile_motoko

pytestmark = pytest.mark.e2e

PROJECT = """
canisters:
  - name: counter
    build:
      steps:
        - type: pre-built
          path: counter.wasm
"""
T = 10**12


@pytest.fixture(scope="module")
def icp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Icp]:
    """A project with one canister, deployed."""
    folder = tmp_path_factory.mktemp("icp")
    (folder / "counter.wasm").write_bytes(compile_motoko(COUNTER))
    running = network.start(folder / "network")
    try:
        client = Icp(folder)
        client.write_project(PROJECT, running)
        client.new_owner()
        client.on("deploy")
        yield client
    finally:
        network.stop(folder / "network")


def number(text: str) -> int:
    """The first number in a text, such as `1_000 cycles`."""
    found = re.search(r"\d[\d_]*", text)
    assert found is not None, text
    return int(found[0].replace("_", ""))


def balance(icp: Icp) -> int:
    return number(icp.on("cycles", "balance"))


def count(icp: Icp, method: str = "get") -> int:
    return number(icp.on("canister", "call", "counter", method, "()"))


def cycles(icp: Icp) -> int:
    found = re.search(r"Cycles: ([\d_]+)", icp.on("canister", "status", "counter"))
    assert found is not None
    return int(found[1].replace("_", ""))


def test_the_network_answers_a_ping(icp: Icp) -> None:
    assert "healthy" in icp.run("network", "ping", "embedded")
    running = network.status(icp.project / "network")
    assert running is not None
    assert "healthy" in icp.run("network", "ping", running.url)


def test_deploy_made_a_canister_from_the_owners_cycles(icp: Icp) -> None:
    assert balance(icp) < 1_000 * T - 2 * T
    before = count(icp, "inc")
    made = icp.on("canister", "status", "counter")
    icp.on("deploy")
    assert count(icp) == before
    canister_id = "Canister Id: [a-z0-9-]+"
    assert re.findall(canister_id, icp.on("canister", "status", "counter")) == re.findall(
        canister_id, made
    )


def test_status_call_stop_start_and_settings(icp: Icp) -> None:
    assert "Status: Running" in icp.on("canister", "status", "counter")
    icp.on("canister", "stop", "counter")
    assert "Status: Stopped" in icp.on("canister", "status", "counter")
    refused = icp.try_run("canister", "call", "counter", "get", "()", "-e", "embedded")
    assert refused.returncode != 0
    icp.on("canister", "start", "counter")
    assert count(icp, "inc") == count(icp)
    icp.on("canister", "settings", "update", "counter", "--freezing-threshold", "3000000")
    assert "3_000_000" in icp.on("canister", "settings", "show", "counter")


def test_top_up_moves_cycles_from_the_ledger_to_the_canister(icp: Icp) -> None:
    held, in_canister = balance(icp), cycles(icp)
    icp.on("canister", "top-up", "counter", "--amount", "3t")
    assert balance(icp) == held - 3 * T - 10**8
    assert in_canister + 2 * T < cycles(icp) <= in_canister + 3 * T


def test_cycles_are_minted_from_icp(icp: Icp) -> None:
    held = balance(icp)
    icp.on("cycles", "mint", "--icp", "2")
    assert balance(icp) == held + 2 * T - 10**8


def test_a_snapshot_brings_the_counter_back(icp: Icp) -> None:
    icp.on("canister", "call", "counter", "inc", "()")
    saved = count(icp)
    icp.on("canister", "stop", "counter")
    snapshot = icp.on("canister", "snapshot", "create", "counter", "--quiet").strip()
    icp.on("canister", "start", "counter")
    assert count(icp, "inc") == saved + 1
    icp.on("canister", "stop", "counter")
    icp.on("canister", "snapshot", "restore", "counter", snapshot)
    icp.on("canister", "start", "counter")
    assert count(icp) == saved
    assert snapshot in icp.on("canister", "snapshot", "list", "counter")
    icp.on("canister", "snapshot", "delete", "counter", snapshot)
    assert snapshot not in icp.on("canister", "snapshot", "list", "counter")


def test_a_snapshot_is_downloaded_and_uploaded_again(icp: Icp) -> None:
    icp.on("canister", "call", "counter", "inc", "()")
    saved = count(icp)
    icp.on("canister", "stop", "counter")
    snapshot = icp.on("canister", "snapshot", "create", "counter", "--quiet").strip()
    files = icp.project / "saved"
    icp.on("canister", "snapshot", "download", "counter", snapshot, "--output", str(files))
    assert (files / "wasm_module.bin").read_bytes() == compile_motoko(COUNTER)
    icp.on("canister", "snapshot", "delete", "counter", snapshot)
    icp.on("canister", "start", "counter")
    assert count(icp, "inc") == saved + 1
    icp.on("canister", "stop", "counter")
    said = icp.on("canister", "snapshot", "upload", "counter", "--input", str(files), "--quiet")
    uploaded = next(line for line in said.splitlines() if re.fullmatch("[0-9a-f]+", line))
    icp.on("canister", "snapshot", "restore", "counter", uploaded)
    icp.on("canister", "start", "counter")
    assert count(icp) == saved


def test_zz_delete_gives_the_canisters_cycles_back(icp: Icp) -> None:
    """Last, as it removes the canister."""
    held, in_canister = balance(icp), cycles(icp)
    said = icp.on("canister", "delete", "counter")
    assert "Recovered" in said
    assert held + in_canister - T // 2 < balance(icp) < held + in_canister
    assert icp.try_run("canister", "status", "counter", "-e", "embedded").returncode != 0
