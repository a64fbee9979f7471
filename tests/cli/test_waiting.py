"""A run says what it waits for, since when, and when it is tried again."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import pytest

from dcanary.cli.executor import presence
from dcanary.cli.operations.targets import told
from dcanary.cli.operations.watch import Ended, wait_for_cancel, wait_for_run
from dcanary.cli.output import Output, cell
from dcanary.cli.paging import newest_first
from dcanary.cli.run import line_of_job, line_of_list, summary
from dcanary.cli.times import duration
from dcanary.cli.waiting import Changes, sentence, state_and_reason, took
from dcanary.client.errors import ClientError

SECOND = 10**9
NOW = 1_700_000_000 * SECOND
GIT: dict[str, Any] = {
    "stage": "build",
    "reason": "git answered 503",
    "since_ns": NOW - 180 * SECOND,
    "next_try_ns": NOW + 20 * SECOND,
}


def run(state: str = "Queued", **changed: Any) -> Any:
    """A Run as build_executor answers it."""
    return {
        "run": "run-7",
        "delivery": "d",
        "source": {
            "repository": "counter",
            "clone_url": "",
            "ref": "refs/heads/main",
            "sha": "0" * 40,
            "message": "",
            "author": "",
        },
        "pipeline_version": 1,
        "state": {state: "why" if state in ("Failed", "Rejected", "Inconclusive") else None},
        "stages": [],
        "approval": None,
        "release": None,
        "started_by": None,
        "waiting_for": [],
        "created_ns": NOW,
        "updated_ns": NOW,
        "targets": [],
        "pull_request": None,
        **changed,
    }


def test_no_stage_of_a_queued_run_is_told_to_be_building() -> None:
    told: list[str] = []
    changes = Changes(told.append)
    stage = {"name": "build", "state": {"Building": None}, "reused": []}
    changes.look(run(stages=[stage]))
    changes.look(run("Running", stages=[stage]))
    assert told == ["run-7: Queued", "run-7: Running", "run-7: build Building"]


def test_a_sentence_says_what_since_when_and_the_next_try() -> None:
    assert sentence(GIT, NOW) == "build: git answered 503 (for 3 min, next try in 20 s)"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"next_try_ns": None}, "build: git answered 503 (for 3 min)"),
        ({"next_try_ns": NOW - 1}, "build: git answered 503 (for 3 min, tried again now)"),
        ({"next_try_ns": NOW - 540 * SECOND}, "build: git answered 503 (for 3 min)"),
        ({"stage": None, "next_try_ns": None}, "git answered 503 (for 3 min)"),
    ],
)
def test_what_is_not_known_is_not_said(changed: dict[str, Any], told: str) -> None:
    assert sentence({**GIT, **changed}, NOW) == told  # type: ignore[typeddict-item]


def test_a_list_shows_the_reason_beside_the_state() -> None:
    none = {**GIT, "stage": None, "reason": "no executor offers motoko", "next_try_ns": None}
    assert state_and_reason(run(waiting_for=[none])) == "Queued: no executor offers motoko"
    assert state_and_reason(run("Running", waiting_for=[GIT, GIT])).endswith("(and 1 more)")
    assert line_of_list(run(waiting_for=[none]))["state"] == "Queued: no executor offers motoko"


def test_a_run_that_waits_took_no_0_seconds() -> None:
    assert took(run(), NOW + 90 * SECOND) == "90 s so far"
    assert took(run("Approving"), NOW + 7_300 * SECOND) == "2 h so far"
    assert took(run("Failed", updated_ns=NOW + 3 * SECOND), NOW + 99 * SECOND) == "3.0 s"


def test_a_clock_that_is_behind_makes_no_negative_time() -> None:
    assert took(run(), NOW - 5 * SECOND) == "0 s so far"


def test_a_run_started_by_hand_says_by_whom() -> None:
    shown = summary(run(started_by="2vxsx-fae", waiting_for=[GIT]))
    assert shown["started by hand by"] == "2vxsx-fae"
    assert str(shown["waiting for"]).startswith("('build: git answered 503 (for ")


def test_a_sentence_with_a_comma_has_no_quotes_around_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A list of names would have them, and this is one of sentences."""
    quorum = "2 of 3 operators have committed, which is the quorum"
    Output().record(summary(run(waiting_for=[{**GIT, "reason": quorum}])), "run")
    (line,) = [each for each in capsys.readouterr().out.splitlines() if quorum in each]
    assert line.partition("  ")[2].startswith(f"build: {quorum} (for ")


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "0 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7199, "119 min"),
        (7200, "2 h"),
        (172800, "2 days"),
        (604800, "7 days"),
    ],
)
def test_durations_are_in_the_unit_that_says_enough(seconds: int, told: str) -> None:
    assert duration(seconds * SECOND) == told


