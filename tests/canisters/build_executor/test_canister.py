"""The real canister with real messages, timers and upgrades, run natively."""

from __future__ import annotations

from typing import Any

import pytest

from dcanary.testing.native import CanisterReject, user_principal
from shared.rules.limits import (
    LEASE_NS,
    MAX_CHUNK_BYTES,
    MAX_MANIFEST_FILES,
    MAX_NAME_CHARS,
    MAX_PATH_CHARS,
    MAX_REPLICAS,
    MAX_SEND_NS,
    MAX_STAGES_PER_PIPELINE,
    MAX_TEXT_CHARS,
    MIN_GRACE_NS,
)
from tests.canisters.build_executor.helpers.installed import (
    ANONYMOUS,
    COMMITMENT,
    OK,
    OWNER,
    PIPELINES,
    STRANGER,
    A,
    B,
    C,
    Installed,
)
from tests.canisters.build_executor.helpers.specs import deploy, file, spec, stage, verdict

SECOND = 1_000_000_000
LEASE_SECONDS = LEASE_NS / SECOND
CONTENT = bytes(range(256)) * 5_000
OUT = file("out.wasm", CONTENT)


@pytest.fixture
def it() -> Installed:
    return Installed()


def upload_all(it: Installed, executor: Any, job: str) -> None:
    assert it.lease(executor, job)["Upload"]["files"] == [OUT]
    for index in range(2):
        part = CONTENT[index * MAX_CHUNK_BYTES : (index + 1) * MAX_CHUNK_BYTES]
        assert it.upload(executor, "out.wasm", part, index) == OK
    assert it.finish(executor, "out.wasm") == OK


def test_a_run_goes_from_its_spec_to_its_approval(it: Installed) -> None:
    it.enqueue(spec(deploy=deploy()))
    assert it.noted() == [], "a stage that waits in the queue takes no round"
    jobs = it.all_commit()
    assert it.noted()[0] == "open_round run-1/build: Ok"
    assert it.noted()[1:] == [f"record_commitment {job}: Ok" for job in jobs]
    record = it.verification.query("commitment_of", jobs[1])
    assert record["executor"].to_str() == B.to_str()
    assert (record["operator"], record["commitment"]) == ("operator-1", COMMITMENT)
    assert it.decide("Agreed", [OUT], jobs[:2]) == OK
    upload_all(it, B, jobs[1])
    run = it.run()
    assert run["state"] == {"Approving": None}
    assert run["approval"] == "approval-1"
    assert run["stages"][0]["stored"] == ["out.wasm"]
    request = it.verification.query("request")
    assert (request["sha256"], request["size"]) == (OUT["sha256"], OUT["size"])
    assert request["mode"] == {"Auto": None}
    chunk = {"run": "run-1", "stage": "build", "path": "out.wasm", "index": 1}
    assert it.canister.query("read_chunk", chunk) == {"Ok": CONTENT[MAX_CHUNK_BYTES:]}
    health = it.canister.query("health")
    assert (health["records"], health["open"], health["wired"]) == (1, 0, True)
    totals = dict(it.canister.query("instructions"))
    assert {"enqueue_run", "lease_work", "submit_commitment", "finish_upload"} <= set(totals)


def test_the_canister_may_be_upgraded_between_any_two_calls(it: Installed) -> None:
    it.canister.upgrade()
    assert it.canister.update("enqueue_run", spec(deploy=deploy()), caller=PIPELINES) == OK
    it.canister.upgrade()
    it.run_until_idle()
    jobs = []
    for executor in (A, B, C):
        work = it.lease(executor)["Build"]
        it.canister.upgrade()
        assert it.beat(executor, work["job"], 0, b"log\n")["Ok"]["cancelled"] is False
        it.canister.upgrade()
        assert it.commit(executor, work["job"]) == OK
        it.canister.upgrade()
        jobs.append(work["job"])
    it.run_until_idle()
    it.network.advance(2)
    assert sorted(it.noted()) == sorted(
        ["open_round run-1/build: Ok"] + [f"record_commitment {job}: Ok" for job in jobs]
    )
    it.decide("Agreed", [OUT], jobs)
    it.canister.upgrade()
    assert "Upload" in it.lease(A, jobs[0])
    for index in range(2):
        it.canister.upgrade()
        part = CONTENT[index * MAX_CHUNK_BYTES : (index + 1) * MAX_CHUNK_BYTES]
        assert it.upload(A, "out.wasm", part, index) == OK
    it.canister.upgrade()
    finished = it.canister.update("finish_upload", "run-1", "build", "out.wasm", caller=A)
    assert finished == OK
    it.canister.upgrade()
    it.network.advance(2)
    assert it.run()["state"] == {"Approving": None}
    assert it.run()["approval"] == "approval-1"


