"""Every update of every canister, called by everyone who may not call it.

The methods are read from the interfaces: one that is added and not listed here fails the test.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from dcanary.client.system import CANISTERS
from dcanary.testing.native import ANONYMOUS, CanisterReject, NativeCanister, user_principal
from tests.security.system import (
    APPROVER,
    EXECUTORS,
    FILE,
    STRANGER,
    System,
    argument_types,
    smallest,
    updates,
)

ROLES = ("Owner", "Admin", "Operator", "Executor", "Approver", "Reporter", "Viewer")
HOLDERS = {role: user_principal(40 + number) for number, role in enumerate(ROLES)}
MAY = {
    "Owner": ("Owner",),
    "Admin": ("Owner", "Admin"),
    "Operator": ("Owner", "Admin", "Operator"),
    "Reporter": ("Owner", "Admin", "Reporter"),
}
COMMON = {"wire": "Owner", "grant_role": "Admin", "revoke_role": "Admin"}

# Who may call: a role, a sibling canister, the executor of the job, an approver, or everyone.
NEEDED: dict[str, dict[str, str]] = {
    "webhook": {
        **COMMON,
        "http_request_update": "everyone",
        "register_repository": "Admin",
        "rotate_secret": "Admin",
        "drop_old_secret": "Admin",
        "delete_repository": "Admin",
        "trigger_run": "Operator",
        "trigger_pipeline": "Operator",
        "replay_delivery": "Operator",
        "allow_delivery": "Admin",
        "sync_triggers": "pipeline_config",
        "report_run": "build_executor",
        "lease_reports": "Reporter",
        "leave_reports": "Reporter",
        "record_posts": "Reporter",
    },
    "pipeline_config": {
        **COMMON,
        "register_pipeline": "Admin",
        "update_pipeline": "Admin",
        "update_pipeline_stages": "Admin",
        "add_stage": "Admin",
        "remove_stage": "Admin",
        "set_pipeline_triggers": "Admin",
        "set_quality_gates": "Admin",
        "configure_deployment_approval": "Admin",
        "delete_pipeline": "Admin",
        "create_template": "Admin",
        "update_template": "Admin",
        "delete_template": "Admin",
        "start_run": "webhook",
        "set_secret": "Admin",
        "reseal_secret": "Admin",
        "remove_secret": "Admin",
        "set_credential": "Admin",
        "remove_credential": "Admin",
        "take_secrets": "executor",
    },
    "build_executor": {
        **COMMON,
        "enqueue_run": "pipeline_config",
        "secrets_changed": "pipeline_config",
        "record_verdict": "verification",
        "lease_work": "executor",
        "report_ref": "executor",
        "heartbeat": "executor",
        "release_work": "executor",
        "announce_offer": "executor",
        "submit_commitment": "executor",
        "upload_chunk": "executor",
        "finish_upload": "executor",
        "record_release": "verification",
        "cancel_run": "Operator",
        "retry_run": "Operator",
        "register_executor": "Admin",
        "set_executor_enabled": "Admin",
    },
    "verification": {
        **COMMON,
        "open_round": "build_executor",
        "record_commitment": "build_executor",
        "close_commits": "build_executor",
        "cancel_round": "build_executor",
        "reveal": "executor",
        "request_approval": "build_executor",
        "decide_approval": "approver",
        "approve_deployment": "approver",
        "withdraw_approval": "build_executor",
        "sync_policy": "pipeline_config",
        "record_release": "deployment",
        "retry_release": "Operator",
    },
    "deployment": {
        **COMMON,
        "register_target": "Admin",
        "update_target": "Admin",
        "create_target_canister": "Admin",
        "top_up_target": "Admin",
        "manage_canister_cycles": "Admin",
        "start_target": "Admin",
        "stop_target": "Admin",
        "delete_target": "Admin",
        "set_network": "Owner",
        "plan_release": "verification",
        "deploy_canister": "Operator",
        "upgrade_canister": "Operator",
        "cancel_release": "Operator",
        "plan_rollback": "Operator",
        "start_release": "verification",
        "report_release": "verification",
        "rollback_release": "Operator",
    },
}
CASES = [
    (name, method)
    for name in CANISTERS
    for method in updates(name)
    if NEEDED[name].get(method) != "everyone"
]
OFFER = {
    "runtimes": [{"Shell": None}],
    "images": [],
    "memory_bytes": 1 << 30,
    "storage_bytes": 1 << 30,
    "cpus": 1,
    "slots": 1,
    "network": False,
    "region": "",
    "labels": [],
    "files_in_memory": None,
    "secret_key": None,
    "builds_locks": None,
    "leaving": None,
}
# Who may call these shows only on a run that is further: see the last test but one.
LATER = ("reveal", "upload_chunk", "finish_upload", "decide_approval", "approve_deployment")


def _arguments(name: str, method: str) -> list[Any]:
    """Such that, but for the caller, nothing is wrong with the named job or approval."""
    job = "run-1/build/0"
    special: dict[str, list[Any]] = {
        "heartbeat": [{"job": job, "attempt": 1, "offset": 0, "log": b"x", "phase": None}],
        "release_work": [{"job": job, "attempt": 1, "cause": {"Weather": None}, "reason": "tired"}],
        "announce_offer": [OFFER],
        "take_secrets": [job, 1],
        "submit_commitment": [
            {
                "job": job,
                "attempt": 1,
                "commitment": b"c" * 32,
                "wall_ns": 0,
                "peak_memory_bytes": 0,
                "reused": None,
                "cpu_ns": None,
                "storage_bytes": None,
                "fetched_bytes": None,
                "log_sha256": None,
                "log_total": None,
            }
        ],
    }
    if method in special:
        return special[method]
    return [smallest(node) for node in argument_types(name, method)]


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    """The first job of run-1 is leased; every role has one holder in every canister."""
    made = System()
    made.prepare()
    made.push("d-1")
    assert made.lease(EXECUTORS[0])["Build"]["job"] == "run-1/build/0"
    for canister in made.canisters.values():
        for role, holder in HOLDERS.items():
            assert canister.update("grant_role", holder, role, caller=user_principal(1)) == {
                "Ok": None
            }
    yield made


@pytest.fixture(autouse=True)
def past_inspection(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls of canisters do not pass `inspect_message`: updates must hold without it."""
    monkeypatch.setattr(NativeCanister, "check_inspect_message", lambda *_: None)


