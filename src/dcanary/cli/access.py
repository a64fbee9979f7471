"""`dcanary access`: who may do what, in all five canisters or one."""

from __future__ import annotations

import click

from dcanary.cli.context import Context, pass_context
from dcanary.cli.paging import page, paged, show
from dcanary.cli.parameters import PRINCIPAL
from dcanary.client.names import CANISTERS

ROLES = ["Owner", "Admin", "Operator", "Executor", "Approver", "Reporter", "Viewer"]


@click.group()
def access() -> None:
    """Grant, revoke and list roles."""


_canister = click.option(
    "--canister", type=click.Choice(CANISTERS), help="Only there (default: in all five)."
)


@access.command()
@click.argument("principal", type=PRINCIPAL)
@click.argument("role", type=click.Choice(ROLES, case_sensitive=False))
@_canister
@pass_context
def grant(context: Context, principal: str, role: str, canister: str | None) -> None:
    """Give PRINCIPAL a ROLE."""
    for name in [canister] if canister else CANISTERS:
        context.system.actor(name).grant_role(principal, role)
    context.output.say(f"{principal} is now {role}")


@access.command()
@click.argument("principal", type=PRINCIPAL)
@click.argument("role", type=click.Choice(ROLES, case_sensitive=False))
@_canister
@pass_context
def revoke(context: Context, principal: str, role: str, canister: str | None) -> None:
    """Take a ROLE from PRINCIPAL."""
    for name in [canister] if canister else CANISTERS:
        context.system.actor(name).revoke_role(principal, role)
    context.output.say(f"{principal} is no longer {role}")


@access.command("list")
@click.option("--canister", type=click.Choice(CANISTERS), default="webhook", show_default=True)
@paged
@pass_context
def list_grants(context: Context, canister: str, limit: int, cursor: str | None) -> None:
    """Roles in one canister."""
    answer = context.system.actor(canister).list_grants(page(limit, cursor))
    rows = [
        {**item, "roles": [next(iter(role)) for role in item["roles"]]} for item in answer["items"]
    ]
    show(context, answer["next"], rows, ["principal:id", "roles"], "no roles")
