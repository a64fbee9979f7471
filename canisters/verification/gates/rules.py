"""Checks that must pass before people are asked. Pure rules; a gate that is not known fails.

A gate is a case of `Gate` and a function here that evaluates it; those of BUILT_IN need bytes or
the target, and come evaluated from `deployment` with the plan of every request.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from canisters.verification.gates import artifact_size
from shared.rules.not_yet import OTHER_GATES

if TYPE_CHECKING:
    from shared.types.approval import GateResult
    from shared.types.pipeline import Gate

Evaluate = Callable[["Gate", int], "tuple[bool, str]"]

GATES: "dict[str, Evaluate]" = {artifact_size.CASE: artifact_size.evaluate}
BUILT_IN = ("ModuleKind", "MemoryMode")


def evaluate(gate: "Gate", size: int) -> "GateResult":
    """The result of one gate for an artifact of `size` bytes."""
    for case in gate:
        if case in GATES:
            passed, detail = GATES[case](gate, size)
            return {"gate": gate, "passed": passed, "detail": detail}
    return {"gate": gate, "passed": False, "detail": OTHER_GATES.sentence()}


def evaluate_all(gates: "list[Gate]", size: int, planned: "list[GateResult]") -> "list[GateResult]":
    """Results of the built-in gates, then of the pipeline's own."""
    own = [gate for gate in gates if not any(case in gate for case in BUILT_IN)]
    return planned + [evaluate(gate, size) for gate in own]


def first_failure(results: "list[GateResult]") -> "str | None":
    """Why the request is blocked, or None when every gate passed."""
    for result in results:
        if not result["passed"]:
            return f"a gate failed: {result['detail']}"
    return None
