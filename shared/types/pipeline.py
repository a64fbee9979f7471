"""Words of the pipeline family: what a repository builds, when, and where the result may go."""

from kybra import Opt, Principal, Record, Variant, Vec, blob, nat16, nat32, nat64, null, text

from shared.types.errors import Error


class Provider(Variant, total=False):
    """The forge whose delivery format and signature scheme a repository uses."""

    GitHub: null
    GitLab: null
    Bitbucket: null
    Gitea: null


class Runtime(Variant, total=False):
    """Tool chain that a stage's commands find in their sandbox."""

    Shell: null
    Python: null
    Motoko: null
    Node: null
    Azle: null
    Rust: null


class PushFilter(Record):
    """Pushes to branches. In each list the last pattern that matches decides; `!` excludes.

    `paths`: a changed file must match. `paths_ignore`: a changed file must not. `authors` are of
    the head commit.
    """

    branches: Vec[text]
    paths: Opt[Vec[text]]
    paths_ignore: Opt[Vec[text]]
    authors: Opt[Vec[text]]


class Schedule(Record):
    """Times at which a run of `ref` starts: `cron` has five fields, see `shared.rules.cron`.

    `zone` is the name of the time zone that people know, `rule` what it is as POSIX writes it
    (such as CET-1CEST,M3.5.0,M10.5.0/3), which is what counts.
    """

    cron: text
    zone: text
    rule: text
    ref: text


class PullRequestFilter(Record):
    """Pull requests. `branches` are patterns of those that they are to be merged into.

    `types` of events absent: opened, synchronize, reopened. `labels`: one of the pull request's
    must match. `drafts`: also of drafts. `deploy`: what agreed goes on to people and the targets,
    never of a fork.
    """

    branches: Vec[text]
    types: Opt[Vec[text]]
    labels: Opt[Vec[text]]
    drafts: Opt[bool]
    deploy: Opt[bool]


class Trigger(Variant, total=False):
    """What starts a run. Patterns of branches and tags: `*` and `?` as in a shell; empty: none.

    `PullRequest` holds those of the branches that pull requests are to be merged into, `Release`
    those of the tags of releases.
    """

    Push: Vec[text]
    Tag: Vec[text]
    PullRequest: Vec[text]
    Manual: null
    FilteredPush: PushFilter
    Schedule: Schedule
    FilteredPullRequest: PullRequestFilter
    Release: Vec[text]


class Variable(Record):
    """One environment variable of a stage. Not for secrets: everyone may read a pipeline."""

    name: text
    value: text


class Resources(Record):
    """Limits of one job. Bytes, seconds and counts; going over one fails the stage by that name."""

    memory_bytes: nat64
    storage_bytes: nat64
    output_bytes: nat64
    processes: nat32
    timeout_seconds: nat32
    network: bool


class Needs(Record):
    """What a stage asks of an executor beside its runtime and resources; absent: anything fits.

    `labels` must all be offered. `image` and `region` must be the same text. `image_lock` is the
    path in the repository of the lock file that has the digest `image`, by which executors that
    build such images make it.
    """

    cpus: Opt[nat16]
    image: Opt[text]
    region: Opt[text]
    labels: Vec[text]
    image_lock: Opt[text]


class Fetch(Record):
    """What a stage downloads: exactly what these lock files of the commit pin.

    `locks` are paths in the repository; `hosts` are the only ones that may be asked (empty: the
    public registries of the locks' kinds).
    """

    locks: Vec[text]
    hosts: Vec[text]


class Keep(Variant, total=False):
    """Where the agreed bytes of a stage stay. `Executors`: the chain has the manifest alone."""

    Chain: null
    Executors: null


class Flaky(Variant, total=False):
    """What a test does to a stage whose outcome differs between operators."""

    Tolerate: null
    Fail: null


class Reports(Record):
    """Files in which a stage says more than that it ended. `tests` is a JUnit XML file."""

    tests: Opt[text]
    flaky: Opt[Flaky]


class Cache(Record):
    """When an executor may use its own earlier agreed result again: these inputs are the same.

    `inputs` are paths, folders and patterns as in `artifacts`. The stage sees no other file of the
    commit.
    """

    inputs: Vec[text]


class RetryCause(Record):
    """How many times the commands are tried again after an end: see `shared.rules.retries`."""

    cause: text
    times: nat16


