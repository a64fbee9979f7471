"""A run from the push to its release in the five real canisters, and what is tried again of it."""

from __future__ import annotations

from typing import Any

import pytest

from dcanary.client.system import CANISTERS
from dcanary.testing.native import user_principal
from shared.rules.digests import commit_digest, commitment, manifest_digest
from tests.canisters.deployment.deployment_installation import LossyNetwork
from tests.canisters.deployment.management import Management
from tests.canisters.installation import STRANGER, error, ok
from tests.security.system import (
    APPROVER,
    CONTENT,
    ENVIRONMENT,
    EXECUTORS,
    FILE,
    OWNER,
    SOURCES,
    System,
)

PAGE = {"cursor": None, "limit": 0}


class Deploying(System):
    """A system whose deployment canister has a management canister to work with."""

    def __init__(self) -> None:
        self.network = LossyNetwork()
        self.management = Management(self.network)
        self.canisters = {
            name: self.network.install(SOURCES / name / "main.py", caller=OWNER)
            for name in CANISTERS
        }
        ids = {name: canister.id for name, canister in self.canisters.items()}
        for name in CANISTERS:
            ok(self.own(name, "wire", ids))
        self.prepare()

    def built(self) -> str:
        """A run whose files are agreed and stored."""
        run = self.push()
        self.upload(self.vote()[0])
        return run

    def state(self, run: str) -> str:
        return str(next(iter(self.run(run)["state"])))

    def approval(self, number: int = 1) -> Any:
        return ok(self.canisters["verification"].query("get_approval", f"approval-{number}"))

    def decide(self, number: int = 1, approve: bool = True) -> Any:
        name = f"approval-{number}"
        decision = {
            "approval": name,
            "digest": self.digest(name),
            "approve": approve,
            "comment": "",
        }
        answer = self.canisters["verification"].update("decide_approval", decision, caller=APPROVER)
        self.run_until_idle()
        return answer

    def retry_run(self, run: str) -> Any:
        answer = self.own("build_executor", "retry_run", run)
        self.run_until_idle()
        return answer

    def attempts(self, run: str) -> list[int]:
        jobs = ok(self.canisters["build_executor"].query("list_jobs", run, PAGE))["items"]
        return [job["attempt"] for job in jobs]

    def move_target(self, repository: str) -> None:
        """Give the target to another repository, or back."""
        target = {
            "target": "demo",
            "repository": repository,
            "network": "local",
            "canister": None,
            "controllers": [],
            "cycles": 0,
        }
        ok(self.own("deployment", "update_target", target))


@pytest.fixture
def system() -> Deploying:
    return Deploying()


def test_the_run_tells_every_step_from_the_push_to_the_release(system: Deploying) -> None:
    run = system.built()
    assert system.state(run) == "Approving"
    (waiting,) = system.run(run)["waiting_for"]
    assert waiting["reason"] == "approvers decide approval-1"
    ok(system.decide())
    system.network.advance(1_200)
    found = system.run(run)
    assert found["state"] == {"Succeeded": None}
    assert found["waiting_for"] == []
    release = ok(system.canisters["deployment"].query("get_release", found["release"]))
    assert "Succeeded" in release["state"]
    # The time that the run took covers its release.
    assert found["updated_ns"] >= release["updated_ns"]


def test_settings_that_change_between_approval_and_creation_are_asked_about_afresh(
    system: Deploying,
) -> None:
    run = system.built()
    asked = system.approval()["order"]["creates"]
    assert asked["cycles"] == 3_000_000_000_000
    target = {
        **{"target": "demo", "repository": "demo", "network": "local"},
        **{"canister": None, "controllers": [STRANGER], "cycles": 4_000_000_000_000},
    }
    ok(system.own("deployment", "update_target", target))
    ok(system.decide())
    system.network.advance(1_200)
    why = system.run(run)["state"]["Failed"]
    assert f"{STRANGER.to_str()}" in why
    assert "cycles are 4,000,000,000,000 by now, people were asked about 3,000,000,000,000" in why
    assert system.management.canisters == {}

    again = error(system.own("verification", "retry_release", "approval-1"), "Conflict")
    assert "cycles are 4,000,000,000,000 by now" in again
    command = f"`dcanary run retry {run}` asks people again"
    assert command in why
    assert command in again

    ok(system.retry_run(run))
    assert len(system.attempts(run)) == len(EXECUTORS)
    afresh = system.approval(2)["order"]["creates"]
    assert afresh["cycles"] == 4_000_000_000_000
    ok(system.decide(2))
    system.network.advance(1_200)
    assert system.state(run) == "Succeeded"
    (created,) = system.management.canisters.values()
    assert created.cycles == afresh["cycles"]
    assert set(created.controllers) == {one.bytes for one in afresh["controllers"]}
    assert STRANGER.bytes in created.controllers