@pytest.mark.parametrize("kind", ["trap", "Unavailable", "Exhausted"])
def test_messages_are_sent_until_verification_takes_them(it: Installed, kind: str) -> None:
    for method in ("open_round", "record_commitment", "request_approval"):
        it.answer_with(method, kind)
    it.enqueue(spec(deploy=deploy()))
    jobs = it.all_commit()
    it.network.advance(20)
    assert it.verification.query("round_of", "run-1/build") is None
    it.answer_with("open_round", "Ok")
    it.network.advance(60)
    assert it.verification.query("round_of", "run-1/build") is not None
    assert it.verification.query("commitment_of", jobs[0]) is None
    it.canister.upgrade()
    it.answer_with("record_commitment", "Ok")
    it.network.advance(90)
    for job in jobs:
        assert it.verification.query("commitment_of", job)["job"] == job
    it.decide("Agreed", [], jobs)
    it.network.advance(5)
    assert "Failed" in it.run()["state"]


def test_an_approval_is_asked_for_until_verification_takes_it(it: Installed) -> None:
    it.answer_with("request_approval", "trap")
    it.enqueue(spec(deploy=deploy()))
    jobs = it.all_commit()
    it.decide("Agreed", [OUT], jobs)
    upload_all(it, A, jobs[0])
    it.network.advance(30)
    assert it.run()["state"] == {"Running": None}
    it.answer_with("request_approval", "Ok")
    it.network.advance(90)
    assert it.run()["state"] == {"Approving": None}


def test_a_refused_approval_fails_the_run_with_the_reason(it: Installed) -> None:
    it.answer_with("request_approval", "NotFound")
    it.enqueue(spec(deploy=deploy()))
    jobs = it.all_commit()
    it.decide("Agreed", [OUT], jobs)
    upload_all(it, A, jobs[0])
    assert "request_approval was told to refuse" in it.run()["state"]["Failed"]
    assert it.run()["approval"] is None


def test_a_reply_that_is_lost_by_an_upgrade_is_asked_for_again(it: Installed) -> None:
    assert it.canister.update("enqueue_run", spec(), caller=PIPELINES) == OK
    job = it.lease(A)["Build"]["job"]
    it.interrupted_send()
    assert it.noted() == ["open_round run-1/build: Ok"]
    assert it.commit(A, job) == OK
    it.network.advance(MAX_SEND_NS / SECOND + 2)
    it.network.advance(0)
    assert it.noted()[-1] == f"record_commitment {job}: Ok"
    assert set(it.noted()) == {
        "open_round run-1/build: Ok",
        f"record_commitment {job}: Ok",
    }


def test_executors_learn_by_a_query_that_their_work_is_not_wanted(it: Installed) -> None:
    it.enqueue(spec())
    job = it.lease(A)["Build"]["job"]
    assert it.canister.query("is_wanted", job, 1, caller=A) is True
    assert it.canister.update("cancel_run", "run-1", caller=OWNER) == OK
    assert it.canister.query("is_wanted", job, 1, caller=A) is False
    # Of what it does not know it says nothing: heartbeats decide.
    assert it.canister.query("is_wanted", job, 2, caller=A) is True
    assert it.canister.query("is_wanted", "run-9/build/0", 1, caller=A) is True
    assert it.canister.query("is_wanted", "x" * 5_000, 1, caller=A) is True


def test_a_refused_round_fails_the_run(it: Installed) -> None:
    it.answer_with("open_round", "Invalid")
    it.enqueue(spec())
    assert it.lease(A) is not None
    it.run_until_idle()
    assert "open_round was told to refuse" in it.run()["state"]["Failed"]
    assert it.lease(A) is None


def test_a_refused_commitment_is_a_lost_job_and_the_round_is_closed(it: Installed) -> None:
    it.enqueue(spec("run-1", stage("build", replicas=1, quorum=1)))
    it.answer_with("record_commitment", "Conflict")
    job = it.lease(A)["Build"]["job"]
    assert it.commit(A, job) == OK
    it.run_until_idle()
    page = {"cursor": None, "limit": 0}
    (lost,) = it.canister.query("list_jobs", "run-1", page)["Ok"]["items"]
    assert "told to refuse" in lost["state"]["Lost"]
    assert it.noted()[-1] == "close_commits run-1/build: Ok"


