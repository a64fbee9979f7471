"""Built-in gates that need the artifact's bytes. Pure rules."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.rules.wasm import SectionWalk
    from shared.types.pipeline import MemoryPersistence, Mode
    from shared.types.release import GateResult


def check_kind(walk: "SectionWalk", packed: bool) -> "GateResult":
    """Whether the artifact is a module that a canister can run. `packed`: it is gzip."""
    problem = walk.problem
    if problem is None and walk.wanted == 0:
        problem = "it is shorter than the header of a module"
    how = " in gzip" if packed else ""
    return {
        "gate": {"ModuleKind": None},
        "passed": problem is None,
        "detail": f"the artifact is a WebAssembly module{how}"
        if problem is None
        else f"the artifact is not a WebAssembly module{how}: {problem}",
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