def test_a_request_that_could_not_be_made_is_made_when_it_can_be(system: Deploying) -> None:
    system.move_target("other")
    run = system.built()
    why = system.run(run)["state"]["Failed"]
    assert "the approval request was refused" in why
    before = system.attempts(run)
    system.move_target("demo")
    error(system.canisters["build_executor"].update("retry_run", run, caller=STRANGER), "Denied")
    ok(system.retry_run(run))
    assert system.state(run) == "Approving"
    # Nobody has built anything again: the same bytes are asked about.
    assert system.attempts(run) == before
    assert system.approval()["request"]["sha256"] == FILE["sha256"]
    ok(system.decide())
    system.network.advance(1_200)
    assert system.state(run) == "Succeeded"


def test_a_rejected_request_is_made_anew_and_can_be_approved(system: Deploying) -> None:
    run = system.built()
    ok(system.decide(approve=False))
    assert "was rejected by" in system.run(run)["state"]["Rejected"]
    ok(system.retry_run(run))
    assert (system.state(run), system.run(run)["approval"]) == ("Approving", "approval-2")
    assert system.approval(2)["votes"] == []
    ok(system.decide(2))
    system.network.advance(1_200)
    assert system.state(run) == "Succeeded"
    assert "Rejected" in system.approval(1)["state"]


@pytest.mark.parametrize("step", ["create_canister", "install_chunked_code"])
def test_a_failed_release_is_carried_out_again_under_the_approval_that_it_has(
    system: Deploying, step: str
) -> None:
    """Also when the canister is there by now because the failed release created it."""
    run = system.built()
    system.management.faults[step] = ["reject"]
    ok(system.decide())
    system.network.advance(1_200)
    assert f"{step} was told to fail" in system.run(run)["state"]["Failed"]
    assert "ReleaseFailed" in system.approval()["state"]
    votes, digest = system.approval()["votes"], system.digest()
    ok(system.own("verification", "retry_release", "approval-1"))
    system.network.advance(1_200)
    found = system.run(run)
    assert found["state"] == {"Succeeded": None}
    assert (system.approval()["votes"], system.digest()) == (votes, digest)
    assert system.approval()["state"] == {"Released": found["release"]}
    assert system.management.calls.count("create_canister") == (2 if "create" in step else 1)
    assert len(system.attempts(run)) == len(EXECUTORS)


def test_a_lowered_threshold_is_met_by_votes_that_are_there(system: Deploying) -> None:
    config = system.canisters["pipeline_config"]
    definition = ok(config.query("get_pipeline_config", "demo"))["definition"]
    definition["approval"] |= {"approvers": [APPROVER, STRANGER], "threshold": 2}
    ok(system.own("pipeline_config", "update_pipeline", definition))
    system.run_until_idle()
    run = system.built()
    ok(system.decide())
    assert system.state(run) == "Approving"
    definition["approval"] |= {"approvers": [APPROVER], "threshold": 1}
    ok(system.own("pipeline_config", "update_pipeline", definition))
    system.network.advance(1_200)
    assert system.state(run) == "Succeeded"


def installed_but_not_started(system: Deploying) -> str:
    """A run that released the same bytes again, as after a commit of documentation: its canister
    has the module that it had, was changed, and could not be started."""
    system.built()
    ok(system.decide())
    system.network.advance(1_200)
    run = system.push("d-2")
    system.vote()
    system.run_until_idle()
    system.management.faults["start_canister"] = ["reject"] * 20
    ok(system.decide(2))
    system.network.advance(2_400)
    system.management.faults.clear()
    assert "could not be started" in system.run(run)["state"]["Failed"]
    return run


def test_an_order_that_was_installed_is_not_installed_again(system: Deploying) -> None:
    run = installed_but_not_started(system)
    (canister,) = system.management.canisters.values()
    installs = system.management.calls.count("install_chunked_code")
    refused = error(system.own("verification", "retry_release", "approval-2"), "Conflict")
    assert refused.startswith("release-2 has installed the module of this order")
    assert "`dcanary target start demo`" in refused
    assert "`dcanary release rollback release-2`" in refused
    ok(system.own("deployment", "start_target", "demo"))
    error(system.own("verification", "retry_release", "approval-2"), "Conflict")
    system.network.advance(1_200)
    assert canister.state == "fresh upgraded"
    assert system.management.calls.count("install_chunked_code") == installs
    ok(system.own("deployment", "rollback_release", "release-2", None))
    system.network.advance(1_200)
    refused = error(system.own("verification", "retry_release", "approval-2"), "Conflict")
    assert "release-3 has taken it back" in refused
    assert "Ok" in system.retry_run(run)
    assert "Pending" in system.approval(3)["state"]


def test_deployment_itself_refuses_an_order_that_was_installed(system: Deploying) -> None:
    """As when `verification` is of an earlier version, which does not ask."""
    installed_but_not_started(system)
    verification = system.canisters["verification"]
    service = verification.module("canisters.verification.approvals.service")
    plan_request = service.plan_request
    service.plan_request = lambda request, release=None: plan_request(request)
    ok(system.own("verification", "retry_release", "approval-2"))
    system.network.advance(1_200)
    assert "release-2 has installed" in system.approval(2)["state"]["ReleaseFailed"]
    (canister,) = system.management.canisters.values()
    assert canister.state == "fresh upgraded"


