"""Checks that must pass before people are asked. Pure rules; a gate that is not known fails."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.types.pipeline import Gate
    from shared.types.release import GateResult


def evaluate(gate: "Gate", size: int) -> "GateResult":
    """The result of one gate for an artifact of `size` bytes."""
    limit = gate.get("MaxArtifactBytes")
    if limit is None:
        return {"gate": gate, "passed": False, "detail": "this gate is not supported yet"}
    passed = size <= limit
    relation = "within" if passed else "above"
    return {
        "gate": gate,
        "passed": passed,
        "detail": f"the artifact has {size} bytes, {relation} the limit of {limit}",
    }


def evaluate_all(gates: "list[Gate]", size: int) -> "list[GateResult]":
    return [evaluate(gate, size) for gate in gates]


def first_failure(results: "list[GateResult]") -> "str | None":
    """Why the request is blocked, or None when every gate passed."""
    for result in results:
        if not result["passed"]:
            return f"a gate failed: {result['detail']}"
    return None
