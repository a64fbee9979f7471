"""Registering, changing and deleting pipelines. Callers have been authorised."""

from kybra import Principal

from canisters.pipeline_config import outbox
from canisters.pipeline_config.pipelines import drafts, tables
from canisters.pipeline_config.pipelines.rules import pipeline_problem
from canisters.pipeline_config.pipelines.views import no_pipeline
from canisters.pipeline_config.templates import service as templates
from shared.rules.deploys import deploys_of
from shared.rules.limits import MAX_NAME_CHARS
from shared.rules.refused import conflict, invalid, not_found
from shared.types.draft import ApprovalPolicyDraft
from shared.types.pipeline import Gate, Pipeline, PipelineInput, Stage, Trigger


def _current(repository: str) -> Pipeline:
    current = tables.current_of(repository)
    if current is None:
        raise no_pipeline(repository)
    return current


def _store(definition: PipelineInput, author: Principal, now_ns: int) -> Pipeline:
    problem = pipeline_problem(definition)
    if problem is not None:
        raise invalid(problem)
    templates.check_use(definition["template"])
    repository = definition["repository"]
    outbox.require_room(repository)
    before = tables.current_of(repository)
    policy_told = (
        before is not None
        and before["definition"]["approval"] == definition["approval"]
        and tables.policy_is_known(repository)
    )
    pipeline = tables.add_version(definition, author, now_ns)
    if before is None or before["definition"]["triggers"] != definition["triggers"]:
        outbox.send_triggers(repository)
    if policy_told:
        tables.note_policy(repository, pipeline["version"])
    elif deploys_of(definition):
        outbox.send_policy(repository)
    return pipeline


def register(definition: PipelineInput, author: Principal, now_ns: int) -> Pipeline:
    """The first version of a repository's pipeline."""
    repository = definition["repository"]
    if tables.head_of(repository) is not None:
        raise conflict(f"repository {repository} has a pipeline already: use update_pipeline")
    return _store(definition, author, now_ns)


def update(definition: PipelineInput, author: Principal, now_ns: int) -> Pipeline:
    """The next version of a pipeline."""
    _current(definition["repository"])
    return _store(definition, author, now_ns)


def update_stages(
    repository: str, stages: "list[Stage]", author: Principal, now_ns: int
) -> Pipeline:
    """The next version of a pipeline, with other stages."""
    definition = _current(repository)["definition"]
    definition["stages"] = stages
    definition["template"] = None
    return _store(definition, author, now_ns)


def set_triggers(
    repository: str, triggers: "list[Trigger]", author: Principal, now_ns: int
) -> Pipeline:
    """The next version of a pipeline, with other triggers."""
    definition = _current(repository)["definition"]
    definition["triggers"] = triggers
    definition["template"] = None
    return _store(definition, author, now_ns)


def add_stage(repository: str, stage: Stage, author: Principal, now_ns: int) -> Pipeline:
    """The next version of a pipeline, with one more stage at its end."""
    stages = _current(repository)["definition"]["stages"]
    if any(each["name"] == stage["name"] for each in stages):
        raise conflict(
            f"the pipeline of {repository} has a stage {stage['name']} already: remove that one "
            "first, or give this one another name"
        )
    return update_stages(repository, [*stages, stage], author, now_ns)


def remove_stage(repository: str, name: str, author: Principal, now_ns: int) -> Pipeline:
    """The next version of a pipeline, without a stage that nothing refers to."""
    stages = _current(repository)["definition"]["stages"]
    left = [each for each in stages if each["name"] != name]
    if len(left) == len(stages):
        known = ", ".join(each["name"] for each in stages)
        raise not_found(
            f"the pipeline of {repository} has no stage {name[:MAX_NAME_CHARS]}: it has {known}"
        )
    return update_stages(repository, left, author, now_ns)


def set_gates(repository: str, gates: "list[Gate]", author: Principal, now_ns: int) -> Pipeline:
    """The next version of a pipeline, with other gates."""
    definition = _current(repository)["definition"]
    definition["gates"] = gates
    definition["template"] = None
    return _store(definition, author, now_ns)


def set_approval(
    repository: str, policy: ApprovalPolicyDraft, author: Principal, now_ns: int
) -> Pipeline:
    """The next version of a pipeline, with another approval policy."""
    definition = _current(repository)["definition"]
    definition["approval"] = drafts.policy_of(policy, definition["approval"])
    definition["template"] = None
    return _store(definition, author, now_ns)


def delete(repository: str) -> None:
    """Delete a pipeline. Its versions stay, and its repository starts no more runs."""
    _current(repository)
    outbox.require_room(repository)
    tables.remove(repository)
    outbox.send_triggers(repository)
