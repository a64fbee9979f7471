"""Words of the attestation family: rounds, reveals, verdicts and disputes."""

from kybra import Opt, Principal, Record, Variant, Vec, blob, nat16, nat64, null, text

from shared.types.errors import Error
from shared.types.run import CommitDescription, File


class RoundInput(Record):
    """`build_executor` -> `verification`: votes on this stage are about to come."""

    run: text
    stage: text
    repository: text
    replicas: nat16
    quorum: nat16
    commit_until_ns: nat64


class CommitmentRecord(Record):
    """`build_executor` -> `verification`: a commitment whose lease it has checked."""

    run: text
    stage: text
    job: text
    executor: Principal
    operator: text
    commitment: blob


class Outcome(Variant, total=False):
    """How the stage ended. `Failed` names what is wrong with the commit: `command`, the limit, or
    `source: …`; a reason that is the same for every operator."""

    Succeeded: null
    Failed: text


class RevealInput(Record):
    """The attestation behind a commitment. `environment` is a hexadecimal sha256 digest.

    `commit` is as the executor read it from the Git repository; absent in attestations of the
    form `dcanary-attestation-v1`, which executors of before it send.
    """

    job: text
    run: text
    stage: text
    outcome: Outcome
    environment: text
    files: Vec[File]
    nonce: blob
    commit: Opt[CommitDescription]


class Phase(Variant, total=False):
    """A round takes commitments, then reveals, then is closed by its verdict."""

    Commit: null
    Reveal: null
    Closed: null


class VerdictKind(Variant, total=False):
    """`Failed`: the quorum agrees that the stage fails. `Disagreed`: all voted, no quorum.

    `Inconclusive`: too few votes before the deadline."""

    Agreed: null
    Disagreed: null
    Inconclusive: null
    Failed: null


class Vote(Record):
    """One operator's vote. `manifest` is the hexadecimal digest of its files, `commit` that of the
    commit's description as its executor read it (empty: not attested)."""

    operator: text
    executor: Principal
    job: text
    committed_ns: nat64
    revealed_ns: Opt[nat64]
    outcome: Opt[Outcome]
    environment: text
    manifest: text
    commit: text


class Dispute(Record):
    """An operator whose reveal differs from the agreed one, and the files that differ."""

    operator: text
    executor: Principal
    reason: text
    differing: Vec[text]


class Verdict(Record):
    """`jobs` are the agreeing jobs, whose executors hold the agreed files."""

    kind: VerdictKind
    reason: text
    manifest: text
    environment: text
    files: Vec[File]
    jobs: Vec[text]
    disputes: Vec[Dispute]
    commit: Opt[CommitDescription]
    decided_ns: nat64


class VerdictNotice(Record):
    """`verification` -> `build_executor`. Sent again until acknowledged."""

    run: text
    stage: text
    verdict: Verdict


class Round(Record):
    run: text
    stage: text
    repository: text
    replicas: nat16
    quorum: nat16
    phase: Phase
    commit_until_ns: nat64
    reveal_until_ns: nat64
    votes: Vec[Vote]
    verdict: Opt[Verdict]


class RoundResult(Variant, total=False):
    Ok: Round
    Err: Error
