"""Words of the attestation family: rounds, reveals, verdicts and disputes."""

from kybra import Opt, Principal, Record, Variant, Vec, blob, nat16, nat32, nat64, null, text

from shared.types.errors import Error
from shared.types.pipeline import Flaky
from shared.types.run import CommitDescription, File


class RoundInput(Record):
    """`build_executor` -> `verification`: votes on this stage are about to come.

    `flaky` says what tests do to the verdict that fail at some operators only; absent: `Tolerate`.
    """

    run: text
    stage: text
    repository: text
    replicas: nat16
    quorum: nat16
    commit_until_ns: nat64
    flaky: Opt[Flaky]


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


class TestReport(Record):
    """What the tests of a stage said, in its last attempt.

    `ran` counts the skipped ones not. `failed` are the first MAX_REPORTED_TESTS names, sorted, of
    the `failed_count` tests that failed.
    """

    ran: nat32
    skipped: nat32
    failed_count: nat32
    failed: Vec[text]


class FlakyTest(Record):
    """A test that failed at some operators and not at others, who built the same commit."""

    test: text
    failed: Vec[text]
    passed: Vec[text]


class RevealInput(Record):
    """The attestation behind a commitment. `environment` is a hexadecimal sha256 digest.

    `commit` is as the executor read it from the Git repository; absent in attestations of the
    form `dcanary-attestation-v1`, which executors of before it send. `tests` is there when the
    stage reports tests.
    """

    job: text
    run: text
    stage: text
    outcome: Outcome
    environment: text
    files: Vec[File]
    nonce: blob
    commit: Opt[CommitDescription]
    tests: Opt[TestReport]


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
    commit's description as its executor read it (empty: not attested). `tests` is what its tests
    said."""

    operator: text
    executor: Principal
    job: text
    committed_ns: nat64
    revealed_ns: Opt[nat64]
    outcome: Opt[Outcome]
    environment: text
    manifest: text
    commit: text
    tests: Opt[TestReport]


class Dispute(Record):
    """An operator whose reveal differs from the agreed one, and the files that differ."""

    operator: text
    executor: Principal
    reason: text
    differing: Vec[text]


class Verdict(Record):
    """`jobs` are the agreeing jobs, whose executors hold the agreed files. `flaky_tests` are those
    whose outcome differs between operators; no commit is blamed for them."""

    kind: VerdictKind
    reason: text
    manifest: text
    environment: text
    files: Vec[File]
    jobs: Vec[text]
    disputes: Vec[Dispute]
    commit: Opt[CommitDescription]
    flaky_tests: Opt[Vec[FlakyTest]]
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


class StageVerification(Record):
    """How one stage was voted on. `phase` is absent while it has no round, `verdict` until its end.

    `agreed` are the operators that made the verdict, `others` those that revealed something else.
    """

    stage: text
    phase: Opt[Phase]
    verdict: Opt[VerdictKind]
    reason: text
    manifest: text
    agreed: Vec[text]
    others: Vec[text]


class PipelineVerification(Record):
    """`verified`: every stage that was asked about is Agreed."""

    run: text
    verified: bool
    stages: Vec[StageVerification]


class PipelineVerificationResult(Variant, total=False):
    Ok: PipelineVerification
    Err: Error
