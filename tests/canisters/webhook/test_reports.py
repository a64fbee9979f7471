"""Reports: what is written down of a run's changes, who may read them, and who posts them."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from canisters.webhook.reports import rules
from dcanary.testing.native import ANONYMOUS, user_principal
from shared.rules import limits
from tests.canisters.installation import (
    FIRST_PAGE,
    OWNER,
    SHA,
    STRANGER,
    Installation,
    error,
    ok,
    push_payload,
)

REPORTER = user_principal(60)
OTHER = user_principal(61)
VIEWER = user_principal(62)
SECOND = 1_000_000_000


def told(at: int = 1, **changed: Any) -> dict[str, Any]:
    """Where a run of one stage and one target stands."""
    return {
        "run": "run-1",
        "pipeline": "demo",
        "repository": "demo",
        "ref": "refs/heads/main",
        "sha": SHA,
        "state": {"Queued": None},
        "stages": [{"name": "build", "state": {"Building": None}}],
        "targets": [
            {"target": "demo", "state": {"Waiting": None}, "approval": None, "release": None}
        ],
        "at_ns": at,
        **changed,
    }


class Reports:
    """`webhook` with a reporter, another one and a viewer."""

    def __init__(self) -> None:
        self.installation = Installation()
        self.webhook = self.installation.webhook
        for who, role in ((REPORTER, "Reporter"), (OTHER, "Reporter"), (VIEWER, "Viewer")):
            ok(self.webhook.update("grant_role", who, role, caller=OWNER))

    def tell(self, at: int = 1, **changed: Any) -> None:
        caller = self.installation.executor.id
        ok(self.webhook.update("report_run", told(at, **changed), caller=caller))

    def read(self, since: int = 0, limit: int = 0) -> Any:
        query = {"since": since, "limit": limit}
        return ok(self.webhook.query("read_reports", query, caller=REPORTER))

    def states(self) -> list[str]:
        """`subject state` of every report, oldest first."""
        return [
            f"{rules.subject_key(each['subject'])} {next(iter(each['state']))}"
            for each in self.read()["items"]
        ]

    def lease(self, name: str = "one", caller: Any = REPORTER) -> Any:
        return self.webhook.update("lease_reports", name, caller=caller)

    def post(self, number: int, state: str, done: int = 0, caller: Any = REPORTER) -> Any:
        posting = {
            "state": {state: "no" if state == "Refused" else None},
            "attempts": 1,
            "last_error": "",
            "next_try_ns": None,
        }
        posts = [{"number": number, "posting": posting}]
        return self.webhook.update("record_posts", "one", posts, done, caller=caller)

    def posting(self, number: int) -> str:
        return next(iter(self.read(number, 1)["items"][0]["posting"]["state"]))


@pytest.fixture
def reports() -> Reports:
    return Reports()


def test_each_thing_that_has_changed_is_one_report_and_the_same_again_is_none(
    reports: Reports,
) -> None:
    reports.tell(1)
    assert reports.states() == ["Stage:build Building", "Run: Queued"]
    reports.tell(2)
    assert len(reports.states()) == 2
    reports.tell(3, state={"Running": None})
    built = [{"name": "build", "state": {"Succeeded": None}}]
    asked = [
        {"target": "demo", "state": {"Approving": None}, "approval": "approval-1", "release": None}
    ]
    reports.tell(4, state={"Approving": None}, stages=built, targets=asked)
    assert reports.states()[2:] == [
        "Run: Running",
        "Stage:build Succeeded",
        "Target:demo Approving",
        "Run: Approving",
    ]
    last = reports.read()["items"][-2]
    assert (last["record"], last["pipeline"], last["sha"]) == ("approval-1", "demo", SHA)


def test_another_reason_and_another_request_are_changes_too(reports: Reports) -> None:
    reports.tell(1, state={"Failed": "one"}, stages=[])
    reports.tell(2, state={"Failed": "two"}, stages=[])
    reports.tell(3, state={"Failed": "two"}, stages=[])
    assert [each["state"] for each in reports.read()["items"]] == [
        {"Failed": "one"},
        {"Failed": "two"},
    ]


def test_an_overtaken_message_changes_nothing(reports: Reports) -> None:
    reports.tell(5, state={"Succeeded": None}, stages=[])
    reports.tell(4, state={"Running": None}, stages=[])
    assert reports.states() == ["Run: Succeeded"]


def test_a_long_reason_is_cut(reports: Reports) -> None:
    reports.tell(1, state={"Failed": "x" * 1_000}, stages=[])
    kept = reports.read()["items"][0]["state"]["Failed"]
    assert len(kept) == limits.MAX_REPORT_TEXT_CHARS


def test_a_refused_run_request_is_reported(reports: Reports) -> None:
    installation = reports.installation
    installation.register_repository()
    triggers = [{"Push": ["main"]}]
    pipelines = installation.pipelines.id
    ok(reports.webhook.update("sync_triggers", "demo", triggers, caller=pipelines))
    assert installation.deliver()[0] == 202
    installation.run_until_idle()
    assert next(iter(installation.delivery()["state"])) == "Refused"
    (found,) = reports.read()["items"]
    assert (found["run"], found["repository"], found["sha"]) == ("run-1", "demo", SHA)
    assert "Refused" in found["state"]


def test_reports_are_read_from_a_number_on_in_batches(reports: Reports) -> None:
    for number in range(5):
        reports.tell(number + 1, state={"Failed": str(number)}, stages=[])
    batch = reports.read(1, 2)
    assert [each["number"] for each in batch["items"]] == [1, 2]
    assert (batch["first"], batch["next"], batch["total"]) == (0, 3, 5)
    end = reports.read(9)
    assert (end["items"], end["next"]) == ([], 5)
    query = {"since": 0, "limit": limits.MAX_PAGE_ITEMS + 1}
    error(reports.webhook.query("read_reports", query, caller=REPORTER), "Invalid")


def test_people_read_the_newest_first_page_after_page(reports: Reports) -> None:
    for number in range(5):
        reports.tell(number + 1, state={"Failed": str(number)}, stages=[])
    page: dict[str, Any] = {"cursor": None, "limit": 2}
    seen = []
    while True:
        answer = ok(reports.webhook.query("list_reports", page, caller=VIEWER))
        seen += [each["number"] for each in answer["items"]]
        if answer["next"] is None:
            break
        page = {"cursor": answer["next"], "limit": 2}
    assert seen == [4, 3, 2, 1, 0]


def test_the_oldest_reports_go_and_what_is_known_of_their_runs_with_them(
    reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = reports.webhook.module("canisters.webhook.reports.tables")
    monkeypatch.setattr(tables, "MAX_REPORTS", 3)
    for number in range(5):
        reports.tell(1, run=f"run-{number}", stages=[])
    batch = reports.read()
    assert [each["number"] for each in batch["items"]] == [2, 3, 4]
    assert (batch["first"], batch["total"]) == (2, 5)
    listed = ok(reports.webhook.query("list_reports", FIRST_PAGE, caller=VIEWER))
    assert ([each["number"] for each in listed["items"]], listed["next"]) == ([4, 3, 2], None)
    store = reports.webhook.module("canisters.webhook.store")
    with reports.webhook.looking():
        assert sorted(store.told.keys()) == ["run-2", "run-3", "run-4"]


def test_reports_are_kept_over_an_upgrade(reports: Reports) -> None:
    reports.tell(1)
    reports.webhook.upgrade()
    reports.tell(2)
    assert len(reports.states()) == 2


@pytest.mark.parametrize(
    ("method", "argument", "may"),
    [
        ("list_reports", FIRST_PAGE, (OWNER, REPORTER, VIEWER)),
        ("read_reports", {"since": 0, "limit": 0}, (OWNER, REPORTER)),
    ],
)
def test_reports_are_read_by_those_alone_who_may(
    reports: Reports, method: str, argument: Any, may: tuple[Any, ...]
) -> None:
    for caller in (OWNER, REPORTER, VIEWER, STRANGER, ANONYMOUS):
        answer = reports.webhook.query(method, argument, caller=caller)
        if caller in may:
            ok(answer)
        else:
            error(answer, "Denied")


def test_one_reporter_posts_at_a_time_until_its_lease_runs_out(reports: Reports) -> None:
    first = ok(reports.lease("one"))
    assert first["until_ns"] - reports.installation.network.time_ns <= limits.REPORT_LEASE_NS
    assert "reporter one" in error(reports.lease("two", OTHER), "Conflict")
    error(reports.lease("two", REPORTER), "Conflict")
    reports.installation.network.advance(50)
    ok(reports.lease("one"))
    reports.installation.network.advance(50)
    error(reports.lease("two", OTHER), "Conflict")
    reports.installation.network.advance(11)
    ok(reports.lease("two", OTHER))
    error(reports.lease("one"), "Conflict")


def test_a_lease_that_was_given_back_is_free_at_once(reports: Reports) -> None:
    ok(reports.lease("one"))
    ok(reports.webhook.update("leave_reports", "two", caller=REPORTER))
    ok(reports.webhook.update("leave_reports", "one", caller=OTHER))
    error(reports.lease("two", OTHER), "Conflict")
    ok(reports.webhook.update("leave_reports", "one", caller=REPORTER))
    ok(reports.lease("two", OTHER))


@pytest.mark.parametrize("name", ["", "a" * 65, "a\nb", "é"])
def test_a_reporter_has_a_plain_name(reports: Reports, name: str) -> None:
    error(reports.lease(name), "Invalid")


def test_what_became_of_reports_is_told_by_the_holder_of_the_lease_alone(reports: Reports) -> None:
    reports.tell(1)
    error(reports.post(0, "Posted"), "Conflict")
    ok(reports.lease("one"))
    error(reports.post(0, "Posted", caller=OTHER), "Conflict")
    ok(reports.post(0, "Waiting"))
    assert reports.posting(0) == "Waiting"
    ok(reports.post(0, "Posted", done=1))
    assert ok(reports.lease("one"))["done"] == 1
    reports.installation.network.advance(61)
    error(reports.post(1, "Posted"), "Conflict")


def test_what_is_final_stays_and_unknown_numbers_are_passed_over(reports: Reports) -> None:
    reports.tell(1)
    ok(reports.lease("one"))
    ok(reports.post(0, "Refused", done=99))
    ok(reports.post(0, "Posted"))
    ok(reports.post(77, "Posted"))
    assert reports.posting(0) == "Refused"
    assert ok(reports.lease("one"))["done"] == 2


def test_so_many_outcomes_at_once_and_no_more(reports: Reports) -> None:
    ok(reports.lease("one"))
    posting = {"state": {"Posted": None}, "attempts": 1, "last_error": "", "next_try_ns": None}
    posts = [{"number": n, "posting": posting} for n in range(limits.MAX_POSTED_REPORTS + 1)]
    error(reports.webhook.update("record_posts", "one", posts, 0, caller=REPORTER), "TooLarge")


NEXT, AFTER = "2" * 40, "3" * 40
ONLY_SOURCES = {"branches": ["main"], "paths": ["src/**"], "paths_ignore": None, "authors": None}


def push_of(before: str, after: str, path: str, **more: Any) -> bytes:
    commit = {"id": after, "message": "SubjectChange", "author": {"name": "Ada"}}
    files = {"added": [], "removed": [], "modified": [path]}
    commits = [{**commit, **files}]
    return push_payload(sha=after, before=before, commits=commits, forced=False, **more)


class Filtered(Reports):
    """The repository `demo` wants changes below src/ alone."""

    def __init__(self) -> None:
        super().__init__()
        self.installation.register_repository()
        triggers = [{"FilteredPush": ONLY_SOURCES}]
        caller = self.installation.pipelines.id
        ok(self.webhook.update("sync_triggers", "demo", triggers, caller=caller))

    def push(self, before: str, after: str, path: str = "docs/a.md", **more: Any) -> str:
        body = push_of(before, after, path, **more)
        answer: str = self.installation.deliver(f"d-{after[-6:]}", body)[1]["status"]
        return answer

    def shown(self, sha: str) -> list[str]:
        """`subject state` of every report about a commit, oldest first."""
        return [
            f"{rules.subject_key(each['subject'])} {next(iter(each['state']))}"
            for each in self.read()["items"]
            if each["sha"] == sha
        ]


@pytest.fixture
def filtered() -> Filtered:
    return Filtered()


def test_a_push_of_nothing_that_is_wanted_shows_the_result_of_the_commit_before(
    filtered: Filtered,
) -> None:
    built = [{"name": "build", "state": {"Succeeded": None}}]
    filtered.tell(1, state={"Succeeded": None}, stages=built)
    assert filtered.push(SHA, NEXT) == "ignored"
    assert filtered.shown(NEXT) == ["Stage:build Succeeded", "Run: Succeeded"]
    assert filtered.push(NEXT, AFTER) == "ignored"
    assert filtered.shown(AFTER) == ["Stage:build Succeeded", "Run: Succeeded"]
    last = filtered.read()["items"][-1]
    assert (last["pipeline"], last["run"], last["ref"]) == ("demo", "run-1", "refs/heads/main")


def test_what_failed_before_stays_failed_and_is_referred_to(filtered: Filtered) -> None:
    filtered.tell(1, state={"Failed": "it does not compile"}, stages=[])
    filtered.push(SHA, NEXT)
    assert filtered.read()["items"][-1]["state"] == {
        "Failed": f"see {SHA[:12]}, nothing to do here"
    }


def test_the_end_of_a_run_is_shown_by_all_commits_that_follow_it(filtered: Filtered) -> None:
    filtered.tell(1, stages=[])
    filtered.push(SHA, NEXT)
    filtered.push(NEXT, AFTER)
    filtered.tell(filtered.installation.network.time_ns, state={"Failed": "late"}, stages=[])
    for sha in (SHA, NEXT, AFTER):
        assert filtered.shown(sha) == ["Run: Queued", "Run: Failed"]
    assert filtered.read()["items"][-1]["state"] == {"Failed": "late"}


@pytest.mark.parametrize(
    ("before", "more"),
    [("9" * 40, {}), (SHA, {"forced": True}), (SHA, {"created": True}), ("x", {})],
    ids=["unknown", "forced", "new branch", "no commit"],
)
def test_of_an_unknown_predecessor_nothing_is_shown(
    filtered: Filtered, before: str, more: dict[str, Any]
) -> None:
    filtered.tell(1, state={"Succeeded": None}, stages=[])
    body_more = {key: value for key, value in more.items() if key != "forced"}
    body = json.loads(push_of(before, NEXT, "docs/a.md", **body_more))
    body.update(more)
    filtered.installation.deliver("d-1", json.dumps(body).encode())
    assert filtered.shown(NEXT) == []


def test_a_skipped_push_and_one_of_another_branch_show_nothing(filtered: Filtered) -> None:
    filtered.tell(1, state={"Succeeded": None}, stages=[])
    assert filtered.push(SHA, NEXT, ref="refs/heads/other") == "ignored"
    body = json.loads(push_of(SHA, AFTER, "src/a.py"))
    body["head_commit"]["message"] = "Break it [skip ci]"
    filtered.installation.deliver("d-2", json.dumps(body).encode())
    assert (filtered.shown(NEXT), filtered.shown(AFTER)) == ([], [])


def test_a_run_of_its_own_is_what_a_commit_shows(filtered: Filtered) -> None:
    filtered.tell(1, stages=[])
    filtered.push(SHA, NEXT)
    now = filtered.installation.network.time_ns
    filtered.tell(now, run="run-2", sha=NEXT, state={"Succeeded": None}, stages=[])
    filtered.tell(now + 1, state={"Failed": "late"}, stages=[])
    assert filtered.shown(NEXT) == ["Run: Queued", "Run: Succeeded"]
    filtered.push(SHA, NEXT)
    assert filtered.shown(NEXT) == ["Run: Queued", "Run: Succeeded"]


def test_only_so_many_commits_follow_a_run_the_last_ones(
    filtered: Filtered, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = filtered.webhook.module("canisters.webhook.reports.rules")
    monkeypatch.setattr(module, "MAX_COMMITS_PER_REPORT", 3)
    filtered.tell(1, stages=[])
    commits = [SHA, *(f"{number:040x}" for number in range(10, 14))]
    for before, after in itertools.pairwise(commits):
        filtered.push(before, after)
    filtered.tell(filtered.installation.network.time_ns, state={"Succeeded": None}, stages=[])
    ended = [sha for sha in commits if filtered.shown(sha)[-1] == "Run: Succeeded"]
    assert ended == [commits[0], *commits[-2:]]
    store = filtered.webhook.module("canisters.webhook.store")
    with filtered.webhook.looking():
        assert store.told_commits.len() == 3


def test_what_is_known_of_commits_goes_with_the_reports(
    filtered: Filtered, monkeypatch: pytest.MonkeyPatch
) -> None:
    filtered.tell(1, stages=[])
    filtered.push(SHA, NEXT)
    tables = filtered.webhook.module("canisters.webhook.reports.tables")
    monkeypatch.setattr(tables, "MAX_REPORTS", 2)
    for number in range(4):
        filtered.tell(1, run=f"run-{number + 2}", sha=f"{number + 5}" * 40, stages=[])
    store = filtered.webhook.module("canisters.webhook.store")
    with filtered.webhook.looking():
        assert sorted(store.told.keys()) == sorted(store.told_commits.values())
        assert store.told_commits.len() == 2