def call(system: System, name: str, method: str, caller: Any) -> Any:
    return system.canisters[name].update(method, *_arguments(name, method), caller=caller)


def is_denied(answer: Any) -> bool:
    return isinstance(answer, dict) and "Denied" in (answer.get("Err") or {})


def test_every_update_says_who_may_call_it() -> None:
    assert {name: sorted(updates(name)) for name in CANISTERS} == {
        name: sorted(NEEDED[name]) for name in CANISTERS
    }


@pytest.mark.parametrize(("name", "method"), [case for case in CASES if case[1] not in LATER])
def test_an_update_is_denied_to_everyone_else(system: System, name: str, method: str) -> None:
    needed = NEEDED[name][method]
    others: dict[str, Any] = {"a stranger": STRANGER, "anonymous": ANONYMOUS}
    others |= {role: holder for role, holder in HOLDERS.items() if role not in MAY.get(needed, ())}
    others |= {
        f"the canister {other}": canister.id
        for other, canister in system.canisters.items()
        if other != needed
    }
    others["an approver"] = APPROVER
    others["another executor"] = EXECUTORS[1]
    if method in ("lease_work", "report_ref", "announce_offer"):
        del others["another executor"]
    before = system.canisters[name].query("health")
    for who, caller in others.items():
        assert is_denied(call(system, name, method, caller)), (who, method)
    after = system.canisters[name].query("health")
    assert (after["records"], after["open"]) == (before["records"], before["open"])


