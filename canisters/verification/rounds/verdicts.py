"""Which result k distinct operators agree on. Pure rules: the same votes give the same verdict,
in whatever order they came.

A vote counts once per operator. A result is (outcome, manifest digest, environment digest, digest
of the commit's description). A vote without a description, as executors of before version 2 of the
attestation made them, says nothing about it: it supports the bytes, whatever others read.
"""

from typing import TYPE_CHECKING

from canisters.verification.rounds.counting import counted, failure_of
from canisters.verification.rounds.flaky import (
    fails_by_flaky_tests,
    flaky_tests,
    no_report,
    sentence,
)
from shared.rules.digests import commit_digest

if TYPE_CHECKING:
    from collections.abc import Callable

    from canisters.verification.records import VerdictRecord, VoteRecord
    from shared.types.attestation import Dispute, Outcome, TestReport, VerdictKind
    from shared.types.run import CommitDescription, File

MAX_DIFFERING_NAMES = 64
NAMES_IN_A_SENTENCE = 5


def commit_of(described: "CommitDescription | None") -> str:
    """The digest of a commit's description; empty when the attestation has none."""
    return "" if described is None else commit_digest(described["author"], described["message"])


def commit_digest_of(vote: "VoteRecord") -> str:
    """The digest of the commit's description that a vote attests; empty when it has none."""
    return vote["commit_digest"] or commit_of(vote["commit"])


def outcome_text(outcome: "Outcome") -> str:
    """How the outcome is written in the attestation text."""
    failure = outcome.get("Failed")
    return "succeeded" if failure is None else f"failed:{failure}"


def bytes_of(vote: "VoteRecord") -> "tuple[str, str, str]":
    """What any two votes must have in common to agree: outcome, manifest and environment."""
    outcome = vote["outcome"]
    return (
        "" if outcome is None else outcome_text(outcome),
        vote["manifest"],
        vote["environment"],
    )


def groups(votes: "list[VoteRecord]") -> "list[list[VoteRecord]]":
    """Revealed votes by equal result, the largest group first (ties: by digest)."""
    by_bytes: dict[tuple[str, str, str], list[VoteRecord]] = {}
    for vote in votes:
        if vote["outcome"] is not None:
            by_bytes.setdefault(bytes_of(vote), []).append(vote)
    results = []
    for same, members in by_bytes.items():
        for commit, group in _by_commit(members):
            results.append(((-len(group), same, commit), group))
    return [group for _, group in sorted(results, key=lambda entry: entry[0])]


def _by_commit(votes: "list[VoteRecord]") -> "list[tuple[str, list[VoteRecord]]]":
    """Votes for the same bytes, by the digest of the commit's description.

    Those without one join the description that most attest. Where two are attested equally often
    they stay alone: to count them for both would let each of the two reach a quorum.
    """
    by_commit: dict[str, list[VoteRecord]] = {}
    for vote in votes:
        by_commit.setdefault(commit_digest_of(vote), []).append(vote)
    silent = by_commit.pop("", [])
    most = max((len(group) for group in by_commit.values()), default=0)
    leading = [commit for commit, group in by_commit.items() if len(group) == most]
    if len(leading) == 1:
        by_commit[leading[0]].extend(silent)
    elif silent:
        by_commit[""] = silent
    return list(by_commit.items())


def described_by(votes: "list[VoteRecord]", quorum: int) -> "str | None":
    """Digest of the description of the commit that the quorum attests, when no vote attests
    another."""
    attested = [digest for digest in map(commit_digest_of, votes) if digest]
    if len(attested) < quorum or len(set(attested)) != 1:
        return None
    return attested[0]


def decide(
    votes: "list[VoteRecord]",
    replicas: int,
    quorum: int,
    now_ns: int,
    report_of: "Callable[[str], TestReport | None]" = no_report,
    flaky_fails: bool = False,
) -> "VerdictRecord":
    """The verdict of a round that takes no more votes.

    Two results that both reach the quorum (possible when it is half of the replicas or less) make
    the round Disagreed: there is then no single answer to trust. So do failures that rest on flaky
    tests alone, and any flaky test when `flaky_fails`.
    """
    cast = counted(votes)
    results = groups(cast)
    flaky = flaky_tests(votes, report_of)
    also = f"; flaky tests: {sentence(flaky)}" if flaky else ""
    reached = [group for group in results if len(group) >= quorum]
    failed = [vote for vote in cast if failure_of(vote) is not None]
    if not reached and len(failed) >= quorum:
        # They fail for different reasons, but none of them has a result.
        reached = [failed]
    if len(reached) > 1:
        reason = (
            f"{len(reached)} different results reach the quorum of {quorum}: "
            f"set the quorum of this stage above half of its replicas{also}"
        )
        return _verdict({"Disagreed": None}, reason, now_ns)
    if reached:
        group = reached[0]
        jobs = [vote["job"] for vote in group]
        if failure_of(group[0]) is None:
            if flaky and flaky_fails:
                reason = f"tests fail at some operators only (flaky: fail): {sentence(flaky)}"
                return _verdict({"Disagreed": None}, reason, now_ns)
            reason = f"{len(group)} of {replicas} operators agree (quorum {quorum}){also}"
            verdict = _verdict({"Agreed": None}, reason, now_ns, jobs)
            verdict["manifest"] = group[0]["manifest"]
            verdict["environment"] = group[0]["environment"]
        elif all(fails_by_flaky_tests(vote, flaky, report_of) for vote in group):
            reason = (
                f"tests fail at {len(group)} of {replicas} operators, each of them only at some: "
                f"{sentence(flaky)}: the commit is not blamed, start the run again"
            )
            return _verdict({"Disagreed": None}, reason, now_ns)
        else:
            failure = most_common_failure(group)
            reason = f"{len(group)} of {replicas} operators report that the stage failed: {failure}"
            verdict = _verdict({"Failed": None}, reason + also, now_ns, jobs)
        verdict["commit_digest"] = described_by(group, quorum)
        return verdict
    if len(cast) >= replicas:
        reason = (
            f"{len(cast)} operators revealed {len(results)} different results: "
            f"none has the quorum of {quorum}{_failures(cast)}{also}"
        )
        return _verdict({"Disagreed": None}, reason, now_ns)
    reason = (
        f"{len(cast)} of {replicas} operators answered before the deadline and no result has "
        f"the quorum of {quorum}{_failures(cast)}{also}: start the run again when enough executors "
        "are at work"
    )
    return _verdict({"Inconclusive": None}, reason, now_ns)


