"""Calls of the canister `pipeline_config`.

Made from canisters/pipeline_config/pipeline_config.did by `python -m dcanary.client.generate`.
Do not edit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcanary.client.actor import Canister

if TYPE_CHECKING:
    from dcanary.client.types.pipeline_config import (
        ApprovalPolicy,
        ApprovalPolicyDraft,
        Credential,
        Gate,
        GrantPage,
        Health,
        PageRequest,
        Pipeline,
        PipelineInput,
        PipelineInputDraft,
        PipelinePage,
        RunRequest,
        SealedCopy,
        Secret,
        SecretGrant,
        SecretInput,
        SecretPage,
        SecretUsePage,
        Siblings,
        Stage,
        StageDraft,
        Template,
        TemplateInput,
        TemplatePage,
        Trigger,
    )


class PipelineConfig(Canister):
    """Typed calls to `pipeline_config`: a method gives the value of Ok, or raises RefusedError."""

    did = "pipeline_config.did"

    def add_stage(self, text: str, stage_draft: StageDraft | Stage, /) -> Pipeline:
        answer: Pipeline = self.ask("add_stage", text, stage_draft)
        return answer

    def configure_deployment_approval(
        self, text: str, approval_policy_draft: ApprovalPolicyDraft | ApprovalPolicy, /
    ) -> Pipeline:
        answer: Pipeline = self.ask("configure_deployment_approval", text, approval_policy_draft)
        return answer

    def create_template(self, template_input: TemplateInput, /) -> Template:
        answer: Template = self.ask("create_template", template_input)
        return answer

    def delete_pipeline(self, text: str, /) -> None:
        self.ask("delete_pipeline", text)

    def delete_template(self, text: str, /) -> None:
        self.ask("delete_template", text)

    def get_credential(self, text: str, /, *, certified: bool = False) -> Credential | None:
        answer: Credential | None = self.ask("get_credential", text, certified=certified)
        return answer

    def get_own_copy(
        self, text: str | None, text_: str, /, *, certified: bool = False
    ) -> SealedCopy:
        answer: SealedCopy = self.ask("get_own_copy", text, text_, certified=certified)
        return answer

    def get_pipeline_config(self, text: str, /, *, certified: bool = False) -> Pipeline:
        answer: Pipeline = self.ask("get_pipeline_config", text, certified=certified)
        return answer

    def get_pipeline_version(
        self, text: str, nat32: int, /, *, certified: bool = False
    ) -> Pipeline:
        answer: Pipeline = self.ask("get_pipeline_version", text, nat32, certified=certified)
        return answer

    def get_secret(self, text: str | None, text_: str, /, *, certified: bool = False) -> Secret:
        answer: Secret = self.ask("get_secret", text, text_, certified=certified)
        return answer

    def get_template(
        self, text: str, nat32: int | None = None, /, *, certified: bool = False
    ) -> Template:
        answer: Template = self.ask("get_template", text, nat32, certified=certified)
        return answer

    def grant_role(self, principal: str, text: str, /) -> None:
        self.ask("grant_role", principal, text)

    def health(self, *, certified: bool = False) -> Health:
        answer: Health = self.call("health", certified=certified)
        return answer

    def instructions(self, *, certified: bool = False) -> list[tuple[str, int]]:
        answer: list[tuple[str, int]] = self.call("instructions", certified=certified)
        return answer

    def list_grants(self, page_request: PageRequest, /, *, certified: bool = False) -> GrantPage:
        answer: GrantPage = self.ask("list_grants", page_request, certified=certified)
        return answer

    def list_pipeline_versions(
        self, text: str, page_request: PageRequest, /, *, certified: bool = False
    ) -> PipelinePage:
        answer: PipelinePage = self.ask(
            "list_pipeline_versions", text, page_request, certified=certified
        )
        return answer

    def list_pipelines(
        self, page_request: PageRequest, /, *, certified: bool = False
    ) -> PipelinePage:
        answer: PipelinePage = self.ask("list_pipelines", page_request, certified=certified)
        return answer

    def list_secret_uses(
        self, text: str | None, text_: str, page_request: PageRequest, /, *, certified: bool = False
    ) -> SecretUsePage:
        answer: SecretUsePage = self.ask(
            "list_secret_uses", text, text_, page_request, certified=certified
        )
        return answer

    def list_secrets(
        self, text: str | None, page_request: PageRequest, /, *, certified: bool = False
    ) -> SecretPage:
        answer: SecretPage = self.ask("list_secrets", text, page_request, certified=certified)
        return answer

    def list_template_versions(
        self, text: str, page_request: PageRequest, /, *, certified: bool = False
    ) -> TemplatePage:
        answer: TemplatePage = self.ask(
            "list_template_versions", text, page_request, certified=certified
        )
        return answer

    def list_templates(
        self, text: str | None, page_request: PageRequest, /, *, certified: bool = False
    ) -> TemplatePage:
        answer: TemplatePage = self.ask("list_templates", text, page_request, certified=certified)
        return answer

    def next_secret_version(
        self, text: str | None, text_: str, /, *, certified: bool = False
    ) -> int:
        answer: int = self.ask("next_secret_version", text, text_, certified=certified)
        return answer

    def pipeline_history(
        self, text: str, page_request: PageRequest | None = None, /, *, certified: bool = False
    ) -> PipelinePage:
        answer: PipelinePage = self.ask("pipeline_history", text, page_request, certified=certified)
        return answer

    def register_pipeline(
        self, pipeline_input_draft: PipelineInputDraft | PipelineInput, /
    ) -> Pipeline:
        answer: Pipeline = self.ask("register_pipeline", pipeline_input_draft)
        return answer

    def remove_credential(self, text: str, /) -> None:
        self.ask("remove_credential", text)

    def remove_secret(self, text: str | None, text_: str, /) -> None:
        self.ask("remove_secret", text, text_)

    def remove_stage(self, text: str, text_: str, /) -> Pipeline:
        answer: Pipeline = self.ask("remove_stage", text, text_)
        return answer

    def reseal_secret(self, secret_input: SecretInput, /) -> Secret:
        answer: Secret = self.ask("reseal_secret", secret_input)
        return answer

    def revoke_role(self, principal: str, text: str, /) -> None:
        self.ask("revoke_role", principal, text)

    def set_credential(self, credential: Credential, /) -> None:
        self.ask("set_credential", credential)

    def set_pipeline_triggers(self, text: str, value: list[Trigger], /) -> Pipeline:
        answer: Pipeline = self.ask("set_pipeline_triggers", text, value)
        return answer

    def set_quality_gates(self, text: str, value: list[Gate], /) -> Pipeline:
        answer: Pipeline = self.ask("set_quality_gates", text, value)
        return answer

    def set_secret(self, secret_input: SecretInput, /) -> Secret:
        answer: Secret = self.ask("set_secret", secret_input)
        return answer

    def siblings(self, *, certified: bool = False) -> Siblings | None:
        answer: Siblings | None = self.call("siblings", certified=certified)
        return answer

    def start_run(self, run_request: RunRequest, /) -> None:
        self.ask("start_run", run_request)

    def take_secrets(self, text: str, nat16: int, /) -> SecretGrant:
        answer: SecretGrant = self.ask("take_secrets", text, nat16)
        return answer

    def update_pipeline(self, pipeline_input: PipelineInput, /) -> Pipeline:
        answer: Pipeline = self.ask("update_pipeline", pipeline_input)
        return answer

    def update_pipeline_stages(
        self, text: str, value: list[StageDraft] | list[Stage], /
    ) -> Pipeline:
        answer: Pipeline = self.ask("update_pipeline_stages", text, value)
        return answer

    def update_template(self, template_input: TemplateInput, /) -> Template:
        answer: Template = self.ask("update_template", template_input)
        return answer

    def wire(self, siblings: Siblings, /) -> None:
        self.ask("wire", siblings)
