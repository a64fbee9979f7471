"""The one place that makes `Ok | Err`, checks callers and counts instructions.

    return answer("update_pipeline", lambda: service.update(pipeline, ic.caller(), ic.time()))

The work returns what stands in `Ok`, or raises `Refused`. Who may call is looked up in the
canister's table of callers, under the name of the method.
"""

from collections.abc import Callable
from typing import TypeVar

from kybra import Async, ic

from shared.base.access import require_role, require_sibling
from shared.base.canister import SIBLINGS, served
from shared.base.metering import CALL_CONTEXT, counted
from shared.rules.refused import Refused, denied
from shared.rules.roles import ROLES
from shared.types.errors import Error

R = TypeVar("R")


def error_of(refused: Refused) -> Error:
    """A refusal as callers get it."""
    error: Error = {refused.kind: refused.sentence}  # type: ignore[misc] # a case of `Error`
    return error


def refused_of(error: Error) -> Refused:
    """A sibling's refusal, to be raised here."""
    for kind, sentence in error.items():
        return Refused(kind, str(sentence))
    return Refused("Unavailable", "refused without a reason")


def admit(method: str) -> None:
    """Raise Refused unless the caller of this message may call `method`.

    A method that is missing in the table of callers is a mistake of this canister: nobody may call
    it.
    """
    canister = served()
    who = canister.callers.get(method)
    if who is None:
        raise denied(f"nobody may call {method}: it is missing in the table of callers")
    if who in ROLES:
        require_role(canister.grants, ic.caller().to_str(), who)
    elif who in SIBLINGS:
        require_sibling(canister.wiring, ic.caller().to_str(), who)


# The entry point's declared result decides R: mypy cannot relate it to what the work returns, for
# Kybra reads each result type as a class of its own. Candid checks the value when it is encoded.
def answer(method: str, work: "Callable[[], object]") -> R:  # type: ignore[type-var] # see above
    """Do the work of an update for a caller who may ask for it."""
    canister = served()
    result: dict[str, object]
    try:
        admit(method)
        result = {"Ok": work()}
        canister.follow_up()
    except Refused as refused:
        result = {"Err": error_of(refused)}
    return counted(canister.totals, method, result)  # type: ignore[return-value] # see above


def answer_async(method: str, work: "Callable[[], Async[object]]") -> "Async[R]":
    """`answer` for an update that makes calls: `work` is a generator function."""
    canister = served()
    result: dict[str, object]
    try:
        admit(method)
        done = yield from work()
        result = {"Ok": done}
        canister.follow_up()
    except Refused as refused:
        result = {"Err": error_of(refused)}
    return counted(canister.totals, method, result, CALL_CONTEXT)  # type: ignore[return-value] # as `answer`


def answer_query(work: "Callable[[], object]") -> R:  # type: ignore[type-var] # as `answer`
    """Answer a query: anyone may ask, and nothing that it does is kept."""
    try:
        return {"Ok": work()}  # type: ignore[return-value] # as `answer`
    except Refused as refused:
        return {"Err": error_of(refused)}  # type: ignore[return-value] # as `answer`


def answer_reader(method: str, work: "Callable[[], object]") -> R:  # type: ignore[type-var] # as `answer`
    """Answer a query for callers with the role that the canister's table of readers names."""
    canister = served()

    def guarded() -> object:
        require_role(canister.grants, ic.caller().to_str(), canister.readers[method])
        return work()

    return answer_query(guarded)
