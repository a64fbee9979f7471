"""What a dishonest executor, operator or administrator tries between commit and release."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from dcanary.testing.native import CanisterReject, NativeCanister, user_principal
from shared.rules.limits import REVEAL_ABSENCE_NS, REVEAL_WINDOW_NS
from tests.canisters.build_executor.helpers.specs import offer
from tests.canisters.installation import error, ok
from tests.security.system import APPROVER, CONTENT, EXECUTORS, FILE, OWNER, System

ZERO_PAGE = {"cursor": None, "limit": 0}


@pytest.fixture
def system() -> System:
    made = System()
    made.prepare()
    return made


def verdict(system: System, run: str = "run-1") -> Any:
    return ok(system.canisters["verification"].query("get_round", run, "build"))["verdict"]


def state(system: System, run: str = "run-1") -> str:
    return str(next(iter(system.run(run)["state"])))


def decide(system: System, approve: bool = True, caller: Any = APPROVER, number: int = 1) -> Any:
    decision = {
        "approval": f"approval-{number}",
        "digest": system.digest(f"approval-{number}"),
        "approve": approve,
        "comment": "",
    }
    return system.canisters["verification"].update("decide_approval", decision, caller=caller)


def approval(system: System, number: int = 1) -> Any:
    return ok(system.canisters["verification"].query("get_approval", f"approval-{number}"))


def asked(system: System, delivery: str = "d-1") -> str:
    """A run whose approval is pending."""
    run = system.push(delivery)
    jobs = system.vote()
    if not system.run(run)["approval"]:
        system.upload(jobs[0])
    assert state(system, run) == "Approving"
    return run


# Votes

# How long a quorum may be silent between commitment and reveal.
ABSENCE_SECONDS = (REVEAL_WINDOW_NS + REVEAL_ABSENCE_NS) // 10**9 + 1


def test_a_commitment_copied_from_another_executor_cannot_be_revealed(system: System) -> None:
    system.push()
    first = system.lease(EXECUTORS[0])["Build"]["job"]
    stolen = system.commitment(first)
    ok(system.commit(EXECUTORS[0], first, stolen))
    copies = []
    for executor in EXECUTORS[1:]:
        job = system.lease(executor)["Build"]["job"]
        ok(system.commit(executor, job, stolen))
        copies.append((executor, job))
    ok(system.reveal(EXECUTORS[0], first))
    for executor, job in copies:
        assert "does not match" in error(system.reveal(executor, job), "Invalid")
        answer = system.canisters["verification"].update(
            "reveal", {**system.revelation(first), "job": job}, caller=executor
        )
        error(answer, "Invalid")
        error(system.reveal(executor, first), "Denied")
    system.network.advance(ABSENCE_SECONDS)
    assert "Inconclusive" in verdict(system)["kind"]
    assert state(system) == "Inconclusive"


def test_a_disabled_executor_keeps_the_vote_it_committed_and_gets_nothing_more(
    system: System,
) -> None:
    system.push()
    jobs = system.all_commit()
    ok(system.own("build_executor", "set_executor_enabled", EXECUTORS[0], False))
    for executor, job in zip(EXECUTORS, jobs, strict=True):
        ok(system.reveal(executor, job))
    assert "Agreed" in verdict(system)["kind"]
    request = {"holds": [jobs[0]], "room": None}
    refused = system.canisters["build_executor"].update("lease_work", request, caller=EXECUTORS[0])
    error(refused, "Denied")
    system.upload(jobs[1])
    assert state(system) == "Approving"


def test_a_disabled_executor_cannot_commit_what_it_had_leased(system: System) -> None:
    system.push()
    job = system.lease(EXECUTORS[0])["Build"]["job"]
    ok(system.own("build_executor", "set_executor_enabled", EXECUTORS[0], False))
    assert "Err" in system.commit(EXECUTORS[0], job, system.commitment(job))
    votes = ok(system.canisters["verification"].query("get_round", "run-1", "build"))["votes"]
    assert votes == []


def test_a_key_keeps_its_operator_and_an_operator_has_one_vote_however_many_keys(
    system: System,
) -> None:
    renamed = {
        "executor": EXECUTORS[0],
        "operator": "operator-9",
        "runtimes": [{"Shell": None}],
    }
    error(system.own("build_executor", "register_executor", renamed), "Conflict")
    again = {**renamed, "operator": "operator-0"}
    assert ok(system.own("build_executor", "register_executor", again))["operator"] == "operator-0"
    keys = [user_principal(60 + number) for number in range(3)]
    for key in keys:
        ok(system.own("build_executor", "register_executor", {**again, "executor": key}))
        ok(system.canisters["build_executor"].update("announce_offer", offer(), caller=key))
    listed = ok(system.canisters["build_executor"].query("list_executors", ZERO_PAGE))["items"]
    assert len(listed) == 6
    system.push()
    assert system.lease(keys[0])["Build"]["job"] == "run-1/build/0"
    assert [system.lease(key) for key in (*keys[1:], EXECUTORS[0])] == [None, None, None]


# Artifacts


def hostile_paths() -> list[str]:
    return [
        "../x",
        "/etc/passwd",
        "a/../../x",
        "a//b",
        "./a",
        "a/",
        "a/.",
        "..",
        "a\n" + "0" * 64 + " 1 b",
        "",
        "x" * 241,
    ]


@pytest.mark.parametrize("path", hostile_paths())
def test_a_manifest_with_a_path_that_leaves_or_forges_a_line_is_no_vote(
    system: System, path: str
) -> None:
    system.push()
    files = ({**FILE, "path": path},)
    jobs = system.all_commit(files)
    for executor, job in zip(EXECUTORS, jobs, strict=True):
        error(system.reveal(executor, job, files), "Invalid")
    system.network.advance(ABSENCE_SECONDS)
    assert state(system) == "Inconclusive"


@pytest.mark.parametrize("path", ["a\0b", "a\\b", "a\rb", "\u202ea"])
def test_an_agreed_path_that_is_not_printable_is_not_stored(system: System, path: str) -> None:
    system.push()
    system.vote(({**FILE, "path": path},))
    assert state(system) == "Failed"


@pytest.mark.parametrize(
    "files",
    [
        (FILE, FILE),
        (FILE, {**FILE, "size": 1}),
        tuple({**FILE, "path": f"f/{number}"} for number in range(257)),
        ({**FILE, "size": 2**64 - 1},),
        ({**FILE, "sha256": str(FILE["sha256"]).upper()},),
    ],
    ids=["twice", "twice with two sizes", "too many", "size", "case of the digest"],
)
def test_a_manifest_that_is_none_is_no_vote(system: System, files: Any) -> None:
    system.push()
    jobs = system.all_commit(files)
    error(system.reveal(EXECUTORS[0], jobs[0], files), "Invalid")


def test_a_manifest_of_very_many_files_is_refused_without_a_trap(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    system.push()
    files = tuple({**FILE, "path": f"f/{number}"} for number in range(10_000))
    jobs = system.all_commit()
    with pytest.raises(CanisterReject, match="IC0406"):
        system.reveal(EXECUTORS[0], jobs[0], files)
    monkeypatch.setattr(NativeCanister, "check_inspect_message", lambda *_: None)
    error(system.reveal(EXECUTORS[0], jobs[0], files), "Invalid")


def test_a_size_that_lies_about_new_bytes_cannot_be_stored(system: System) -> None:
    system.push()
    jobs = system.vote(({**FILE, "size": 1},))
    canister = system.canisters["build_executor"]
    assert system.lease(EXECUTORS[0], jobs[0])["Upload"]
    for content, kind in ((CONTENT, "Invalid"), (CONTENT[:1], "Ok")):
        chunk = {
            "run": "run-1",
            "stage": "build",
            "path": FILE["path"],
            "index": 0,
            "content": content,
        }
        answer = canister.update("upload_chunk", chunk, caller=EXECUTORS[0])
        assert kind in answer or kind in answer["Err"]
    finished = canister.update("finish_upload", "run-1", "build", FILE["path"], caller=EXECUTORS[0])
    error(finished, "Invalid")


def test_a_size_that_lies_about_bytes_that_are_known_fails_the_stage(system: System) -> None:
    """A gate on the artifact's size would otherwise judge the lie."""
    asked(system)
    run = system.push("d-2")
    system.vote(({**FILE, "size": 1},))
    found = system.run(run)
    assert found["approval"] is None
    assert "Failed" in found["state"], found["state"]
    assert f"{len(CONTENT)} bytes" in found["state"]["Failed"]


