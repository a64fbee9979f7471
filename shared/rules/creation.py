"""What a release gives to the canister that it creates, and how that may differ. Plain Python."""

from typing import TYPE_CHECKING

from shared.rules.asking import ask_again

if TYPE_CHECKING:
    from kybra import Principal

    from shared.types.approval import Creation, Order


def unbound_of(run: str) -> str:
    """Why an order of `run` that says nothing of the new canister cannot be carried out."""
    return (
        "an earlier version made the order, which does not say which controllers and cycles the "
        f"new canister gets: {ask_again(run)}"
    )


def creation(controllers: "list[Principal]", cycles: int) -> "Creation":
    """Make the record, in the one form that is bound: each controller once, sorted by its bytes."""
    named = {one.to_str(): one for one in controllers}
    return {
        "controllers": sorted(named.values(), key=lambda one: one.bytes),
        "cycles": cycles,
    }


def unbound(order: "Order") -> "str | None":
    """Why an order that creates a canister cannot be carried out, or None.

    An order of an earlier version does not say what the canister gets: people have not decided on
    that.
    """
    if order["canister"] is not None or order["creates"] is not None:
        return None
    return unbound_of(order["run"])


def controllers_differ(asked: "Creation", now: "list[Principal]") -> "str | None":
    """Say that the canister has, or would get, other controllers than people were asked about."""
    wanted, found = _names(asked["controllers"]), _names(now)
    if wanted == found:
        return None
    return (
        f"the new canister's controllers are {', '.join(found)} by now, people were asked about "
        f"{', '.join(wanted)}"
    )


def differences(asked: "Creation", now: "Creation") -> "list[str]":
    """What a canister would get now that people were not asked about, a sentence a field."""
    found = []
    other = controllers_differ(asked, now["controllers"])
    if other is not None:
        found.append(other)
    if asked["cycles"] != now["cycles"]:
        found.append(
            f"the new canister's cycles are {now['cycles']:,} by now, people were asked about "
            f"{asked['cycles']:,}"
        )
    return found


def _names(controllers: "list[Principal]") -> "list[str]":
    return sorted({one.to_str() for one in controllers})
