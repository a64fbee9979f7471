"""An installation of an earlier release, upgraded to today's sources: all is there and goes on.

The five canisters run natively; `test_upgrade_on_replica.py` does the same with their Wasm.
"""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from dcanary.client.system import CANISTERS
from dcanary.testing.native import Principal
from tests.canisters.build_executor.helpers.specs import offer
from tests.canisters.deployment.deployment_installation import LossyNetwork
from tests.canisters.deployment.management import Canister, Management
from tests.canisters.installation import SECRET, delivery_headers, error, ok, push_payload, sign
from tests.canisters.upgrade.recorded import Recorded, candid, lost, plain, recorded, versions
from tests.fixtures.stable.record import PAGE, History, content_of, file_of
from tests.security.system import APPROVER, EXECUTORS, OWNER, SOURCES


class Upgraded(History):
    """The recorded installation with today's sources."""

    def __init__(self, fixture: Recorded) -> None:
        self.network = LossyNetwork(fixture.time_ns)
        self.management = Management(self.network)
        self.canisters = {
            name: self.network.install(
                SOURCES / name / "main.py",
                caller=OWNER,
                canister_id=Principal.from_str(fixture.ids[name]),
            )
            for name in CANISTERS
        }
        for name, canister in self.canisters.items():
            canister.go_on_from(fixture.stable[name])

    def run_for(self, number: int) -> Any:
        """The run of commit `number`."""
        (found,) = [run for run in self.runs() if run["source"]["sha"] == f"{number:040x}"]
        return found

    def runs(self) -> Any:
        return ok(self.canisters["build_executor"].query("list_runs", None, PAGE))["items"]

    def state_of(self, number: int) -> Any:
        return self.run_for(number)["state"]

    def approval_for(self, number: int) -> Any:
        """The approval request of commit `number`."""
        items = ok(self.canisters["verification"].query("list_approvals", PAGE))["items"]
        (found,) = [one for one in items if one["request"]["source"]["sha"] == f"{number:040x}"]
        return found

    def vote_on(self, number: int) -> Any:
        """Approve the request of commit `number` as it is shown."""
        shown = self.approval_for(number)
        decision = {
            "approval": shown["approval"],
            "digest": shown["digest"] or "",
            "approve": True,
            "comment": "",
        }
        return self.canisters["verification"].update("decide_approval", decision, caller=APPROVER)


@pytest.mark.parametrize("version", versions())
def test_every_answer_of_before_is_still_given(version: str) -> None:
    fixture = recorded(version)
    world = Upgraded(fixture)
    found = []
    for asked in fixture.answers:
        canister = world.canisters[asked["canister"]]
        now = plain(canister.query(asked["method"], *candid(asked["args"])))
        found += lost(asked["answer"], now, f"{asked['canister']}.{asked['method']}")
    assert not found, "\n".join(found)


@pytest.mark.parametrize("version", versions())
def test_what_a_run_of_before_waits_for_has_begun_at_a_time(version: str) -> None:
    world = Upgraded(recorded(version))
    runs = ok(world.canisters["build_executor"].query("list_runs", None, PAGE))["items"]
    since = [one["since_ns"] for run in runs for one in run["waiting_for"]]
    assert since
    assert min(since) > 0


