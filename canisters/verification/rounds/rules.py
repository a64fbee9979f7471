"""The life of a round: commitments, then reveals, then a verdict. Pure rules.

A refused change is raised and leaves the record as it was. Times are nanoseconds since 1970.
"""

from typing import TYPE_CHECKING

from canisters.verification.rounds.counting import counted, failure_of
from canisters.verification.rounds.flaky import no_report, report_problem
from canisters.verification.rounds.verdicts import (
    cancelled,
    commit_of,
    decide,
    groups,
    outcome_text,
)
from shared.rules.digests import commitment, is_digest, manifest_digest, tests_digest
from shared.rules.limits import (
    MAX_ARTIFACT_BYTES,
    MAX_FAILURE_REASON_BYTES,
    MAX_MANIFEST_FILES,
    MAX_NAME_CHARS,
    MAX_NONCE_BYTES,
    MAX_PATH_CHARS,
    MAX_REPLICAS,
    MAX_TEXT_CHARS,
    MIN_NONCE_BYTES,
    REVEAL_ABSENCE_NS,
    REVEAL_GRACE_NS,
    REVEAL_WINDOW_NS,
)
from shared.rules.refused import conflict, denied, invalid, unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from canisters.verification.records import RoundRecord, VoteRecord
    from shared.types.attestation import CommitmentRecord, RevealInput, RoundInput, TestReport
    from shared.types.run import File

RECORD_VERSION = 1
COMMITMENT_BYTES = 32
MAX_JOB_CHARS = 200


def round_key(run: str, stage: str) -> str:
    """Rounds are named by run and stage; neither may contain a slash (checked when opened)."""
    return f"{run}/{stage}"


def _bad_name(field: str, value: str, longest: int = MAX_NAME_CHARS) -> "str | None":
    if not value or len(value.encode()) > longest:
        return f"{field} has {len(value.encode())} bytes: use 1 to {longest}"
    return None


def check_opening(request: "RoundInput", now_ns: int) -> None:
    """Raise Refused for a round that cannot be opened like this."""
    for field, value in (
        ("run", request["run"]),
        ("stage", request["stage"]),
        ("repository", request["repository"]),
    ):
        why = _bad_name(field, value)
        if why is not None:
            raise invalid(why)
        if "/" in value and field != "repository":
            raise invalid(f"{field} {value!r} contains a slash: names of rounds cannot")
    replicas, quorum = request["replicas"], request["quorum"]
    if not 1 <= replicas <= MAX_REPLICAS:
        raise invalid(f"replicas is {replicas}: use 1 to {MAX_REPLICAS} (MAX_REPLICAS)")
    if not 1 <= quorum <= replicas:
        raise invalid(f"quorum is {quorum}: use 1 to replicas, which is {replicas}")
    if 2 * quorum <= replicas:
        raise invalid(f"quorum {quorum} is no majority of {replicas}: two results could reach it")
    if request["commit_until_ns"] <= now_ns:
        raise invalid("commit_until_ns is in the past: no executor could commit in time")


def opened(request: "RoundInput") -> "RoundRecord":
    return {
        "version": RECORD_VERSION,
        "run": request["run"],
        "stage": request["stage"],
        "repository": request["repository"],
        "replicas": request["replicas"],
        "quorum": request["quorum"],
        "phase": {"Commit": None},
        "commit_until_ns": request["commit_until_ns"],
        "reveal_until_ns": 0,
        "votes": [],
        "verdict": None,
        "agreed_ns": None,
        "reopened": None,
        "flaky": request["flaky"],
    }


def same_opening(round: "RoundRecord", request: "RoundInput") -> bool:
    """Whether the request is the one that opened the round, sent again."""
    return (
        round["repository"] == request["repository"]
        and round["replicas"] == request["replicas"]
        and round["quorum"] == request["quorum"]
        and round["commit_until_ns"] == request["commit_until_ns"]
        and round["flaky"] == request["flaky"]
    )


def is_closed(round: "RoundRecord") -> bool:
    return "Closed" in round["phase"]


