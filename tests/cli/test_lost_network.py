"""A local network that lost its keys or its whole state: what is said, and what leads back."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from dcanary.cli.errors import NetworkTrouble
from dcanary.cli.main import run
from dcanary.cli.operations import existing
from dcanary.cli.operations.network import address, effective_canister, ensure_started
from dcanary.client.errors import ConfigError
from dcanary.client.identity import create_identity
from dcanary.client.management import Management
from dcanary.client.system import CANISTERS, SystemConfig
from dcanary.client.transport import Connection, NetworkAddress
from dcanary.replica import network

IDS = {
    "webhook": "rrkah-fqaaa-aaaaa-aaaaq-cai",
    "pipeline_config": "ryjl3-tyaaa-aaaaa-aaaba-cai",
    "build_executor": "r7inp-6aaaa-aaaaa-aaabq-cai",
    "verification": "rkp4c-7iaaa-aaaaa-aaaca-cai",
    "deployment": "rno2w-sqaaa-aaaaa-aaacq-cai",
}


def free_url() -> str:
    """Where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def said(capsys: pytest.CaptureFixture[str]) -> str:
    """Standard error in one line: it is folded at any width."""
    return " ".join(capsys.readouterr().err.split())


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home whose network has the five canisters of its `system.json`, still without modules."""
    folder = tmp_path / "home"
    running, _ = ensure_started(folder / "network")
    owner = create_identity(folder / "identities" / "default.pem")
    with Connection(address(running), owner) as connection:
        management = Management(connection)
        effective = effective_canister(running.url)
        ids = {name: management.create(effective, 10**13) for name in CANISTERS}
    SystemConfig(address(running), ids).save(folder / "system.json")
    yield folder
    network.stop(folder / "network")


@pytest.mark.replica
def test_an_installation_whose_network_lost_its_keys_is_never_abandoned(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (home / "system.json").read_bytes()
    network.stop(home / "network")
    (home / "network" / "subnet.seed").unlink()
    assert run(["--home", str(home), "network", "start", "--accept-loss"]) == 0
    told = said(capsys)
    assert "loss accepted: " in told and "clients must trust its new root key" in told
    assert "dcanary system connect --same-canisters" in told

    assert run(["--home", str(home), "system", "status"]) == 3
    told = said(capsys)
    assert "not signed by the network's root key" in told
    assert "the network of this folder has another root key than" in told
    assert "dcanary system connect --same-canisters" in told

    for options in ([], ["--anew"]):
        assert run(["--home", str(home), "system", "deploy", *options]) == 2
        told = said(capsys)
        assert f"but holds its canisters ({', '.join(CANISTERS)}): nothing was created" in told
        assert "dcanary system connect --same-canisters" in told
    assert (home / "system.json").read_bytes() == before
    assert [one.name for one in home.glob("system*")] == ["system.json"]

    # Without an update in between, what was accepted stays accepted, and the way back is said.
    network.stop(home / "network")
    assert run(["--home", str(home), "network", "start"]) == 0
    told = said(capsys)
    assert "loss accepted" not in told
    assert "dcanary system connect --same-canisters" in told


@pytest.mark.replica
def test_a_network_whose_whole_state_is_gone_is_not_begun_in_silence(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = home / "network"
    network.stop(state)
    shutil.move(state, home / "kept")
    assert run(["--home", str(home), "network", "start"]) == 3
    told = said(capsys)
    assert "system.json names an installation at http://127.0.0.1:" in told
    assert "holds no network's state restore " in told
    assert "dcanary network start --accept-loss" in told
    assert run(["--home", str(home), "system", "status"]) == 3
    assert "its state is gone: nothing is in" in said(capsys)

    assert run(["--home", str(home), "network", "start", "--accept-loss"]) == 0
    told = said(capsys)
    assert "loss accepted: " in told and "dcanary system deploy --anew" in told
    running = network.status(state)
    assert running is not None
    SystemConfig(
        NetworkAddress(free_url(), SystemConfig.load(home / "system.json").network.root_key), IDS
    ).save(home / "system.json")
    assert run(["--home", str(home), "system", "status"]) == 3
    told = said(capsys)
    assert f"the network of this folder runs at {running.url}, under another root key" in told
    assert run(["--home", str(home), "system", "deploy"]) == 2
    assert "nothing was created if it is gone for good" in said(capsys)
    assert run(["--home", str(home), "system", "connect", "--same-canisters"]) == 2
    told = said(capsys)
    assert "has no canister rrkah-fqaaa-aaaaa-aaaaq-cai (webhook)" in told
    assert "dcanary system deploy --anew" in told


@pytest.mark.replica
def test_which_canisters_a_network_has_is_read_from_what_it_certifies(home: Path) -> None:
    config = SystemConfig.load(home / "system.json")
    owner = create_identity(home / "another.pem")
    some = {**config.canisters, "webhook": IDS["webhook"], "deployment": IDS["deployment"]}
    with Connection(config.network, owner) as connection:
        assert existing.absent(connection, config) == []
        gone = existing.absent(connection, SystemConfig(config.network, some))
        assert gone == ["webhook", "deployment"]
    existing.check_kept(home / "system.json", config.network, owner, anew=False)
    SystemConfig(NetworkAddress(config.network.url, b"other"), some).save(home / "system.json")
    with pytest.raises(ConfigError, match=r"\(pipeline_config, build_executor, verification\)"):
        existing.check_kept(home / "system.json", config.network, owner, anew=True)


def test_a_start_without_state_beside_an_installation_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "system.json"
    SystemConfig(NetworkAddress(free_url(), b"key"), IDS).save(file)
    with pytest.raises(NetworkTrouble, match="holds no network's state") as caught:
        ensure_started(tmp_path / "network", system_file=file)
    assert "dcanary network start --accept-loss" in caught.value.hint
    assert not (tmp_path / "network" / "network.log").exists()


def test_the_same_canisters_are_not_named_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--home", str(tmp_path), "system", "connect", "--same-canisters"]
    assert run([*words, "--environment", "local"]) == 2
    assert "--same-canisters names the five canisters already" in said(capsys)
    assert run(words) == 2
    assert "there is no DCanary installation here" in said(capsys)
