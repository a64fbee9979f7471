"""Whether `verification` would ask people again about a run: its word is asked for before."""

from kybra import Async, CallResult

from canisters.build_executor.runs import releasing
from canisters.build_executor.store import book, wiring
from shared.base.access import siblings_of
from shared.base.results import refused_of
from shared.rules.refused import unavailable
from shared.siblings import VerificationService
from shared.types.errors import Done


def check_asking(run: str) -> "Async[None]":
    """Raise Conflict when a newer run was approved for a target of the run: nothing is asked then,
    and the run stays as it is."""
    book.begin()
    names = releasing.to_ask_anew(book, run)
    siblings = siblings_of(wiring)
    if siblings is None:
        raise unavailable("not wired yet: an owner must call wire")
    for target in names:
        answer: CallResult[Done] = yield VerificationService(siblings["verification"]).check_asking(
            run, target
        )
        if answer.Err is not None:
            raise unavailable(f"verification did not say whether {run} may ask: {answer.Err}")
        if "Err" in answer.Ok:
            raise refused_of(answer.Ok["Err"])