def outer_bound_ns(round: "RoundRecord") -> int:
    """When a round ends whatever has been revealed."""
    return max(round["commit_until_ns"], round["reveal_until_ns"])


def deadline_ns(round: "RoundRecord") -> int:
    """When the round moves on by itself."""
    if "Commit" in round["phase"]:
        return round["commit_until_ns"]
    if round["agreed_ns"] is not None:
        return round["agreed_ns"] + REVEAL_GRACE_NS
    is_full = len(round["votes"]) >= round["replicas"]
    if not round["reopened"]:
        return round["reveal_until_ns"] if is_full else _reopens_ns(round)
    return _absence_ns(round) if is_full else outer_bound_ns(round)


def _reopens_ns(round: "RoundRecord") -> int:
    """When operators that were cut off are asked after all, if reveals of the first are missing.

    Not at the end of the reveals' window: one operator that commits early and never reveals would
    delay every run by it. Who is only late may still reveal while others commit.
    """
    return round["reveal_until_ns"] - REVEAL_WINDOW_NS + REVEAL_GRACE_NS


def _absence_ns(round: "RoundRecord") -> int:
    """Until when fewer than the quorum may be silent though all have committed.

    It is weather that takes a quorum away at once: executors that come back still hold what they
    committed to.
    """
    return min(outer_bound_ns(round), round["reveal_until_ns"] + REVEAL_ABSENCE_NS)


def takes_commitments(round: "RoundRecord", now_ns: int) -> bool:
    """Whether a commitment counts at `now_ns`."""
    if "Commit" in round["phase"]:
        return now_ns < round["commit_until_ns"]
    return bool(round["reopened"]) and not is_closed(round) and now_ns < outer_bound_ns(round)


def advance(
    round: "RoundRecord",
    now_ns: int,
    commits_closed: bool = False,
    report_of: "Callable[[str], TestReport | None]" = no_report,
) -> bool:
    """Move to the phase that the votes and the time call for; whether anything changed.

    `report_of` finds what tests said, by its digest.
    """
    changed = False
    if "Commit" in round["phase"]:
        complete = len(round["votes"]) >= round["replicas"]
        if not complete and not commits_closed and now_ns < round["commit_until_ns"]:
            return False
        changed = True
        if len(round["votes"]) < round["quorum"]:
            _close(round, now_ns, report_of)
        else:
            round["phase"] = {"Reveal": None}
            round["reveal_until_ns"] = now_ns + REVEAL_WINDOW_NS
    if "Reveal" in round["phase"]:
        changed = _advance_reveals(round, now_ns, report_of) or changed
    return changed


def _advance_reveals(
    round: "RoundRecord", now_ns: int, report_of: "Callable[[str], TestReport | None]"
) -> bool:
    """Close a round whose result is known or cannot come any more; else take further votes.

    Commitments are closed a short grace after the quorum-th one, so that an operator that holds
    its job for ever holds up nobody. One that committed to nonsense may be among that quorum: then
    the operators that were cut off are asked after all. The alternative, to wait for everybody
    before the first reveal, would let one operator delay every run by its timeout.
    """
    votes, quorum = round["votes"], round["quorum"]
    unrevealed = sum(vote["outcome"] is None for vote in votes)
    cast = counted(votes)
    failures = sum(failure_of(vote) is not None for vote in cast)
    best = max((len(group) for group in groups(cast)), default=0)
    best = max(best, failures)
    if best >= quorum:
        reached_ns = round["agreed_ns"]
        if unrevealed == 0 or (reached_ns is not None and now_ns >= reached_ns + REVEAL_GRACE_NS):
            _close(round, now_ns, report_of)
            return True
        if reached_ns is None:
            round["agreed_ns"] = now_ns
            return True
        return False
    missing = round["replicas"] - len(votes)
    hopeless = best + unrevealed + missing < quorum
    is_late = now_ns >= round["reveal_until_ns"]
    if hopeless and (unrevealed == 0 or is_late):
        _close(round, now_ns, report_of)
        return True
    if missing == 0 and is_late and (len(cast) >= quorum or now_ns >= _absence_ns(round)):
        _close(round, now_ns, report_of)
        return True
    if now_ns >= outer_bound_ns(round):
        _close(round, now_ns, report_of)
        return True
    reopens_ns = round["reveal_until_ns"] if missing == 0 else _reopens_ns(round)
    if not round["reopened"] and (unrevealed == 0 or now_ns >= reopens_ns):
        round["reopened"] = True
        return True
    return False


