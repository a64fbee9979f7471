"""The gate MaxArtifactBytes: the artifact is no larger than the pipeline allows."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.types.pipeline import Gate

CASE = "MaxArtifactBytes"


def evaluate(gate: "Gate", size: int) -> "tuple[bool, str]":
    """(passed, detail) for an artifact of `size` bytes."""
    limit = gate.get("MaxArtifactBytes")
    if limit is None:
        return (False, "no limit is given")
    passed = size <= limit
    relation = "within" if passed else "above"
    return (passed, f"the artifact has {size} bytes, {relation} the limit of {limit}")