@pytest.mark.parametrize(("name", "method"), CASES)
def test_an_update_is_not_denied_to_whom_it_is_for(system: System, name: str, method: str) -> None:
    needed = NEEDED[name][method]
    callers: list[Any] = [HOLDERS[role] for role in MAY.get(needed, ())]
    if needed in CANISTERS:
        callers = [system.canisters[needed].id]
    elif needed == "executor" and method == "heartbeat":
        callers = [EXECUTORS[0]]
    for caller in callers:
        assert not is_denied(call(system, name, method, caller)), (caller, method)


@pytest.mark.parametrize("name", CANISTERS)
def test_only_an_owner_makes_and_unmakes_owners_and_admins(system: System, name: str) -> None:
    for role in ("Owner", "Admin"):
        for method in ("grant_role", "revoke_role"):
            for holder in (*list(HOLDERS.values())[1:], STRANGER, ANONYMOUS):
                answer = system.canisters[name].update(method, STRANGER, role, caller=holder)
                assert is_denied(answer), (role, method)


@pytest.mark.parametrize("name", CANISTERS)
def test_nobody_can_give_the_anonymous_principal_a_role(system: System, name: str) -> None:
    for role in ROLES:
        answer = system.canisters[name].update(
            "grant_role", ANONYMOUS, role, caller=HOLDERS["Owner"]
        )
        assert "Invalid" in answer["Err"]


def test_votes_uploads_and_decisions_are_denied_to_everyone_else() -> None:
    system = System()
    system.prepare()
    system.push("d-1")
    jobs = system.all_commit()
    everyone = (STRANGER, ANONYMOUS, user_principal(1), APPROVER, system.canisters["webhook"].id)
    verification, builder = system.canisters["verification"], system.canisters["build_executor"]
    for caller in (*everyone, EXECUTORS[1], EXECUTORS[2]):
        revelation = system.revelation(jobs[0])
        assert is_denied(verification.update("reveal", revelation, caller=caller))
    for executor, job in zip(EXECUTORS, jobs, strict=True):
        system.reveal(executor, job)
    assert system.lease(EXECUTORS[0], jobs[0])["Upload"]["job"] == jobs[0]
    chunk = {
        "run": "run-1",
        "stage": "build",
        "path": FILE["path"],
        "index": 0,
        "content": bytes(int(str(FILE["size"]))),
    }
    for caller in (*everyone, EXECUTORS[1], EXECUTORS[2]):
        assert is_denied(builder.update("upload_chunk", chunk, caller=caller))
        finished = builder.update("finish_upload", "run-1", "build", FILE["path"], caller=caller)
        assert is_denied(finished)
    system.network.advance(60)
    system.upload(jobs[0])
    decision = {
        "approval": "approval-1",
        "digest": system.digest(),
        "approve": True,
        "comment": "",
    }
    for caller in (*everyone[:3], system.canisters["webhook"].id, *EXECUTORS):
        assert is_denied(verification.update("decide_approval", decision, caller=caller))
        named = ("approval-1", decision["digest"], None)
        assert is_denied(verification.update("approve_deployment", *named, caller=caller))
    approval = verification.query("get_approval", "approval-1")["Ok"]
    assert (approval["state"], approval["votes"]) == ({"Pending": None}, [])
    assert "Ok" in verification.update("decide_approval", decision, caller=APPROVER)


@pytest.mark.parametrize(("name", "method"), CASES)
def test_anonymous_updates_are_not_even_accepted(
    system: System, monkeypatch: pytest.MonkeyPatch, name: str, method: str
) -> None:
    monkeypatch.undo()
    canister = system.canisters[name]
    with pytest.raises(CanisterReject, match="IC0406"):
        canister.update(method, *_arguments(name, method), caller=ANONYMOUS)
