"""What the deployment canister may spend of its own cycles."""

from kybra import ic

from shared.rules.cycles import advised
from shared.rules.limits import RESERVE_CYCLES


def why_too_much(what: str, cycles: int) -> "str | None":
    """Why `what`, which takes `cycles`, cannot be paid, or None.

    RESERVE_CYCLES must remain, so that this canister can go on working.
    """
    missing = cycles + RESERVE_CYCLES - ic.canister_balance128()
    if missing <= 0:
        return None
    return (
        f"{what} with {cycles:,} cycles needs {missing:,} cycles more than this deployment "
        f"canister can spend (it keeps {RESERVE_CYCLES:,}): send it some with `dcanary system "
        f"top-up deployment --cycles {advised(missing)}` (a little more: it works on meanwhile)"
    )
