"""`dcanary repository`: Git repositories whose pushes are listened to."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

import click

from dcanary.cli.context import Context, pass_context
from dcanary.cli.operations import register as operations
from dcanary.cli.operations.host_keys import read_host_keys, ssh_address
from dcanary.cli.operations.secrets import kept_secret, new_secret_file, next_secret, read_secret
from dcanary.cli.ordering import in_order
from dcanary.cli.paging import page, paged, show
from dcanary.cli.parameters import NAME
from dcanary.cli.secret import SECRET_NAME
from dcanary.cli.times import with_moments

if TYPE_CHECKING:
    from dcanary.client.types.pipeline_config import Credential, CredentialKind

CREDENTIAL_KINDS: dict[str, CredentialKind] = {
    "token": {"Token": None},
    "deploy-key": {"DeployKey": None},
}


FIELDS = ("repository", "provider", "clone_url", "live_secrets", "triggers", "registered_ns")
"""Of a repository, as they are shown before the others."""


@click.group()
def repository() -> None:
    """Register repositories and their webhook secrets."""


@repository.command()
@click.argument("name", type=NAME)
@click.option("--provider", type=click.Choice(sorted(operations.PROVIDERS)), default="github")
@click.option("--clone-url", required=True, help="What executors clone.")
@click.option(
    "--secret-file", help="File with the webhook's secret, or - (default: make a new secret)."
)
@pass_context
def add(
    context: Context, name: str, provider: str, clone_url: str, secret_file: str | None
) -> None:
    """Register the repository NAME and print the URL that its forge must post to."""
    kept = kept_secret(context.home, name)
    secret = read_secret(secret_file) if secret_file else new_secret_file(kept)
    made = operations.repository(context.system, name, provider, clone_url, secret)
    url = operations.webhook_url(context.system.config, provider, name)
    context.output.record(
        {
            "repository": made["repository"],
            "webhook": url,
            "secret": "as given" if secret_file else f"in {kept}",
        },
        "repository",
    )


@repository.command()
@click.argument("name")
@pass_context
def webhook(context: Context, name: str) -> None:
    """The URL that the forge of a registered repository must post to."""
    found = context.system.webhook.get_repository(name)
    provider = str(next(iter(found["provider"]))).lower()
    url = operations.webhook_url(context.system.config, provider, name)
    context.output.record({"repository": name, "webhook": url}, "webhook")


@repository.command("list")
@paged
@pass_context
def list_repositories(context: Context, limit: int, cursor: str | None) -> None:
    """Registered repositories."""
    answer = context.system.webhook.list_repositories(page(limit, cursor))
    columns = ["repository:id", "clone_url", "deliveries:id:1", "rejected:id:2"]
    show(
        context, answer["next"], answer["items"], columns, "no repositories: dcanary repository add"
    )


@repository.command("show")
@click.argument("name")
@pass_context
def show_repository(context: Context, name: str) -> None:
    """All of a repository but its secrets."""
    found = context.system.webhook.get_repository(name)
    shown = found if context.output.as_json else with_moments(in_order(found, FIELDS))
    context.output.record(shown, "repository")


@repository.command()
@click.argument("name")
@click.option("--secret-file", help="File with the new secret, or - (default: make a new secret).")
@pass_context
def rotate_secret(context: Context, name: str, secret_file: str | None) -> None:
    """Add a new secret; the one before stays valid until drop-old-secret.

    The new one takes the place of the old one in the file that `repository add` made.
    """
    kept = kept_secret(context.home, name)
    given = read_secret(secret_file) if secret_file else None
    with next_secret(kept, given) as secret:
        context.system.webhook.rotate_secret(name, secret)
    context.output.say(f"{name} now accepts the new secret, in {kept}, and the one before")


@repository.command()
@click.argument("name")
@pass_context
def drop_old_secret(context: Context, name: str) -> None:
    """End a rotation: only the newest secret stays valid."""
    context.system.webhook.drop_old_secret(name)
    context.output.say(f"{name} accepts its newest secret only")


@repository.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_context
def delete(context: Context, name: str, yes: bool) -> None:
    """Forget a repository; its runs and releases stay on record."""
    if not yes:
        context.output.confirm("Forget this repository and its secrets?")
    context.system.webhook.delete_repository(name)
    context.output.say(f"{name} is forgotten")


@repository.group()
def credential() -> None:
    """What executors clone a private repository with: a secret that is sealed to them."""


@credential.command("set")
@click.argument("name", type=NAME)
@click.option("--secret", type=SECRET_NAME, required=True, help="The secret: dcanary secret set.")
@click.option("--kind", type=click.Choice(sorted(CREDENTIAL_KINDS)), default="token")
@click.option(
    "--username",
    help="Goes with a token: GitHub takes any, GitLab `oauth2`, Bitbucket `x-token-auth`.  "
    "[default: x-access-token]",
)
@click.option("--address", help="Of a deploy key: ssh://USER@HOST[:PORT]/PATH, or USER@HOST:PATH.")
@click.option(
    "--host-keys",
    type=click.File(encoding="utf-8", errors="replace"),
    help="Of a deploy key: the server's keys, as ssh-keyscan prints them (- for standard input).",
)
@pass_context
def set_credential(
    context: Context,
    name: str,
    secret: str,
    kind: str,
    username: str | None,
    address: str | None,
    host_keys: TextIO | None,
) -> None:
    """Have the repository NAME cloned with a secret, which must be there already."""
    given: Credential = {
        "repository": name,
        "secret": secret,
        "kind": CREDENTIAL_KINDS[kind],
        "username": username or "x-access-token",
        "address": None,
        "host_keys": None,
    }
    if kind == "deploy-key":
        if address is None or host_keys is None:
            raise click.UsageError("a deploy key needs --address and --host-keys")
        if username is not None:
            raise click.UsageError("--username goes with a token; that of a key is in --address")
        where = ssh_address(address)
        given["username"], given["address"] = where.user, where.url
        given["host_keys"] = read_host_keys(host_keys.read(), where)
    elif address is not None or host_keys is not None:
        raise click.UsageError("--address and --host-keys go with --kind deploy-key")
    context.system.pipeline_config.set_credential(given)
    context.output.record(_credential(given), "repository")


@credential.command("show")
@click.argument("name", type=NAME)
@pass_context
def show_credential(context: Context, name: str) -> None:
    """Which secret a repository is cloned with."""
    found = context.system.pipeline_config.get_credential(name)
    if found is None:
        context.output.say(f"{name} is cloned without a credential")
        return
    context.output.record(_credential(found), "repository")


@credential.command("remove")
@click.argument("name", type=NAME)
@pass_context
def remove_credential(context: Context, name: str) -> None:
    """Have the repository NAME cloned without a credential; the secret stays."""
    context.system.pipeline_config.remove_credential(name)
    context.output.say(f"{name} is cloned without a credential")


def _credential(found: Credential) -> dict[str, object]:
    kinds = {next(iter(variant)): kind for kind, variant in CREDENTIAL_KINDS.items()}
    return {**found, "kind": kinds[next(iter(found["kind"]))]}
