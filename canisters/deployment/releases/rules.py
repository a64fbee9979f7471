"""Releases and rollbacks: names, checks of orders, and which may go next. Pure rules."""

from typing import TYPE_CHECKING

from canisters.deployment.steps.machine import hash_text, was_installed
from canisters.deployment.targets.rules import refuse_if_busy, text_of
from shared.rules.asking import ask_again
from shared.rules.assets import differs
from shared.rules.creation import controllers_differ, differences, unbound
from shared.rules.cutting import cut
from shared.rules.limits import (
    MAX_ACTIVE_RELEASES,
    MAX_MODULE_FILE_BYTES,
    MAX_NAME_CHARS,
    MAX_PATH_CHARS,
    MAX_PIPELINE_BYTES,
)
from shared.rules.orders import order_digest
from shared.rules.refused import conflict, invalid

if TYPE_CHECKING:
    from kybra import Principal

    from canisters.deployment.records import ProgressRecord, TargetRecord
    from canisters.deployment.steps.answer import Look
    from shared.types.approval import Creation, Order
    from shared.types.release import ReleaseOrder, RollbackOrder

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


def index_key(approval: str, attempt: int) -> str:
    """Key of the release of this attempt of an approval."""
    return approval if attempt == 1 else f"{approval}#{attempt}"


def check_order(order: "ReleaseOrder") -> None:
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
            raise invalid(f"{field} has {len(value.encode())} bytes: use 1 to {longest}")
    sha256 = order["sha256"]
    if len(sha256) != 64 or any(char not in "0123456789abcdef" for char in sha256):
        raise invalid("sha256 is not 64 lower-case hexadecimal digits")
    if not 1 <= order["size"] <= MAX_MODULE_FILE_BYTES:
        raise invalid(
            f"the artifact has {order['size']} bytes: "
            f"1 to {MAX_MODULE_FILE_BYTES} can be deployed (MAX_MODULE_FILE_BYTES)"
        )
    if len(order["install_arg"]) + len(order["upgrade_arg"]) > MAX_PIPELINE_BYTES:
        raise invalid(f"the arguments have more than {MAX_PIPELINE_BYTES} bytes")
    if "Auto" in order["mode"]:
        raise invalid("mode Auto cannot be released: the approval must name the mode")
    return


def argument_of(order: "ReleaseOrder") -> bytes:
    """The argument that the order's mode uses."""
    return order["upgrade_arg"] if "Upgrade" in order["mode"] else order["install_arg"]


def check_approved(order: "ReleaseOrder") -> "Order":
    """The approved order, when the message does exactly what its digest binds. Raises Refused."""
    approved = order["order"]
    if approved is None or order["digest"] is None:
        raise invalid(f"the message carries no approved order: {ask_again(order['run'])}")
    found = order_digest(approved)
    if found != order["digest"]:
        raise conflict(
            f"the order's digest is {found}, approved is {order['digest'][:64]}: nothing is "
            f"released. If a canister was upgraded meanwhile, {ask_again(order['run'])}"
        )
    differing = [
        field
        for field, said, bound in (
            ("run", order["run"], approved["run"]),
            ("repository", order["repository"], approved["repository"]),
            ("repository of the source", order["repository"], approved["source"]["repository"]),
            ("target", order["target"], approved["target"]),
            ("stage", order["stage"], approved["stage"]),
            ("artifact", order["artifact"], approved["artifact"]),
            ("sha256", order["sha256"], approved["sha256"]),
            ("size", order["size"], approved["size"]),
            ("mode", list(order["mode"]), list(approved["mode"])),
            ("memory", list(order["memory"]), list(approved["memory"])),
            ("argument", argument_of(order), approved["argument"]),
        )
        if said != bound
    ]
    if differing:
        raise conflict(f"the message differs from the approved order in: {', '.join(differing)}")
    why = differs(approved["assets"], order["assets"])
    if why is not None:
        raise conflict(f"{why}: nothing is released. {ask_again(order['run'])}")
    for result in approved["gates"]:
        if not result["passed"]:
            raise conflict(f"a gate of the approved order failed: {cut(result['detail'], 200)}")
    return approved


def check_place(
    approved: "Order",
    target: "TargetRecord",
    network: str,
    creates: "Creation",
    made: "str | None",
) -> None:
    """Refuse an order for another canister or network than the target's.

    `creates` is what a new canister would get by the target's settings of now: where the order
    creates it, people must have been asked about the same. `made` is the canister that an earlier
    attempt of the same order created: no other one passes for the new canister of the order,
    whatever it was created with.
    """
    if approved["network"] != network or target["network"] != network:
        raise conflict(
            f"the order is for network {approved['network']}, target {target['target']} is on "
            f"{target['network']} and this installation on {network}"
        )
    wanted = text_of(approved["canister"])
    found = text_of(target["canister"])
    if wanted == found or (wanted is None and made == found):
        _check_creation(approved, found, creates)
        return
    ordered = "a new canister" if wanted is None else f"canister {wanted}"
    has = "no canister" if found is None else f"canister {found}"
    raise conflict(
        f"{ask_again(approved['run'])}: the order is for {ordered}, target {target['target']} has "
        f"{has} by now"
    )


