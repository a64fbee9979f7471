"""Two runs whose releases to one target are approved at once: nothing is mixed, nothing is lost.

verification and deployment are the real canisters; build_executor is a double that serves bytes,
the management canister one in memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dcanary.testing.native import user_principal
from tests.canisters.deployment.deployment_installation import (
    OLD,
    OWNER,
    ROOT,
    TARGET_ID,
    LossyNetwork,
)
from tests.canisters.deployment.management import TRAPPING, Canister, Management, sha256
from tests.canisters.installation import DOUBLES, error, ok
from tests.canisters.verification.verification_samples import (
    SECOND,
    approval_input,
    approver,
    commitment_record,
    executor,
    file,
    reveal_input,
    round_input,
)

if TYPE_CHECKING:
    from shared.types.run import File


def module(content: bytes) -> bytes:
    """A module that is one custom section."""
    return b"\0asm\1\0\0\0" + bytes([0, len(content)]) + content


MODULES = {number: module(b"module of run %d" % number) for number in (1, 2, 3)}
TRAPPING_MODULE = module(TRAPPING)
LOOK = ["canister_info", "canister_status"]
UPGRADE = [
    *LOOK,
    "stop_canister",
    "list_canister_snapshots",
    "take_canister_snapshot",
    "clear_chunk_store",
    "upload_chunk",
    *LOOK,
    "install_chunked_code",
    "start_canister",
    *LOOK,
]
CHANGING = ("create_canister", "stop_canister", "take_canister_snapshot", "install_chunked_code")
ANY_STEP = range(0, 24, 2)


class Race:
    """Wired canisters and a target `counter`."""

    def __init__(self) -> None:
        self.network = LossyNetwork()
        canisters = ROOT / "canisters"
        self.verification, self.deployment = (
            self.network.install(canisters / name / "main.py", caller=OWNER)
            for name in ("verification", "deployment")
        )
        self.build_executor = self.network.install(DOUBLES / "build_executor.py", caller=OWNER)
        self.management = Management(self.network)
        self.management.on_loss = self.upgrade_deployment
        siblings = {
            "webhook": user_principal(91),
            "pipeline_config": user_principal(92),
            "build_executor": self.build_executor.id,
            "verification": self.verification.id,
            "deployment": self.deployment.id,
        }
        for canister in (self.verification, self.deployment):
            ok(canister.update("wire", siblings, caller=OWNER))

    def upgrade_deployment(self) -> None:
        self.network.upgrade_now = self.deployment

    def target(self, canister: Canister | None) -> None:
        if canister is not None:
            self.management.add(canister)
        value = {
            "target": "counter",
            "repository": "demo",
            "network": "local",
            "canister": None if canister is None else type(OWNER)(canister.id),
            "controllers": [OWNER] if canister is None else [],
            "cycles": 0,
        }
        ok(self.deployment.update("register_target", value, caller=OWNER))

    def canister(self, module: bytes | None) -> Canister:
        """The target is this canister, which exists already."""
        made = Canister(TARGET_ID, [self.deployment.id.bytes, OWNER.bytes], 10**12, module, "old")
        self.target(made)
        return made

    def ask(self, number: int, module: bytes | None = None) -> None:
        """The request of run `number`, whose bytes build_executor holds."""
        content = module or MODULES[number]
        self.build_executor.update("hold", f"run-{number}", "app.wasm", "0", content, caller=OWNER)
        changes = {"sha256": sha256(content).hex(), "size": len(content)}
        self.agree(f"run-{number}", file("app.wasm", content))
        request = approval_input(f"run-{number}", **changes)
        name = ok(self.verification.update("request_approval", request, caller=self.build_executor))
        assert name == f"approval-{number}"

    def agree(self, run: str, made: File) -> None:
        """Three executors reveal the same file."""
        told = self.verification.update
        opening = round_input(run=run)
        opening["commit_until_ns"] = self.network.time_ns + 600 * SECOND
        ok(told("open_round", opening, caller=self.build_executor))
        reveals = {number: reveal_input(number, [made], run=run) for number in (1, 2, 3)}
        for number, given in reveals.items():
            record = commitment_record(given, number)
            ok(told("record_commitment", record, caller=self.build_executor))
        for number, given in reveals.items():
            ok(told("reveal", given, caller=executor(number).bytes))

    def submit(self, number: int) -> Any:
        shown = ok(self.verification.query("get_approval", f"approval-{number}"))
        decision = {
            "approval": f"approval-{number}",
            "digest": shown["digest"],
            "approve": True,
            "comment": "",
        }
        caller = approver(1).bytes
        return self.verification.submit("decide_approval", decision, caller=caller)

    def approve(self, *numbers: int, steps: int = 0) -> None:
        """One decision, and the next `steps` messages later; then all that follows from them."""
        self.management.calls.clear()
        pending = []
        for number in numbers:
            pending.append(self.submit(number))
            for _ in range(steps):
                if not self.network.step():
                    self.verification.fire_timer()
                    self.deployment.fire_timer()
        for each in pending:
            assert "Approved" in ok(each.result())["state"]
        self.network.advance(3_600)

    def release_of(self, number: int) -> Any:
        """The release that run `number`'s approval became."""
        shown = ok(self.verification.query("get_approval", f"approval-{number}"))
        return ok(self.deployment.query("get_release", shown["release"]))

    def states(self, *numbers: int) -> list[Any]:
        return [self.release_of(number)["state"] for number in numbers]

    def shown(self) -> Any:
        return ok(self.deployment.query("get_target", "counter"))

    def count(self) -> int:
        page = {"cursor": None, "limit": 0}
        return len(ok(self.deployment.query("list_releases", None, page))["items"])


