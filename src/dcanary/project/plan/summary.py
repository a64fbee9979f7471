"""Which canisters of a project its pipeline builds, and which it does not."""

from __future__ import annotations

from dcanary.project.plan.choose import MAX_PARTS, SEVERAL, Outlook
from dcanary.project.plan.fit import Fit, Open

MAX_REASONS = 20
"""Reasons that are said; a project of hundreds of canisters may have more."""


def not_built(seen: Outlook, fit: Fit) -> list[tuple[str, Open]]:
    """Each canister that the pipeline leaves out, with the first reason for it."""
    found = []
    for canister, plan in seen.canisters:
        if fit.builds is None or canister.name in fit.builds:
            continue
        if isinstance(plan, Fit):
            text = f"one pipeline gets {MAX_PARTS} canisters" if fit.parts else "left out"
            found.append((canister.name, Open(text, canister.place, SEVERAL)))
        else:
            found.append((canister.name, plan.reasons[0]))
    return found


def summary(seen: Outlook, fit: Fit) -> str:
    """One sentence on what is built of how many canisters, and why the others are not.

    Empty where there is nothing to count: no canister, one that is built, or a template with values
    of its own, which do not tell whether a canister of the project is meant.
    """
    total = len(seen.canisters)
    left = not_built(seen, fit)
    if fit.builds is None or not total or (total == 1 and not left):
        return ""
    text = f"builds {len(fit.builds)} of {total} canister{'s' if total > 1 else ''}"
    if fit.builds:
        text += f": {', '.join(fit.builds)}"
    reasons: dict[str, list[str]] = {}
    for name, why in left:
        # What comes after a colon is what to do, which is said among what is open.
        reasons.setdefault(f"{why.text.partition(': ')[0]}, {why.page}", []).append(name)
    said = [f"{', '.join(names)} ({why})" for why, names in list(reasons.items())[:MAX_REASONS]]
    if len(reasons) > MAX_REASONS:
        more = sum(len(names) for names in list(reasons.values())[MAX_REASONS:])
        said.append(f"and {more} more")
    return f"{text}; not built: {', '.join(said)}" if said else text