@pytest.mark.parametrize("index", [1, 33, 2**32 - 1])
def test_a_chunk_beyond_the_file_is_refused(system: System, index: int) -> None:
    system.push()
    jobs = system.vote()
    assert system.lease(EXECUTORS[0], jobs[0])["Upload"]
    chunk = {"run": "run-1", "stage": "build", "path": FILE["path"], "index": index}
    canister = system.canisters["build_executor"]
    answer = canister.update("upload_chunk", {**chunk, "content": CONTENT}, caller=EXECUTORS[0])
    error(answer, "Invalid")
    error(canister.query("read_chunk", chunk), "Invalid")


def test_other_bytes_than_the_agreed_ones_are_dropped_whoever_sends_them(system: System) -> None:
    system.push()
    jobs = system.vote()
    canister = system.canisters["build_executor"]
    assert system.lease(EXECUTORS[0], jobs[0])["Upload"]
    place = {"run": "run-1", "stage": "build", "path": FILE["path"], "index": 0}
    other = bytes(len(CONTENT))
    for _ in range(2):
        ok(canister.update("upload_chunk", {**place, "content": other}, caller=EXECUTORS[0]))
        finished = canister.update(
            "finish_upload", "run-1", "build", FILE["path"], caller=EXECUTORS[0]
        )
        assert hashlib.sha256(other).hexdigest() in error(finished, "Invalid")
        error(canister.query("read_chunk", place), "Unavailable")
    assert system.lease(EXECUTORS[0], jobs[0]) is None
    system.upload(jobs[1])
    assert ok(canister.query("read_chunk", place)) == CONTENT