def test_a_job_shows_its_phase_and_its_last_failure() -> None:
    failure = {"operator": "bob", "cause": "Weather", "reason": "disk full", "at_ns": NOW}
    leased: Any = {"state": {"Leased": None}, "phase": "checkout", "reused": None}
    row = line_of_job({**leased, "failures": [failure]})
    assert row["state"] == "Leased: checkout"
    assert row["last failure"] == "bob: disk full"


def test_a_run_says_whose_result_of_which_run_was_used_again() -> None:
    used = {"a": "run-3", "b": "run-2", "c": "run-3"}
    again = [{"operator": name, "run": earlier} for name, earlier in used.items()]
    stages = [
        {"name": "build", "state": {"Succeeded": None}, "reused": again},
        {"name": "test", "state": {"Succeeded": None}, "reused": []},
    ]
    assert summary(run(stages=stages))["used again"] == (
        "build: a, c: the agreed result of run-3",
        "build: b: the agreed result of run-2",
    )
    assert "used again" not in summary(run(stages=stages[1:]))
    row: Any = {"state": {"Committed": None}, "phase": None, "failures": [], "reused": "run-3"}
    assert line_of_job(row)["state"] == "Committed: its result of run-3 again"


def test_runs_are_listed_newest_first_whatever_the_order_of_their_arrival() -> None:
    arrived = [{"run": f"run-{n}"} for n in (99, 97, 100, 98, 9)] + [{"run": "odd"}]
    names = [one["run"] for one in newest_first(arrived, "run")]
    assert names == ["run-100", "run-99", "run-98", "run-97", "run-9", "odd"]


@dataclass
class Answers:
    """The `get_run` of build_executor: each answer once, the last one for ever."""

    runs: list[Any]

    def get_run(self, name: str) -> Any:
        return self.runs.pop(0) if len(self.runs) > 1 else self.runs[0]


@dataclass
class Installed:
    build_executor: Answers


def watched(*runs: Any, timeout: float = 60.0) -> tuple[Any, list[str]]:
    told: list[str] = []
    system: Any = Installed(Answers(list(runs)))
    return wait_for_run(system, "run-7", timeout, told.append, Changes(told.append).look), told


def test_watching_tells_each_change_once_and_what_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    later = {**GIT, "next_try_ns": NOW + 90 * SECOND}
    queued = [
        {"name": "build", "state": {"Building": None}, "reused": None},
        {"name": "t", "state": {"Waiting": None}, "reused": None},
    ]
    again = [{"operator": "alice", "run": "run-3"}]
    storing = [{"name": "build", "state": {"Storing": None}, "reused": again}]
    found, told = watched(
        run(waiting_for=[GIT], stages=queued),
        run(waiting_for=[later], stages=queued),
        run("Running", stages=queued),
        run("Running", stages=storing),
        run("Rejected"),
    )
    assert found["state"] == {"Rejected": "why"}
    assert told == [
        "run-7: Queued",
        "run-7: waiting: build: git answered 503",
        "run-7: Running",
        "run-7: build Building",
        "run-7: build Storing",
        "run-7: build: alice used its agreed result of run-3 again",
    ]


