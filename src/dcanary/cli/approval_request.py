"""One approval request, as people see it before they decide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from dcanary.cli.context import Context
from dcanary.cli.display import harmless
from dcanary.cli.orders.readable import changes, gate_text, order_fields, overview
from dcanary.cli.output import Lines
from dcanary.cli.times import moment

if TYPE_CHECKING:
    from dcanary.client.types.verification import Approval

OPEN = {"Pending", "Approved", "Blocked", "ReleaseFailed"}
"""States of a request whose order may still be carried out, or says why not."""


def summary(found: Approval) -> dict[str, object]:
    """What an approver must see before deciding."""
    request = found["request"]
    approvals = sum(1 for vote in found["votes"] if vote["approve"])
    return {
        "approval": found["approval"],
        "state": found["state"],
        "run": request["run"],
        "repository": request["source"]["repository"],
        "commit": request["source"]["sha"],
        "target": request["target"],
        "mode": request["mode"],
        "artifact": request["artifact"],
        "bytes": request["size"],
        "sha256": request["sha256"],
        "gates": Lines(gate_text(gate) for gate in found["gates"]),
        "approvals": f"{approvals} of {request['policy']['threshold']}",
        "expires": moment(found["expires_ns"]),
    }


def with_files(context: Context, found: Approval) -> Mapping[str, object]:
    """The request with all files that its order binds, where it binds any.

    What becomes of them is said while the order may still be carried out.
    """
    order = found["order"]
    if order is None or order["assets"] is None:
        return found
    from dcanary.cli.orders.assets import as_json, checked_assets, files_before

    system = context.system
    files = checked_assets(system, found["approval"], order)
    if not OPEN & set(found["state"]):
        return {**found, "files": files}
    return {**found, "files": as_json(files, files_before(system, order["target"]))}


def print_request(context: Context, found: Approval) -> None:
    """Show all that an approver decides on. Raises ClientError when the digest is not the order's.

    Where the order comes from an earlier version, which bound the module only, that is what is
    shown.
    """
    order = found["order"]
    if order is None:
        context.output.record(summary(found), "approval")
        if "Pending" in found["state"]:
            context.output.say(
                "\nAsked by an earlier version, without an order. `dcanary approval approve "
                f"{found['approval']}` (or reject) has it made and shows it first."
            )
        return
    from dcanary.cli.orders.arguments import interface_of
    from dcanary.cli.orders.assets import checked_assets, files_before, lines_of
    from dcanary.cli.orders.digest import checked_digest
    from dcanary.cli.orders.references import lines
    from dcanary.cli.orders.stale import MODULE, changed_since
    from dcanary.cli.orders.stale import warnings as stale_lines
    from dcanary.cli.orders.target_now import look
    from dcanary.cli.orders.tried_before import warnings as tried_before

    checked_digest(found)
    system = context.system
    files = checked_assets(system, found["approval"], order)
    deployment = system.config.canisters["deployment"]
    interface = interface_of(system, order)
    context.output.record(overview(found), "approval")
    context.output.say("\nThe order, all of it bound by the digest (computed here again):")
    context.output.record(order_fields(order, interface), "target")
    if not OPEN & set(found["state"]):
        return
    context.output.say("\nWhat it changes:")
    now = look(system, order)
    stale = changed_since(order, now.target, deployment, now.module)
    told = lines(system, found, order)
    warnings = [line for line in told if line.startswith("WARNING")]
    rest = [line for line in told if line not in warnings]
    if order["assets"] is not None:
        rest += lines_of(files, files_before(system, order["target"]))
    first = stale_lines(found, stale) + tried_before(system, found)
    then = changes(order, now, interface)
    if first and MODULE in stale:
        # It is said already; which module it ran then follows.
        then = [line for line in then if not line.startswith("WARNING: the canister runs another")]
    for line in [*first, *warnings, *then, *rest]:
        context.output.say(f"  {harmless(line)}")
