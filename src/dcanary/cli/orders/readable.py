"""An approval request as text: the whole order, what it changes, and who has voted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcanary.cli.display import quoted, quoted_if_needed
from dcanary.cli.operations.watch import describe
from dcanary.cli.output import Lines, cell
from dcanary.cli.times import moment

if TYPE_CHECKING:
    from dcanary.candid import Interface
    from dcanary.cli.orders.target_now import TargetNow
    from dcanary.client.types.verification import Approval, GateResult, Order, OrderAssets


def gate_text(result: GateResult) -> str:
    """A gate, whether it passed, and why."""
    word = "passed" if result["passed"] else "FAILED"
    return f"{next(iter(result['gate']))} {word}: {result['detail']}"


def created_with(order: Order) -> str | None:
    """What the order gives to the canister that it creates; None when it creates none."""
    if order["canister"] is not None:
        return None
    creates = order["creates"]
    if creates is None:
        return "NOT SAID by this order of an earlier version: it cannot be approved"
    controllers = ", ".join(creates["controllers"])
    return f"{creates['cycles']:,} cycles; its controllers: {controllers}"


def files_text(assets: OrderAssets) -> str:
    """The files that the target gets, in one line."""
    folder = quoted_if_needed(assets["folder"])
    return (
        f"{assets['files']} below {folder}, {assets['bytes']:,} bytes; the digest of "
        f"their list: {assets['digest']}"
    )


def order_fields(order: Order, interface: Interface | None) -> dict[str, object]:
    """Everything that the digest binds, a field a line."""
    from dcanary.cli.orders.arguments import arguments_text

    source, verdict = order["source"], order["verdict"]
    created = created_with(order)
    artifact = quoted_if_needed(order["artifact"])
    return {
        "target": f"{order['target']} of {order['repository']} on the network {order['network']}",
        "canister": order["canister"] or "made by this release",
        **({} if created is None else {"made with": created}),
        "mode": next(iter(order["mode"])),
        "memory": next(iter(order["memory"])),
        "module": f"{artifact} of stage {order['stage']}, {order['size']:,} bytes",
        "sha256": order["sha256"],
        **({} if order["assets"] is None else {"files": files_text(order["assets"])}),
        "replaces": order["replaces"].hex() if order["replaces"] else "nothing",
        "arguments": Lines(arguments_text(order["argument"], interface).split("\n")),
        "run": f"{order['run']}, pipeline version {order['pipeline_version']}",
        "ref": source["ref"],
        "commit": source["sha"],
        "author": source["author"],
        "message": source["message"],
        "cloned from": source["clone_url"],
        "agreed by": (
            f"{cell(verdict['operators'])} (quorum {verdict['quorum']} of {verdict['replicas']})"
        ),
        "manifest": verdict["manifest"],
        "environment": verdict["environment"],
        "gates": Lines(gate_text(gate) for gate in order["gates"]),
    }


def changes(order: Order, now: TargetNow, interface: Interface | None) -> list[str]:
    """What carrying the order out would change, a line each; warnings first."""
    from dcanary.cli.orders.arguments import arguments_text

    lines = []
    if now.missing:
        lines.append(f"WARNING: the network says that it has no canister {order['canister']}")
    elif now.module != order["replaces"]:
        lines.append("WARNING: the canister runs another module than when the order was made:")
        lines.append(f"it ran       {_hex(order['replaces'])}")
    if order["canister"] is None:
        # Where the target has one by now, the order is refused: see `stale`.
        if now.target is None or now.target["canister"] is None:
            lines.append(f"a new canister is made with {created_with(order)}")
    else:
        lines.append(f"module now   {_hex(now.module)}")
    same = " (the same)" if _hex(now.module) == order["sha256"] else ""
    lines.append(f"module then  {order['sha256']}{same}")
    if now.commit is not None:
        known = f"commits: {now.commit[:12]}..{order['source']['sha'][:12]}"
        lines.append(f"{known} (since {now.release})")
    if now.argument is not None and now.argument != order["argument"]:
        new = arguments_text(order["argument"], interface)
        lines += _arguments_change(arguments_text(now.argument, interface), new)
        if arguments_text(now.argument, interface) == new:
            lines.append("  the same values, with other types or written in another way:")
            lines.append(f"  0x{now.argument.hex()} -> 0x{order['argument'].hex()}")
    if "Reinstall" in order["mode"]:
        lines.append("state: everything the canister holds is ERASED")
    elif "Upgrade" in order["mode"] and "Replace" in order["memory"]:
        lines.append("state: its main memory is REPLACED; stable memory stays")
    if now.controllers:
        lines.append(f"controllers: {', '.join(now.controllers)} (as they are)")
    return lines


def _arguments_change(old: str, new: str) -> list[str]:
    if "\n" not in old + new:
        return [f"arguments: {old} -> {new}"]
    before, after = ([f"  {line}" for line in text.split("\n")] for text in (old, new))
    return ["arguments now:", *before, "arguments then:", *after]


def _hex(module: bytes | None) -> str:
    return "nothing" if module is None else module.hex()


def votes(found: Approval) -> Lines:
    """A line for each vote, and whether it counts under the policy in force.

    Comments are quoted: they must not be taken for votes of others.
    """
    lines = []
    for vote in found["votes"]:
        word = "approves" if vote["approve"] else "rejects"
        counts = (
            ""
            if vote["approver"] in found["counted"] or not vote["approve"]
            else (" (does not count: no approver now)")
        )
        comment = f": {quoted(vote['comment'])}" if vote["comment"] else ""
        lines.append(f"{vote['approver']} {word}{counts}{comment}")
    return Lines(lines)


def overview(found: Approval) -> dict[str, object]:
    """State, votes and policy of a request."""
    policy = found["policy"]
    shown: dict[str, object] = {
        "approval": found["approval"],
        "state": describe(found["state"]),
        "digest": found["digest"],
        "approvals": f"{len(found['counted'])} of {policy['threshold']}",
        "approvers": list(policy["approvers"]),
        "votes": votes(found),
        "created": moment(found["created_ns"]),
        "expires": moment(found["expires_ns"]),
    }
    if found["release"] is not None:
        shown["release"] = found["release"]
    return shown