def _close(
    round: "RoundRecord", now_ns: int, report_of: "Callable[[str], TestReport | None]"
) -> None:
    fails = round["flaky"] is not None and "Fail" in round["flaky"]
    round["phase"] = {"Closed": None}
    round["verdict"] = decide(
        round["votes"], round["replicas"], round["quorum"], now_ns, report_of, fails
    )


def cancel(round: "RoundRecord", now_ns: int) -> None:
    """Close a round whose stage has ended without it."""
    round["phase"] = {"Closed": None}
    round["verdict"] = cancelled(now_ns)


def vote_of_job(round: "RoundRecord", job: str) -> "VoteRecord | None":
    for vote in round["votes"]:
        if vote["job"] == job:
            return vote
    return None


def commit(round: "RoundRecord", record: "CommitmentRecord", now_ns: int) -> None:
    """Take a commitment, or raise Refused. The same one again changes nothing."""
    job, operator = record["job"], record["operator"]
    known = vote_of_job(round, job)
    if known is not None:
        same_executor = known["executor"].to_str() == record["executor"].to_str()
        if same_executor and known["commitment"] == record["commitment"]:
            return
        raise conflict(f"job {job} has committed to another result: a commitment is final")
    why = _bad_name("operator", operator) or _bad_name("job", job, MAX_JOB_CHARS)
    if why is not None:
        raise invalid(why)
    if not job.startswith(round_key(round["run"], round["stage"]) + "/"):
        raise invalid(f"job {job} is not one of stage {round['stage']} of {round['run']}")
    if len(record["commitment"]) != COMMITMENT_BYTES:
        raise invalid(
            f"the commitment has {len(record['commitment'])} bytes: a sha256 has {COMMITMENT_BYTES}"
        )
    if not takes_commitments(round, now_ns):
        is_full = len(round["votes"]) >= round["replicas"]
        if "Reveal" in round["phase"] and not is_full and now_ns < outer_bound_ns(round):
            raise unavailable(
                f"stage {round['stage']} of {round['run']} is being revealed: if that gives no "
                "result, further commitments are taken"
            )
        raise conflict(f"late: stage {round['stage']} of {round['run']} takes no more commitments")
    for vote in round["votes"]:
        if vote["operator"] == operator:
            raise conflict(
                f"operator {operator} has committed by job {vote['job']}: an operator has one vote"
            )
        if vote["executor"].to_str() == record["executor"].to_str():
            raise conflict(f"this executor has committed by job {vote['job']} already")
    if len(round["votes"]) >= round["replicas"]:
        raise conflict(f"late: all {round['replicas']} replicas have committed")
    round["votes"].append(
        {
            "operator": operator,
            "executor": record["executor"],
            "job": job,
            "commitment": record["commitment"],
            "committed_ns": now_ns,
            "revealed_ns": None,
            "outcome": None,
            "environment": "",
            "manifest": "",
            "commit": None,
            "commit_digest": None,
            "tests_digest": None,
        }
    )
    if round["reopened"] and len(round["votes"]) >= round["replicas"]:
        # The last vote that can come has the whole window for its reveal.
        round["reopened"] = None
        round["reveal_until_ns"] = now_ns + REVEAL_WINDOW_NS


