"""What `shared.base.endpoints` and `shared.base.results` know of the canister they run in.

`main.py` of each canister says it once, at module scope:

    serve(Canister(name="webhook", grants=grants, wiring=wiring, totals=instruction_totals, …))
"""

from collections.abc import Callable

from shared.base.records import Lookup, TextMap, TotalsMap, Wiring
from shared.rules.limits import MAX_ARGUMENT_BYTES
from shared.rules.roles import ROLES

SIBLINGS = ("webhook", "pipeline_config", "build_executor", "verification", "deployment")
ANYONE = "anyone, also anonymous"

COMMON_CALLERS = {
    "wire": "Owner",
    "grant_role": "role Admin; role Owner for Owner and Admin",
    "revoke_role": "role Admin; role Owner for Owner and Admin",
}
"""Who may call the updates of `shared.base.endpoints`."""


def nothing() -> None:
    """The default of hooks."""


class Canister:
    """The parts of a canister that the common code needs.

    `callers` names for each update who may call it: a role, a sibling canister, ANYONE, or a
    sentence about signed callers, who are then checked by the service. An update that is missing
    here cannot be called. `readers` names the role that a query asks for; the other queries answer
    anyone. `argument_bytes` raises the largest argument of single methods. `screens`
    says for methods that anyone may call whether the message that is inspected is worth its cost.
    `records` and `open_work` are the figures of `health`. `follow_up` runs at the end of each
    update; `wired` runs when the siblings are known.
    """

    def __init__(
        self,
        name: str,
        grants: TextMap,
        wiring: "Lookup[int, Wiring]",
        totals: TotalsMap,
        callers: "dict[str, str]",
        records: "Callable[[], int]",
        open_work: "Callable[[], int]",
        argument_bytes: "dict[str, int] | None" = None,
        screens: "dict[str, Callable[[], bool]] | None" = None,
        wired: "Callable[[], None]" = nothing,
        follow_up: "Callable[[], None]" = nothing,
        readers: "dict[str, str] | None" = None,
    ) -> None:
        for method, who in callers.items():
            if not (who in ROLES or who in SIBLINGS or " " in who):
                raise ValueError(f"{method}: {who!r} is no role, no sibling and no sentence")
        self.name = name
        self.grants = grants
        self.wiring = wiring
        self.totals = totals
        self.callers = dict(callers)
        self.callers.update(COMMON_CALLERS)
        self.records = records
        self.open_work = open_work
        self.argument_bytes = argument_bytes or {}
        self.screens = screens or {}
        self.wired = wired
        self.follow_up = follow_up
        self.readers = readers or {}

    def largest_argument(self, method: str) -> int:
        """The most bytes that a message to `method` may have."""
        return self.argument_bytes.get(method, MAX_ARGUMENT_BYTES)


_served: "list[Canister]" = []


def serve(canister: Canister) -> None:
    """Make `canister` the one that the common endpoints serve."""
    _served[:] = [canister]


def served() -> Canister:
    """The canister that this code runs in; IndexError before `serve`."""
    return _served[0]
