"""Calls of the canister `pipeline_config`.

Made from canisters/pipeline_config/pipeline_config.did by `python -m dcanary.client.generate`.
Do not edit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcanary.client.actor import Canister

if TYPE_CHECKING:
    from dcanary.client.types.pipeline_config import (
        GrantPage,
        Health,
        PageRequest,
        Pipeline,
        PipelineInput,
        PipelinePage,
        RunRequest,
        Siblings,
        Stage,
        Trigger,
    )


class PipelineConfig(Canister):
    """Typed calls to `pipeline_config`: a method gives the value of Ok, or raises RefusedError."""

    did = "pipeline_config.did"

    def delete_pipeline(self, text: str, /) -> None:
        self.ask("delete_pipeline", text)

    def get_pipeline_config(self, text: str, /, *, certified: bool = False) -> Pipeline:
        answer: Pipeline = self.ask("get_pipeline_config", text, certified=certified)
        return answer

    def get_pipeline_version(
        self, text: str, nat32: int, /, *, certified: bool = False
    ) -> Pipeline:
        answer: Pipeline = self.ask("get_pipeline_version", text, nat32, certified=certified)
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

    def register_pipeline(self, pipeline_input: PipelineInput, /) -> Pipeline:
        answer: Pipeline = self.ask("register_pipeline", pipeline_input)
        return answer

    def revoke_role(self, principal: str, text: str, /) -> None:
        self.ask("revoke_role", principal, text)

    def set_pipeline_triggers(self, text: str, value: list[Trigger], /) -> Pipeline:
        answer: Pipeline = self.ask("set_pipeline_triggers", text, value)
        return answer

    def siblings(self, *, certified: bool = False) -> Siblings | None:
        answer: Siblings | None = self.call("siblings", certified=certified)
        return answer

    def start_run(self, run_request: RunRequest, /) -> None:
        self.ask("start_run", run_request)

    def update_pipeline(self, pipeline_input: PipelineInput, /) -> Pipeline:
        answer: Pipeline = self.ask("update_pipeline", pipeline_input)
        return answer

    def update_pipeline_stages(self, text: str, value: list[Stage], /) -> Pipeline:
        answer: Pipeline = self.ask("update_pipeline_stages", text, value)
        return answer

    def wire(self, siblings: Siblings, /) -> None:
        self.ask("wire", siblings)
