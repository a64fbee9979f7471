"""Instructions that each update has used so far, by method.

An update that awaits sees its counter start again after each await: such methods pass
`CALL_CONTEXT`, which counts all of the call's parts (interface spec, "Performance counter").
"""

from typing import TypeVar

from kybra import ic

from shared.base.records import TotalsMap

T = TypeVar("T")

MESSAGE = 0
CALL_CONTEXT = 1


def counted(totals: TotalsMap, method: str, result: T, counter: int = MESSAGE) -> T:
    """Add this message's instructions to the method's total and hand `result` through."""
    totals.insert(method, (totals.get(method) or 0) + ic.performance_counter(counter))
    return result


def added(totals: TotalsMap, name: str, instructions: int) -> None:
    """Add instructions that the caller has measured to the total of `name`."""
    totals.insert(name, (totals.get(name) or 0) + instructions)


def listed(totals: TotalsMap) -> "list[tuple[str, int]]":
    """For the query `instructions`: (method, instructions of all its messages so far)."""
    return sorted(totals.items())


def summed(totals: TotalsMap) -> int:
    """For `health`: the instructions of all updates so far."""
    return sum(totals.values())