def test_leases_expire_by_the_timer_alone_also_after_an_upgrade(it: Installed) -> None:
    it.enqueue(spec())
    job = it.lease(A)["Build"]["job"]
    it.network.advance(LEASE_SECONDS / 2)
    assert "Ok" in it.beat(A, job)
    it.canister.upgrade()
    it.network.advance(LEASE_SECONDS + 2)
    page = {"cursor": None, "limit": 0}
    jobs = it.canister.query("list_jobs", "run-1", page)["Ok"]["items"]
    assert {(each["job"], each["attempt"]) for each in jobs if each["attempt"] > 1} == {(job, 2)}
    assert it.lease(B)["Build"]["attempt"] == 2
    assert "Conflict" in it.commit(A, job)["Err"]


def test_commitments_are_closed_by_the_timer_a_grace_after_the_quorum(it: Installed) -> None:
    it.enqueue(spec())
    for executor in (A, B):
        assert it.commit(executor, it.lease(executor)["Build"]["job"]) == OK
    it.run_until_idle()
    it.network.advance(MIN_GRACE_NS / SECOND - 2)
    assert it.noted()[-1].startswith("record_commitment")
    it.network.advance(4)
    assert it.noted()[-1] == "close_commits run-1/build: Ok"
    assert it.decide("Inconclusive", reason="one vote of two") == OK
    assert it.run()["state"] == {"Inconclusive": "stage build: one vote of two"}


def test_a_cancelled_run_closes_its_round(it: Installed) -> None:
    it.enqueue(spec())
    job = it.lease(A)["Build"]["job"]
    assert "Denied" in it.canister.update("cancel_run", "run-1", caller=STRANGER)["Err"]
    assert it.canister.update("cancel_run", "run-1", caller=OWNER) == OK
    it.run_until_idle()
    assert it.noted()[-1] == "cancel_round run-1/build: Ok"
    assert it.beat(A, job)["Ok"]["cancelled"] is True
    assert it.decide("Inconclusive") == OK
    assert "Cancelled" in it.run()["state"]


def approving(it: Installed) -> None:
    it.enqueue(spec(deploy=deploy()))
    jobs = it.all_commit()
    it.decide("Agreed", [OUT], jobs)
    upload_all(it, A, jobs[0])
    assert it.run()["state"] == {"Approving": None}


def test_a_run_that_waits_for_approval_is_cancelled_with_its_request(it: Installed) -> None:
    approving(it)
    it.answer_with("withdraw_approval", "Unavailable")
    assert it.canister.update("cancel_run", "run-1", caller=OWNER) == OK
    it.run_until_idle()
    (waiting,) = it.run()["waiting_for"]
    assert "withdraws the approval request" in waiting["reason"]
    assert "withdraw_approval was told to refuse" in waiting["reason"]
    it.canister.upgrade()
    it.answer_with("withdraw_approval", "Ok")
    it.network.advance(5)
    by = OWNER.to_str()
    assert it.run()["state"] == {"Cancelled": f"cancelled by {by}"}
    assert it.noted()[-1] == f"withdraw_approval approval-1 run-1 was cancelled by {by}: Ok"


def test_a_run_whose_request_was_decided_before_goes_on(it: Installed) -> None:
    approving(it)
    it.answer_with("withdraw_approval", "Conflict")
    assert it.canister.update("cancel_run", "run-1", caller=OWNER) == OK
    it.run_until_idle()
    assert it.run()["state"] == {"Releasing": None}
    assert it.run()["waiting_for"][0]["reason"] == "deployment carries out the release"


def test_a_run_that_asks_for_its_approval_is_cancelled(it: Installed) -> None:
    it.answer_with("request_approval", "trap")
    it.enqueue(spec(deploy=deploy()))
    jobs = it.all_commit()
    it.decide("Agreed", [OUT], jobs)
    upload_all(it, A, jobs[0])
    assert it.canister.update("cancel_run", "run-1", caller=OWNER) == OK
    it.run_until_idle()
    assert it.run()["state"] == {"Running": None}
    it.answer_with("request_approval", "Ok")
    it.network.advance(90)
    assert "Cancelled" in it.run()["state"]
    assert it.noted()[-1].startswith("withdraw_approval approval-1")


