"""Entry points of the pipeline_config canister."""

from kybra import (
    Async,
    Opt,
    Vec,
    ic,
    nat16,
    nat32,
    post_upgrade,
    query,
    text,
    update,
    void,
)

from canisters.pipeline_config.outbox import outbox
from canisters.pipeline_config.pipelines import drafts, service, tables, views
from canisters.pipeline_config.runs import service as runs
from canisters.pipeline_config.secrets import service as secrets
from canisters.pipeline_config.secrets import views as secret_views
from canisters.pipeline_config.store import grants, instruction_totals, wiring
from canisters.pipeline_config.templates import service as templates
from canisters.pipeline_config.templates import views as template_views
from shared.base.access import require_role
from shared.base.canister import Canister, serve
from shared.base.endpoints import (
    grant_role,
    health,
    initialise,
    inspect,
    instructions,
    list_grants,
    revoke_role,
    siblings,
    wire,
)
from shared.base.pages import FIRST_PAGE
from shared.base.results import answer, answer_async, answer_query
from shared.rules.limits import MAX_ARGUMENT_BYTES, MAX_SEALED_BYTES, MAX_SECRET_COPIES
from shared.types.draft import ApprovalPolicyDraft, PipelineInputDraft, StageDraft
from shared.types.errors import Done
from shared.types.paging import PageRequest
from shared.types.pipeline import (
    Gate,
    PipelineInput,
    PipelinePageResult,
    PipelineResult,
    Trigger,
)
from shared.types.run import RunRequest
from shared.types.secret import (
    Credential,
    CredentialResult,
    SealedCopyResult,
    SecretGrantResult,
    SecretInput,
    SecretPageResult,
    SecretResult,
    SecretUsePageResult,
    SecretVersionResult,
)
from shared.types.template import TemplateInput, TemplatePageResult, TemplateResult

# Copies with the principals and keys of who they are for.
SECRET_ARGUMENT_BYTES = MAX_ARGUMENT_BYTES + MAX_SECRET_COPIES * MAX_SEALED_BYTES

serve(
    Canister(
        name="pipeline_config",
        grants=grants,
        wiring=wiring,
        totals=instruction_totals,
        callers={
            "register_pipeline": "Admin",
            "update_pipeline": "Admin",
            "update_pipeline_stages": "Admin",
            "add_stage": "Admin",
            "remove_stage": "Admin",
            "set_pipeline_triggers": "Admin",
            "set_quality_gates": "Admin",
            "configure_deployment_approval": "Admin",
            "delete_pipeline": "Admin",
            "create_template": "Admin",
            "update_template": "Admin",
            "delete_template": "Admin",
            "start_run": "webhook",
            "set_secret": "Admin",
            "reseal_secret": "Admin",
            "remove_secret": "Admin",
            "set_credential": "Admin",
            "remove_credential": "Admin",
            "take_secrets": "the executor that holds the lease",
        },
        argument_bytes={
            "set_secret": SECRET_ARGUMENT_BYTES,
            "reseal_secret": SECRET_ARGUMENT_BYTES,
        },
        records=lambda: tables.count(tables.ALL_VERSIONS),
        open_work=outbox.open_count,
        wired=outbox.wake,
    )
)


@post_upgrade
def resume() -> void:
    outbox.wake()


@update
def register_pipeline(pipeline: PipelineInputDraft) -> PipelineResult:
    return answer(
        "register_pipeline",
        lambda: service.register(drafts.pipeline_of(pipeline), ic.caller(), ic.time()),
    )


@update
def update_pipeline(pipeline: PipelineInput) -> PipelineResult:
    return answer("update_pipeline", lambda: service.update(pipeline, ic.caller(), ic.time()))


@update
def update_pipeline_stages(repository: text, stages: Vec[StageDraft]) -> PipelineResult:
    return answer(
        "update_pipeline_stages",
        lambda: service.update_stages(repository, drafts.stages_of(stages), ic.caller(), ic.time()),
    )


@update
def add_stage(repository: text, stage: StageDraft) -> PipelineResult:
    return answer(
        "add_stage",
        lambda: service.add_stage(repository, drafts.stage_of(stage), ic.caller(), ic.time()),
    )


@update
def remove_stage(repository: text, stage: text) -> PipelineResult:
    return answer(
        "remove_stage", lambda: service.remove_stage(repository, stage, ic.caller(), ic.time())
    )


