"""What a detector is given, and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import chain, count
from pathlib import PurePosixPath
from typing import Protocol

from dcanary.project.facts import (
    AssetModule,
    Canister,
    CargoFile,
    Kind,
    KybraProgram,
    MopsPackage,
    MotokoLibrary,
    MotokoProgram,
    NodePackage,
    StaticSite,
)
from dcanary.project.folder import Folder

MAX_PROGRAMS = 200
"""Programs whose imports are followed, canisters that are looked at: more is no project."""
MANIFESTS = ("dfx.json", ".yaml", ".yml", "mops.toml")
"""Endings of the files that list canisters."""


@dataclass
class Findings:
    """The facts so far; later detectors see those of earlier ones."""

    name: str
    """Name of the folder."""
    canisters: dict[str, Canister] = field(default_factory=dict)
    mops: MopsPackage | None = None
    cargo: CargoFile | None = None
    node: list[NodePackage] = field(default_factory=list)
    sites: list[StaticSite] = field(default_factory=list)
    motoko: dict[str, MotokoProgram] = field(default_factory=dict)
    kybra: dict[str, KybraProgram] = field(default_factory=dict)
    library: MotokoLibrary | None = None
    asset_module: AssetModule | None = None

    def add(self, canister: Canister) -> None:
        """Add a canister, or to one of the same name what it did not say."""
        known = self.canisters.get(canister.name)
        if known is None:
            self.canisters[canister.name] = canister
            return
        # A build script does not show what it builds; the sources do.
        kind = canister.kind if known.kind is Kind.CUSTOM else known.kind
        self.canisters[canister.name] = replace(known.filled_from(canister), kind=kind)

    def name_for(self, main: str) -> str:
        """A name for the canister of a program that no manifest names, which no other one has.

        That of its folder, `src` and `backend` left out, or of the project; where another program
        has it, that of the file, then with the folders above.
        """
        place = PurePosixPath(main)
        folders = [part for part in place.parts[:-1] if part not in ("src", "backend")]
        above = ["-".join(folders[start:]) for start in range(len(folders) - 2, -1, -1)]
        numbered = (f"{place.stem}-{number}" for number in count(2))
        for name in chain(
            [*folders[-1:], *([] if folders else [self.name])],
            [] if place.stem == "main" else [place.stem],
            above,
            numbered,
        ):
            known = self.canisters.get(name)
            if known is None or known.main in ("", main):
                return name
        raise AssertionError("numbers end nowhere")

    def has_manifest(self) -> bool:
        """Whether a file that lists canisters names any, so that sources need not be asked."""
        places = [place for one in self.canisters.values() for place in one.places]
        return any(place.file.endswith(MANIFESTS) for place in places)


class Detector(Protocol):
    """Reads one kind of file. Raises nothing: what it cannot read is a note of the folder."""

    def detect(self, folder: Folder, found: Findings) -> None:
        """Add the facts of the folder to `found`."""
