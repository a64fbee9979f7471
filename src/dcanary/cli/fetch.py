"""`dcanary fetch`: the dependencies that lock files pin, in the tools' offline forms."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import click

from dcanary.cli.context import Context, pass_context


@click.command()
@click.option(
    "--lock",
    "locks",
    multiple=True,
    metavar="FILE",
    help="Lock file, relative to the current folder (default: all that are in it). Repeatable.",
)
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to make (default: dependencies in the home folder).",
)
@click.option(
    "--allow",
    "allowed",
    multiple=True,
    metavar="HOST",
    help="Host besides the public registries that files may come from. Repeatable.",
)
@click.option("--python", default="3.11", show_default=True, help="Python that wheels are for.")
@click.option(
    "--machine",
    type=click.Choice(["x86_64", "aarch64"]),
    default="x86_64",
    show_default=True,
    help="Processor that packages are for.",
)
@click.option("--check", is_flag=True, help="Only say what is pinned; download nothing.")
@pass_context
def fetch(
    context: Context,
    locks: tuple[str, ...],
    into: Path | None,
    allowed: tuple[str, ...],
    python: str,
    machine: str,
    check: bool,
) -> None:
    """Bring exactly what lock files pin, for builds without a network.

    The same lock files give the same digest, whoever fetches and wherever.
    """
    from dcanary.cli.operations.fetch import fetch_into, locks_in, read_pins
    from dcanary.fetch.layout.kinds import environment
    from dcanary.fetch.pinned import Target

    parsed = re.fullmatch(r"3\.(\d{1,2})", python)
    if parsed is None:
        raise click.BadParameter(f"{python!r}: write it as 3.11", param_hint="--python")
    target = Target((3, int(parsed[1])), machine)
    here = Path.cwd()
    names = list(locks) or locks_in(here)
    pins = read_pins(here, names, allowed, target)
    counted = Counter(each.kind for each in pins)
    context.output.progress(
        ", ".join(f"{count} {kind}" for kind, count in sorted(counted.items())) or "nothing pinned"
    )
    if check:
        context.output.table(
            [
                {"kind": each.kind, "name": each.name, "version": each.version, "line": each.where}
                for each in pins
            ],
            ["kind", "name", "version", "line"],
            "nothing is pinned",
        )
        return
    folder = into or context.home / "dependencies"
    fetched = fetch_into(pins, allowed, target, folder, context.output.progress)
    context.output.record(
        {
            "digest": fetched.manifest.digest,
            "folder": str(folder),
            "packages": len(fetched.brought),
            "files": len(fetched.manifest.entries),
            "bytes": fetched.manifest.size,
            "environment": environment(fetched.kinds, str(folder.absolute())),
        },
        "digest",
    )
