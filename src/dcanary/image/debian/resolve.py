"""Which packages belong to an image: those asked for, the essential ones, and what they depend on.

Small on purpose, and refusing where a choice is to be made: of alternatives the first that there is
(or one that is chosen anyway), of versions the highest, and of several providers none: the
specification names one. `Recommends` are left out. Conflicts are refused, not solved.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from dcanary.image.debian.version import Version, satisfies
from dcanary.image.errors import UnresolvedError

_DEPENDENCY = re.compile(
    r"([a-z0-9][a-z0-9+.-]*)(?::[a-z0-9-]+)?\s*(?:\(\s*(<<|<=|=|>=|>>)\s*([^)\s]+)\s*\))?"
)


@dataclass(frozen=True)
class Wish:
    """A package that is wanted; `relation` is empty for any version."""

    name: str
    relation: str = ""
    version: str = ""

    def __str__(self) -> str:
        return f"{self.name} ({self.relation} {self.version})" if self.relation else self.name

    def fits(self, version: str) -> bool:
        """Whether a version is as wanted."""
        return not self.relation or satisfies(version, self.relation, self.version)


class Packages:
    """All packages of some indexes: of each name the highest version."""

    def __init__(self, paragraphs: Iterable[Mapping[str, str]]) -> None:
        self.by_name: dict[str, Mapping[str, str]] = {}
        for each in paragraphs:
            known = self.by_name.get(each["Package"])
            if known is None or Version(known["Version"]) < Version(each["Version"]):
                self.by_name[each["Package"]] = each
        self._providers: dict[str, list[tuple[str, str]]] = {}
        for name, each in self.by_name.items():
            for wish in _wishes(each.get("Provides", "")):
                self._providers.setdefault(wish.name, []).append((name, wish.version))

    def essential(self) -> list[str]:
        """Names of the packages that all others may use without saying so."""
        return [name for name, each in self.by_name.items() if each.get("Essential") == "yes"]

    def providers(self, wish: Wish) -> list[str]:
        """Names of the packages that give what is wanted under another name."""
        return sorted(
            name
            for name, version in self._providers.get(wish.name, ())
            # What is provided without a version fits no wish for one.
            if not wish.relation or (version and wish.fits(version))
        )


def resolve(packages: Packages, wanted: Iterable[str]) -> list[Mapping[str, str]]:
    """The fields of all packages of an image, sorted by name.

    `wanted` are names, or `name=version`. Raises UnresolvedError, with what asks for what.
    """
    chosen: dict[str, Mapping[str, str]] = {}
    queue: deque[tuple[list[Wish], str]] = deque()

    def choose(name: str) -> None:
        if name not in chosen:
            each = packages.by_name[name]
            chosen[name] = each
            for key in ("Pre-Depends", "Depends"):
                for alternatives in _alternatives(each.get(key, "")):
                    queue.append((alternatives, name))

    for text in wanted:
        name, equals, version = text.partition("=")
        wish = Wish(name, "=" if equals else "", version)
        found = packages.by_name.get(name)
        if found is None:
            given = packages.providers(wish)
            hint = f": it is provided by {', '.join(given)}" if given else ""
            raise UnresolvedError(f"there is no package {name}{hint}")
        if not wish.fits(found["Version"]):
            raise UnresolvedError(f"{wish} is asked for, the archive has {found['Version']}")
        choose(name)
    for name in sorted(packages.essential()):
        choose(name)
    while queue:
        alternatives, asker = queue.popleft()
        if not any(_is_met(wish, chosen, packages) for wish in alternatives):
            choose(_choice(alternatives, asker, packages))
    _refuse_conflicts(chosen)
    return [chosen[name] for name in sorted(chosen)]


def _is_met(wish: Wish, chosen: Mapping[str, Mapping[str, str]], packages: Packages) -> bool:
    if wish.name in chosen and wish.fits(chosen[wish.name]["Version"]):
        return True
    return any(name in chosen for name in packages.providers(wish))


def _choice(alternatives: list[Wish], asker: str, packages: Packages) -> str:
    for wish in alternatives:
        found = packages.by_name.get(wish.name)
        if found is not None and wish.fits(found["Version"]):
            return wish.name
        given = packages.providers(wish)
        if len(given) == 1:
            return given[0]
        if given:
            raise UnresolvedError(
                f"{asker} needs {wish}, which several packages provide: name one of them in the "
                f"specification: {', '.join(given)}"
            )
    asked = " | ".join(str(wish) for wish in alternatives)
    raise UnresolvedError(f"{asker} needs {asked}, which the archive has not")


def _refuse_conflicts(chosen: Mapping[str, Mapping[str, str]]) -> None:
    provided: dict[str, list[tuple[str, str]]] = {}
    for name, each in chosen.items():
        for wish in _wishes(each.get("Provides", "")):
            provided.setdefault(wish.name, []).append((name, wish.version))
    for name, each in chosen.items():
        for key in ("Conflicts", "Breaks"):
            for wish in _wishes(each.get(key, "")):
                others = list(provided.get(wish.name, ()))
                if wish.name in chosen:
                    others.append((wish.name, chosen[wish.name]["Version"]))
                for other, version in others:
                    if other != name and (not wish.relation or (version and wish.fits(version))):
                        raise UnresolvedError(
                            f"{name} and {other} cannot be in one image: {name} says "
                            f"`{key}: {wish}`"
                        )


def _alternatives(field: str) -> Iterator[list[Wish]]:
    for part in field.replace("\n", " ").split(","):
        if part.strip():
            yield [wish for each in part.split("|") if (wish := _wish(each))]


def _wishes(field: str) -> Iterator[Wish]:
    for alternatives in _alternatives(field):
        yield from alternatives


def _wish(text: str) -> Wish | None:
    match = _DEPENDENCY.match(text.strip())
    if match is None:
        raise UnresolvedError(f"{text.strip()!r} is a dependency of an unknown form")
    return Wish(match[1], match[2] or "", match[3] or "")