class Stage(Record):
    """A node of the pipeline's graph. `quorum` of `replicas` distinct operators must agree.

    `grace_seconds`: how long after the quorum's last commitment others may still commit. Absent:
    60 s, or half the time that the quorum took when that is longer. With `fetch` the executor
    itself downloads, and there are no commands. `secrets` are names. `group` is the stage of the
    file that this one was made from, by its matrix; at most `parallel` jobs of its stages (of this
    one, without a group) are at work at once. `retry_causes` stand for `retries`, which then is 0.
    """

    name: text
    runtime: Runtime
    commands: Vec[text]
    depends_on: Vec[text]
    environment: Vec[Variable]
    resources: Resources
    artifacts: Vec[text]
    replicas: nat16
    quorum: nat16
    retries: nat16
    needs: Opt[Needs]
    grace_seconds: Opt[nat32]
    fetch: Opt[Fetch]
    keep: Opt[Keep]
    secrets: Opt[Vec[text]]
    reports: Opt[Reports]
    cache: Opt[Cache]
    group: Opt[text]
    parallel: Opt[nat16]
    retry_causes: Opt[Vec[RetryCause]]


class Gate(Variant, total=False):
    """A check that must pass before approval. `MaxArtifactBytes` bounds the artifact's size.

    `ModuleKind` (it is a Wasm module, plain or gzip) and `MemoryMode` (the memory option fits the
    module) are checked for every request, whether a pipeline names them or not.
    """

    MaxArtifactBytes: nat64
    ModuleKind: null
    MemoryMode: null


class ApprovalPolicy(Record):
    """Who may approve, how many of them must, and how long (seconds) the request stands."""

    approvers: Vec[Principal]
    threshold: nat16
    ttl_seconds: nat64


class Mode(Variant, total=False):
    """How bytes go into a canister. `Auto` is resolved to one of the others before approval."""

    Auto: null
    Install: null
    Upgrade: null
    Reinstall: null


class MemoryPersistence(Variant, total=False):
    """`wasm_memory_persistence` of an upgrade: Motoko's enhanced persistence needs `Keep`."""

    Default: null
    Keep: null
    Replace: null


class Reference(Record):
    """A place in an argument that gets the id of the target `canister` before people are asked.

    From byte `offset` on: the 10 bytes of the id, or the 27 characters of its text when `textual`.
    """

    canister: text
    offset: nat32
    textual: bool


class Deploy(Record):
    """Which artifact (of which stage) goes to which target, and how. Arguments are Candid bytes.

    `depends_on` are targets of the same pipeline that are released before. `assets` is a folder,
    written with a `/` at its end: the stage's agreed files below it become the files of the target,
    which is an asset canister.
    """

    target: text
    stage: text
    artifact: text
    mode: Mode
    memory: MemoryPersistence
    install_arg: blob
    upgrade_arg: blob
    depends_on: Opt[Vec[text]]
    install_references: Opt[Vec[Reference]]
    upgrade_references: Opt[Vec[Reference]]
    assets: Opt[text]


class ParameterValue(Record):
    """What a template's parameter was given: one text, or those of a list."""

    name: text
    values: Vec[text]


class TemplateUse(Record):
    """The version of a template that a pipeline was made from. Without `values`: from its text."""

    name: text
    version: nat32
    values: Opt[Vec[ParameterValue]]


class PipelineInput(Record):
    """A pipeline as its author sends it.

    `queue_seconds`: how long a run may wait for executors; absent: MAX_QUEUE_NS (7 days). One
    target is `deploy`; of several, that is null and `deploys` lists them. `priority` (0 to 9,
    absent: 5) orders the runs of one repository that wait. `template` is what it was made from.
    """

    name: text
    repository: text
    triggers: Vec[Trigger]
    environment: Vec[Variable]
    stages: Vec[Stage]
    gates: Vec[Gate]
    approval: ApprovalPolicy
    deploy: Opt[Deploy]
    queue_seconds: Opt[nat32]
    deploys: Opt[Vec[Deploy]]
    priority: Opt[nat16]
    template: Opt[TemplateUse]


class Pipeline(Record):
    """One immutable version of a repository's pipeline."""

    version: nat32
    created_ns: nat64
    author: Principal
    definition: PipelineInput


class PipelineResult(Variant, total=False):
    Ok: Pipeline
    Err: Error


class PipelinePage(Record):
    """`next` is the cursor of the following page, absent on the last."""

    items: Vec[Pipeline]
    next: Opt[text]


class PipelinePageResult(Variant, total=False):
    Ok: PipelinePage
    Err: Error
