"""Stands in for verification: notes what it is sent, and answers as it was told to.

Every call is noted in order as one line, refused ones too; a call that traps leaves no trace.
"""

from kybra import Opt, StableBTreeMap, Vec, ic, nat8, nat64, query, text, update, void

from shared.types.approval import ApprovalInput
from shared.types.attestation import CommitmentRecord, RoundInput
from shared.types.errors import Done, Error
from shared.types.pipeline import ApprovalPolicy
from shared.types.release import ReleaseReport, TextResult

notes = StableBTreeMap[nat64, text](memory_id=0, max_key_size=20, max_value_size=400)
answers = StableBTreeMap[text, text](memory_id=1, max_key_size=60, max_value_size=60)
rounds = StableBTreeMap[text, RoundInput](memory_id=2, max_key_size=200, max_value_size=1_000)
commitments = StableBTreeMap[text, CommitmentRecord](
    memory_id=3, max_key_size=200, max_value_size=1_000
)
requests = StableBTreeMap[nat8, ApprovalInput](memory_id=4, max_key_size=20, max_value_size=100_000)
policies = StableBTreeMap[text, ApprovalPolicy](memory_id=5, max_key_size=100, max_value_size=5_000)
reports = StableBTreeMap[nat64, ReleaseReport](memory_id=6, max_key_size=16, max_value_size=9_000)


@update
def answer_with(method: text, kind: text) -> void:
    """How `method` answers from now on: `Ok`, the name of an error, or `trap`."""
    answers.insert(method, kind)


def told(method: str, about: str) -> "Error | None":
    """Note the call; the error to answer with, None for Ok."""
    kind = answers.get(method) or "Ok"
    if kind == "trap":
        ic.trap(f"{method} was told to trap")
    notes.insert(notes.len(), f"{method} {about}: {kind}")
    sentence = f"{method} was told to refuse"
    errors: dict[str, Error] = {
        "NotFound": {"NotFound": sentence},
        "Conflict": {"Conflict": sentence},
        "Invalid": {"Invalid": sentence},
        "Unavailable": {"Unavailable": sentence},
        "Exhausted": {"Exhausted": sentence},
    }
    return errors.get(kind)


@update
def open_round(round: RoundInput) -> Done:
    about = f"{round['run']}/{round['stage']}"
    error = told("open_round", about)
    if error is not None:
        return {"Err": error}
    rounds.insert(about, round)
    return {"Ok": None}


@update
def record_commitment(record: CommitmentRecord) -> Done:
    error = told("record_commitment", record["job"])
    if error is not None:
        return {"Err": error}
    if not rounds.contains_key(f"{record['run']}/{record['stage']}"):
        return {"Err": {"NotFound": "there is no such round: it was not opened first"}}
    commitments.insert(record["job"], record)
    return {"Ok": None}


@update
def close_commits(run: text, stage: text) -> Done:
    error = told("close_commits", f"{run}/{stage}")
    return {"Ok": None} if error is None else {"Err": error}


@update
def cancel_round(run: text, stage: text) -> Done:
    error = told("cancel_round", f"{run}/{stage}")
    return {"Ok": None} if error is None else {"Err": error}


@update
def request_approval(request: ApprovalInput) -> TextResult:
    error = told("request_approval", f"{request['run']} {request['target']}")
    if error is not None:
        return {"Err": error}
    requests.insert(0, request)
    return {"Ok": "approval-1"}


@update
def withdraw_approval(approval: text, reason: text) -> Done:
    error = told("withdraw_approval", f"{approval} {reason}")
    return {"Ok": None} if error is None else {"Err": error}


@query
def noted() -> Vec[text]:
    return notes.values()


@query
def round_of(stage: text) -> Opt[RoundInput]:
    return rounds.get(stage)


@query
def commitment_of(job: text) -> Opt[CommitmentRecord]:
    return commitments.get(job)


@query
def request() -> Opt[ApprovalInput]:
    return requests.get(0)


@update
def sync_policy(repository: text, policy: ApprovalPolicy) -> Done:
    policies.insert(repository, policy)
    return {"Ok": None}


@query
def policy_of(repository: text) -> Opt[ApprovalPolicy]:
    return policies.get(repository)


@update
def record_release(report: ReleaseReport) -> Done:
    reports.insert(reports.len(), report)
    return {"Ok": None}


@query
def received() -> Vec[ReleaseReport]:
    return reports.values()
