"""`dcanary identity`: keys that sign calls."""

from __future__ import annotations

import click

from dcanary.cli.context import Context, pass_context


@click.group()
def identity() -> None:
    """Create and list identities. Their keys never leave their files."""


@identity.command()
@click.argument("name")
@pass_context
def new(context: Context, name: str) -> None:
    """Create an Ed25519 identity called NAME."""
    from dcanary.client.identity import create_identity

    made = create_identity(context.identity_path(name))
    context.output.record({"name": made.name, "principal": made.principal}, "principal")


@identity.command("list")
@pass_context
def list_identities(context: Context) -> None:
    """Identities of this folder."""
    from dcanary.client.identity import load_identity

    files = sorted((context.home / "identities").glob("*.pem"))
    rows = [{"name": path.stem, "principal": load_identity(path).principal} for path in files]
    context.output.table(
        rows, ["name", "principal:principal"], "no identities: dcanary identity new NAME"
    )


@identity.command()
@pass_context
def show(context: Context) -> None:
    """Name and principal of the identity in use."""
    chosen = context.identity
    context.output.record({"name": chosen.name, "principal": chosen.principal}, "principal")
