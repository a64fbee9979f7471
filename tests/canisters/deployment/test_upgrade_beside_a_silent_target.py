"""The compiled deployment canister is stopped and upgraded while a target never answers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dcanary.replica.api import Reply
from dcanary.replica.engine.management import types
from shared.rules.limits import CALL_WAIT_SECONDS, DRIVE_NS
from tests.built import built_canister
from tests.canisters.deployment.replica_orders import Installed
from tests.canisters.deployment.replica_subnet import CREATE, OWNER, Subnet, open_subnet
from tests.replica.helpers.candid import NAT, decode, encode
from tests.replica.helpers.motoko import compile_motoko

pytestmark = [pytest.mark.replica, pytest.mark.timeout(900)]

SECOND = 1_000_000_000
BOUND = CALL_WAIT_SECONDS + DRIVE_NS // SECOND
EMPTY = b"DIDL\0\0"
# `wait` ends when the test answers its HTTPS outcall; until then the canister cannot stop.
TARGET = """
persistent actor {
  type Header = { name : Text; value : Text };
  type Result = { status : Nat; headers : [Header]; body : Blob };
  transient let ic = actor "aaaaa-aa" : actor {
    http_request : { url : Text; max_response_bytes : ?Nat64; method : { #get; #head; #post };
      headers : [Header]; body : ?Blob; transform : ?{ context : Blob;
      function : shared query { context : Blob; response : Result } -> async Result } }
      -> async Result;
  };
  public func wait() : async () {
    ignore await (with cycles = 100_000_000_000) ic.http_request({
      url = "https://example.org"; max_response_bytes = ?1_000; method = #get; headers = [];
      body = null; transform = null });
  };
  public query func version() : async Nat { %VERSION% };
}
"""


@pytest.fixture
def subnet() -> Iterator[Subnet]:
    opened = open_subnet()
    yield opened
    opened.engine.close()


class World:
    """An installation, and a target that it may upgrade, which has a call under way."""

    def __init__(self, subnet: Subnet) -> None:
        self.subnet = subnet
        self.installed = Installed(subnet)
        self.deployment = self.installed.deployment
        self.old, self.new = (
            compile_motoko(TARGET.replace("%VERSION%", str(version))) for version in (1, 2)
        )
        made = subnet.management(CREATE, types.PROVISIONAL_CREATE, {})
        self.target: bytes = decode([types.CANISTER_ID], made)[0]["canister_id"]
        controllers = [OWNER.bytes, self.deployment]
        settings = {"canister_id": self.target, "settings": {"controllers": controllers}}
        subnet.management("update_settings", types.UPDATE_SETTINGS, settings)
        subnet.install(self.target, self.old, "install")
        self.installed.register(self.target)

    def wait_for(self, done: Callable[[], Any], seconds: int) -> int:
        """Let time pass, a second a round, until `done`; the seconds that it took."""
        for passed in range(seconds):
            if done():
                return passed
            self.subnet.rounds(1)
        raise AssertionError(f"not done within {seconds} s")

    def upgrade_deployment(self) -> int:
        """Stop, upgrade and start `deployment`; the seconds until it had stopped."""
        subnet = self.subnet
        arg = encode([types.CANISTER_ID], [{"canister_id": self.deployment}])
        stop = subnet.begin(b"", "stop_canister", arg, OWNER.bytes)
        waited = self.wait_for(lambda: subnet.answer(stop) is not None, 300)
        module = built_canister(self.installed.main, "deployment").wasm_gz
        subnet.install(self.deployment, module, "upgrade")
        started = {"canister_id": self.deployment}
        subnet.management("start_canister", types.CANISTER_ID, started)
        return waited

    def version(self) -> int:
        answer = self.subnet.engine.query(OWNER.bytes, self.target, "version", EMPTY)
        assert isinstance(answer, Reply), answer
        return int(decode([NAT], answer.data)[0])

    def state(self, release: str) -> Any:
        return self.installed.shown(release)["state"]

    def answer_the_target(self) -> None:
        (outcall,) = self.subnet.engine.http_outcalls()
        result = {"status": 200, "headers": [], "body": b""}
        self.subnet.engine.answer_http_outcall(
            outcall.request_id, Reply(encode([types.HTTP_RESULT], [result]))
        )


def test_deployment_is_upgraded_while_a_target_never_stops(subnet: Subnet) -> None:
    world = World(subnet)
    subnet.begin(world.target, "wait", EMPTY, OWNER.bytes)
    release = world.installed.start(1, "Upgrade", world.new, "Keep")
    world.wait_for(lambda: world.state(release) == {"Stopping": None}, 60)
    assert world.upgrade_deployment() <= BOUND

    world.wait_for(lambda: "Failed" in world.state(release), 600)
    assert "Stopping: the canister did not stop" in world.state(release)["Failed"]
    assert world.version() == 1
    assert subnet.query(world.deployment, "get_target", "counter")["Ok"]["busy"] is None

    # The target answers at last, and the next release goes through.
    world.answer_the_target()
    again = world.installed.start(2, "Upgrade", world.new, "Keep")
    world.wait_for(lambda: "Succeeded" in world.state(again), 300)
    assert world.version() == 2
    view = subnet.engine.canister(world.target)
    assert view is not None
    assert view.module_hash == hashlib.sha256(world.new).digest()


def test_a_release_goes_on_after_the_upgrade_when_its_target_stops_at_last(subnet: Subnet) -> None:
    world = World(subnet)
    subnet.begin(world.target, "wait", EMPTY, OWNER.bytes)
    release = world.installed.start(1, "Upgrade", world.new, "Keep")
    world.wait_for(lambda: world.state(release) == {"Stopping": None}, 60)
    assert world.upgrade_deployment() <= BOUND
    world.answer_the_target()
    world.wait_for(lambda: world.state(release) == {"Succeeded": None}, 300)
    assert world.version() == 2
