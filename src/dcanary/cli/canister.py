"""`dcanary canister`: call any canister on the network."""

from __future__ import annotations

import json
from typing import Any

import click

from dcanary.cli.context import Context, pass_context
from dcanary.client.errors import ConfigError


@click.group()
def canister() -> None:
    """Call canisters and read what the network certifies of them."""


def json_arguments(text: str) -> list[Any]:
    """A JSON list as the arguments of a call. Raises ConfigError."""
    try:
        values = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"the arguments are not a JSON list: {error}") from None
    if not isinstance(values, list):
        raise ConfigError("the arguments are not a JSON list", """such as '["text", 3]' or '[]'""")
    return values


@canister.command()
@click.argument("principal")
@click.argument("method")
@click.argument("arguments", default="[]")
@pass_context
def call(context: Context, principal: str, method: str, arguments: str) -> None:
    """Call METHOD with ARGUMENTS, a JSON list such as '["text", 3]'.

    Types come from the canister's own certified interface.
    """
    from dcanary.client.actor import Actor

    actor = Actor.from_metadata(context.system.connection, principal)
    context.output.value(actor.call(method, *json_arguments(arguments)))


@canister.command()
@click.argument("principal")
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
@click.argument("principal")
@pass_context
def interface(context: Context, principal: str) -> None:
    """The canister's Candid interface."""
    from dcanary.client.actor import Actor

    context.output.text(Actor.from_metadata(context.system.connection, principal).interface.text)
