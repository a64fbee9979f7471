"""Damage in a state folder: what, where, and what going on without it would lose."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dcanary.replica.api import StateNotWritten
from dcanary.replica.state.errors import EngineError

EVERYTHING = "the network then begins empty"


class Damaged(EngineError):
    """A file of the state folder is not what was written.

    `at` is the offset of the damage in bytes, None where only the file as a whole is known to be
    wrong. `loses` says what is lost when the damage is accepted.
    """

    def __init__(self, path: Path, at: int | None, what: str, loses: str = EVERYTHING) -> None:
        self.path = path
        self.at = at
        self.what = what
        self.loses = loses
        super().__init__(
            f"{self.finding}. Restore the state folder from a copy, or accept the loss with "
            f"`dcanary network start --accept-loss`: {loses}, and the damaged files are kept aside"
        )

    @property
    def finding(self) -> str:
        """File, place and kind of the damage, without advice."""
        place = "" if self.at is None else f" at byte {self.at}"
        return f"{self.path} is damaged{place}: {self.what}"


@dataclass(frozen=True, slots=True)
class Loss:
    """Damage that was accepted: the network goes on without what was damaged."""

    finding: str
    """File and kind of the damage."""
    loses: str
    """What is lost, and how the network goes on."""
    kept: Path | None = None
    """Where the damaged files are kept; None where there was nothing to keep."""

    def __str__(self) -> str:
        kept = f". What was damaged is kept in {self.kept}" if self.kept is not None else ""
        return f"{self.finding}: {self.loses}{kept}"


class NotWritten(EngineError, StateNotWritten):
    """Something could not be written (disk full, quota); what was there before still counts."""


class WrongSubnet(EngineError):
    """The state belongs to another subnet than the one it is opened for."""
