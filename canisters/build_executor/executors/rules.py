"""What an executor may register and offer. Plain Python; refusals are raised."""

from typing import TYPE_CHECKING

from canisters.build_executor.runs.graph import is_name
from shared.rules.limits import (
    MAX_LEASES_PER_EXECUTOR,
    MAX_OFFER_CHARS,
    MAX_OFFER_TEXTS,
    SECOND_NS,
)
from shared.rules.refused import invalid, too_large
from shared.rules.roles import ANONYMOUS

if TYPE_CHECKING:
    from canisters.build_executor.records import ExecutorRecord
    from shared.types.executor import ExecutorOffer
    from shared.types.pipeline import Runtime

RUNTIMES = ("Shell", "Python", "Motoko", "Node", "Azle", "Rust")
# An executor that has nothing to do asks by an update every 60 s, one that builds sends heartbeats:
# after three minutes without either it is taken to be away.
PRESENT_NS = 180 * SECOND_NS
SECRET_KEY_BYTES = 32


def names(runtimes: "list[Runtime]") -> "set[str]":
    """The variants' names."""
    return {name for runtime in runtimes for name in runtime}


def check_registration(executor: str, operator: str, runtimes: "list[Runtime]") -> None:
    """Raise Refused for what cannot be an executor."""
    if executor == ANONYMOUS:
        raise invalid("the anonymous principal cannot be an executor: make a key for it")
    if not is_name(operator):
        raise invalid("operator is not a name of 1 to 64 of a-z A-Z 0-9 . _ -")
    if not 1 <= len(runtimes) <= len(RUNTIMES):
        raise invalid(f"runtimes: name 1 to {len(RUNTIMES)}, each once")


def check_offer(offer: "ExecutorOffer") -> None:
    """Raise Refused for what cannot be an offer."""
    if not 1 <= len(offer["runtimes"]) <= len(RUNTIMES):
        raise invalid(f"runtimes: offer 1 to {len(RUNTIMES)}, each once")
    if not 1 <= offer["slots"] <= MAX_LEASES_PER_EXECUTOR:
        limit = f"{MAX_LEASES_PER_EXECUTOR} (MAX_LEASES_PER_EXECUTOR)"
        raise invalid(f"slots is {offer['slots']}: offer 1 to {limit}")
    if len(offer["images"]) > MAX_OFFER_TEXTS or len(offer["labels"]) > MAX_OFFER_TEXTS:
        raise too_large(f"offer at most {MAX_OFFER_TEXTS} images and labels (MAX_OFFER_TEXTS)")
    key = offer["secret_key"]
    if key is not None and len(key) != SECRET_KEY_BYTES:
        raise invalid(f"secret_key has {len(key)} bytes: an X25519 public key has 32")
    for word in [offer["region"], *offer["images"], *offer["labels"]]:
        if len(word) > MAX_OFFER_CHARS:
            raise too_large(
                f"region, images and labels have at most {MAX_OFFER_CHARS} characters each "
                "(MAX_OFFER_CHARS)"
            )


def runtimes_of(record: "ExecutorRecord", offer: "ExecutorOffer | None") -> "set[str]":
    """What an executor may be asked for: what it offers, as far as it is registered for it.

    One that has announced no offer may come to offer all that it is registered for.
    """
    registered = names(record["runtimes"])
    return registered if offer is None else registered & names(offer["runtimes"])


def as_working(offer: "ExecutorOffer") -> "ExecutorOffer":
    """What an executor offers while it works, also when it has left."""
    working = offer.copy()
    working["leaving"] = None
    return working


def slots_of(offer: "ExecutorOffer | None") -> int:
    """How many jobs an executor builds at a time: none before it has said what it can do.

    Rejected: to let it take what it is registered for. It would be given stages that its machine
    has no room for, and one that wants more than its slots need only announce nothing.
    """
    return 0 if offer is None else offer["slots"]
