"""Public forms of stored rounds: the files and disputes of a verdict follow from its votes."""

from canisters.verification.records import RoundRecord, VerdictRecord, VoteRecord
from canisters.verification.rounds.flaky import flaky_tests
from canisters.verification.rounds.verdicts import commit_digest_of, disputes
from canisters.verification.store import descriptions, manifests, test_reports
from shared.types.attestation import Dispute, Round, TestReport, Verdict, Vote
from shared.types.run import CommitDescription, File


def files_of(round: RoundRecord) -> "dict[str, list[File]]":
    """The files behind each manifest digest that was revealed in the round."""
    found: dict[str, list[File]] = {}
    for vote in round["votes"]:
        digest = vote["manifest"]
        if digest and digest not in found:
            stored = manifests.get(digest)
            found[digest] = [] if stored is None else stored["files"]
    return found


def description_of(verdict: VerdictRecord) -> "CommitDescription | None":
    """What a verdict says of the commit; None when the quorum attests nothing."""
    digest = verdict["commit_digest"]
    stored = None if digest is None else descriptions.get(digest)
    return verdict["commit"] if stored is None else stored["description"]


def report_of(digest: str) -> "TestReport | None":
    """What tests said, by its digest."""
    stored = test_reports.get(digest)
    return None if stored is None else stored["report"]


def verdict_of(round: RoundRecord) -> "Verdict | None":
    """The whole verdict of a closed round, None before."""
    stored = round["verdict"]
    if stored is None:
        return None
    files = files_of(round)
    found: list[Dispute] = disputes(round["votes"], stored, files)
    return {
        "kind": stored["kind"],
        "reason": stored["reason"],
        "manifest": stored["manifest"],
        "environment": stored["environment"],
        "files": files.get(stored["manifest"], []),
        "jobs": stored["jobs"],
        "disputes": found,
        "commit": description_of(stored),
        "flaky_tests": flaky_tests(round["votes"], report_of) or None,
        "decided_ns": stored["decided_ns"],
    }


def _vote(vote: VoteRecord, is_closed: bool) -> Vote:
    """A vote; its result shows only when nobody can vote any more, or it could be copied."""
    tests = vote["tests_digest"]
    return {
        "operator": vote["operator"],
        "executor": vote["executor"],
        "job": vote["job"],
        "committed_ns": vote["committed_ns"],
        "revealed_ns": vote["revealed_ns"],
        "outcome": vote["outcome"] if is_closed else None,
        "environment": vote["environment"] if is_closed else "",
        "manifest": vote["manifest"] if is_closed else "",
        "commit": commit_digest_of(vote) if is_closed else "",
        "tests": report_of(tests) if is_closed and tests is not None else None,
    }


def shown(round: RoundRecord) -> Round:
    return {
        "run": round["run"],
        "stage": round["stage"],
        "repository": round["repository"],
        "replicas": round["replicas"],
        "quorum": round["quorum"],
        "phase": round["phase"],
        "commit_until_ns": round["commit_until_ns"],
        "reveal_until_ns": round["reveal_until_ns"],
        "votes": [_vote(vote, "Closed" in round["phase"]) for vote in round["votes"]],
        "verdict": verdict_of(round),
    }
