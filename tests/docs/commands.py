"""The command line as `docs/reference/cli.md` shows it, from the commands themselves."""

from __future__ import annotations

from collections.abc import Iterator

import click

from dcanary.cli.app import cli
from dcanary.cli.nouns import NOUNS

WIDTH = 96


def group() -> click.Group:
    """The `dcanary` command."""
    assert isinstance(cli, click.Group)
    return cli


def walk(names: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command below `dcanary` with its words, nouns in alphabetical order.

    Raises whatever the import of a noun raises: a noun that cannot be loaded is not documented.
    """
    top = group()
    for noun in sorted(NOUNS):
        command = top.get_command(click.Context(top), noun)
        assert command is not None, noun
        yield from _below((noun,), command)


def _below(
    words: tuple[str, ...], command: click.Command
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield words, command
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            yield from _below((*words, name), command.commands[name])


def help_of(words: tuple[str, ...], command: click.Command) -> str:
    """What `--help` prints, at a fixed width."""
    parent: click.Context | None = None
    for word in ("dcanary", *words[:-1]):
        parent = click.Context(click.Group(word), parent=parent, info_name=word)
    context = click.Context(
        command,
        parent=parent,
        info_name=words[-1],
        terminal_width=WIDTH,
        max_content_width=WIDTH,
        help_option_names=["-h", "--help"],
    )
    return "\n".join(line.rstrip() for line in command.get_help(context).splitlines())


def render() -> str:
    """The generated part of the page."""
    parts: list[str] = []
    for words, command in walk():
        title = f"dcanary {' '.join(words)}"
        level = "##" if len(words) == 1 else "###"
        if isinstance(command, click.Group):
            parts.append(f"{level} {title}\n\n{(command.help or '').strip()}\n")
        else:
            parts.append(f"{level} {title}\n\n```text\n{help_of(words, command)}\n```\n")
    return "\n" + "\n".join(parts) + "\n"
