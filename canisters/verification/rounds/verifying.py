"""What the rounds of a run say of its stages, without the files behind them. Plain Python."""

from typing import TYPE_CHECKING

from shared.rules.limits import MAX_NAME_CHARS, MAX_STAGES_PER_PIPELINE
from shared.rules.refused import invalid, not_found

if TYPE_CHECKING:
    from canisters.verification.records import RoundRecord
    from shared.types.attestation import PipelineVerification, StageVerification


def check_asked(run: str, stages: "list[str]") -> None:
    """Raise Invalid for what cannot be the stages of a run."""
    if not 1 <= len(stages) <= MAX_STAGES_PER_PIPELINE:
        raise invalid(
            f"name 1 to {MAX_STAGES_PER_PIPELINE} stages (MAX_STAGES_PER_PIPELINE): get_run "
            "lists those of a run"
        )
    for name in [run, *stages]:
        if not 0 < len(name.encode()) <= MAX_NAME_CHARS:
            raise invalid(f"runs and stages have names of 1 to {MAX_NAME_CHARS} bytes")


def stage_verification(stage: str, round: "RoundRecord | None") -> "StageVerification":
    """How a stage was voted on. Votes are told only when nobody can vote any more."""
    verdict = None if round is None else round["verdict"]
    if round is None or verdict is None:
        return {
            "stage": stage,
            "phase": None if round is None else round["phase"],
            "verdict": None,
            "reason": "",
            "manifest": "",
            "agreed": [],
            "others": [],
        }
    agreed = [vote["operator"] for vote in round["votes"] if vote["job"] in verdict["jobs"]]
    revealed = [vote for vote in round["votes"] if vote["revealed_ns"] is not None]
    return {
        "stage": stage,
        "phase": round["phase"],
        "verdict": verdict["kind"],
        "reason": verdict["reason"],
        "manifest": verdict["manifest"],
        "agreed": agreed,
        "others": [each["operator"] for each in revealed if each["operator"] not in agreed],
    }


def pipeline_verification(run: str, stages: "list[StageVerification]") -> "PipelineVerification":
    """The stages together. Raises NotFound when none of them has a round."""
    if all(each["phase"] is None for each in stages):
        names = ", ".join(each["stage"] for each in stages)
        raise not_found(f"no stage of {run} was voted on yet that is named {names}")
    return {
        "run": run,
        "verified": all("Agreed" in (each["verdict"] or {}) for each in stages),
        "stages": stages,
    }
