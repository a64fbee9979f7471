"""The command line: global options, the nouns, and what each kind of failure exits with.

The exit codes are those of `dcanary.client.errors.KINDS`; never a traceback for a user's mistake.
A noun's module is imported when it is used, and heavy libraries by what calls them.
"""

from __future__ import annotations

import errno
import importlib
import os
import sys
from typing import TYPE_CHECKING, Any

import click

from dcanary import __version__
from dcanary.cli.main import READER_GONE
from dcanary.cli.nouns import NOUNS
from dcanary.cli.parameters import checked
from dcanary.client.errors import KINDS, ClientError, ConfigError, NetworkError
from dcanary.client.names import DEFAULT_IDENTITY

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from dcanary.cli.context import Context

_STREAM_ERRORS = (errno.ENOSPC, errno.EBADF, errno.EIO, errno.EFBIG, errno.EDQUOT)
_NO_ACCESS = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR)
_FLAGS = ("--json", "-q", "--quiet")
_VALUED = ("--home", "--identity")
"""The global options that take a value; no command has options of these names."""


class Nouns(click.Group):
    """Loads a noun's module only when it is used, so that `--help` answers at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(NOUNS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in NOUNS:
            return None
        name = cmd_name.replace("-", "_")
        command = getattr(importlib.import_module(f"dcanary.cli.{name}"), name)
        assert isinstance(command, click.Command)
        return checked(command)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that a word means; for a wrong word those that are written alike."""
        word = args[0]
        if word not in NOUNS and not word.startswith("-") and not ctx.resilient_parsing:
            raise click.exceptions.NoSuchCommand(word, possibilities=NOUNS, ctx=ctx)
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """What a word can be, without importing every noun."""
        from click.shell_completion import CompletionItem

        nouns = [
            CompletionItem(noun, help=about)
            for noun, about in sorted(NOUNS.items())
            if noun.startswith(incomplete)
        ]
        return nouns + click.Command.shell_complete(self, ctx, incomplete)

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """Read the options; print the help if it is asked for."""
        try:
            return super().make_context(*args, **extra)
        except BrokenPipeError:
            raise click.exceptions.Exit(READER_GONE) from None

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; a network that is not found is told with what this machine knows of it.

        That nobody reads the output any more is told here: click itself makes a failure of it.
        """
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise click.exceptions.Exit(READER_GONE) from None
        except NetworkError as error:
            from dcanary.cli.context import Context
            from dcanary.cli.operations.network_errors import explain

            context = ctx.find_object(Context)
            if context is not None:
                explain(error, context.system_file, context.network_dir)
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Nouns"):
            formatter.write_dl(sorted(NOUNS.items()))


@click.command(cls=Nouns, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="dcanary")
@click.option(
    "--home",
    type=click.Path(file_okay=False),
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
def cli(ctx: click.Context, home: str | None, identity: str, as_json: bool, quiet: bool) -> None:
    """CI/CD that lives on the Internet Computer."""
    from dcanary.cli.context import Context

    ctx.obj = context = Context.of(home, identity, as_json=as_json, quiet=quiet)
    ctx.call_on_close(context.close)


@cli.result_callback()
@click.pass_obj
def _finish(context: Context, /, result: object, **_: object) -> object:
    """With `--json`, give those a value whose command has only said that it is done."""
    context.output.finish()
    return result


def run(arguments: list[str]) -> int:
    """The exit code of one command."""
    _tolerate_narrow_encodings()
    try:
        return _run(arguments)
    except BrokenPipeError:  # Of an error that was to be told.
        return READER_GONE


def _run(arguments: list[str]) -> int:
    try:
        result: Any = cli.main(args=_hoist(arguments), prog_name="dcanary", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        if _wants_json(arguments):
            return _fail(click.UsageError("Missing command.", error.ctx), arguments)
        click.echo(error.ctx.get_help() if error.ctx else error.format_message())
        return 0
    except click.exceptions.Exit as error:
        return error.exit_code
    except (click.ClickException, click.Abort, KeyboardInterrupt, ClientError) as error:
        return _fail(error, arguments)
    except OSError as error:
        found = _of_files(error)
        if found is None:
            raise
        return _fail(found, arguments)
    return result if isinstance(result, int) else 0


def _of_files(error: OSError) -> ClientError | None:
    """What to say of a file or stream that cannot be used; None for other causes."""
    if error.filename is not None:
        path = os.fsdecode(error.filename) if not isinstance(error.filename, int) else "a file"
        hint = "make it usable, or name another" if error.errno in _NO_ACCESS else ""
        return ConfigError(f"cannot use {path}: {error.strerror}", hint)
    # Of the streams: what reads and writes files of its own names them.
    if error.errno in _STREAM_ERRORS:
        return ClientError(f"the output cannot be written: {error.strerror}")
    return None


def _tolerate_narrow_encodings() -> None:
    """Print what the terminal's encoding lacks as `?`: a branch name is no reason to fail."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


def _fail(error: BaseException, arguments: list[str]) -> int:
    """Print a failure in the form asked for; its exit code."""
    from dcanary.cli.output import Output
    from dcanary.cli.wording import worded

    as_json = _wants_json(arguments)
    kind, message, details = "usage", str(error), {}
    if isinstance(error, ClientError):
        kind, details = error.error, error.details()
        message = message if as_json else worded(error)
    elif isinstance(error, click.UsageError):
        path = error.ctx.command_path if error.ctx else "dcanary"
        message = f"{error.format_message()}\n  see: {path} --help"
    elif isinstance(error, click.ClickException):
        message = error.format_message()
    else:
        kind, message = "interrupted", "interrupted"
    Output(as_json).error(message, kind, details)
    return KINDS[kind].exit_code


def _wants_json(arguments: list[str]) -> bool:
    before = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in before


def _hoist(arguments: list[str]) -> list[str]:
    """Global options may stand anywhere before `--`: people add them at the end.

    Raises BadOptionUsage for one whose value is missing: it would take the noun for it.
    """
    end = arguments.index("--") if "--" in arguments else len(arguments)
    moved: list[str] = []
    left: list[str] = []
    head = iter(arguments[:end])
    for word in head:
        if word in _FLAGS or word.startswith(tuple(f"{name}=" for name in _VALUED)):
            moved.append(word)
        elif word in _VALUED:
            value = next(head, "-")
            if value.startswith("-"):
                raise click.BadOptionUsage(word, f"Option {word!r} requires an argument.")
            moved += [word, value]
        else:
            left.append(word)
    return moved + left + arguments[end:]
