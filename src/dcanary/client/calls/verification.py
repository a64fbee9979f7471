"""Calls of the canister `verification`.

Made from canisters/verification/verification.did by `python -m dcanary.client.generate`.
Do not edit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcanary.client.actor import Canister

if TYPE_CHECKING:
    from dcanary.client.types.verification import (
        Approval,
        ApprovalDecision,
        ApprovalInput,
        ApprovalPage,
        ApprovalPolicy,
        Asset,
        CommitmentRecord,
        GrantPage,
        Health,
        PageRequest,
        PipelineVerification,
        ReleaseReport,
        RevealInput,
        Round,
        RoundInput,
        Siblings,
    )


class Verification(Canister):
    """Typed calls to `verification`: a method gives the value of Ok, or raises RefusedError."""

    did = "verification.did"

    def approve_deployment(self, text: str, text_: str, text__: str | None = None, /) -> Approval:
        answer: Approval = self.ask("approve_deployment", text, text_, text__)
        return answer

    def cancel_round(self, text: str, text_: str, /) -> None:
        self.ask("cancel_round", text, text_)

    def check_asking(self, text: str, text_: str, /, *, certified: bool = False) -> None:
        self.ask("check_asking", text, text_, certified=certified)

    def close_commits(self, text: str, text_: str, /) -> None:
        self.ask("close_commits", text, text_)

    def decide_approval(self, approval_decision: ApprovalDecision, /) -> Approval:
        answer: Approval = self.ask("decide_approval", approval_decision)
        return answer

    def get_approval(self, text: str, /, *, certified: bool = False) -> Approval:
        answer: Approval = self.ask("get_approval", text, certified=certified)
        return answer

    def get_assets(self, text: str, /, *, certified: bool = False) -> list[Asset]:
        answer: list[Asset] = self.ask("get_assets", text, certified=certified)
        return answer

    def get_round(self, text: str, text_: str, /, *, certified: bool = False) -> Round:
        answer: Round = self.ask("get_round", text, text_, certified=certified)
        return answer

    def grant_role(self, principal: str, text: str, /) -> None:
        self.ask("grant_role", principal, text)

    def health(self, *, certified: bool = False) -> Health:
        answer: Health = self.call("health", certified=certified)
        return answer

    def instructions(self, *, certified: bool = False) -> list[tuple[str, int]]:
        answer: list[tuple[str, int]] = self.call("instructions", certified=certified)
        return answer

    def list_approvals(
        self, page_request: PageRequest, /, *, certified: bool = False
    ) -> ApprovalPage:
        answer: ApprovalPage = self.ask("list_approvals", page_request, certified=certified)
        return answer

    def list_grants(self, page_request: PageRequest, /, *, certified: bool = False) -> GrantPage:
        answer: GrantPage = self.ask("list_grants", page_request, certified=certified)
        return answer

    def open_round(self, round_input: RoundInput, /) -> None:
        self.ask("open_round", round_input)

    def record_commitment(self, commitment_record: CommitmentRecord, /) -> None:
        self.ask("record_commitment", commitment_record)

    def record_release(self, release_report: ReleaseReport, /) -> None:
        self.ask("record_release", release_report)

    def request_approval(self, approval_input: ApprovalInput, /) -> str:
        answer: str = self.ask("request_approval", approval_input)
        return answer

    def retry_release(self, text: str, /) -> str:
        answer: str = self.ask("retry_release", text)
        return answer

    def reveal(self, reveal_input: RevealInput, /) -> None:
        self.ask("reveal", reveal_input)

    def revoke_role(self, principal: str, text: str, /) -> None:
        self.ask("revoke_role", principal, text)

    def siblings(self, *, certified: bool = False) -> Siblings | None:
        answer: Siblings | None = self.call("siblings", certified=certified)
        return answer

    def sync_policy(self, text: str, approval_policy: ApprovalPolicy, /) -> None:
        self.ask("sync_policy", text, approval_policy)

    def verify_pipeline_execution(
        self, text: str, value: list[str], /, *, certified: bool = False
    ) -> PipelineVerification:
        answer: PipelineVerification = self.ask(
            "verify_pipeline_execution", text, value, certified=certified
        )
        return answer

    def wire(self, siblings: Siblings, /) -> None:
        self.ask("wire", siblings)

    def withdraw_approval(self, text: str, text_: str, /) -> None:
        self.ask("withdraw_approval", text, text_)
