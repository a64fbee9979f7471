"""Built-in gates that need the artifact's bytes. Pure rules."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.rules.wasm import SectionWalk
    from shared.types.approval import GateResult
    from shared.types.pipeline import MemoryPersistence, Mode


def check_kind(walk: "SectionWalk", path: str, packed: bool) -> "GateResult":
    """Whether the artifact is a module that a canister can run. `packed`: it is gzip."""
    problem = walk.problem
    what = "a WebAssembly module for canisters" + (" in gzip" if packed else "")
    return {
        "gate": {"ModuleKind": None},
        "passed": problem is None,
        "detail": f"the artifact is {what}"
        if problem is None
        else f"the artifact {path} is not {what}: {problem}",
    }


def check_memory(walk: "SectionWalk", mode: "Mode", memory: "MemoryPersistence") -> "GateResult":
    """Whether the memory option fits the module; only an upgrade has one."""
    problem = None
    if "Upgrade" in mode and walk.persists and "Default" in memory:
        problem = (
            "the module keeps its heap over upgrades (Motoko's enhanced orthogonal persistence): "
            "set `memory: keep` in the pipeline's deploy section"
        )
    elif "Upgrade" in mode and "Keep" in memory and not walk.persists:
        problem = (
            "`memory: keep` needs a module with enhanced orthogonal persistence (Motoko), which "
            "this is not: leave it out"
        )
    return {
        "gate": {"MemoryMode": None},
        "passed": problem is None,
        "detail": problem or "the memory option fits the module",
    }
