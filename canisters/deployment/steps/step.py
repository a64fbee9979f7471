"""What a step of a release is: what it does, how often it may be tried, and what follows."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from canisters.deployment.steps.answer import Answer
from canisters.deployment.steps.machine import Goal, fail
from shared.rules.limits import STEP_LIMIT_NS

if TYPE_CHECKING:
    from canisters.deployment.records import ProgressRecord
    from canisters.deployment.steps.phases import Phase

MAX_ATTEMPTS = 4
MAX_TRANSIENT_ATTEMPTS = 8
MAX_START_ATTEMPTS = 20

Record = Callable[["ProgressRecord", Answer, Goal], None]
Refuse = Callable[["ProgressRecord", str], None]


class Step:
    """The step of one phase.

    `call` names what is performed (`steps.performing`). `done` records a success, `refused` an
    error that trying again does not help, `doubt` is the phase to perform in place of one whose
    answer was lost (None: fail, with `doubt_reason`); steps that may simply be performed again have
    `blind` False. `overdue` records an answer that does not come within `limit_ns`; None performs
    the step again. `unknown_attempts`: how often it may be tried in all when the network says that
    no answer came; default `attempts`.
    """

    __slots__ = (
        "attempts",
        "blind",
        "call",
        "done",
        "doubt",
        "doubt_reason",
        "limit_ns",
        "needs_target",
        "overdue",
        "phase",
        "refused",
        "transient_attempts",
        "unknown_attempts",
    )

    def __init__(
        self,
        phase: "Phase",
        call: str,
        done: Record,
        refused: Refuse = fail,
        attempts: int = MAX_ATTEMPTS,
        transient_attempts: int = MAX_TRANSIENT_ATTEMPTS,
        limit_ns: int = STEP_LIMIT_NS,
        blind: bool = False,
        doubt: "Phase | None" = None,
        doubt_reason: str = "",
        overdue: "Refuse | None" = None,
        needs_target: bool = False,
        unknown_attempts: "int | None" = None,
    ) -> None:
        self.phase = phase
        self.call = call
        self.done = done
        self.refused = refused
        self.attempts = attempts
        self.transient_attempts = transient_attempts
        self.limit_ns = limit_ns
        self.blind = blind
        self.doubt = doubt
        self.doubt_reason = doubt_reason
        self.overdue = overdue
        self.needs_target = needs_target
        self.unknown_attempts = attempts if unknown_attempts is None else unknown_attempts
