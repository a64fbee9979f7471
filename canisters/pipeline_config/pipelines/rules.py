"""What a pipeline must be before it becomes a version. Plain Python."""

from typing import TYPE_CHECKING

from canisters.pipeline_config.pipelines.paths import lists, may_list_below, path_problem
from canisters.pipeline_config.pipelines.stages import stages_problem, variables_problem
from canisters.pipeline_config.pipelines.triggers import triggers_problem
from canisters.pipeline_config.secrets.rules import secrets_problem
from shared.rules import deploys
from shared.rules.assets import is_below
from shared.rules.keeping import stays_with_executors
from shared.rules.limits import (
    MAX_APPROVAL_TTL_NS,
    MAX_APPROVERS,
    MAX_GATES,
    MAX_NAME_CHARS,
    MAX_PIPELINE_BYTES,
    MAX_PRIORITY,
    MAX_QUEUE_NS,
    SECOND_NS,
)
from shared.rules.names import name_problem
from shared.rules.sizes import candid_bound

if TYPE_CHECKING:
    from shared.types.pipeline import ApprovalPolicy, Deploy, Gate, PipelineInput, Stage

MAX_QUEUE_SECONDS = MAX_QUEUE_NS // SECOND_NS
MAX_TTL_SECONDS = MAX_APPROVAL_TTL_NS // SECOND_NS
CANDID_MAGIC = b"DIDL"
NOT_PEOPLE = ("2vxsx-fae", "aaaaa-aa")


def _gates_problem(gates: "list[Gate]") -> "str | None":
    if len(gates) > MAX_GATES:
        return f"gates: {len(gates)} of them, over {MAX_GATES} (MAX_GATES)"
    for gate in gates:
        if gate.get("MaxArtifactBytes", 1) < 1:
            return "gates: MaxArtifactBytes must be at least 1"
    return None


def _approval_problem(policy: "ApprovalPolicy", needed: bool) -> "str | None":
    approvers = [approver.to_str() for approver in policy["approvers"]]
    if len(approvers) > MAX_APPROVERS:
        return f"approval.approvers: {len(approvers)}, over {MAX_APPROVERS} (MAX_APPROVERS)"
    for approver in approvers:
        if approver in NOT_PEOPLE:
            return f"approval.approvers: {approver} stands for no person and cannot approve"
    if len(set(approvers)) != len(approvers):
        return "approval.approvers: a principal is named twice"
    if policy["ttl_seconds"] > MAX_TTL_SECONDS:
        return f"approval.ttl_seconds: at most {MAX_TTL_SECONDS} (MAX_APPROVAL_TTL_NS)"
    if not approvers and not needed:
        return None
    if not 1 <= policy["threshold"] <= len(approvers):
        return (
            f"approval.threshold: {policy['threshold']}: use 1 to the number of approvers "
            f"({len(approvers)})"
        )
    return None


def _queue_problem(seconds: "int | None") -> "str | None":
    if seconds is None or 1 <= seconds <= MAX_QUEUE_SECONDS:
        return None
    return f"queue_seconds: use 1 to {MAX_QUEUE_SECONDS} (MAX_QUEUE_NS)"


def _deploys_problem(pipeline: "PipelineInput") -> "str | None":
    for position, deploy in enumerate(deploys.deploys_of(pipeline)):
        field = deploys.field_of(pipeline, position)
        problem = _deploy_problem(field, deploy, pipeline["stages"])
        if problem is not None:
            return problem
    return deploys.problem(pipeline)


def _deploy_problem(field: str, deploy: "Deploy", stages: "list[Stage]") -> "str | None":
    problem = name_problem(f"{field}.target:", deploy["target"])
    if problem is not None:
        return problem
    stage = next((stage for stage in stages if stage["name"] == deploy["stage"]), None)
    if stage is None:
        return f"{field}.stage: there is no stage `{deploy['stage'][:MAX_NAME_CHARS]}`"
    problem = path_problem(deploy["artifact"])
    if problem is not None:
        return f"{field}.artifact: `{deploy['artifact'][:80]}`: {problem}"
    if not lists(stage["artifacts"], deploy["artifact"]):
        return (
            f"{field}.artifact: stage {stage['name']} does not list the artifact "
            f"`{deploy['artifact'][:80]}`"
        )
    problem = _assets_problem(deploy, stage)
    if problem is not None:
        return f"{field}.assets: {problem}"
    if stays_with_executors(stage):
        return (
            f"{field}.stage: the files of {stage['name']} stay with executors (keep: Executors), "
            "and what is deployed must be on chain: use Chain"
        )
    for word, argument in (
        ("install_arg", deploy["install_arg"]),
        ("upgrade_arg", deploy["upgrade_arg"]),
    ):
        if argument and not argument.startswith(CANDID_MAGIC):
            return f"{field}.{word}: not a Candid message (it does not start with DIDL)"
    return None


def _assets_problem(deploy: "Deploy", stage: "Stage") -> "str | None":
    folder = deploy["assets"]
    if folder is None:
        return None
    problem = "a folder ends in `/`" if folder[-1:] != "/" else path_problem(folder[:-1])
    if problem is not None:
        return f"`{folder[:80]}`: {problem}"
    if not may_list_below(stage["artifacts"], folder):
        return f"stage {stage['name']} lists no artifact in the folder `{folder[:80]}`"
    if is_below(folder, deploy["artifact"]):
        return (
            f"the module `{deploy['artifact'][:80]}` is in `{folder[:80]}` and would be one of "
            "the target's files: put it elsewhere"
        )
    return None


def _priority_problem(priority: "int | None") -> "str | None":
    if priority is not None and priority > MAX_PRIORITY:
        return f"priority is {priority}: use 0 to {MAX_PRIORITY} (MAX_PRIORITY), 9 comes first"
    return None


def pipeline_problem(pipeline: "PipelineInput") -> "str | None":
    """Why a pipeline is refused (naming stage and field), or None when it may be stored."""
    problem = name_problem("repository", pipeline["repository"])
    if problem is not None:
        return problem
    name = pipeline["name"]
    if not 0 < len(name) <= MAX_NAME_CHARS or not name.isprintable() or not name.strip():
        return f"name: use 1 to {MAX_NAME_CHARS} visible characters (MAX_NAME_CHARS)"
    size = candid_bound(pipeline)
    if size > MAX_PIPELINE_BYTES:
        return f"the pipeline has {size} bytes, over {MAX_PIPELINE_BYTES} (MAX_PIPELINE_BYTES)"
    return (
        triggers_problem(pipeline["triggers"])
        or variables_problem(pipeline["environment"])
        or stages_problem(pipeline["stages"])
        or secrets_problem(pipeline["stages"], pipeline["environment"])
        or _queue_problem(pipeline["queue_seconds"])
        or _gates_problem(pipeline["gates"])
        or _approval_problem(pipeline["approval"], bool(deploys.deploys_of(pipeline)))
        or _deploys_problem(pipeline)
        or _priority_problem(pipeline["priority"])
    )
