"""A repository of three Motoko canisters that refer to each other, deployed and upgraded."""

from __future__ import annotations

from typing import Any

import pytest

from dcanary.cli.operations.watch import state_of
from tests.e2e.world import EXECUTORS, PATIENCE, TARGET_CYCLES, Repository, World, wait_until

NAMES = ("ledger", "shop", "site")
LEDGER = """\
/// What was paid so far.
persistent actor Ledger {
  var total : Nat = 0;
  public func pay(amount : Nat) : async Nat { total += amount; total };
}
"""
SHOP = """\
/// Sells for a price; the ledger is the canister of that id.
persistent actor class Shop(ledger : Text, price : Nat) {
  var sold : Nat = 0;
  transient let bank : actor { pay : Nat -> async Nat } = actor (ledger);
  public func buy() : async (Nat, Nat) { sold += 1; (sold, await bank.pay(price)) };
}
"""
SITE = """\
/// Says where the shop is.
persistent actor class Site(shop : Principal, place : Text) {
  public query func about() : async (Principal, Text) { (shop, place) };
}
"""
PIPELINE = """\
version: 1
name: mall
on: {push: {branches: [main]}}
stages:
  build:
    runtime: motoko
    commands:
      - for name in ledger shop site; do moc src/$name.mo -o build/$name.wasm; done
    artifacts: ["build/*.wasm"]
    resources: {memory: 2GiB, storage: 256MiB, timeout: 10m}
deploy:
  # The order of the file does not matter.
  - target: site
    stage: build
    artifact: build/site.wasm
    memory: keep
    install_arg: '(principal "${canister:shop}", "${network} of ${canister:ledger}")'
    upgrade_arg: '(principal "${canister:shop}", "upgraded")'
  - target: shop
    stage: build
    artifact: build/shop.wasm
    memory: keep
    install_arg: '("${canister:ledger}", 5 : nat)'
    upgrade_arg: '("${canister:ledger}", 7 : nat)'
  - target: ledger
    stage: build
    artifact: build/ledger.wasm
    memory: keep
"""
FILES = {
    "dcanary.yml": PIPELINE,
    "src/ledger.mo": LEDGER,
    "src/shop.mo": SHOP,
    "src/site.mo": SITE,
}


def mall(world: World) -> Repository:
    repository = world.add_repository("mall", FILES, target=False)
    for name in NAMES:
        place = {
            **{"target": name, "repository": "mall", "network": "local", "canister": None},
            **{"controllers": [world.owner.principal], "cycles": TARGET_CYCLES},
        }
        world.system.deployment.ask("register_target", place)
    return repository


def asked(world: World, run: str, target: str) -> dict[str, Any]:
    """The approval request of a target, when it is made."""

    def pending() -> str | None:
        found = world.get_run(run) or {"targets": []}
        (one,) = [each for each in found["targets"] if each["target"] == target]
        approval: str | None = one["approval"]
        return approval if "Approving" in one["state"] else None

    approval = wait_until(pending, f"the request of {target}", 120)
    return dict(world.system.verification.ask("get_approval", approval))


def canister_of(world: World, target: str) -> str:
    return str(world.system.deployment.ask("get_target", target)["canister"])


@pytest.mark.timeout(600 * PATIENCE)
def test_three_canisters_are_released_one_after_the_other_and_upgraded_by_the_second_push(
    empty_world: World,
) -> None:
    world = empty_world
    repository = mall(world)
    for name in EXECUTORS[:3]:
        world.start_executor(name)
    run = world.push(repository)
    assert state_of(world.end_of_build(run, 240)) == "Approving"

    # The network dies in the middle of the first release, and deployment is upgraded then.
    world.decide(world.approver, asked(world, run, "ledger"))
    world.start_network(world.kill_network())
    world.upgrade("deployment")
    request = asked(world, run, "shop")
    ledger = canister_of(world, "ledger")
    assert ledger.encode() in request["order"]["argument"]
    found = world.get_run(run)
    assert found is not None
    assert [state_of(each) for each in found["targets"]] == ["Waiting", "Approving", "Released"]
    shown = world.run("approval", "show", request["approval"])
    assert f"argument: {ledger} is the canister of target ledger" in shown.stdout, shown.stderr

    # One command decides the rest, each request when its turn has come.
    world.start_network(world.kill_network())
    done = world.run("--identity", "approver", "approval", "approve", run, "--yes", "--follow")
    assert done.returncode == 0, done.stderr
    ended = world.end_of_run(run)
    assert state_of(ended) == "Succeeded", ended["state"]
    page = {"cursor": None, "limit": 100}
    releases = world.system.deployment.ask("list_releases", None, page)["items"]
    assert sorted(each["order"]["target"] for each in releases) == sorted(NAMES)
    assert world.target("shop").call("buy") == (1, 5)
    about = world.target("site").call("about")
    assert about == (canister_of(world, "shop"), f"local of {ledger}")
    shown = world.run("run", "show", run)
    assert "shop Released (release-2)" in shown.stdout, shown.stderr

    repository.commit({"src/ledger.mo": LEDGER.replace("total += amount", "total += 100 * amount")})
    second = world.push(repository)
    assert state_of(world.end_of_build(second, 240)) == "Approving"
    done = world.run("--identity", "approver", "approval", "approve", second, "--yes", "--follow")
    assert done.returncode == 0, done.stderr
    ended = world.end_of_run(second)
    assert state_of(ended) == "Succeeded", ended["state"]
    # What was sold and paid is kept; the price is that of the upgrade's argument.
    assert world.target("shop").call("buy") == (2, 705)
    assert world.target("site").call("about") == (canister_of(world, "shop"), "upgraded")


def test_targets_in_a_circle_and_unknown_ones_are_refused_with_file_line_and_field(
    world: World,
) -> None:
    files = {**FILES, "dcanary.yml": PIPELINE.replace("name: mall", "name: circle")}
    repository = world.add_repository("circle", files, target=False)
    for old, new, told in (
        (
            "    artifact: build/ledger.wasm\n",
            "    artifact: build/ledger.wasm\n    depends_on: [site]\n",
            "dcanary.yml:13:5: deploy[0]: targets depend on each other in a circle: "
            "site -> shop -> ledger -> site",
        ),
        (
            "${canister:ledger}",
            "${canister:legder}",
            "deploy[0].install_arg: ${canister:legder}: there is no target legder",
        ),
    ):
        assert old in files["dcanary.yml"]
        (repository.folder / "dcanary.yml").write_text(files["dcanary.yml"].replace(old, new))
        done = world.run(
            *("pipeline", "update", str(repository.folder), "--repository", "circle"),
            *("--approver", world.approver.principal),
        )
        assert done.returncode == 2, done.stdout
        # Lines are folded to the width of the terminal.
        assert told in " ".join(done.stderr.split()), done.stderr
