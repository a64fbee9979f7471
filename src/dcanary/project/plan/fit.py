"""The answer of a planner."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from dcanary.pipeline.limits import MAX_NAME_CHARS
from dcanary.project.facts import Canister, Place, Project

PAGE = "docs/how-to/bring-your-project.md"
"""Where what is open is explained; with the heading of the page as fragment."""

Values = Mapping[str, str | list[str]]


@dataclass(frozen=True)
class Open:
    """Something of the project that the pipeline does not do, and why."""

    text: str
    place: Place | None = None
    page: str = PAGE

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        return f"{where}{self.text}"


@dataclass(frozen=True)
class Fit:
    """A template that fits, the values of its parameters, and what it leaves open.

    `after` names the canisters of the project that the target refers to. `environment` are
    variables of the stage that builds it, and `interfaces` the canisters whose stages make a `.did`
    that it needs. `hosts` are all that its packages come from, where the public registries are not
    enough. A pipeline of several canisters has a part for each; its own values are name and
    branch.
    """

    template: str
    values: Values
    open: tuple[Open, ...] = ()
    after: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    interfaces: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    parts: tuple[tuple[str, Fit], ...] = ()
    builds: tuple[str, ...] | None = None
    """Canisters of the project that it builds; None where its values do not tell."""


@dataclass(frozen=True)
class NotYet:
    """Why nothing can be built today: each reason on its own keeps it from being built."""

    reasons: tuple[Open, ...] = field(default_factory=tuple)


class Planner(Protocol):
    """Plans canisters of some kinds. Raises nothing: what it cannot do is a NotYet."""

    def plan(self, project: Project, canister: Canister) -> Fit | NotYet:
        """The pipeline for one canister of the project."""


def name_for(text: str) -> str:
    """A name of a pipeline, a target and a module that is as near as possible to a text."""
    low = re.sub(r"[^a-z0-9._-]+", "-", text.lower())
    low = re.sub(r"\.{2,}", ".", low).strip("-._")
    return low[:MAX_NAME_CHARS].rstrip("-._") or "app"


def steps_after(canister: Canister, done: frozenset[str] = frozenset()) -> list[Open]:
    """What the project asks for after the build and does not get; `done` is what it gets."""
    found = []
    missing = [one for one in canister.extras if one not in done]
    if missing:
        words = ", ".join(missing)
        found.append(
            Open(
                f"{words}: not done, the module is deployed as the compiler makes it",
                canister.place,
                f"{PAGE}#steps-after-the-build",
            )
        )
    return found


def no_lock(what: str, file: str, command: str, place: Place | None) -> NotYet:
    """Why packages cannot be fetched: nothing pins them."""
    text = f"{what} are pinned by no {file}: make it with `{command}` and commit it"
    return NotYet((Open(text, place, f"{PAGE}#dependencies"),))


def argument(project: Project, canister: Canister, place: Place | None) -> list[Open]:
    """What is open about the argument of `init`; `place` is where the program takes one."""
    if canister.init_arg.strip() in ("", "()") and place is None:
        return []
    if canister.init_arg.strip() not in ("", "()"):
        text = f"{canister.init_arg.strip()} is the argument of install and upgrade: check it"
    else:
        text = "its init takes an argument, so write install_arg: with () the first install fails"
    return [Open(text, place or canister.place, f"{PAGE}#arguments")]


def argument_values(canister: Canister) -> dict[str, str | list[str]]:
    """The parameters of a template for the argument of the first install."""
    text = canister.init_arg.strip()
    if text in ("", "()"):
        return {}
    return {"install_arg": text, "candid": [canister.candid] if canister.candid else []}
