"""The tables of what is not supported yet as `docs/reference/not-yet.md` shows them."""

from __future__ import annotations

import runpy

from dcanary import not_yet
from shared.rules import not_yet as canisters_not_yet
from tests.docs.pages import ROOT

# Run by itself: the package that it is part of runs inside canisters.
GUEST = ROOT / "src/dcanary/wasm/guest/kybra/_not_yet.py"
WHERE_BUILDING = "`dcanary build`"
_HEAD = ["| what | where you meet it | what it answers |", "|---|---|---|"]


def entries() -> list[tuple[str, str, str]]:
    """(what, where, answer) of every refusal, those of the canisters first."""
    found = []
    for table in (canisters_not_yet, not_yet):
        for entry in vars(table).values():
            if isinstance(entry, table.NotYet):
                found.append((entry.what, entry.where, entry.answer))
    for name, entry in runpy.run_path(str(GUEST)).items():
        if name.isupper():
            what, answer = entry
            found.append((what, WHERE_BUILDING, answer))
    return found


def render() -> str:
    """The generated table of the page."""
    rows = [
        f"| {what} | {where} | {answer.replace('{}', '…')} |" for what, where, answer in entries()
    ]
    return "\n".join([*_HEAD, *rows]) + "\n"


def render_methods() -> str:
    """The generated list of the replica's missing management methods."""
    return "\n".join(f"- `{name}`" for name in sorted(not_yet.MANAGEMENT_METHODS)) + "\n"
