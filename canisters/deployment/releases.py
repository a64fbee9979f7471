"""Release orders: names, checks, and which release may go next. Pure rules."""

from typing import TYPE_CHECKING

from shared.rules.limits import (
    MAX_ACTIVE_RELEASES,
    MAX_ARTIFACT_BYTES,
    MAX_NAME_CHARS,
    MAX_PATH_CHARS,
    MAX_PIPELINE_BYTES,
)
from shared.types.errors import Error, invalid

if TYPE_CHECKING:
    from canisters.deployment.store import ProgressRecord
    from shared.types.release import Release, ReleaseOrder

PREFIX = "release-"


def name_of(number: int) -> str:
    return f"{PREFIX}{number + 1}"


def number_of(release: str) -> "int | None":
    """The number in a name, or None when it is not a name of a release."""
    digits = release[len(PREFIX) :]
    if not release.startswith(PREFIX) or not digits.isascii() or not digits.isdigit():
        return None
    if digits.startswith("0") or len(digits) > 15:
        return None
    return int(digits) - 1


def check_order(order: "ReleaseOrder") -> "Error | None":
    """Why this cannot be released whatever the target, or None."""
    for field, value, longest in (
        ("approval", order["approval"], MAX_NAME_CHARS),
        ("run", order["run"], MAX_NAME_CHARS),
        ("target", order["target"], MAX_NAME_CHARS),
        ("stage", order["stage"], MAX_NAME_CHARS),
        ("repository", order["repository"], MAX_NAME_CHARS),
        ("artifact", order["artifact"], MAX_PATH_CHARS),
    ):
        if not value or len(value.encode()) > longest:
            return invalid(f"{field} has {len(value.encode())} bytes: use 1 to {longest}")
    sha256 = order["sha256"]
    if len(sha256) != 64 or any(char not in "0123456789abcdef" for char in sha256):
        return invalid("sha256 is not 64 lower-case hexadecimal digits")
    if not 1 <= order["size"] <= MAX_ARTIFACT_BYTES:
        return invalid(
            f"the artifact has {order['size']} bytes: "
            f"1 to {MAX_ARTIFACT_BYTES} can be deployed (MAX_ARTIFACT_BYTES)"
        )
    if len(order["install_arg"]) + len(order["upgrade_arg"]) > MAX_PIPELINE_BYTES:
        return invalid(f"the arguments have more than {MAX_PIPELINE_BYTES} bytes")
    if "Auto" in order["mode"]:
        return invalid("mode Auto cannot be released: the approval must name the mode")
    return None


def ready(
    open_releases: "list[tuple[int, str]]", busy_targets: "set[str]", active: int
) -> "list[int]":
    """Numbers of the waiting releases that may begin now: in order, one for each free target.

    `open_releases` holds waiting and active releases as (number, target). Each active one stages up
    to MAX_ARTIFACT_BYTES in this canister, hence MAX_ACTIVE_RELEASES.
    """
    taken = set(busy_targets)
    chosen: list[int] = []
    for number, target in sorted(open_releases):
        if active + len(chosen) >= MAX_ACTIVE_RELEASES:
            break
        if target not in taken:
            taken.add(target)
            chosen.append(number)
    return chosen


def shown(number: int, order: "ReleaseOrder", progress: "ProgressRecord") -> "Release":
    return {
        "release": name_of(number),
        "order": order,
        "state": progress["state"],
        "canister": progress["canister"],
        "module_hash": progress["module_hash"],
        "previous_hash": progress["previous_hash"],
        "snapshot": progress["snapshot"],
        "note": progress["note"],
        "created_ns": progress["created_ns"],
        "updated_ns": progress["updated_ns"],
        "installed": False,
        "rollback": None,
        "digest": order["digest"],
        "rolled_back_by": None,
    }
