"""Deployments of one installation take turns, and a deployment that ended early is resumed."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dcanary.cli.operations import existing, system
from dcanary.cli.operations.connect import connect
from dcanary.cli.operations.installation_lock import changing, holder
from dcanary.client import principal
from dcanary.client.errors import ConfigError, RejectedError
from dcanary.client.identity import create_identity
from dcanary.client.system import CANISTERS, SystemConfig
from dcanary.client.transport import NetworkAddress

IDS = [
    "rrkah-fqaaa-aaaaa-aaaaq-cai",
    "ryjl3-tyaaa-aaaaa-aaaba-cai",
    "r7inp-6aaaa-aaaaa-aaabq-cai",
    "rkp4c-7iaaa-aaaaa-aaaca-cai",
    "rno2w-sqaaa-aaaaa-aaacq-cai",
]
ADDRESS = NetworkAddress("http://127.0.0.1:1", b"key")
OTHER = NetworkAddress("http://127.0.0.1:2", b"another key")
BUILT = cast(Any, {n: SimpleNamespace(wasm_gz=b"", did="service : {}") for n in CANISTERS})

DEAF = {"actor": lambda _: SimpleNamespace(call=_stopped), "close": lambda: None}
"""Canisters that exist and do not answer."""


def _stopped(_method: str) -> None:
    raise RejectedError(5, "is stopped", "IC0508", "health")


HOLD = """
import sys
from pathlib import Path
from dcanary.cli.operations.installation_lock import changing
with changing(Path(sys.argv[1]), "system deploy", print):
    print("held", flush=True)
    sys.stdin.read()
"""


class Network:
    """A network that creates canisters until it fails; what it made is kept in order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made: list[str] = []
        self.installed: list[str] = []
        self.fails_at: int | None = None
        self.network = ADDRESS
        self.lacks: set[str] = set()
        monkeypatch.setattr(system, "Connection", lambda *_: self)
        monkeypatch.setattr(existing, "System", lambda *_: SimpleNamespace(connection=self, **DEAF))
        monkeypatch.setattr(existing, "Connection", lambda *_: self)
        monkeypatch.setattr(system, "Management", lambda _: self)
        monkeypatch.setattr(system.network_operations, "effective_canister", lambda _: b"")
        monkeypatch.setattr(system, "wire", lambda *_: None)
        monkeypatch.setattr(system, "Actor", lambda *_: None)
        monkeypatch.setattr(system, "name_network", lambda *_: None)
        monkeypatch.setattr(system, "bring_templates", lambda *_: None)

    def __enter__(self) -> Network:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def create(self, *_: object) -> str:
        if len(self.made) == self.fails_at:
            raise KeyboardInterrupt
        self.made.append(IDS[len(self.made)])
        return self.made[-1]

    def read_state(self, *_: object) -> None:
        """The key is the one that is trusted."""

    def exists(self, canister: bytes) -> bool:
        return principal.to_text(canister) not in self.lacks

    def module_hash(self, _: bytes) -> None:
        return None

    def install(self, canister: str, *_: object) -> None:
        self.installed.append(canister)


def holding(home: Path) -> subprocess.Popen[str]:
    """Another process that changes the installation until its standard input ends."""
    made = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert made.stdout is not None
    assert made.stdout.readline() == "held\n"
    return made


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    return Network(monkeypatch)


def deploy(home: Path, told: list[str], *, anew: bool = False) -> SystemConfig:
    identity = create_identity(home / f"owner-{len(list(home.iterdir()))}.pem")
    file = home / "system.json"
    return system.deploy(file, ADDRESS, identity, BUILT, told.append, anew=anew)[0]


@pytest.mark.parametrize("begun", range(1, 5))
def test_a_first_deployment_that_ended_early_is_resumed_and_creates_what_misses(
    begun: int, network: Network, tmp_path: Path
) -> None:
    network.fails_at = begun
    with pytest.raises(KeyboardInterrupt):
        deploy(tmp_path, [])
    with pytest.raises(ConfigError, match=r"not complete.*\n.*dcanary system deploy"):
        SystemConfig.load(tmp_path / "system.json")
    network.fails_at = None
    told: list[str] = []
    config = deploy(tmp_path, told)
    assert list(config.canisters.values()) == network.made == network.installed == IDS
    assert told[0] == f"creating {', '.join(CANISTERS[begun:])}"
    assert SystemConfig.load(tmp_path / "system.json") == config


@pytest.mark.parametrize("anew", [False, True])
def test_canisters_that_the_network_has_under_another_key_are_never_abandoned(
    network: Network, tmp_path: Path, anew: bool
) -> None:
    before = SystemConfig(OTHER, dict(zip(CANISTERS, reversed(IDS), strict=True)))
    before.save(tmp_path / "system.json")
    network.lacks = set(IDS[1:])
    with pytest.raises(
        ConfigError,
        match=r"another root key .* holds its canisters \(deployment\): nothing was created"
        r"(.|\n)*trust the new ones: dcanary system connect --same-canisters",
    ):
        deploy(tmp_path, [], anew=anew)
    assert network.made == network.installed == []
    assert SystemConfig.load(tmp_path / "system.json") == before