def test_logs_are_read_by_anyone(it: Installed) -> None:
    it.enqueue(spec())
    job = it.lease(A)["Build"]["job"]
    it.beat(A, job, 0, b"one\n")
    it.beat(A, job, 4, b"two\n")
    log = it.canister.query("get_log", job, 2)["Ok"]
    assert [mark["offset"] for mark in log.pop("marks")] == [0]
    assert log == {"offset": 2, "content": b"e\ntwo\n", "total": 8}


def test_only_siblings_start_runs_and_give_verdicts(it: Installed) -> None:
    refused = it.canister.update("enqueue_run", spec(), caller=STRANGER)
    assert "pipeline_config" in refused["Err"]["Denied"]
    notice = {
        "run": "run-1",
        "stage": "build",
        "verdict": {
            "kind": {"Agreed": None},
            "reason": "",
            "manifest": "",
            "environment": "",
            "files": [],
            "jobs": [],
            "disputes": [],
            "commit": None,
            "flaky_tests": None,
            "decided_ns": 0,
        },
    }
    refused = it.canister.update("record_verdict", notice, caller=OWNER)
    assert "verification" in refused["Err"]["Denied"]


def test_before_wiring_nothing_from_siblings_is_taken() -> None:
    it = Installed(wired=False)
    refused = it.canister.update("enqueue_run", spec(), caller=PIPELINES)
    assert "not wired" in refused["Err"]["Unavailable"]
    assert it.canister.query("siblings") is None
    assert "Denied" in it.canister.update("wire", it.siblings, caller=STRANGER)["Err"]
    assert it.canister.update("wire", it.siblings, caller=OWNER) == OK
    assert it.canister.update("wire", it.siblings, caller=OWNER) == OK
    other = it.siblings | {"webhook": STRANGER}
    assert "Conflict" in it.canister.update("wire", other, caller=OWNER)["Err"]


@pytest.mark.parametrize("caller", [STRANGER, A])
def test_only_admins_manage_executors(it: Installed, caller: Any) -> None:
    value = {"executor": STRANGER, "operator": "mine", "runtimes": [{"Shell": None}]}
    refused = it.canister.update("register_executor", value, caller=caller)
    assert "Admin" in refused["Err"]["Denied"]
    refused = it.canister.update("set_executor_enabled", A, False, caller=caller)
    assert "Admin" in refused["Err"]["Denied"]
    assert it.canister.update("grant_role", caller, "Admin", caller=OWNER) == OK
    assert "Ok" in it.canister.update("register_executor", value, caller=caller)
    assert it.canister.update("set_executor_enabled", A, False, caller=caller) == OK
    assert it.canister.update("revoke_role", caller, "Admin", caller=OWNER) == OK
    refused = it.canister.update("set_executor_enabled", A, True, caller=caller)
    assert "Denied" in refused["Err"]


def test_executors_are_listed_with_their_principals(it: Installed) -> None:
    page = it.canister.query("list_executors", {"cursor": None, "limit": 2})["Ok"]
    assert [each["executor"].to_str() for each in page["items"]] == [C.to_str(), B.to_str()]
    grants = it.canister.query("list_grants", {"cursor": None, "limit": 0})["Ok"]["items"]
    assert [each["principal"].to_str() for each in grants] == [OWNER.to_str()]


def test_anonymous_updates_and_oversized_arguments_are_not_let_in(it: Installed) -> None:
    with pytest.raises(CanisterReject, match="did not accept"):
        it.commit(ANONYMOUS, "run-1/build/0")
    with pytest.raises(CanisterReject, match="did not accept"):
        it.upload(A, "out.wasm", bytes(MAX_CHUNK_BYTES + 300_000))
    with pytest.raises(CanisterReject, match="did not accept"):
        it.beat(A, "run-1/build/0", 0, bytes(300_000))


def test_the_instructions_of_calls_are_counted(it: Installed) -> None:
    it.enqueue(spec())
    before = dict(it.canister.query("instructions"))
    it.lease(A)
    after = dict(it.canister.query("instructions"))
    assert set(after) - set(before) == {"lease_work"}