def _check_creation(approved: "Order", found: "str | None", creates: "Creation") -> None:
    why = unbound(approved)
    if why is not None:
        raise conflict(why)
    asked = approved["creates"]
    if asked is None:
        return
    if found is None:
        differing = differences(asked, creates)
    else:
        # The cycles were spent when an earlier attempt created it.
        other = controllers_differ(asked, creates["controllers"])
        differing = [] if other is None else [other]
    if differing:
        # First: the run keeps so many characters of a reason, and controllers may be many.
        raise conflict(f"{ask_again(approved['run'])}: {'; '.join(differing)}")


def refuse_installed(release: str, progress: "ProgressRecord", target: str, run: str) -> None:
    """Refuse to carry an order out again that has been: one approval installs once."""
    if not was_installed(progress):
        return
    again = ask_again(run)
    if progress["rolled_back_by"] is not None:
        raise conflict(
            f"{release} has installed the module of this order, and {progress['rolled_back_by']} "
            f"has taken it back: it is not installed again. {again}"
        )
    raise conflict(
        f"{release} has installed the module of this order: it is not installed again. `dcanary "
        f"target start {target}` starts the canister where it is stopped, `dcanary release "
        f"rollback {release}` takes the module back; {again}"
    )


def refuse_unclear(release: str, progress: "ProgressRecord", run: str, look: "Look | None") -> None:
    """Refuse to carry an order out again when its canister was changed since a release of it that
    did not learn whether it had installed the module."""
    if not progress["unclear"] or look is None or progress["changes"] in (None, look.changes):
        return
    raise conflict(
        f"it is not known whether {release} has installed the module of this order, and the "
        f"canister was changed since: it is not installed again. {ask_again(run)}"
    )


def last_changes(record: "TargetRecord") -> "list[str]":
    """The releases of a target that a rollback could be of: what made the target's module, and the
    last change when that was a rollback. Both lead to what ran before."""
    names = [record["last_change"], record["last_release"]]
    return list(dict.fromkeys(name for name in names if name))


def refuse_rollback(
    record: "TargetRecord", release: str, known: "dict[str, ProgressRecord]", now_ns: int
) -> None:
    """Refuse to take back a release that is not among the target's last changes, or that there is
    no way back from. `known` holds the progress of `release` and of the last changes."""
    refuse_if_busy(record, now_ns)
    obstacles = {}
    for name in last_changes(record):
        why = _no_way_back(record, known[name], name) if name in known else f"{name} is unknown"
        if why is None and name == release:
            return
        obstacles[name] = why
    open_names = [name for name, why in obstacles.items() if why is None]
    why = obstacles.get(release)
    if why is not None:
        other = f". {open_names[0]} can be rolled back" if open_names else ""
        raise conflict(f"{why}{other}")
    only = f"only the last change of target {record['target']} can be rolled back"
    if open_names:
        raise conflict(f"{only}: that is {open_names[0]}")
    reasons = "; ".join(why or "" for why in obstacles.values()) or "it has none"
    raise conflict(f"{only}, and now there is no way back: {reasons}")


def _no_way_back(record: "TargetRecord", progress: "ProgressRecord", release: str) -> "str | None":
    """Why one of the target's last changes cannot be taken back, or None when it can."""
    if not was_installed(progress):
        return f"{release} installed nothing"
    if progress["rolled_back_by"] is not None:
        return f"{release} was rolled back by {progress['rolled_back_by']}"
    if progress["previous_hash"] is None:
        return f"{release} was a first install: there is nothing to return to"
    if progress["snapshot"] is None:
        return f"the snapshot of {release} is gone: there is nothing to return to"
    if record["canister"] is None or text_of(record["canister"]) != text_of(progress["canister"]):
        return f"target {record['target']} is another canister by now"
    return None


def rollback_order(
    record: "TargetRecord",
    canister: "Principal",
    progress: "ProgressRecord",
    release: str,
    look: "Look",
    network: str,
) -> "RollbackOrder":
    """All that taking `release` back will do to the canister as `look` found it."""
    return {
        "target": record["target"],
        "canister": canister,
        "network": network,
        "undoes": release,
        "snapshot": progress["snapshot"] or b"",
        "returns_to": progress["previous_hash"] or b"",
        "replaces": look.module_hash,
        "difference": difference(record, look),
    }


def difference(record: "TargetRecord", look: "Look") -> "str | None":
    """Say how the canister differs from what deployment left there; None when it does not."""
    if look.module_hash != record["left_hash"]:
        blame = "" if look.by_others is None else f", {look.by_others}"
        return (
            f"the canister has {hash_text(look.module_hash)}; deployment left "
            f"{hash_text(record['left_hash'])} there{blame}"
        )
    if record["changes"] not in (None, look.changes):
        return f"the canister was changed by hand: {look.by_others or 'who is not known any more'}"
    return None


def ready(
    open_releases: "list[tuple[int, str]]", busy_targets: "set[str]", active: int
) -> "list[int]":
    """Numbers of the waiting releases that may begin now: in order, one for each free target.

    `open_releases` holds waiting and active releases as (number, target). Each active one stages up
    to MAX_MODULE_FILE_BYTES in this canister, hence MAX_ACTIVE_RELEASES.
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
