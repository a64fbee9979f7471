"""Entry point: global options, the nouns, and what each kind of failure exits with.

0 done, 1 refused (a canister, a gate or a build said no), 2 usage (arguments, files, settings),
3 network. Never a traceback for a user's mistake.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import click

from dcanary import __version__
from dcanary.cli.context import DEFAULT_IDENTITY, Context, default_home
from dcanary.cli.output import Output
from dcanary.client.errors import ClientError

NOUNS = {
    "access": "who may do what",
    "approval": "questions whether bytes may go to a target",
    "build": "compile a Kybra-API canister to an IC module",
    "canister": "call any canister",
    "delivery": "webhook requests and what became of them",
    "demo": "the main job from an empty folder to a deployed canister",
    "executor": "programs that build",
    "forge": "a local Git forge to try things with",
    "identity": "keys that sign calls",
    "network": "the embedded Internet Computer",
    "pipeline": "what a repository builds, when, and where it goes",
    "release": "deployments and their rollback",
    "repository": "Git repositories whose pushes are listened to",
    "run": "executions of pipelines",
    "system": "the five canisters of an installation",
    "target": "canisters that pipelines deploy to",
}


class Nouns(click.Group):
    """Loads a noun's module only when it is used, so that `--help` answers at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(NOUNS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in NOUNS:
            return None
        module = importlib.import_module(f"dcanary.cli.{cmd_name}")
        command = getattr(module, cmd_name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Nouns"):
            formatter.write_dl(sorted(NOUNS.items()))


@click.command(cls=Nouns, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="dcanary")
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of this installation (default: $DCANARY_HOME or ./.dcanary).",
)
@click.option(
    "--identity",
    default=DEFAULT_IDENTITY,
    envvar="DCANARY_IDENTITY",
    show_default=True,
    help="Name or PEM file of the identity that signs, or 'anonymous'.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("-q", "--quiet", is_flag=True, help="Print ids only.")
@click.pass_context
def cli(ctx: click.Context, home: Path | None, identity: str, as_json: bool, quiet: bool) -> None:
    """CI/CD that lives on the Internet Computer."""
    context = Context((home or default_home()).absolute(), identity, Output(as_json, quiet))
    ctx.obj = context
    ctx.call_on_close(context.close)


def main() -> None:
    """Run the command line and exit."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """The exit code of one command."""
    before = arguments[: arguments.index("--")] if "--" in arguments else arguments
    output = Output(as_json="--json" in before)
    try:
        result: Any = cli.main(args=_hoist(arguments), prog_name="dcanary", standalone_mode=False)
    except click.UsageError as error:
        where = (
            f"dcanary {error.ctx.command_path.removeprefix('dcanary').strip()}"
            if error.ctx
            else "dcanary"
        )
        output.error(f"{error.format_message()}\n  see: {where.strip()} --help", "usage")
        return 2
    except click.ClickException as error:
        output.error(error.format_message(), "usage")
        return 2
    except click.exceptions.Exit as error:
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        output.error("interrupted", "interrupted")
        return 130
    except ClientError as error:
        output.error(str(error), type(error).__name__.removesuffix("Error").lower())
        return error.exit_code
    except BrokenPipeError:
        return 1
    return result if isinstance(result, int) else 0


def _hoist(arguments: list[str]) -> list[str]:
    """`--json` and `-q` may stand anywhere before `--`: people add them at the end."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    head, tail = arguments[:end], arguments[end:]
    moved = [word for word in head if word in ("--json", "-q", "--quiet")]
    return moved + [word for word in head if word not in ("--json", "-q", "--quiet")] + tail