@pytest.mark.parametrize("version", versions())
def test_runs_releases_and_messages_that_were_in_flight_go_on(version: str) -> None:
    world = Upgraded(recorded(version))
    target = ok(world.canisters["deployment"].query("get_target", "demo"))["canister"]
    controllers = [world.canisters["deployment"].id.bytes]
    world.management.add(
        Canister(target.bytes, controllers, 10**13, content_of(1), status="stopped")
    )
    world.run_until_idle()

    # One job of the stage was committed before, one was leased, one was free. The files are those
    # of the stage before, whose bytes are here: nobody has to bring them.
    tested = [file_of(content_of(12), "out/test.wasm")]
    jobs = [f"{world.run_for(12)['run']}/test/{replica}" for replica in range(3)]
    ok(world.commit(EXECUTORS[1], jobs[1], world.commitment(jobs[1], tested)))
    # An executor of today announces what it offers before it leases.
    for executor in EXECUTORS:
        answer = world.canisters["build_executor"].update(
            "announce_offer", offer(), caller=executor
        )
        ok(answer)
    assert world.work(EXECUTORS[2])["job"] == jobs[2]
    ok(world.commit(EXECUTORS[2], jobs[2], world.commitment(jobs[2], tested)))
    for executor, job in zip(EXECUTORS, jobs, strict=True):
        ok(world.reveal(executor, job, tested))
    assert "Succeeded" in world.state_of(12)

    # Nobody had begun the one; the delivery of the other was on its way.
    for number in (13, 14):
        world.agree(content_of(number))
        world.agree(content_of(number), "out/test.wasm", keep=False)
        assert "Succeeded" in world.state_of(number)

    # The release was in the middle of its upload; then it is the newest of its target.
    world.network.advance(1_200)
    releases = ok(world.canisters["deployment"].query("list_releases", None, PAGE))["items"]
    assert "Succeeded" in releases[0]["state"]
    released, older = world.run_for(16), world.run_for(11)
    voided = world.approval_for(11)["state"]["Superseded"]
    assert f"{older['run']} is older than {released['run']}" in voided
    assert "roll that release back" in voided
    assert "Rejected" in older["state"]
    assert older["targets"][0]["state"] == older["state"]


@pytest.mark.parametrize("version", ["0.1.0"])
def test_a_vote_of_before_and_one_of_today_for_the_same_bytes_make_a_quorum(version: str) -> None:
    """The attestations of 0.1.0 say nothing about the commit's author and message."""
    world = Upgraded(recorded(version))
    world.run_until_idle()
    tested = [file_of(content_of(12), "out/test.wasm")]
    other = [file_of(b"other", "out/test.wasm")]
    run = world.run_for(12)["run"]
    jobs = [f"{run}/test/{replica}" for replica in range(3)]
    read = {"author": "Ada", "message": "Twelfth"}
    ok(world.commit(EXECUTORS[1], jobs[1], world.commitment(jobs[1], tested, described=read)))
    ok(world.canisters["build_executor"].update("announce_offer", offer(), caller=EXECUTORS[2]))
    assert world.work(EXECUTORS[2])["job"] == jobs[2]
    ok(world.commit(EXECUTORS[2], jobs[2], world.commitment(jobs[2], other, described=read)))
    # The first commitment is the recorded one.
    ok(world.reveal(EXECUTORS[0], jobs[0], tested))
    ok(world.reveal(EXECUTORS[1], jobs[1], tested, described=read))
    ok(world.reveal(EXECUTORS[2], jobs[2], other, described=read))

    round = ok(world.canisters["verification"].query("get_round", run, "test"))
    assert round["quorum"] == 2
    assert round["verdict"]["kind"] == {"Agreed": None}
    assert round["verdict"]["jobs"] == jobs[:2]
    assert [one["executor"] for one in round["verdict"]["disputes"]] == [EXECUTORS[2]]
    # One operator is no quorum for what the commit says.
    assert round["verdict"]["commit"] is None
    assert "Succeeded" in world.state_of(12)


TOLD = {
    # The one is under way, and while it may fail the other can still be approved.
    "approval-7": ("Releasing", "Releasing", "Releasing", "release-4"),
    "approval-6": ("Pending", "Approving", "Approving", None),
    "approval-5": ("Expired", "Rejected", "Rejected", None),
    "approval-4": ("Rejected", "Rejected", "Rejected", None),
    "approval-3": ("ReleaseFailed", "Failed", "Failed", "release-3"),
    "approval-2": ("Released", "Succeeded", "Released", "release-2"),
    "approval-1": ("Released", "Succeeded", "Released", "release-1"),
}
"""By request: its state, its run's, its target's there, and the release named there."""


def told(world: Upgraded) -> Any:
    found = {}
    for one in ok(world.canisters["verification"].query("list_approvals", PAGE))["items"]:
        run = ok(world.canisters["build_executor"].query("get_run", one["request"]["run"]))
        (target,) = run["targets"]
        assert target["approval"] == one["approval"]
        words = [next(iter(shown["state"])) for shown in (one, run, target)]
        found[one["approval"]] = (*words, target["release"])
    return found