# Approvals


def test_the_policy_in_force_when_a_vote_is_cast_decides(system: System) -> None:
    asked(system)
    current = ok(system.canisters["pipeline_config"].query("get_pipeline_config", "demo"))
    definition = current["definition"]
    definition["approval"]["approvers"] = [user_principal(9)]
    ok(system.own("pipeline_config", "update_pipeline", definition))
    system.run_until_idle()
    assert "policy of its repository" in error(decide(system), "Denied")
    assert ok(decide(system, caller=user_principal(9)))["state"] == {"Approved": None}
    assert approval(system)["request"]["pipeline_version"] == 1


def test_an_admin_rejects_a_request_whose_approver_is_trusted_no_more(system: System) -> None:
    asked(system)
    error(decide(system, caller=OWNER), "Denied")
    rejected = ok(decide(system, approve=False, caller=OWNER))
    assert rejected["state"] == {"Rejected": None}
    error(decide(system), "Conflict")
    assert ok(system.canisters["deployment"].query("list_releases", None, ZERO_PAGE))["items"] == []


def test_strangers_and_operators_cannot_reject(system: System) -> None:
    asked(system)
    operator = user_principal(8)
    ok(system.own("verification", "grant_role", operator, "Operator"))
    for caller in (operator, user_principal(9), *EXECUTORS):
        error(decide(system, approve=False, caller=caller), "Denied")


def test_a_target_given_to_another_repository_is_not_released_to(system: System) -> None:
    asked(system)
    target = {
        "target": "demo",
        "repository": "other",
        "network": "local",
        "canister": None,
        "controllers": [],
        "cycles": 0,
    }
    ok(system.own("deployment", "update_target", target))
    ok(decide(system))
    system.run_until_idle()
    assert "another repository" in approval(system)["state"]["ReleaseFailed"]


@pytest.mark.parametrize("steps", range(12))
def test_a_cancelled_run_has_no_request_that_could_still_be_approved(
    system: System, steps: int
) -> None:
    """Whenever the cancellation arrives between the last stored byte and the answer."""
    system.push()
    jobs = system.vote()
    canister = system.canisters["build_executor"]
    assert system.lease(EXECUTORS[0], jobs[0])["Upload"]
    place = {"run": "run-1", "stage": "build", "path": FILE["path"]}
    chunk = {**place, "index": 0, "content": CONTENT}
    ok(canister.update("upload_chunk", chunk, caller=EXECUTORS[0]))
    finishing = canister.submit("finish_upload", *place.values(), caller=EXECUTORS[0])
    for _ in range(steps):
        if not system.network.step():
            canister.fire_timer()
    cancelling = canister.submit("cancel_run", "run-1", caller=OWNER)
    system.network.messages.rotate(1)
    ok(cancelling.result())
    finishing.result()
    system.network.advance(130)
    asked = ok(system.canisters["verification"].query("list_approvals", ZERO_PAGE))["items"]
    assert state(system) == "Cancelled"
    assert all("withdrawn" in each["state"]["Blocked"] for each in asked)
    if asked:
        error(decide(system), "Conflict")
    assert ok(system.canisters["deployment"].query("list_releases", None, ZERO_PAGE))["items"] == []


@pytest.mark.parametrize("steps", range(12))
def test_a_run_is_either_cancelled_or_released_when_both_are_asked_for_at_once(
    system: System, steps: int
) -> None:
    """The approval and the cancellation are under way together, in both orders."""
    run = asked(system)
    deciding = system.canisters["verification"].submit(
        "decide_approval",
        {"approval": "approval-1", "digest": system.digest(), "approve": True, "comment": ""},
        caller=APPROVER,
    )
    cancelling = system.canisters["build_executor"].submit("cancel_run", run, caller=OWNER)
    for _ in range(steps % 6):
        if steps < 6:
            system.canisters["build_executor"].fire_timer()
        else:
            system.canisters["verification"].fire_timer()
        system.network.step()
    decided, cancelled = deciding.result(), cancelling.result()
    system.network.advance(130)
    releases = ok(system.canisters["deployment"].query("list_releases", None, ZERO_PAGE))["items"]
    if "Ok" in decided:
        assert len(releases) == 1
        assert state(system, run) not in ("Cancelled", "Approving"), cancelled
    else:
        error(decided, "Conflict")
        ok(cancelled)
        assert (state(system, run), releases) == ("Cancelled", [])