def test_an_installation_of_another_network_is_left_behind_only_when_told(
    network: Network, tmp_path: Path
) -> None:
    before = SystemConfig(OTHER, dict(zip(CANISTERS, reversed(IDS), strict=True)))
    before.save(tmp_path / "system.json")
    network.lacks = set(IDS)
    with pytest.raises(
        ConfigError, match=r"nothing was created(.|\n)*dcanary system deploy --anew"
    ):
        deploy(tmp_path, [])
    assert SystemConfig.load(tmp_path / "system.json") == before
    told: list[str] = []
    config = deploy(tmp_path, told, anew=True)
    assert list(config.canisters.values()) == network.made == IDS
    kept = tmp_path / "system.before-1.json"
    assert SystemConfig.load(kept) == before
    assert told[0] == f"the installation that was here before is on record in {kept}"


def test_an_installation_that_still_runs_elsewhere_is_never_left_behind(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = SystemConfig(OTHER, dict(zip(CANISTERS, reversed(IDS), strict=True)))
    before.save(tmp_path / "system.json")
    network.lacks = set(IDS)
    there = SimpleNamespace(exists=lambda _: True)
    monkeypatch.setattr(existing, "Connection", lambda *_: nullcontext(there))
    with pytest.raises(ConfigError, match=r"at http://127.0.0.1:2, and exists there(.|\n)*--home"):
        deploy(tmp_path, [], anew=True)
    assert network.made == []


def test_an_installation_of_this_network_is_not_begun_anew(
    network: Network, tmp_path: Path
) -> None:
    config = deploy(tmp_path, [])
    with pytest.raises(ConfigError, match="--anew would abandon it"):
        deploy(tmp_path, [], anew=True)
    assert SystemConfig.load(tmp_path / "system.json") == config


def test_only_canisters_that_the_network_lacks_are_made_again_and_it_is_said(
    network: Network, tmp_path: Path
) -> None:
    before = dict(zip(CANISTERS, reversed(IDS), strict=True))
    SystemConfig(ADDRESS, before).save(tmp_path / "system.json")
    network.lacks = {before["webhook"], before["verification"]}
    told: list[str] = []
    config = deploy(tmp_path, told)
    assert told[0].startswith("the network does not have webhook, verification of system.json any")
    assert config.canisters == {**before, "webhook": IDS[0], "verification": IDS[1]}
    assert SystemConfig.load(tmp_path / "system.before-1.json").canisters == before
    assert SystemConfig.load(tmp_path / "system.json") == config


def test_connecting_to_others_keeps_the_record_of_what_it_replaces(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = deploy(tmp_path, [])
    others = dict(zip(CANISTERS, reversed(IDS), strict=True))
    actors = {
        name: SimpleNamespace(call=lambda _, name=name: {"name": name}, ask=lambda *_: None)
        for name in CANISTERS
    }
    from dcanary.cli.operations import connect as module

    monkeypatch.setattr(
        module,
        "System",
        lambda config, _: SimpleNamespace(
            config=config, actor=actors.__getitem__, close=lambda: None
        ),
    )
    identity = create_identity(tmp_path / "connecting.pem")
    file = tmp_path / "system.json"
    for _ in range(2):  # The second time nothing is replaced.
        connect(file, ADDRESS, others, identity)
        assert SystemConfig.load(file).canisters == others
        assert SystemConfig.load(tmp_path / "system.before-1.json") == config
    assert not (tmp_path / "system.before-2.json").exists()


def test_the_second_of_two_first_deployments_waits_and_says_for_whom(
    network: Network, tmp_path: Path
) -> None:
    first = holding(tmp_path)
    assert first.stdin is not None
    told: list[str] = []
    waits = threading.Event()

    def tell(line: str) -> None:
        told.append(line)
        waits.set()

    identity = create_identity(tmp_path / "owner.pem")
    file = tmp_path / "system.json"
    second = threading.Thread(
        target=system.deploy, args=(file, ADDRESS, identity, BUILT, tell), daemon=True
    )
    second.start()
    assert waits.wait(60)
    assert told == [f"waiting: `dcanary system deploy` (pid {first.pid}) changes this installation"]
    # What the first made while the second waited is what the second finds.
    made = SystemConfig(ADDRESS, dict(zip(CANISTERS, IDS, strict=True)))
    made.save(file)
    assert network.made == []
    first.stdin.close()
    second.join(60)
    assert not second.is_alive()
    assert network.made == []
    assert SystemConfig.load(file) == made
    with first:
        assert first.wait(60) == 0


def test_a_command_that_was_killed_holds_nothing(tmp_path: Path) -> None:
    first = holding(tmp_path)
    known = holder(tmp_path)
    assert known is not None and known.pid == first.pid
    with first:
        first.kill()
        first.wait(60)
    assert holder(tmp_path) is None
    told: list[str] = []
    with changing(tmp_path, "system connect", told.append):
        known = holder(tmp_path)
        assert known is not None and known.command == "system connect"
    assert told == []
    assert holder(tmp_path) is None


def test_a_part_of_a_command_does_not_wait_for_the_whole(tmp_path: Path) -> None:
    told: list[str] = []
    with changing(tmp_path, "system deploy", told.append):
        with changing(tmp_path, "system deploy", told.append):
            pass
        assert holder(tmp_path) is not None
    assert told == []


def test_a_home_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(ConfigError, match=r"the folder .*/file/home cannot be used: .*\n.*--home"),
        changing(tmp_path / "file" / "home", "system deploy", print),
    ):
        pass