@pytest.mark.parametrize("version", ["0.1.0"])
def test_runs_of_before_say_what_became_of_their_targets(version: str) -> None:
    """0.1.0 called them Succeeded when people were asked, and told them nothing since. It called
    requests Released when a release was ordered, whatever came of it."""
    world = Upgraded(recorded(version))
    before = {run["run"]: run for run in world.runs()}
    world.network.advance(60)
    assert told(world) == TOLD
    # How long they took is not until they were told.
    for run in world.runs():
        known = before.get(run["run"], run)
        if known["state"] == {"Succeeded": None} and "Releasing" not in run["state"]:
            assert run["updated_ns"] == known["updated_ns"]


@pytest.mark.parametrize("version", ["0.1.0"])
@pytest.mark.parametrize("interrupted", ["verification", "deployment", "build_executor"])
def test_what_became_of_targets_is_told_though_upgrades_come_in_between(
    version: str, interrupted: str
) -> None:
    world = Upgraded(recorded(version))
    for _ in range(20):
        world.network.upgrade_now = world.canisters[interrupted]
        world.network.advance(1)
    world.network.advance(400)
    found = told(world)
    # What goes on with the release that is under way is not looked at here.
    assert {**found, "approval-7": TOLD["approval-7"]} == TOLD
    states = found["approval-7"]
    assert states[:3] in (
        ("Releasing", "Releasing", "Releasing"),
        ("ReleaseFailed", "Failed", "Failed"),
    )


@pytest.mark.parametrize("version", ["0.1.0"])
def test_a_request_that_was_pending_gets_an_order_or_says_what_is_wrong(version: str) -> None:
    world = Upgraded(recorded(version))
    target = ok(world.canisters["deployment"].query("get_target", "demo"))["canister"]
    controllers = [world.canisters["deployment"].id.bytes]
    world.management.add(
        Canister(target.bytes, controllers, 10**13, content_of(1), status="stopped")
    )
    # The release that was under way fails: the older request is the one to decide.
    world.management.faults["install_chunked_code"] = ["reject"]
    world.run_until_idle()
    world.network.advance(1_200)
    assert "Pending" in world.approval_for(11)["state"]
    assert world.approval_for(11)["digest"] is None

    first = world.vote_on(11)
    assert "asked by an earlier version" in error(first, "Unavailable")
    assert "look at it again" in error(first, "Unavailable")
    world.network.advance(2)
    asked = world.approval_for(11)
    assert asked["order"]["sha256"] == asked["request"]["sha256"]
    assert asked["order"]["replaces"] == hashlib.sha256(content_of(1)).digest()
    assert len(asked["order"]["verdict"]["operators"]) == 3
    # What the fixture calls a module is none: the gates of today do not let it pass.
    assert "not a WebAssembly module" in asked["state"]["Blocked"]
    assert "not a WebAssembly module" in error(world.vote_on(11), "Conflict")
    world.network.advance(2)
    assert "not a WebAssembly module" in world.run_for(11)["state"]["Rejected"]


@pytest.mark.parametrize("version", versions())
def test_a_repository_of_before_and_one_of_a_newer_provider_stand_side_by_side(
    version: str,
) -> None:
    """Stored records hold the provider: a case more must leave those of before as they are."""
    webhook = Upgraded(recorded(version)).canisters["webhook"]
    before = ok(webhook.query("list_repositories", PAGE))["items"]
    assert {next(iter(each["provider"])) for each in before} == {"GitHub"}
    value = {
        "repository": "newcomer",
        "provider": {"Gitea": None},
        "clone_url": "https://git.example.org/ada/newcomer.git",
        "secret": SECRET,
    }
    ok(webhook.update("register_repository", value, caller=OWNER))
    webhook.upgrade()
    newcomer, *others = ok(webhook.query("list_repositories", PAGE))["items"]
    assert newcomer["provider"] == {"Gitea": None}
    assert others == before
    body = push_payload()
    for provider, headers in (
        ("github", delivery_headers(body, "after-the-upgrade")),
        ("gitea", [("x-hub-signature-256", sign(body))]),
    ):
        named = "demo" if provider == "github" else "newcomer"
        answer = webhook.http("POST", f"/webhook/{provider}/{named}", headers, body)
        # Signed: past the check of the signature, whatever comes of it.
        assert answer["status_code"] not in (401, 404), answer