def test_an_order_is_not_carried_out_again_when_its_install_was_done_too_late(
    system: Deploying,
) -> None:
    system.built()
    ok(system.decide())
    system.network.advance(1_200)
    system.push("d-2")
    system.vote()
    system.run_until_idle()
    system.management.faults["install_chunked_code"] = ["ignored"]
    ok(system.decide(2))
    system.network.advance(2_400)
    assert "ReleaseFailed" in system.approval(2)["state"]
    (canister,) = system.management.canisters.values()
    deployment = system.canisters["deployment"].id.bytes
    canister.changes.append((system.network.time_ns, deployment, True))
    refused = error(system.own("verification", "retry_release", "approval-2"), "Conflict")
    assert "it is not known whether release-2 has installed" in refused
    assert "`dcanary run retry run-2` asks people again" in refused


DESCRIBED = {"author": "Grace <grace@example.org>", "message": "Count in steps of three"}


def test_what_was_claimed_of_a_commit_by_hand_is_replaced_by_what_the_commit_says(
    system: Deploying,
) -> None:
    """A message that was invented showed in the run and in the approval request."""
    started = {
        "repository": "demo",
        "ref": "refs/heads/main",
        "sha": "c" * 40,
        "message": "harmless, approve me",
    }
    run = ok(system.own("webhook", "trigger_run", started))
    system.run_until_idle()
    assert system.run(run)["source"]["message"] == "harmless, approve me"
    assert system.run(run)["started_by"].to_str() == OWNER.to_str()
    reveals = []
    for executor in EXECUTORS:
        job = system.lease(executor)["Build"]["job"]
        reveal = system.revelation(job)
        reveal["commit"] = DESCRIBED
        sealed = commitment(
            job,
            "succeeded",
            ENVIRONMENT,
            manifest_digest([(str(FILE["path"]), len(CONTENT), str(FILE["sha256"]))]),
            commit_digest(DESCRIBED["author"], DESCRIBED["message"]),
            reveal["nonce"],
        )
        ok(system.commit(executor, job, sealed))
        reveals.append((executor, job, reveal))
    for executor, _, reveal in reveals:
        ok(system.canisters["verification"].update("reveal", reveal, caller=executor))
        system.run_until_idle()
    system.upload(reveals[0][1], CONTENT)
    for source in (
        system.run(run)["source"],
        system.approval()["request"]["source"],
        system.approval()["order"]["source"],
    ):
        assert (source["author"], source["message"]) == (DESCRIBED["author"], DESCRIBED["message"])
        assert source["sha"] == "c" * 40


def test_an_approver_that_was_removed_before_people_were_asked_cannot_approve(
    system: Deploying,
) -> None:
    """The run keeps the pipeline version, and with it a policy that is out of force."""
    run = system.push()
    jobs = system.vote()
    definition = ok(system.canisters["pipeline_config"].query("get_pipeline_config", "demo"))[
        "definition"
    ]
    now = user_principal(9)
    definition["approval"]["approvers"] = [now]
    ok(system.own("pipeline_config", "update_pipeline", definition))
    system.run_until_idle()
    system.upload(jobs[0])
    asked = system.approval()
    assert [one.to_str() for one in asked["request"]["policy"]["approvers"]] == [APPROVER.to_str()]
    error(system.decide(), "Denied")
    assert system.state(run) == "Approving"


def test_a_request_whose_target_changed_is_withdrawn_and_asked_anew(system: Deploying) -> None:
    """It had to be approved first, to be refused."""
    run = system.built()
    ok(system.own("deployment", "create_target_canister", "demo"))
    made = ok(system.canisters["deployment"].query("get_target", "demo"))["canister"]
    assert system.approval()["order"]["canister"] is None
    ok(system.retry_run(run))
    assert (system.state(run), system.run(run)["approval"]) == ("Approving", "approval-2")
    assert system.approval()["state"] == {"Blocked": f"withdrawn: {run} asks anew"}
    assert system.approval(2)["order"]["canister"].bytes == made.bytes
    assert system.approval(2)["order"]["creates"] is None
    assert "Conflict" in system.decide(1)["Err"]
    ok(system.decide(2))
    system.network.advance(1_200)
    assert system.state(run) == "Succeeded"


def test_an_older_run_that_is_superseded_is_not_asked_about_again(system: Deploying) -> None:
    """It answered Ok, and the run was Rejected at once by another request."""
    older = system.built()
    ok(system.decide(approve=False))
    # Its bytes are stored already: they are those of the older run.
    newer = system.push("d-2")
    system.vote()
    system.run_until_idle()
    ok(system.decide(2))
    system.network.advance(1_200)
    assert system.state(newer) == "Succeeded"
    before = system.run(older)
    why = error(system.retry_run(older), "Conflict")
    assert f"{older} is older than {newer}, which was approved for target demo" in why
    assert "to go back, roll that release back" in why
    assert system.run(older) == before
    error(system.canisters["verification"].query("get_approval", "approval-3"), "NotFound")
