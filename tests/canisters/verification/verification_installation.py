"""The real verification canister between two doubles, on the native network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dcanary.testing.native import NativeNetwork, user_principal
from tests.canisters.installation import DOUBLES
from tests.canisters.verification.verification_samples import (
    NOW,
    RUN,
    commitment_record,
    reveal_input,
    round_input,
)

ROOT = Path(__file__).resolve().parents[3]
OWNER = user_principal(1)
REVEALERS = (1, 2, 3)


class Installation:
    """A wired verification canister. Executors are those of `verification_samples`."""

    def __init__(self) -> None:
        self.network = NativeNetwork(NOW)
        self.main = ROOT / "canisters" / "verification" / "main.py"
        self.verification = self.network.install(self.main, caller=OWNER)
        self.build_executor = self.network.install(DOUBLES / "build_executor.py", caller=OWNER)
        self.deployment = self.network.install(DOUBLES / "deployment.py", caller=OWNER)
        self.siblings = {
            "webhook": user_principal(91),
            "pipeline_config": user_principal(92),
            "build_executor": self.build_executor.id,
            "verification": self.verification.id,
            "deployment": self.deployment.id,
        }
        assert self.verification.update("wire", self.siblings, caller=OWNER) == {"Ok": None}

    def told(self, method: str, *args: Any) -> Any:
        """A call from build_executor to verification."""
        return self.verification.update(method, *args, caller=self.build_executor)

    def open(self, replicas: int = 3, quorum: int = 2) -> None:
        assert self.told("open_round", round_input(replicas, quorum)) == {"Ok": None}

    def commit(self, reveal: Any, number: int, operator: str | None = None) -> Any:
        return self.told("record_commitment", commitment_record(reveal, number, operator))

    def reveal(self, given: Any, number: int) -> Any:
        caller = commitment_record(given, number)["executor"].bytes
        return self.verification.update("reveal", given, caller=caller)

    def commit_all(self, reveals: dict[int, Any]) -> None:
        for number, given in reveals.items():
            assert self.commit(given, number) == {"Ok": None}

    def agree(self, run: str = RUN, files: Any = None) -> None:
        """A round whose three executors reveal the same."""
        assert self.told("open_round", round_input(run=run)) == {"Ok": None}
        reveals = {number: reveal_input(number, files, run=run) for number in REVEALERS}
        self.commit_all(reveals)
        for number, given in reveals.items():
            assert self.reveal(given, number) == {"Ok": None}

    def notice_states(self, run: str = RUN) -> list[str]:
        """The words that build_executor was told about a run, in order."""
        self.network.tick()
        told = self.build_executor.query("noticed")
        return [next(iter(one["state"])) for one in told if one["run"] == run]

    def report(
        self,
        state: Any,
        approval: str = "approval-1",
        release: str = "release-1",
        attempt: int | None = None,
    ) -> Any:
        """A report from deployment."""
        given = {"approval": approval, "release": release, "state": state, "attempt": attempt}
        answer = self.verification.update("record_release", given, caller=self.deployment)
        self.network.tick()
        return answer

    def round(self) -> Any:
        return self.verification.query("get_round", "run-1", "build")["Ok"]

    def notices(self) -> Any:
        """The verdicts that build_executor was told, after what is due has happened."""
        self.network.tick()
        return self.build_executor.query("received")

    def orders(self) -> Any:
        self.network.tick()
        return self.deployment.query("received")

    def upgrade(self) -> None:
        self.verification.upgrade(self.main)
