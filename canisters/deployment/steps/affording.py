"""What a release costs its canister, and what that lacks. Pure rules; cycles."""

from typing import TYPE_CHECKING

from shared.rules.cycles import cycles_to_release, frozen_by_growth

if TYPE_CHECKING:
    from canisters.deployment.steps.answer import Look


def shortage(look: "Look", size: int, more_bytes: int, wide: bool) -> "tuple[str, int] | None":
    """What a canister lacks for a module of `size` bytes (0: a rollback), as (sentence, cycles).

    None when it can pay, or pays for nothing. `more_bytes` is what it is known to store besides.
    `wide`: the module is known to have a 64-bit memory.
    """
    if not look.charged:
        return None
    snapshot = look.module_hash is not None
    needed = cycles_to_release(size, snapshot, look.memory_bytes, wide)
    growth = frozen_by_growth(
        size + more_bytes,
        snapshot,
        look.memory_bytes,
        look.memory_allocation,
        look.freezing_seconds,
    )
    frozen = max(0, look.frozen_below + growth)
    missing = needed + frozen - look.balance
    if missing <= 0:
        return None
    return (
        f"the canister has {look.balance:,} cycles; this release needs about {needed:,}, and "
        f"{frozen:,} must stay above which it is not frozen: send it {missing:,} more",
        missing,
    )