@pytest.fixture
def race() -> Race:
    return Race()


@pytest.mark.parametrize("steps", ANY_STEP)
def test_of_two_upgrades_approved_at_once_the_second_does_not_replace_the_first(
    race: Race, steps: int
) -> None:
    """People have approved that it replaces what ran before the first."""
    canister = race.canister(OLD)
    race.ask(1)
    race.ask(2)
    race.approve(1, 2, steps=steps)
    assert [race.release_of(number)["release"] for number in (1, 2)] == ["release-1", "release-2"]
    assert_only_the_first_was_made(race, canister)
    assert race.management.calls == UPGRADE + LOOK
    race.ask(3)
    race.approve(3)
    assert race.states(3) == [{"Succeeded": None}]
    assert (canister.module, canister.state) == (MODULES[3], "old upgraded upgraded")


def assert_only_the_first_was_made(race: Race, canister: Canister) -> None:
    first, second = race.states(1, 2)
    assert first == {"Succeeded": None}
    assert f"the canister has module {sha256(MODULES[1]).hex()}" in second["ConcurrentChange"]
    assert f"it had module {sha256(OLD).hex()} when" in second["ConcurrentChange"]
    assert "Nothing was touched" in second["ConcurrentChange"]
    assert (canister.module, canister.state) == (MODULES[1], "old upgraded")
    assert canister.status == "running"
    target = race.shown()
    assert (target["last_release"], target["busy"]) == ("release-1", None)
    assert target["module_hash"] == sha256(MODULES[1])
    assert race.count() == 2


@pytest.mark.parametrize("steps", ANY_STEP)
def test_an_older_run_is_not_released_over_a_newer_one_that_was_approved(
    race: Race, steps: int
) -> None:
    canister = race.canister(OLD)
    race.ask(1)
    race.ask(2)
    newer = race.submit(2)
    for _ in range(steps):
        if not race.network.step():
            race.verification.fire_timer()
            race.deployment.fire_timer()
    older = race.submit(1)
    assert "Approved" in ok(newer.result())["state"]
    assert "superseded" in error(older.result(), "Conflict")
    race.network.advance(3_600)
    assert race.states(2) == [{"Succeeded": None}]
    assert race.count() == 1
    assert (canister.module, canister.state) == (MODULES[2], "old upgraded")


@pytest.mark.parametrize("existing", [True, False])
@pytest.mark.parametrize("steps", ANY_STEP)
def test_a_second_install_finds_a_module_and_touches_nothing(
    race: Race, steps: int, existing: bool
) -> None:
    if existing:
        race.canister(None)
    else:
        race.target(None)
    race.ask(1)
    race.ask(2)
    race.approve(1, 2, steps=steps)
    assert race.states(1) == [{"Succeeded": None}]
    if existing:
        (second,) = race.states(2)
        assert f"the canister has module {sha256(MODULES[1]).hex()}" in second["ConcurrentChange"]
        assert "it had no module when" in second["ConcurrentChange"]
        assert "Nothing was touched" in second["ConcurrentChange"]
    else:
        assert_asked_again(race, 2)
    (canister,) = race.management.canisters.values()
    assert (canister.module, canister.state, canister.status) == (MODULES[1], "fresh", "running")
    assert canister.snapshots == []
    counted = [race.management.calls.count(method) for method in CHANGING]
    assert counted == [0 if existing else 1, 0, 0, 1]
    target = race.shown()
    assert (target["last_release"], target["busy"]) == ("release-1", None)
    race.ask(3)
    race.approve(3)
    assert race.states(3) == [{"Succeeded": None}]
    assert (canister.module, canister.state) == (MODULES[3], "fresh upgraded")


