"""Packages of mops from canisters of a real network, with the methods of mops' own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dcanary.cli.main import run
from dcanary.replica import network
from tests.fetch.packages import sha256
from tests.replica.helpers.deploy import agent_of, create, install
from tests.replica.helpers.motoko import compile_motoko

pytestmark = [
    pytest.mark.replica,
    # ic-py calls httpx in a way that httpx warns of.
    pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning"),
]
# The types are those of the registry and its storage, with some of the fields that nobody reads.
REGISTRY = """
persistent actor Self {
  type Publication = { storage : Principal; time : Int; user : Principal };
  type Details = { publication : Publication; downloadsTotal : Nat; depAlias : Text };
  public shared query ({ caller }) func getPackageDetails(name : Text, version : Text)
  : async { #ok : Details; #err : Text } {
    if (name != "core" or version != "1.0.0") return #err("Package '" # name # "' not found");
    let publication = { storage = STORAGE; time = 1; user = caller };
    #ok({ publication; downloadsTotal = 7; depAlias = "" })
  };
  public query func downloadChunk(id : Text, index : Nat) : async { #ok : Blob; #err : Text } {
    if (id == "core@1.0.0/mops.toml" and index == 0) return #ok("[package]");
    if (id == "core@1.0.0/src/lib.mo" and index == 0) return #ok("module");
    if (id == "core@1.0.0/src/lib.mo" and index == 1) return #ok(" {}");
    #err("Invalid chunk index")
  };
};
"""
FILES = {"core@1.0.0/mops.toml": b"[package]", "core@1.0.0/src/lib.mo": b"module {}"}


def test_files_of_packages_are_queried_from_canisters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    running = network.start(tmp_path / "network")
    try:
        agent = agent_of(running.url)
        canister = create(agent)
        source = 'import Prim "mo:⛔";\n' + REGISTRY.replace(
            "STORAGE", "Prim.principalOfActor(Self)"
        )
        install(agent, canister, compile_motoko(source))
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        monkeypatch.setenv("MOPS_REGISTRY_HOST", running.url)
        monkeypatch.setenv("MOPS_REGISTRY_CANISTER_ID", canister)
        lock = {
            "version": 3,
            "mopsTomlDepsHash": "",
            "deps": {"core": "1.0.0"},
            "hashes": {"core@1.0.0": {path: sha256(each) for path, each in FILES.items()}},
        }
        Path("mops.lock").write_text(json.dumps(lock))
        assert run(["--json", "fetch", "--into", "made"]) == 0, capsys.readouterr().err
        for path, content in FILES.items():
            assert Path("made/mops", path).read_bytes() == content
        other = json.dumps(lock).replace(sha256(b"[package]"), sha256(b"other"))
        Path("mops.lock").write_text(other.replace("core", "gone"))
        assert run(["fetch", "--into", "none"]) == 2
        assert "mops has no package gone@1.0.0" in " ".join(capsys.readouterr().err.split())
    finally:
        network.stop(tmp_path / "network")