def most_common_failure(failed: "list[VoteRecord]") -> str:
    """The reason that most failed votes give (ties: the first in alphabetical order)."""
    counts: dict[str, int] = {}
    for vote in failed:
        reason = failure_of(vote) or ""
        counts[reason] = counts.get(reason, 0) + 1
    return min(counts, key=lambda reason: (-counts[reason], reason))


def _failures(cast: "list[VoteRecord]") -> str:
    """What those say that report a failure, for the reason of a verdict without a quorum."""
    reasons = sorted({failure_of(vote) or "" for vote in cast} - {""})
    return f" (failures: {', '.join(reasons)})" if reasons else ""


def _verdict(
    kind: "VerdictKind", reason: str, now_ns: int, jobs: "list[str] | None" = None
) -> "VerdictRecord":
    return {
        "kind": kind,
        "reason": reason,
        "manifest": "",
        "environment": "",
        "jobs": sorted(jobs or []),
        "commit": None,
        "commit_digest": None,
        "decided_ns": now_ns,
    }


def cancelled(now_ns: int) -> "VerdictRecord":
    """The verdict of a round that nobody waits for any more."""
    reason = "the stage ended before there was a verdict: its run was cancelled or failed"
    return _verdict({"Inconclusive": None}, reason, now_ns)


def reference_votes(votes: "list[VoteRecord]", verdict: "VerdictRecord") -> "list[VoteRecord]":
    """The votes that others are compared with: the agreeing ones, or without agreement those of
    the largest group. Empty when nothing can be compared."""
    if "Agreed" in verdict["kind"] or "Disagreed" in verdict["kind"]:
        cast = counted(votes)
        if "Agreed" in verdict["kind"]:
            cast = [vote for vote in cast if vote["job"] in verdict["jobs"]]
        ordered = groups([vote for vote in cast if failure_of(vote) is None])
        if ordered:
            return ordered[0]
    return []


def disputes(
    votes: "list[VoteRecord]",
    verdict: "VerdictRecord",
    files_of: "dict[str, list[File]]",
) -> "list[Dispute]":
    """Who differs from the reference votes, and in which files.

    `files_of` maps the manifest digests of the votes to their files.
    """
    agreeing = reference_votes(votes, verdict)
    if not agreeing:
        return []
    reference = agreeing[0]
    attested = {commit_digest_of(vote) for vote in agreeing} - {""}
    found: list[Dispute] = []
    for vote in counted(votes):
        failure = failure_of(vote)
        same_environment = vote["environment"] == reference["environment"]
        given_commit = commit_digest_of(vote)
        same_commit = not given_commit or not attested or given_commit in attested
        same_files = vote["manifest"] == reference["manifest"]
        if failure is None and same_files and same_environment and same_commit:
            continue
        names: list[str] = []
        if failure is not None:
            reason = f"reports that the stage failed: {failure}"
        else:
            reasons = []
            if not same_environment:
                reasons.append(f"built in another environment ({vote['environment']})")
            if not same_commit:
                reasons.append("read another author or message from the commit")
            differences = compare_files(
                files_of.get(reference["manifest"], []), files_of.get(vote["manifest"], [])
            )
            names = [path for path, _ in differences]
            if differences:
                reasons.append(_sentence(differences))
            reason = "; ".join(reasons)
        found.append(
            {
                "operator": vote["operator"],
                "executor": vote["executor"],
                "reason": reason,
                "differing": names[:MAX_DIFFERING_NAMES],
            }
        )
    return found


def compare_files(agreed: "list[File]", other: "list[File]") -> "list[tuple[str, str]]":
    """(path, how it differs) for each path that is not the same in both, sorted by path."""
    expected = {file["path"]: file for file in agreed}
    given = {file["path"]: file for file in other}
    found = []
    for path in sorted(set(expected) | set(given)):
        if path not in given:
            found.append((path, "missing"))
        elif path not in expected:
            found.append((path, "extra"))
        elif (expected[path]["sha256"], expected[path]["size"]) != (
            given[path]["sha256"],
            given[path]["size"],
        ):
            found.append((path, "other sha256"))
    return found


def _sentence(differences: "list[tuple[str, str]]") -> str:
    shown = ", ".join(f"{path} ({how})" for path, how in differences[:NAMES_IN_A_SENTENCE])
    more = len(differences) - NAMES_IN_A_SENTENCE
    word = "file differs" if len(differences) == 1 else "files differ"
    return f"{len(differences)} {word}: {shown}" + (f" and {more} more" if more > 0 else "")