@update
def set_pipeline_triggers(repository: text, triggers: Vec[Trigger]) -> PipelineResult:
    return answer(
        "set_pipeline_triggers",
        lambda: service.set_triggers(repository, triggers, ic.caller(), ic.time()),
    )


@update
def set_quality_gates(repository: text, gates: Vec[Gate]) -> PipelineResult:
    return answer(
        "set_quality_gates", lambda: service.set_gates(repository, gates, ic.caller(), ic.time())
    )


@update
def configure_deployment_approval(repository: text, policy: ApprovalPolicyDraft) -> PipelineResult:
    return answer(
        "configure_deployment_approval",
        lambda: service.set_approval(repository, policy, ic.caller(), ic.time()),
    )


@update
def delete_pipeline(repository: text) -> Done:
    return answer("delete_pipeline", lambda: service.delete(repository))


@query
def get_pipeline_config(repository: text) -> PipelineResult:
    return answer_query(lambda: views.current(repository))


@query
def get_pipeline_version(repository: text, version: nat32) -> PipelineResult:
    return answer_query(lambda: views.version(repository, version))


@query
def list_pipelines(page: PageRequest) -> PipelinePageResult:
    return answer_query(lambda: views.list_current(page))


@query
def list_pipeline_versions(repository: text, page: PageRequest) -> PipelinePageResult:
    return answer_query(lambda: views.list_versions(repository, page))


@query
def pipeline_history(repository: text, page: Opt[PageRequest]) -> PipelinePageResult:
    return answer_query(lambda: views.list_versions(repository, page or FIRST_PAGE))


@update
def start_run(request: RunRequest) -> Async[Done]:
    return answer_async("start_run", lambda: runs.start(request))


@update
def set_secret(secret: SecretInput) -> SecretResult:
    return answer("set_secret", lambda: secrets.set_value(secret, ic.caller(), ic.time()))


@update
def reseal_secret(secret: SecretInput) -> SecretResult:
    return answer("reseal_secret", lambda: secrets.reseal(secret, ic.caller(), ic.time()))


@update
def remove_secret(repository: Opt[text], name: text) -> Done:
    return answer("remove_secret", lambda: secrets.remove(repository, name))


@query
def get_secret(repository: Opt[text], name: text) -> SecretResult:
    return answer_query(lambda: secret_views.get(repository, name))


@query
def next_secret_version(repository: Opt[text], name: text) -> SecretVersionResult:
    return answer_query(lambda: secret_views.next_version(repository, name))


@query
def list_secrets(repository: Opt[text], page: PageRequest) -> SecretPageResult:
    return answer_query(lambda: secret_views.page(repository, page))


@query
def list_secret_uses(repository: Opt[text], name: text, page: PageRequest) -> SecretUsePageResult:
    return answer_query(lambda: secret_views.uses(repository, name, page))


@query
def get_own_copy(repository: Opt[text], name: text) -> SealedCopyResult:
    def work() -> object:
        # An executor has its copies from `take_secrets` alone, where they are written down.
        require_role(grants, ic.caller().to_str(), "Admin")
        return secret_views.own_copy(repository, name, ic.caller().to_str())

    return answer_query(work)


@update
def take_secrets(job: text, attempt: nat16) -> Async[SecretGrantResult]:
    caller = ic.caller()
    return answer_async("take_secrets", lambda: secrets.take(job, attempt, caller, ic.time()))


@update
def set_credential(credential: Credential) -> Done:
    return answer("set_credential", lambda: secrets.set_credential(credential))


@update
def remove_credential(repository: text) -> Done:
    return answer("remove_credential", lambda: secrets.remove_credential(repository))


@query
def get_credential(repository: text) -> CredentialResult:
    return answer_query(lambda: secrets.credential_of(repository))


@update
def create_template(template: TemplateInput) -> TemplateResult:
    return answer("create_template", lambda: templates.create(template, ic.caller(), ic.time()))


@update
def update_template(template: TemplateInput) -> TemplateResult:
    return answer("update_template", lambda: templates.update(template, ic.caller(), ic.time()))


@update
def delete_template(name: text) -> Done:
    return answer("delete_template", lambda: templates.delete(name))


@query
def get_template(name: text, version: Opt[nat32]) -> TemplateResult:
    return answer_query(lambda: template_views.get(name, version))


@query
def list_templates(category: Opt[text], page: PageRequest) -> TemplatePageResult:
    return answer_query(lambda: template_views.listed(category, page))


@query
def list_template_versions(name: text, page: PageRequest) -> TemplatePageResult:
    return answer_query(lambda: template_views.versions(name, page))