def files_problem(files: "list[File]") -> "str | None":
    """Why this cannot be a manifest, or None."""
    if len(files) > MAX_MANIFEST_FILES:
        return f"{len(files)} files: at most {MAX_MANIFEST_FILES} (MAX_MANIFEST_FILES)"
    seen = set()
    for file in files:
        path = file["path"]
        if not path or len(path.encode()) > MAX_PATH_CHARS:
            return f"a path has {len(path.encode())} bytes: use 1 to {MAX_PATH_CHARS}"
        parts = path.split("/")
        if "\n" in path or "" in parts or "." in parts or ".." in parts:
            return f"path {path!r} is not relative and normalised"
        if path in seen:
            return f"path {path} is there twice"
        seen.add(path)
        if not is_digest(file["sha256"]):
            return f"sha256 of {path} is not 64 lower-case hexadecimal digits"
        if file["size"] > MAX_ARTIFACT_BYTES:
            return f"{path} has {file['size']} bytes: at most {MAX_ARTIFACT_BYTES}"
    return None


def manifest_of(files: "list[File]") -> str:
    return manifest_digest([(file["path"], file["size"], file["sha256"]) for file in files])


def check_reveal(reveal: "RevealInput") -> None:
    """Raise Refused for what can be said against a reveal without knowing its round."""
    failure = reveal["outcome"].get("Failed")
    if failure is not None and (
        not failure or len(failure.encode()) > MAX_FAILURE_REASON_BYTES or "\n" in failure
    ):
        raise invalid(
            f"the reason of a failure is one line of 1 to {MAX_FAILURE_REASON_BYTES} bytes"
        )
    if failure is not None and reveal["files"]:
        raise invalid("a failed stage has no artifacts: reveal it with an empty list of files")
    if not is_digest(reveal["environment"]):
        raise invalid("environment is not a sha256 digest in lower-case hexadecimal")
    if not MIN_NONCE_BYTES <= len(reveal["nonce"]) <= MAX_NONCE_BYTES:
        raise invalid(
            f"the nonce has {len(reveal['nonce'])} bytes: "
            f"use {MIN_NONCE_BYTES} to {MAX_NONCE_BYTES} random ones"
        )
    described = reveal["commit"]
    if described is not None and (
        len(described["author"]) > MAX_TEXT_CHARS or len(described["message"]) > MAX_TEXT_CHARS
    ):
        raise invalid(
            f"commit: author and message have at most {MAX_TEXT_CHARS} characters (MAX_TEXT_CHARS)"
        )
    why = files_problem(reveal["files"])
    if why is not None:
        raise invalid(f"files: {why}")
    why = None if reveal["tests"] is None else report_problem(reveal["tests"])
    if why is not None:
        raise invalid(f"tests: {why}")


def tests_of(report: "TestReport | None") -> str:
    """The digest of what tests said; empty when the stage reports none."""
    if report is None:
        return ""
    return tests_digest(report["ran"], report["skipped"], report["failed_count"], report["failed"])


def reveal(round: "RoundRecord", given: "RevealInput", caller: str, now_ns: int) -> None:
    """Open a commitment, or raise Refused. The caller advances the round first and afterwards."""
    job = given["job"]
    vote = vote_of_job(round, job)
    if vote is None:
        raise conflict(f"job {job} has no commitment here: commit before you reveal")
    if vote["executor"].to_str() != caller:
        raise denied(f"job {job} was committed by another executor: only it may reveal")
    check_reveal(given)
    manifest = manifest_of(given["files"])
    expected = commitment(
        job,
        outcome_text(given["outcome"]),
        given["environment"],
        manifest,
        commit_of(given["commit"]),
        given["nonce"],
        tests_of(given["tests"]),
    )
    matches = expected == vote["commitment"]
    if vote["outcome"] is not None:
        if matches:
            return
        raise conflict(f"job {job} has been revealed already: a reveal is final")
    if is_closed(round):
        raise conflict(f"late: stage {round['stage']} of {round['run']} has its verdict already")
    if "Commit" in round["phase"]:
        raise conflict("other executors may still commit: reveal when the round asks for it")
    if not matches:
        raise invalid(
            f"the reveal of job {job} does not match its commitment "
            f"{vote['commitment'].hex()}: it recomputes to {expected.hex()}"
        )
    vote["revealed_ns"] = now_ns
    vote["outcome"] = given["outcome"]
    vote["environment"] = given["environment"]
    vote["manifest"] = manifest
    vote["commit_digest"] = commit_of(given["commit"]) or None
    vote["tests_digest"] = tests_of(given["tests"]) or None
