"""Calls of the canister `deployment`.

Made from canisters/deployment/deployment.did by `python -m dcanary.client.generate`.
Do not edit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcanary.client.actor import Canister

if TYPE_CHECKING:
    from dcanary.client.types.deployment import (
        GrantPage,
        Health,
        PageRequest,
        Plan,
        PlanRequest,
        Release,
        ReleaseOrder,
        ReleasePage,
        RollbackPlan,
        Siblings,
        Target,
        TargetInput,
        TargetPage,
    )


class Deployment(Canister):
    """Typed calls to `deployment`: a method gives the value of Ok, or raises RefusedError."""

    did = "deployment.did"

    def cancel_release(self, text: str, /) -> Release:
        answer: Release = self.ask("cancel_release", text)
        return answer

    def create_target_canister(self, text: str, /) -> Target:
        answer: Target = self.ask("create_target_canister", text)
        return answer

    def delete_target(self, text: str, /) -> None:
        self.ask("delete_target", text)

    def deploy_canister(self, text: str, /) -> Release:
        answer: Release = self.ask("deploy_canister", text)
        return answer

    def deployment_history(
        self,
        text: str | None = None,
        page_request: PageRequest | None = None,
        /,
        *,
        certified: bool = False,
    ) -> ReleasePage:
        answer: ReleasePage = self.ask(
            "deployment_history", text, page_request, certified=certified
        )
        return answer

    def get_release(self, text: str, /, *, certified: bool = False) -> Release:
        answer: Release = self.ask("get_release", text, certified=certified)
        return answer

    def get_target(self, text: str, /, *, certified: bool = False) -> Target:
        answer: Target = self.ask("get_target", text, certified=certified)
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

    def list_releases(
        self, text: str | None, page_request: PageRequest, /, *, certified: bool = False
    ) -> ReleasePage:
        answer: ReleasePage = self.ask("list_releases", text, page_request, certified=certified)
        return answer

    def list_targets(self, page_request: PageRequest, /, *, certified: bool = False) -> TargetPage:
        answer: TargetPage = self.ask("list_targets", page_request, certified=certified)
        return answer

    def manage_canister_cycles(self, text: str, nat: int, /) -> Target:
        answer: Target = self.ask("manage_canister_cycles", text, nat)
        return answer

    def network(self, *, certified: bool = False) -> str:
        answer: str = self.call("network", certified=certified)
        return answer

    def plan_release(self, plan_request: PlanRequest, /) -> Plan:
        answer: Plan = self.ask("plan_release", plan_request)
        return answer

    def plan_rollback(self, text: str, /) -> RollbackPlan:
        answer: RollbackPlan = self.ask("plan_rollback", text)
        return answer

    def register_target(self, target_input: TargetInput, /) -> Target:
        answer: Target = self.ask("register_target", target_input)
        return answer

    def report_release(self, text: str, /) -> None:
        self.ask("report_release", text)

    def revoke_role(self, principal: str, text: str, /) -> None:
        self.ask("revoke_role", principal, text)

    def rollback_release(self, text: str, text_: str | None = None, /) -> Release:
        answer: Release = self.ask("rollback_release", text, text_)
        return answer

    def set_network(self, text: str, /) -> None:
        self.ask("set_network", text)

    def siblings(self, *, certified: bool = False) -> Siblings | None:
        answer: Siblings | None = self.call("siblings", certified=certified)
        return answer

    def start_release(self, release_order: ReleaseOrder, /) -> str:
        answer: str = self.ask("start_release", release_order)
        return answer

    def start_target(self, text: str, /) -> None:
        self.ask("start_target", text)

    def stop_target(self, text: str, /) -> None:
        self.ask("stop_target", text)

    def top_up_target(self, text: str, nat: int, /) -> Target:
        answer: Target = self.ask("top_up_target", text, nat)
        return answer

    def update_target(self, target_input: TargetInput, /) -> Target:
        answer: Target = self.ask("update_target", target_input)
        return answer

    def upgrade_canister(self, text: str, /) -> Release:
        answer: Release = self.ask("upgrade_canister", text)
        return answer

    def wire(self, siblings: Siblings, /) -> None:
        self.ask("wire", siblings)
