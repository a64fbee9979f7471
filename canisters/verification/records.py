"""The stored types of `verification`. A field that version 0.1.0 did not store is `Opt`."""

from kybra import Opt, Principal, Record, Vec, blob, nat16, nat64, text

from shared.base.migration import Versions
from shared.types.approval import (
    ApprovalInput,
    ApprovalState,
    ApprovalVote,
    Asset,
    AssetProperties,
    GateResult,
    Order,
)
from shared.types.attestation import Outcome, Phase, TestReport, VerdictKind
from shared.types.pipeline import ApprovalPolicy, Flaky, Mode
from shared.types.run import CommitDescription, File


class VoteRecord(Record):
    """`commit_digest` names the commit's description, `tests_digest` the report of the tests, which
    are kept once for all votes that attest them. Votes of 0.1.0 hold the description itself, in
    `commit`.
    """

    operator: text
    executor: Principal
    job: text
    commitment: blob
    committed_ns: nat64
    revealed_ns: Opt[nat64]
    outcome: Opt[Outcome]
    environment: text
    manifest: text
    commit: Opt[CommitDescription]
    commit_digest: Opt[text]
    tests_digest: Opt[text]


class VerdictRecord(Record):
    """A verdict without its files and disputes, which follow from the votes' manifests.

    The commit's description is named by `commit_digest`; verdicts of 0.1.0 hold it, in `commit`.
    """

    kind: VerdictKind
    reason: text
    manifest: text
    environment: text
    jobs: Vec[text]
    commit: Opt[CommitDescription]
    commit_digest: Opt[text]
    decided_ns: nat64


class RoundRecord(Record):
    """`agreed_ns` is when a quorum of equal results was revealed. `reopened`: the reveals gave no
    such quorum, and further votes are taken until `commit_until_ns`.
    """

    version: nat16
    run: text
    stage: text
    repository: text
    replicas: nat16
    quorum: nat16
    phase: Phase
    commit_until_ns: nat64
    reveal_until_ns: nat64
    votes: Vec[VoteRecord]
    verdict: Opt[VerdictRecord]
    agreed_ns: Opt[nat64]
    reopened: Opt[bool]
    flaky: Opt[Flaky]


class ManifestRecord(Record):
    version: nat16
    files: Vec[File]


class AssetListRecord(Record):
    """The files of an order whose folder has settings: file `n` has `properties[of[n]]`.

    Without settings the manifest says all of them, and nothing is kept.
    """

    version: nat16
    assets: Vec[Asset]
    properties: Vec[AssetProperties]
    of: Vec[nat16]


class TestReportRecord(Record):
    """What the tests of a stage said, as somebody attested it."""

    version: nat16
    report: TestReport


class DescriptionRecord(Record):
    """The description of a commit that somebody attested."""

    version: nat16
    description: CommitDescription


class ApprovalRecord(Record):
    """`request` is as it came; `mode` is what its mode was resolved to.

    `releases` counts the releases that were ordered; `release` names the last one that is known.
    `after` is the request that was approved for the target before this one.
    """

    version: nat16
    approval: text
    request: ApprovalInput
    mode: Mode
    gates: Vec[GateResult]
    state: ApprovalState
    votes: Vec[ApprovalVote]
    created_ns: nat64
    expires_ns: nat64
    release: Opt[text]
    releases: Opt[nat16]
    after: Opt[text]


class ApprovalOrderRecord(Record):
    """What an approval request is about; kept apart because it is large and never changes."""

    version: nat16
    order: Order


class PolicyRecord(Record):
    """The approval policy of a repository, as pipeline_config has it now."""

    version: nat16
    policy: ApprovalPolicy


class LatestRecord(Record):
    """The newest run that was approved for a target. `release` is known when it was released."""

    version: nat16
    approval: text
    run: text
    release: Opt[text]


class OpenApprovalRecord(Record):
    """A request that people may still decide. `voted`: somebody approved it, and more are needed;
    absent in what earlier versions stored."""

    version: nat16
    target: text
    run: text
    expires_ns: nat64
    voted: Opt[bool]


ROUND: "Versions[RoundRecord]" = Versions("RoundRecord", current=1)
MANIFEST: "Versions[ManifestRecord]" = Versions("ManifestRecord", current=1)
ASSET_LIST: "Versions[AssetListRecord]" = Versions("AssetListRecord", current=1)
TEST_REPORT: "Versions[TestReportRecord]" = Versions("TestReportRecord", current=1)
DESCRIPTION: "Versions[DescriptionRecord]" = Versions("DescriptionRecord", current=1)
APPROVAL: "Versions[ApprovalRecord]" = Versions("ApprovalRecord", current=2)
APPROVAL_ORDER: "Versions[ApprovalOrderRecord]" = Versions("ApprovalOrderRecord", current=1)
POLICY: "Versions[PolicyRecord]" = Versions("PolicyRecord", current=1)
LATEST: "Versions[LatestRecord]" = Versions("LatestRecord", current=1)
OPEN_APPROVAL: "Versions[OpenApprovalRecord]" = Versions("OpenApprovalRecord", current=1)


@APPROVAL.since(1)
def add_release(approval: ApprovalRecord) -> ApprovalRecord:
    """Until now the state `Released` named the one release of an approval."""
    approval["release"] = approval["state"].get("Released")
    approval["releases"] = 0 if approval["release"] is None else 1
    return approval
