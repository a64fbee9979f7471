"""Votes, reveals, rounds and approval requests, to be changed by tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kybra import Principal

from canisters.verification.rounds import rules
from canisters.verification.rounds.verdicts import commit_of, outcome_text
from shared.rules.digests import commitment, manifest_digest, sha256_hex

if TYPE_CHECKING:
    from canisters.verification.records import RoundRecord, VoteRecord
    from shared.types.approval import ApprovalInput
    from shared.types.attestation import (
        CommitmentRecord,
        Outcome,
        RevealInput,
        RoundInput,
        TestReport,
    )
    from shared.types.run import CommitDescription, File

NOW = 1_700_000_000_000_000_000
SECOND = 1_000_000_000
ENVIRONMENT = "e" * 64
RUN, STAGE = "run-1", "build"
APPROVED = sha256_hex(b"module")


def executor(number: int) -> Principal:
    return Principal(b"executor" + bytes([number]))


def file(path: str = "app.wasm", content: bytes = b"module") -> File:
    return {"path": path, "size": len(content), "sha256": sha256_hex(content)}


def manifest(files: list[File]) -> str:
    return manifest_digest([(one["path"], one["size"], one["sha256"]) for one in files])


def vote(
    number: int,
    files: list[File] | None = None,
    failed: str | None = None,
    operator: str | None = None,
    environment: str = ENVIRONMENT,
    revealed: bool = True,
    described: CommitDescription | None = None,
) -> VoteRecord:
    """The vote of job `number`, by operator `op<number>` unless another is named."""
    outcome: Outcome = {"Succeeded": None} if failed is None else {"Failed": failed}
    held = [] if failed is not None else [file()] if files is None else files
    return {
        "operator": operator or f"op{number}",
        "executor": executor(number),
        "job": f"{RUN}/{STAGE}/{number}",
        "commitment": bytes(32),
        "committed_ns": NOW,
        "revealed_ns": NOW if revealed else None,
        "outcome": outcome if revealed else None,
        "environment": environment if revealed else "",
        "manifest": manifest(held) if revealed else "",
        "commit": None,
        "commit_digest": (commit_of(described) or None) if revealed else None,
        "tests_digest": None,
    }


def round_input(replicas: int = 3, quorum: int = 2, run: str = RUN) -> RoundInput:
    return {
        "run": run,
        "stage": STAGE,
        "repository": "demo",
        "replicas": replicas,
        "quorum": quorum,
        "commit_until_ns": NOW + 600 * SECOND,
        "flaky": None,
    }


def open_round(replicas: int = 3, quorum: int = 2) -> RoundRecord:
    return rules.opened(round_input(replicas, quorum))


def reveal_input(
    number: int,
    files: list[File] | None = None,
    failed: str | None = None,
    environment: str = ENVIRONMENT,
    described: CommitDescription | None = None,
    run: str = RUN,
    tests: TestReport | None = None,
) -> RevealInput:
    outcome: Outcome = {"Succeeded": None} if failed is None else {"Failed": failed}
    return {
        "job": f"{run}/{STAGE}/{number}",
        "run": run,
        "stage": STAGE,
        "outcome": outcome,
        "environment": environment,
        "files": [] if failed is not None else [file()] if files is None else files,
        "nonce": bytes([number]) * 32,
        "commit": described,
        "tests": tests,
    }


def commitment_to(reveal: RevealInput) -> bytes:
    return commitment(
        reveal["job"],
        outcome_text(reveal["outcome"]),
        reveal["environment"],
        manifest(reveal["files"]),
        commit_of(reveal["commit"]),
        reveal["nonce"],
        rules.tests_of(reveal["tests"]),
    )


def commitment_record(
    reveal: RevealInput, number: int, operator: str | None = None
) -> CommitmentRecord:
    return {
        "run": reveal["run"],
        "stage": STAGE,
        "job": reveal["job"],
        "executor": executor(number),
        "operator": operator or f"op{number}",
        "commitment": commitment_to(reveal),
    }


def approver(number: int) -> Principal:
    return Principal(b"approver" + bytes([number]))


def approval_input(run: str = RUN, **changes: Any) -> ApprovalInput:
    request: ApprovalInput = {
        "run": run,
        "source": {
            "repository": "demo",
            "clone_url": "https://forge.example/demo.git",
            "ref": "refs/heads/main",
            "sha": "a" * 40,
            "message": "Count faster",
            "author": "Ada",
        },
        "pipeline_version": 1,
        "target": "counter",
        "stage": STAGE,
        "artifact": "app.wasm",
        "sha256": APPROVED,
        "size": 6,
        "mode": {"Auto": None},
        "memory": {"Default": None},
        "install_arg": b"",
        "upgrade_arg": b"",
        "policy": {"approvers": [approver(1), approver(2)], "threshold": 1, "ttl_seconds": 0},
        "gates": [],
        "attempt": None,
        "install_references": None,
        "upgrade_references": None,
        "assets": None,
    }
    for name, value in changes.items():
        request[name] = value  # type: ignore[literal-required]
    return request