def test_watching_tells_every_minute_what_is_still_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = iter([0.0, 30.0, 59.0, 60.0, 100.0, 121.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(time, "time_ns", lambda: NOW)
    told: list[str] = []
    changes = Changes(told.append)
    for _ in range(6):
        changes.look(run(waiting_for=[{**GIT, "next_try_ns": None}]))
    again = "run-7: still waiting: build: git answered 503 (for 3 min)"
    assert told == ["run-7: Queued", "run-7: waiting: build: git answered 503", again, again]


def test_a_run_that_people_decide_on_says_what_comes_next() -> None:
    assert summary(run("Approving", approval="approval-3"))["next"] == (
        "dcanary approval show approval-3"
    )
    assert summary(run("Releasing", release="release-2"))["next"] == (
        "dcanary release watch release-2"
    )
    assert "next" not in summary(run("Succeeded", approval="approval-3", release="release-2"))


def released(state: str, why: str | None = None, **changed: Any) -> Any:
    row = {"target": "a", "state": {state: why}, "approval": "approval-3", "release": "release-2"}
    return {**row, **changed}


def test_a_reason_that_is_cut_says_where_the_whole_of_it_is() -> None:
    cut = released("Failed", "release-2: Installing: too lo…")
    assert summary(run("Failed", targets=[cut]))["whole reason"] == "dcanary release show release-2"
    blocked = released("Rejected", "approval-3 is blocked: too lo…", release=None)
    assert summary(run("Rejected", targets=[blocked]))["whole reason"] == (
        "dcanary approval show approval-3"
    )
    whole = released("Failed", "release-2: Installing: no")
    assert "whole reason" not in summary(run("Failed", targets=[whole]))


def test_a_commit_that_is_not_read_yet_is_a_dash() -> None:
    one = run()
    one["source"]["sha"] = ""
    assert cell(summary(one)["commit"]) == "-"


def test_a_run_says_what_was_taken_back_of_it() -> None:
    one = run("Succeeded", release="release-2", targets=[released("Released")])
    assert summary(one, None, {"release-2": "release-4"})["taken back by"] == (
        "release-4: its target is as it was before"
    )
    assert "taken back by" not in summary(one)
    assert summary(one, None, {"release-2": ""})["taken back"] == "its target is as it was before"
    both = run("Succeeded", targets=[released("Released"), released("Waiting", target="b")])
    shown: Any = summary(both, None, {"release-2": "release-4"})
    assert shown["targets"][0] == "a Released (release-2, taken back by release-4)"
    shown = summary(both, None, {"release-2": ""})
    assert shown["targets"][0] == "a Released (release-2, taken back)"


def test_the_release_of_an_earlier_request_is_not_that_of_the_target_now() -> None:
    """After `run retry` the failed release stood beside the new request."""
    assert told(released("Approving")) == "a Approving (approval-3)"
    assert told(released("Failed", "release-2: no")) == "a Failed: release-2: no (release-2)"


def test_watching_ends_when_people_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    found, _ = watched(run("Running"), run("Approving", approval="approval-1"))
    assert found["approval"] == "approval-1"


def test_watching_goes_on_while_a_release_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    found, _ = watched(run("Releasing"), run("Releasing"), run("Succeeded"))
    assert found["state"] == {"Succeeded": None}


def cancelled(*runs: Any, timeout: float = 60.0) -> tuple[Any, list[str]]:
    told: list[str] = []
    system: Any = Installed(Answers(list(runs)))
    return wait_for_cancel(system, "run-7", timeout, told.append), told


def test_cancelling_waits_until_the_request_is_withdrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    assert cancelled(run("Cancelled")) == (run("Cancelled"), [])
    found, told = cancelled(run("Approving"), run("Approving"), run("Cancelled"))
    assert found["state"] == {"Cancelled": None}
    assert told == ["run-7: its approval request is withdrawn first"]


@pytest.mark.parametrize("state", ["Releasing", "Succeeded", "Rejected", "Failed"])
def test_cancelling_too_late_says_what_became_of_the_run(
    monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    with pytest.raises(Ended, match=f"decided before it could be cancelled: {state}"):
        cancelled(run("Approving"), run(state))


def test_cancelling_does_not_wait_for_ever() -> None:
    with pytest.raises(ClientError, match="not cancelled within"):
        cancelled(run("Approving"), timeout=-1.0)


def test_a_time_limit_says_what_the_run_waits_for() -> None:
    with pytest.raises(ClientError, match="waiting: build: git answered 503"):
        watched(run(waiting_for=[GIT]), timeout=-1.0)


@pytest.mark.parametrize(
    ("enabled", "online", "offer", "told"),
    [
        (True, True, {"leaving": None}, "online"),
        (True, False, {"leaving": None}, "away"),
        (True, False, None, "away"),
        (True, False, {"leaving": True}, "stopped"),
        (False, True, {"leaving": True}, "disabled"),
        # Of a canister of before, which does not know the word.
        (True, True, {}, "online"),
    ],
)
def test_an_executor_is_online_away_stopped_or_disabled(
    enabled: bool, online: bool, offer: Any, told: str
) -> None:
    found: Any = {"enabled": enabled, "online": online, "offer": offer}
    assert presence(found) == told


def test_an_image_that_nobody_offers_is_named_with_the_command_that_builds_it() -> None:
    from dcanary.image.standard import standard_locks

    digest = standard_locks()["rust"].digest
    waiting = {**GIT, "reason": f"no executor offers the image {digest}"}
    said = sentence(waiting, NOW)  # type: ignore[arg-type]  # a record as the canister answers it
    assert "no executor offers the image rust: dcanary image build rust (for" in said


MISSING = "there is no target counter: an admin adds it with register_target"


def test_what_a_run_waits_for_and_why_it_failed_names_commands() -> None:
    told = "an admin adds it with `dcanary target add`"
    one: Any = {"stage": None, "reason": MISSING, "since_ns": 0, "next_try_ns": None}
    assert told in sentence(one, 0)
    assert told in cell({"Failed": MISSING})
    failed: Any = {**run("Failed"), "state": {"Failed": MISSING}}
    assert told in state_and_reason(failed)
