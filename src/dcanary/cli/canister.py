"""`dcanary canister`: call any canister on the network."""

from __future__ import annotations

from pathlib import Path

import click

from dcanary.cli.context import Context, pass_context
from dcanary.cli.parameters import CANISTER


@click.group()
def canister() -> None:
    """Call canisters and read what the network certifies of them."""


@canister.command()
@click.argument("principal", type=CANISTER)
@click.argument("method")
@click.argument("arguments", default="()")
@pass_context
def call(context: Context, principal: str, method: str, arguments: str) -> None:
    """Call METHOD with ARGUMENTS in Candid's textual form, such as '("text", 3, blob "\\00")'.

    Types come from the canister's own certified interface. ARGUMENTS may also be a JSON array such
    as '["text", 3]'; with --json the answer is JSON.
    """
    from dcanary.cli.operations.calls import call as call_method

    context.output.answer(call_method(context.system.connection, principal, method, arguments))


@canister.command()
@click.argument("principal", type=CANISTER)
@pass_context
def info(context: Context, principal: str) -> None:
    """Module hash and controllers, as the network certifies them."""
    from dcanary.client.principal import from_text

    connection = context.system.connection
    raw = from_text(principal)
    context.output.record(
        {
            "canister": principal,
            "module_hash": connection.module_hash(raw),
            "controllers": connection.controllers(raw),
        },
        "canister",
    )


@canister.command()
@click.argument("canister")
@pass_context
def interface(context: Context, canister: str) -> None:
    """The Candid interface of CANISTER: a principal, or a module's file (.wasm or .wasm.gz).

    Of a file it is what the metadata candid:service says, else what the export
    get_candid_pointer gives, which ic-cdk's export_candid!() makes.
    """
    if canister.endswith((".wasm", ".wasm.gz")):
        from dcanary.cli.operations.interfaces import interface_of_file

        text = interface_of_file(Path(canister))
    else:
        from dcanary.client.actor import Actor

        principal = CANISTER.convert(canister, None, None)
        text = Actor.from_metadata(context.system.connection, principal).interface.text
    if context.output.as_json:
        context.output.json({"interface": text})
    else:
        context.output.text(text)