@pytest.mark.parametrize("name", ["", "x" * 10_000, "ä" * 64, "run-1/build\0"])
def test_names_that_cannot_be_are_not_found(it: Installed, name: str) -> None:
    page = {"cursor": None, "limit": 0}
    chunk = {"run": name, "stage": name, "path": name, "index": 0}
    ask = it.canister.query
    assert "NotFound" in ask("get_run", name)["Err"]
    assert "NotFound" in ask("list_jobs", name, page)["Err"]
    assert "NotFound" in ask("get_log", f"{name}/0", 0)["Err"]
    assert "NotFound" in ask("read_chunk", chunk)["Err"]
    assert ask("list_runs", name, page)["Ok"]["items"] == []
    assert "NotFound" in it.canister.update("cancel_run", name, caller=OWNER)["Err"]
    assert "NotFound" in it.beat(A, name)["Err"]
    assert "NotFound" in it.canister.update("finish_upload", name, name, name, caller=A)["Err"]
    assert not ask("has_work", {"holds": [name], "room": None}, caller=A)
    assert it.canister.traps == []


def test_records_at_their_limits_fit_their_maps(it: Installed) -> None:
    wide = "\N{SNOWMAN}" * MAX_TEXT_CHARS
    name = "n" * MAX_NAME_CHARS
    stages = [
        stage(f"{number:02}{name[2:]}", replicas=MAX_REPLICAS, quorum=MAX_REPLICAS)
        for number in range(MAX_STAGES_PER_PIPELINE)
    ]
    wanted = spec(name, *stages, repository=name)
    wanted["delivery"] = wide
    for field in ("clone_url", "ref", "sha", "message", "author"):
        wanted["source"][field] = wide
    it.enqueue(wanted)
    for number in range(3, MAX_REPLICAS):
        it.register(user_principal(10 + number), name[2:] + f"{number:02}")
    first = stages[0]["name"]
    jobs = []
    for number in range(MAX_REPLICAS):
        executor = user_principal(10 + number)
        work = it.lease(executor)["Build"]
        assert work["stage"]["name"] == first
        if number % 2:
            given = {"job": work["job"], "attempt": 1, "cause": {"Stopping": None}, "reason": wide}
            assert it.canister.update("release_work", given, caller=executor) == OK
            work = it.lease(executor)["Build"]
        assert it.commit(executor, work["job"], work["attempt"]) == OK
        jobs.append(work["job"])
    files = [
        file(f"{number:03}" + "\N{SNOWMAN}" * (MAX_PATH_CHARS - 3), b"x")
        for number in range(MAX_MANIFEST_FILES)
    ]
    notice = {"run": name, "stage": first, "verdict": verdict("Agreed", files, jobs, wide)}
    answer = it.canister.update("record_verdict", notice, caller=it.verification.id)
    assert answer == OK
    assert it.run(name)["stages"][0]["state"] == {"Storing": None}
    assert it.canister.update("cancel_run", name, caller=OWNER) == OK
    it.run_until_idle()
    assert it.canister.traps == []


def test_that_a_round_is_cancelled_is_said_until_verification_answers(it: Installed) -> None:
    it.enqueue(spec())
    it.run_until_idle()
    it.answer_with("cancel_round", "Unavailable")
    assert it.canister.update("cancel_run", "run-1", caller=OWNER) == OK
    it.run_until_idle()
    it.canister.upgrade()
    it.network.advance(120)
    assert it.noted().count("cancel_round run-1/build: Unavailable") > 2
    it.answer_with("cancel_round", "Ok")
    it.network.advance(120)
    assert it.noted().count("cancel_round run-1/build: Ok") == 1
    assert it.noted()[-1] == "cancel_round run-1/build: Ok"


def test_a_run_says_that_its_round_is_not_open_yet_also_when_executors_have_committed(
    it: Installed,
) -> None:
    it.answer_with("open_round", "Exhausted")
    it.enqueue(spec())
    for executor in (A, B):
        assert it.commit(executor, it.lease(executor)["Build"]["job"]) == OK
    for seconds in (1, MIN_GRACE_NS / SECOND + 2):
        it.network.advance(seconds)
        (waiting,) = it.run()["waiting_for"]
        assert "verification does not take part: open_round was told to refuse" in waiting["reason"]
        assert waiting["next_try_ns"] is not None
    it.answer_with("open_round", "Ok")
    it.network.advance(120)
    assert "2 of 3 operators have committed" in it.run()["waiting_for"][0]["reason"]
