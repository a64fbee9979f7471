"""The stable maps of `verification` and the versioned records in them.

| memory | map | key |
|---|---|---|
| 0 | grants | principal text |
| 1 | wiring | 0 |
| 2 | totals | method |
| 3 | rounds | `<run>/<stage>` |
| 4 | open_rounds (at most MAX_OPEN_ROUNDS): deadline in ns | `<run>/<stage>` |
| 5 | manifests: the files behind a manifest digest | digest |
| 6 | outgoing (open messages) | `verdict:<run>/<stage>`, `release:<n>` |
| 7 | approvals | sequence number, from 0 |
| 8 | approval_index | `<run>|<target>` -> sequence number |

Sizes are those of Candid bytes. Keys are bounded by MAX_NAME_CHARS per name, votes by MAX_REPLICAS,
files by MAX_MANIFEST_FILES and MAX_PATH_CHARS, arguments by MAX_PIPELINE_BYTES.
"""

from kybra import (
    Opt,
    Principal,
    Record,
    StableBTreeMap,
    Vec,
    blob,
    nat8,
    nat16,
    nat64,
    text,
)

from shared.base.records import Outgoing, Wiring
from shared.types.attestation import Outcome, Phase, VerdictKind
from shared.types.pipeline import Mode
from shared.types.release import ApprovalInput, ApprovalState, ApprovalVote, GateResult
from shared.types.run import CommitDescription, File


class VoteRecord(Record):
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


class VerdictRecord(Record):
    """A verdict without its files and disputes, which follow from the votes' manifests."""

    kind: VerdictKind
    reason: text
    manifest: text
    environment: text
    jobs: Vec[text]
    commit: Opt[CommitDescription]
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


class ManifestRecord(Record):
    version: nat16
    files: Vec[File]


class ApprovalRecord(Record):
    """`request` is as it came; `mode` is what its mode was resolved to."""

    version: nat16
    approval: text
    request: ApprovalInput
    mode: Mode
    gates: Vec[GateResult]
    state: ApprovalState
    votes: Vec[ApprovalVote]
    created_ns: nat64
    expires_ns: nat64


grants = StableBTreeMap[text, text](memory_id=0, max_key_size=100, max_value_size=200)
wiring = StableBTreeMap[nat8, Wiring](memory_id=1, max_key_size=16, max_value_size=400)
totals = StableBTreeMap[text, nat64](memory_id=2, max_key_size=100, max_value_size=16)
rounds = StableBTreeMap[text, RoundRecord](memory_id=3, max_key_size=160, max_value_size=32_000)
open_rounds = StableBTreeMap[text, nat64](memory_id=4, max_key_size=160, max_value_size=16)
manifests = StableBTreeMap[text, ManifestRecord](
    memory_id=5, max_key_size=80, max_value_size=100_000
)
outgoing = StableBTreeMap[text, Outgoing](memory_id=6, max_key_size=160, max_value_size=1_200)
approvals = StableBTreeMap[nat64, ApprovalRecord](
    memory_id=7, max_key_size=16, max_value_size=130_000
)
approval_index = StableBTreeMap[text, nat64](memory_id=8, max_key_size=160, max_value_size=16)
