"""Which votes of a round count, and what each says."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from canisters.verification.records import VoteRecord


def counted(votes: "list[VoteRecord]") -> "list[VoteRecord]":
    """The revealed votes that count, by job. Of an operator's several votes only the first does."""
    kept = {}
    for vote in sorted(votes, key=lambda one: one["job"]):
        if vote["outcome"] is not None and vote["operator"] not in kept:
            kept[vote["operator"]] = vote
    return sorted(kept.values(), key=lambda one: one["job"])


def failure_of(vote: "VoteRecord") -> "str | None":
    """Why the vote says that the stage failed; None when it succeeded or was not revealed."""
    outcome = vote["outcome"]
    if outcome is None:
        return None
    return outcome.get("Failed")