def assert_asked_again(race: Race, number: int) -> None:
    """People approved a new canister, and the first release has made one meanwhile."""
    state = ok(race.verification.query("get_approval", f"approval-{number}"))["state"]
    assert "the order is for a new canister" in state["ReleaseFailed"]
    assert f"`dcanary run retry run-{number}` asks people again" in state["ReleaseFailed"]


def test_a_second_install_asks_again_when_the_first_made_the_canister_and_failed(
    race: Race,
) -> None:
    race.target(None)
    race.ask(1, TRAPPING_MODULE)
    race.ask(2)
    race.approve(1, 2)
    assert "Installing" in race.states(1)[0]["Failed"]
    assert_asked_again(race, 2)
    (canister,) = race.management.canisters.values()
    assert canister.module is None
    race.ask(3)
    race.approve(3)
    assert race.states(3) == [{"Succeeded": None}]
    assert canister.module == MODULES[3]


def test_an_upgrade_behind_one_that_failed_goes_on_from_the_old_module(race: Race) -> None:
    canister = race.canister(OLD)
    race.ask(1, TRAPPING_MODULE)
    race.ask(2)
    race.approve(1, 2)
    assert "Failed" in race.states(1)[0]
    assert race.states(2) == [{"Succeeded": None}]
    assert race.release_of(2)["previous_hash"] == sha256(OLD)
    assert (canister.module, canister.state) == (MODULES[2], "old upgraded")


@pytest.mark.parametrize("method", sorted(set(UPGRADE)))
def test_the_first_upgrade_ends_well_when_deployment_is_upgraded_in_it(
    race: Race, method: str
) -> None:
    """The answer of the first release's call is lost with the upgrade."""
    canister = race.canister(OLD)
    race.ask(1)
    race.ask(2)
    race.management.faults[method] = ["lost"]
    race.approve(1, 2)
    assert_only_the_first_was_made(race, canister)
    assert race.management.calls.count("install_chunked_code") == 1


def test_the_same_decision_twice_at_once_is_one_release(race: Race) -> None:
    race.canister(OLD)
    race.ask(1)
    twice = [race.submit(1), race.submit(1)]
    answers = [each.result() for each in twice]
    race.network.advance(3_600)
    assert [next(iter(answer)) for answer in answers] == ["Ok", "Err"]
    assert race.count() == 1


def test_a_cancelled_release_says_so_at_its_approval_and_can_be_retried(race: Race) -> None:
    canister = race.canister(OLD)
    race.ask(1)
    race.ask(2)
    decided = [race.submit(1), race.submit(2)]
    while race.count() < 2:
        if not race.network.step():
            race.verification.fire_timer()
            race.deployment.fire_timer()
    cancelled = ok(race.deployment.update("cancel_release", "release-2", caller=OWNER))
    assert "Cancelled" in cancelled["state"]
    race.network.advance(3_600)
    assert all("Ok" in each.result() for each in decided)
    state = ok(race.verification.query("get_approval", "approval-2"))["state"]
    assert state == {"ReleaseFailed": f"Cancelled: by {OWNER.to_str()}, before it began"}
    assert canister.module == MODULES[1]
    # What was approved stays valid only while the target is as it was then.
    answer = race.verification.update("retry_release", "approval-2", caller=OWNER)
    refused = error(answer, "Conflict")
    assert "it ran" in refused


@pytest.mark.parametrize("steps", range(12))
def test_a_report_of_the_first_release_that_comes_again_says_nothing_about_the_retry(
    race: Race, steps: int
) -> None:
    canister = race.canister(OLD)
    race.ask(1)
    race.management.faults["take_canister_snapshot"] = ["reject"] * 40
    race.approve(1)
    race.management.faults.clear()
    told = race.verification
    report = {
        "approval": "approval-1",
        "release": "release-1",
        "state": {"Failed": "it could not be stopped"},
        "attempt": 1,
    }
    ok(told.update("retry_release", "approval-1", caller=OWNER))
    for _ in range(steps):
        if not race.network.step():
            race.verification.fire_timer()
            race.deployment.fire_timer()
    ok(told.update("record_release", report, caller=race.deployment.id))
    error(told.update("retry_release", "approval-1", caller=OWNER), "Conflict")
    race.network.advance(3_600)
    state = ok(told.query("get_approval", "approval-1"))["state"]
    assert state == {"Released": "release-2"}
    assert race.count() == 2
    assert canister.module == MODULES[1]
