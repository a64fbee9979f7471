"""Which pushes start a run."""

from canisters.webhook.github import Push
from shared.rules.patterns import matches_any
from shared.types.pipeline import Trigger


def starts_on_hand(triggers: "list[Trigger]") -> bool:
    return any("Manual" in trigger for trigger in triggers)


def why_not(triggers: "list[Trigger]", push: Push) -> "str | None":
    """Why `push` starts no run ("ignored, because …"), or None when a trigger matches it."""
    if push.deleted:
        return f"ignored, because {push.kind} {push.name} was deleted"
    if not triggers:
        return "ignored, because no pipeline with triggers is registered for this repository"
    for trigger in triggers:
        if push.kind == "branch" and "Push" in trigger:
            patterns = trigger["Push"]
        elif push.kind == "tag" and "Tag" in trigger:
            patterns = trigger["Tag"]
        else:
            continue
        if matches_any(patterns, push.name):
            if push.asks_to_skip():
                return "ignored, because the commit message asks to skip it"
            return None
    return f"ignored, because no trigger of the pipeline matches {push.kind} {push.name}"
